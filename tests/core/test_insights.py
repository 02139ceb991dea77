"""What is said of verdicts: who likes many steps is told so, and who likes nothing in particular is told that."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from daemon.learning.claims import ENOUGH
from daemon.learning.insights import insights
from daemon.learning.rows import rows_of
from daemon.learning.telling import in_words
from schema.errors import Refused
from schema.ids import Seq
from schema.insights import Claim, Insights, PackInsight
from schema.lessons import Shown
from schema.plans import Scalar
from schema.records import Record

STEPS = (15, 20, 30, 35)
SAMPLERS = ("ddim", "euler", "heun")
NOTHING: Mapping[str, Scalar] = {}

Taste = Callable[[dict[str, Scalar]], float]


def many_steps(params: dict[str, Scalar]) -> float:
    steps = params["steps"]
    assert isinstance(steps, int)
    return 1.2 if steps >= 30 else -1.2


def few_steps(params: dict[str, Scalar]) -> float:
    return -many_steps(params)


def nothing(_: dict[str, Scalar]) -> float:
    return 0.0


def rated(taste: Taste, n: int = 96, *, pack: str = "poppies", seed: int = 1, more: Mapping[str, Scalar] = NOTHING,
          backend: str = "", run: str = "") -> list[Record]:  # fmt: skip
    """Blocks of four pictures with one seed, eight blocks to a sitting; luck, noise, and the settings at random."""
    drawn, records = random.Random(f"{pack} {seed} {backend} {more}"), list[Record]()
    for at in range(n):
        block, sitting = at // 4, at // 32
        luck = random.Random(f"{pack} {seed} {block}").gauss(0, 0.4)
        params: dict[str, Scalar] = {"steps": STEPS[at % 4], "sampler": drawn.choice(SAMPLERS), **more}
        worth = 3.0 + taste(params) + luck + drawn.gauss(0, 0.5)
        records.append(
            Record(
                id=f"{pack}{seed}{backend}-{at}",
                at=(datetime(2026, 5, 1 + sitting, 20, tzinfo=UTC) + timedelta(seconds=20 * at)).isoformat(),
                session=f"{pack}{seed}-{sitting}", pack=pack, prompt="p", seed=block, run=run or f"r{block}",
                params=params, stars=min(5, max(1, round(worth))), backend=backend,
            )
        )  # fmt: skip
    return records


def told(records: Sequence[Record], **asked: object) -> Insights:
    rows, duels = rows_of(records)
    return insights(rows, duels, **asked)  # type: ignore[arg-type]


def the_pack(records: Sequence[Record], **asked: object) -> PackInsight:
    (pack,) = told(records, **asked).packs
    return pack


def shown(claim: Claim, **fields: object) -> dict[str, Shown]:
    one = Shown(
        key=claim.key, pack=claim.pack, param=claim.param, better=claim.better, worse=claim.worse,
        confidence=claim.confidence, text=claim.text, algorithm=1, upto=Seq(50), ratings=96,
        at=datetime(2026, 5, 12, tzinfo=UTC).timestamp(),
    )  # fmt: skip
    return {one.key: msgspec.structs.replace(one, **fields)}


LIKES_STEPS = rated(many_steps)


def test_what_a_person_likes_is_said_with_its_evidence() -> None:
    pack = the_pack(LIKES_STEPS)
    (claim,) = pack.claims
    assert (claim.param, claim.better, claim.worse, claim.strength) == ("steps", (30, 35), (15, 20), "clearly")
    assert claim.text == (
        "For this pack, 30 to 35 steps clearly score higher than 15 to 20 "
        f"(48 against 48 ratings, 48 on the same seed; about {claim.evidence.stars:.1f} stars)"
    )
    assert 1.5 < claim.evidence.stars < 3.0 and claim.evidence.low < claim.evidence.stars < claim.evidence.high
    assert pack.enough and pack.ratings == 96 and pack.unproven == ("sampler",)


def test_too_few_ratings_are_no_evidence_and_it_says_how_many_are_missing() -> None:
    pack = the_pack(LIKES_STEPS[:20])
    assert not pack.enough and pack.claims == () and pack.preset is not None
    assert pack.text == "Not enough evidence yet: 20 of 30 ratings; missing: 10 more."
    assert not pack.preset.offered and "Nothing is offered before 30 ratings" in pack.preset.text


def test_who_likes_nothing_in_particular_is_told_that_nothing_stands_out() -> None:
    pack = the_pack(rated(nothing))
    assert pack.enough and pack.claims == () and set(pack.unproven) == {"steps", "sampler"}
    assert pack.text.startswith("Not enough evidence yet: 96 ratings, and no setting stands out; ")
    assert pack.preset is not None and pack.preset.p_better_than_current < 0.9


def test_one_config_teaches_nothing_of_settings() -> None:
    same = [msgspec.structs.replace(record, params={"steps": 20}) for record in LIKES_STEPS]
    pack = the_pack(same)
    assert pack.knobs == () and pack.preset is not None and pack.preset.params == {"steps": 20}
    assert pack.preset.p_better_than_current == 0 and "missing: pictures with other" in pack.text


def test_the_preset_changes_what_matters_and_says_so() -> None:
    last = msgspec.structs.replace(
        LIKES_STEPS[0], id="last", at="2026-05-09T20:00:00Z", params={"steps": 15, "sampler": "euler"}
    )
    preset = the_pack([*LIKES_STEPS, last]).preset
    assert preset is not None and preset.offered and preset.current == {"steps": 15, "sampler": "euler"}
    assert preset.params["steps"] in (30, 35) and preset.changes[0].param == "steps"
    assert preset.p_better_than_current > 0.95 and set(preset.cautious) == {"steps", "sampler"}
    assert preset.cautious["sampler"] == "euler", "a knob of which nothing is known is left alone"
    assert preset.text.startswith(f"Change steps from 15 to {preset.params['steps']}")


def test_no_preset_is_offered_before_there_is_enough_to_go_by() -> None:
    for ratings, offered in ((ENOUGH - 2, False), (ENOUGH + 2, True)):
        preset = the_pack(rated(lambda params: 2 * few_steps(params), ratings)).preset
        assert preset is not None and preset.p_better_than_current > 0.95
        assert (preset.offered, f"before {ENOUGH}" in preset.text) == (offered, not offered)


def test_of_pictures_rated_at_the_same_time_the_largest_id_is_the_current_one() -> None:
    pair = [
        msgspec.structs.replace(LIKES_STEPS[0], id=name, at="2026-05-09T20:00:00Z", params={"steps": steps})
        for name, steps in (("im9", 20), ("im10", 35))
    ]
    assert [the_pack(order).preset.current for order in (pair, pair[::-1])] == [{"steps": 35}] * 2  # type: ignore[union-attr]


def test_the_current_one_is_the_one_made_last_in_whichever_order_they_were_rated() -> None:
    records = [
        msgspec.structs.replace(record, made=f"2026-05-01T0{n}:00:00Z") for n, record in enumerate(rated(nothing, 3))
    ]
    backwards = [
        msgspec.structs.replace(record, at=other.at) for record, other in zip(records, reversed(records), strict=True)
    ]
    assert the_pack(backwards).preset == the_pack(records).preset
    preset = the_pack(backwards).preset
    assert preset and preset.current == records[-1].params


def test_the_same_verdicts_give_the_same_bytes() -> None:
    records = [*LIKES_STEPS, *rated(few_steps, pack="tulips"), *rated(nothing, 31, pack="lilies")]
    duel = msgspec.structs.replace(records[0], id="d1", better_than=records[1].id, stars=0)
    again = [
        msgspec.structs.replace(record, stars=1 + record.stars % 5, at=record.at.replace("T20:", "T19:"))
        for record in records[::7]
    ]
    whole = msgspec.json.encode(told([*records, duel]))
    for seed in range(3):
        mixed = [*records, duel, *again]
        random.Random(seed).shuffle(mixed)
        assert msgspec.json.encode(told(mixed)) == whole


def test_a_pack_alone_is_told_what_it_is_told_among_others() -> None:
    models = [*rated(many_steps, 120, more={"model": "a"}), *rated(few_steps, 48, seed=2, more={"model": "b"})]
    records = [*models, *(msgspec.structs.replace(one, pack="tulips", id=f"t{one.id}") for one in models[:140])]
    both = told(records).packs
    assert [told(records, packs={pack.pack}).packs for pack in both] == [(pack,) for pack in both]


def test_sketches_and_real_pictures_are_never_pooled() -> None:
    packs = told([*LIKES_STEPS, *rated(few_steps, backend="sketch")]).packs
    assert [(pack.backend, pack.claims[0].better) for pack in packs] == [("", (30, 35)), ("sketch", (15, 20))]
    assert packs[0].claims[0].key != packs[1].claims[0].key


def test_what_is_the_other_way_round_with_another_model_is_said_for_each_model() -> None:
    records = [
        *rated(many_steps, 160, more={"model": "a"}),
        *rated(few_steps, 48, seed=2, more={"model": "b"}),
    ]
    claims = [claim for claim in the_pack(records).claims if claim.param == "steps"]
    assert {(str(claim.evidence.only["model"]), claim.better[0] >= 30) for claim in claims} == {
        ("a", True),
        ("b", False),
    }
    assert all("only seen with model" in claim.text for claim in claims)


def test_a_claim_says_what_else_its_pictures_had_in_common() -> None:
    few = [
        msgspec.structs.replace(record, params={**record.params, "vae": "old" if at % 10 else "new"})
        for at, record in enumerate(LIKES_STEPS)
    ]
    (claim,) = the_pack(few).claims
    assert claim.evidence.only == {"vae": "old"} and claim.text.endswith("; only seen with VAE old")


def test_values_are_told_as_they_were_written() -> None:
    floats = [
        msgspec.structs.replace(record, params={"cfg": float(str(record.params["steps"]))}) for record in LIKES_STEPS
    ]
    pack = the_pack(floats)
    assert msgspec.json.encode(pack.claims[0].better) == b"[30.0,35.0]"
    assert "CFG 30 to 35" in pack.claims[0].text


def test_a_claim_from_one_learning_run_holds_at_its_base_config() -> None:
    base = [
        msgspec.structs.replace(record, params={**record.params, "sampler": "euler"}, run="L7")
        for record in LIKES_STEPS
    ]
    others = [msgspec.structs.replace(record, id=f"o{record.id}") for record in rated(nothing, 12, seed=3)]
    (claim,) = the_pack([*base, *others]).claims
    assert claim.evidence.experiment == "L7"
    assert claim.text.endswith("; from run L7, in which nothing else varied: it holds for the settings of that run")


def test_old_verdicts_are_read_again_by_another_algorithm() -> None:
    old = told(LIKES_STEPS, algorithm=0)
    assert old.algorithm == 0 and {knob.matters for knob in old.packs[0].knobs} == {1.0}
    assert len(old.packs[0].claims) >= len(told(LIKES_STEPS).packs[0].claims)
    with pytest.raises(Refused, match="there is no algorithm 9"):
        told(LIKES_STEPS, algorithm=9)


# What was shown before ---------------------------------------------------------------------------


def test_what_was_shown_stays_until_it_is_quite_doubtful() -> None:
    (claim,) = the_pack(LIKES_STEPS).claims
    weaker = [*LIKES_STEPS, *rated(few_steps, 44, seed=5)]
    assert the_pack(weaker).claims == (), "nobody would be told now"
    kept = the_pack(weaker, shown=shown(claim))
    (one,) = kept.claims
    assert one.key == claim.key and 0.75 <= one.confidence < 0.90 and kept.withdrawn == ()
    assert one.text.endswith(f"; told before, and only {int(one.confidence * 100)} % sure by now")


def test_what_no_longer_holds_is_taken_back_out_loud() -> None:
    (claim,) = the_pack(LIKES_STEPS).claims
    contrary = [*LIKES_STEPS, *rated(few_steps, seed=5)]
    pack = the_pack(contrary, shown=shown(claim))
    (gone,) = pack.withdrawn
    assert (gone.key, gone.shown) == (claim.key, 50) and gone.confidence < 0.75
    assert gone.text == (
        "I told you on 12 May: “For this pack, 30 to 35 steps clearly score higher than 15 to 20”. That no longer "
        f"holds: 96 later ratings do not support it ({int(gone.confidence * 100)} % sure by now)."
    )
    assert all(one.key != claim.key for one in pack.claims)
    assert gone.text in in_words([pack])


def test_what_was_shown_of_sketches_is_not_taken_back_for_what_real_pictures_say() -> None:
    records = [*LIKES_STEPS, *rated(few_steps, backend="sketch")]
    both = [claim for pack in told(records).packs for claim in pack.claims]
    again = told(records, shown={key: one for claim in both for key, one in shown(claim).items()})
    assert [claim for pack in again.packs for claim in pack.claims] == both
    assert all(pack.withdrawn == () for pack in again.packs)


def test_what_turns_out_to_be_the_other_way_round_with_one_model_is_taken_back_for_the_whole() -> None:
    first = rated(many_steps, 160, more={"model": "a"})
    (claim,) = the_pack(first).claims
    pack = the_pack([*first, *rated(few_steps, 48, seed=2, more={"model": "b"})], shown=shown(claim))
    (gone,) = pack.withdrawn
    assert gone.text.endswith("That does not hold for all of it: with model b it is the other way round.")
    assert {str(one.evidence.only["model"]) for one in pack.claims if one.param == "steps"} == {"a", "b"}
    kept = the_pack(
        [*first, *rated(few_steps, 48, seed=2, more={"model": "b"})],
        shown={key: one for claim in pack.claims for key, one in shown(claim).items()},
    )
    assert kept.withdrawn == () and kept.claims == pack.claims


def test_what_was_shown_of_a_pack_without_verdicts_is_taken_back_too() -> None:
    (claim,) = the_pack(LIKES_STEPS).claims
    (pack,) = told([], shown=shown(claim)).packs
    assert (pack.pack, pack.ratings, len(pack.withdrawn)) == ("poppies", 0, 1)


def test_what_a_person_does_not_want_to_hear_again_is_not_said() -> None:
    (claim,) = the_pack(LIKES_STEPS).claims
    pack = the_pack(LIKES_STEPS, shown=shown(claim, dismissed=True))
    assert claim.param not in pack.unproven  # it is proven, only not told
    assert pack.claims == () and pack.withdrawn == ()


# Tags --------------------------------------------------------------------------------------------


def noisy(record: Record) -> Record:
    few = record.params["steps"] in (15, 20)
    return msgspec.structs.replace(record, tags=("Too noisy",) if few and record.seed % 5 else ())


def test_a_tag_brings_a_hint_and_then_what_the_persons_own_data_say() -> None:
    records = [noisy(record) for record in rated(nothing)]
    (hint,) = the_pack(records[:12]).advice
    assert not hint.learned and hint.text == "Try a few more steps, and lower denoising on img2img."
    (learned,) = the_pack(records).advice
    assert learned.learned and learned.param == "steps" and set(learned.better) == {30, 35}
    assert learned.text.startswith(
        "In this pack pictures with 30 to 35 steps are tagged “Too noisy” less often than with "
    )


def test_of_what_a_person_wants_more_of_more_is_advised() -> None:
    records = [
        msgspec.structs.replace(record, tags=("nailed it",) if record.params["steps"] in (30, 35) else ())
        for record in rated(nothing)
    ]
    (learned,) = the_pack(records).advice
    assert learned.param == "steps" and set(learned.better) == {30, 35} and "more often" in learned.text


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_verdicts_is_answered_with_a_preset_and_no_claim(n: int) -> None:
    made = told([*LIKES_STEPS[:n], *rated(nothing, n, pack="Blüten 🌸")])
    assert [pack.preset is not None for pack in made.packs] == [True, True]
    assert all(pack.claims == () for pack in made.packs)
