"""Reports, weights that are fed back, what works with a style, and the program's record of its own claims."""

import random

import pytest

from daemon.learning.model import fit
from daemon.learning.profiles import NO_STYLE, profiles
from daemon.learning.reports import LEAST, Judged, randomizer_defaults, report, verdict, wildcard_weights
from daemon.learning.rows import rows_of
from daemon.learning.tables import tabulate
from daemon.learning.track import track
from schema.ids import Seq
from schema.insights import Report, ReportLine
from schema.lessons import InsightShown, InsightWithdrawn, Shown
from schema.records import Record, Settings


def rated(n: int, worth: dict[str, dict[object, float]], packs: tuple[str, ...] = ("a", "b")) -> list[Record]:
    """Settings at random; a value is worth what `worth` says, and a picture 3 without."""
    drawn, records = random.Random(n), list[Record]()
    for at in range(n):
        params: Settings = {name: drawn.choice(sorted(values, key=str)) for name, values in worth.items()}  # type: ignore[misc]
        params = {name: value for name, value in params.items() if value is not None}
        likes = 3.0 + sum(values[params.get(name)] for name, values in worth.items())
        records.append(
            Record(
                id=f"im{at}", at=f"2026-05-{1 + at // 40:02}T20:{at % 40:02}:00Z", session=f"s{at // 40}",
                pack=packs[at % len(packs)], prompt=f"p{at % 3}", seed=at // 3, run=f"r{at // 6}", params=params,
                stars=min(5, max(1, round(likes + drawn.gauss(0, 0.6)))),
            )
        )  # fmt: skip
    return records


TASTE: dict[str, dict[object, float]] = {
    "style": {"ink": 0.9, "oil": 0.0, "film": -0.9},
    "lora:glow": {None: 0.6, 0.6: -0.6, 0.9: -0.6},
    "lora:dust": {None: 0.0, 0.5: 0.0},
    "pick:weather": {"fog": 0.8, "rain": 0.0, "sun": -0.8},
    "randomizer.matrix": {"random": 0.7, "sequential": -0.7},
}


def reported(records: list[Record]) -> Report:
    return report(*rows_of(records), seq=7)


def of(lines: tuple[ReportLine, ...], kind: str, name: str) -> dict[str, ReportLine]:
    return {line.value: line for line in lines if line.kind == kind and line.name == name}


def test_what_does_well_and_what_does_not_over_all_packs() -> None:
    made = reported(rated(360, TASTE))
    styles = of(made.lines, "style", "style")
    assert (styles["ink"].verdict, styles["film"].verdict) == ("does well", "underperforms")
    assert styles["ink"].packs == ("a", "b") and styles["ink"].n > 80
    (glow,) = of(made.lines, "lora", "glow").values()
    assert (glow.value, glow.verdict) == ("0.6 to 0.9", "underperforms") and glow.high < 0
    assert of(made.lines, "randomizer", "matrix")["random"].verdict == "does well"
    assert made.seq == 7


def test_what_is_not_proven_stands_apart() -> None:
    made = reported(rated(40, TASTE))
    assert of(made.unproven, "lora", "dust") and not any(line.verdict == "unproven" for line in made.lines)
    assert all(line.verdict == "unproven" for line in made.unproven)
    assert reported([]) == Report(seq=Seq(7), lines=(), unproven=())


def test_a_couple_of_ratings_prove_nothing_however_good() -> None:
    found = Judged(stars=1.5, sd=0.01, matters=1.0, n=LEAST)
    assert verdict(found) == "does well"
    assert verdict(found._replace(n=LEAST - 1)) == "unproven"
    assert verdict(found._replace(stars=-1.5)) == "underperforms"
    assert verdict(found._replace(stars=0.0)) == verdict(found._replace(matters=0.05)) == "no difference"


def test_a_lora_that_does_nothing_is_in_no_ranking() -> None:
    dust = [line for line in reported(rated(360, TASTE)).lines if line.name == "dust"]
    assert all(line.verdict == "no difference" for line in dust)


def test_values_that_rate_higher_are_drawn_more_often_and_none_is_starved() -> None:
    (one,) = fit(tabulate(*rows_of(rated(240, TASTE, ("a",))))).pools.values()
    weights = wildcard_weights(one)["weather"]
    assert weights["fog"] > 1.3 > 1.0 > weights["sun"] >= 0.1
    assert sum(weights.values()) == pytest.approx(3.0, abs=1e-5)
    assert randomizer_defaults(one) == {"matrix": "random"}


def test_values_that_do_nothing_are_drawn_alike() -> None:
    same: dict[str, dict[object, float]] = {"pick:weather": {"fog": 0, "rain": 0, "sun": 0, "hail": 0}}
    (one,) = fit(tabulate(*rows_of(rated(240, same, ("a",))))).pools.values()
    assert all(0.7 < weight < 1.4 for weight in wildcard_weights(one)["weather"].values())
    assert randomizer_defaults(one) == {}


def test_what_works_with_each_style_and_with_none() -> None:
    records = rated(400, {"style": {"ink": 0.0, None: 0.0}, "steps": {20: -0.8, 30: 0.8}})
    made = profiles(*rows_of(records))
    assert [pack.pack for pack in made.packs] == [NO_STYLE, "ink"]
    for style in made.packs:
        (claim,) = style.claims
        assert (claim.param, claim.better) == ("steps", (30,))
        assert claim.text.startswith("For this style, 30 steps clearly score higher than 20 (")
        assert {knob.param for knob in style.knobs} == {"steps"}, "packs are adjusted for and not spoken of"


# The program's own record ------------------------------------------------------------------------


def claim(key: str, confidence: float, ratings: int = 100) -> Shown:
    return Shown(
        key=key, pack="a", param="steps", better=(30,), worse=(20,), confidence=confidence, text="30 is better.",
        algorithm=1, upto=Seq(5), ratings=ratings,
    )  # fmt: skip


def gone(key: str) -> InsightWithdrawn:
    return InsightWithdrawn(claim=claim(key, 0.96), confidence=0.4, text="Not so.", upto=Seq(9))


def test_of_what_was_claimed_it_is_counted_what_still_stands() -> None:
    events = [
        InsightShown(claim=claim("one", 0.97)), InsightShown(claim=claim("two", 0.92)),
        InsightShown(claim=claim("three", 0.96, ratings=180)), gone("one"),
        InsightShown(claim=claim("four", 0.91)), InsightShown(claim=claim("four", 0.96), was=claim("four", 0.91)),
    ]  # fmt: skip
    record = track(events, {"a": 220})
    assert (record.clearly, record.clearly_standing, record.withdrawn) == (3, 2, 1)
    assert (record.tends, record.tends_standing) == (1, 1)
    assert (record.judged, record.judged_standing) == (2, 1), "the third was shown too lately to be judged"
    assert record.text == "Of 3 claims at 95 %, 2 still stand; of the 2 put to the test since, 1."


def test_what_is_claimed_again_is_another_claim() -> None:
    again = [InsightShown(claim=claim("one", 0.97)), gone("one"), InsightShown(claim=claim("one", 0.98)), gone("two")]
    record = track(again, {"a": 100})
    assert (record.clearly, record.clearly_standing, record.withdrawn) == (2, 1, 1)


def test_before_anything_was_claimed_there_is_no_record() -> None:
    assert track([], {}).text == "Nothing was claimed at 95 % yet."
