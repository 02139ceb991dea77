"""What many looks add up to: effects with their doubt, weights within bounds, goals that are said louder."""

import random
from collections.abc import Mapping
from math import log
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.looks.effects import Counted, effects, merged
from daemon.prompting.looks.lean import Lean
from daemon.prompting.looks.weights import LOUDER, GoalsSeen, Weighed, louder, weigh
from schema.feedback import LEAST, MOST, Effect, Feedback

KNOWN = frozenset({"dusk", "dawn", "day", "sea", "gull", "bay"})


def counted(value: str, hits: list[float], kind: str = "wildcard", name: str = "sky", by: str = "caption") -> Counted:
    squares = sum(hit * hit for hit in hits)
    return Counted(kind, name, value, by, len(hits), sum(hits), squares)  # type: ignore[arg-type]


def told(shares: Mapping[str, tuple[int, int]]) -> tuple[Effect, ...]:
    """Value to how many of how many pictures it was seen in."""
    return effects(counted(value, [1.0] * hits + [0.0] * (n - hits)) for value, (hits, n) in shares.items())


def weighed(shares: Mapping[str, tuple[int, int]], old: Mapping[str, float] | None = None) -> Weighed | None:
    return weigh(told(shares), old or {}, KNOWN)


# Effects -----------------------------------------------------------------------------------------


def test_few_looks_are_drawn_to_the_others_and_many_stand_for_themselves() -> None:
    few, many = told({"dusk": (2, 2), "dawn": (10, 20)}), told({"dusk": (200, 200), "dawn": (10, 20)})
    assert few[0].value == many[0].value == "dusk"
    assert few[0].mean == many[0].mean == 1.0
    assert few[0].likely < 0.9 < 0.97 < many[0].likely
    assert few[0].high - few[0].low > 3 * (many[0].high - many[0].low)


def test_values_of_one_place_are_compared_and_loras_with_one_another() -> None:
    found = effects([
        counted("0.4", [1.0] * 9, "lora", "soft"), counted("0.6", [0.0] * 9, "lora", "ink"),
        counted("dusk", [1.0] * 3), counted("rain", [0.0] * 3, "slot", "weather"),
    ])  # fmt: skip
    assert [(one.kind, one.name) for one in found] == [
        ("lora", "soft"), ("lora", "ink"), ("slot", "weather"), ("wildcard", "sky"),
    ]  # fmt: skip
    alone = found[-1]
    assert alone.likely == alone.mean == 1.0  # nothing else to be drawn to


def test_what_captions_and_what_scorers_say_is_never_mixed() -> None:
    found = effects([counted("dusk", [1.0] * 5), counted("dusk", [0.3] * 50, by="score")])
    assert [(one.by, one.n, one.mean) for one in found] == [("caption", 5, 1.0), ("score", 50, 0.3)]


def test_a_slot_and_a_wildcard_that_draw_from_one_list_are_one() -> None:
    [one] = merged([counted("dusk", [1.0] * 5), counted("dusk", [0.0] * 5, "slot")])
    assert (one.n, one.total) == (10, 5.0)


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9)),
    min_size=1, max_size=6, unique_by=lambda row: row[0],
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_the_likely_mean_lies_between_the_own_and_the_common_one(rows: list[tuple[str, list[float]]]) -> None:
    one_way = effects(counted(value, hits) for value, hits in rows)
    assert one_way == effects(counted(value, hits) for value, hits in reversed(rows))
    grand = sum(sum(hits) for _, hits in rows) / sum(len(hits) for _, hits in rows)
    for effect in one_way:
        assert min(effect.mean, grand) - 1e-3 <= effect.likely <= max(effect.mean, grand) + 1e-3
        assert 0.0 <= effect.low <= effect.likely + 1e-4
        assert effect.likely - 1e-4 <= effect.high <= 1.0


def test_nine_of_ten_intervals_hold_the_truth() -> None:
    """Values whose truth is drawn from what the model believes; 1,500 of them, of 3 to 30 pictures each."""
    dice, held, total = random.Random(7), 0, 0
    for _ in range(150):
        truths = {str(value): min(1.0, max(0.0, dice.gauss(0.6, 0.2))) for value in range(10)}
        rows = [counted(value, [float(dice.random() < truth) for _ in range(dice.randint(3, 30))])
                for value, truth in truths.items()]  # fmt: skip
        for effect in effects(rows):
            total += 1
            held += effect.low - 0.01 <= truths[effect.value] <= effect.high + 0.01
    assert 0.86 <= held / total <= 0.97


# Weights -----------------------------------------------------------------------------------------


def test_what_comes_out_well_is_made_likelier_and_the_other_rarer_with_the_reason() -> None:
    found = weighed({"dusk": (14, 15), "dawn": (2, 15)})
    assert found is not None
    assert found.weights["dusk"] > 1.5
    assert found.weights["dawn"] < 0.7
    assert found.reason.startswith("named in captions: ")
    assert "dawn" in found.reason
    assert "0.13 in 15 pictures" in found.reason


@pytest.mark.parametrize(
    "shares",
    [
        {"dusk": (4, 4), "dawn": (0, 15)},  # too few of one
        {"dusk": (6, 6), "dawn": (0, 6)},  # too few of all
        {"dusk": (20, 20)},  # nothing to compare with
        {"dusk": (10, 15), "dawn": (10, 15)},  # no difference
        {"dusk": (15, 15), "melancholy": (0, 15)},  # no looker has ever used that word
    ],
)
def test_nothing_is_adjusted_without_evidence(shares: dict[str, tuple[int, int]]) -> None:
    assert weighed(shares) is None


def test_small_changes_are_not_worth_an_event_and_what_is_there_stays() -> None:
    first = weighed({"dusk": (14, 15), "dawn": (2, 15)}, {"noon": 0.8})
    assert first is not None
    assert first.weights["noon"] == 0.8
    assert weighed({"dusk": (14, 15), "dawn": (3, 16)}, first.weights) is None


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["dusk", "dawn", "day", "sea", "bay"]),
                       st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n + 1)))))  # fmt: skip
def test_no_weight_ever_leaves_its_bounds_or_becomes_nothing(shares: dict[str, tuple[int, int]]) -> None:
    found = weighed(shares)
    if found is not None:
        assert all(LEAST <= weight <= MOST and weight != 1.0 for weight in found.weights.values())
        assert weighed(shares, found.weights) is None  # the same looks twice change nothing more


class Lived(NamedTuple):
    weights: dict[str, float]
    looks: dict[str, int]
    changes: int


def lived(able: Mapping[str, float], looks: int, seed: int) -> Lived:
    """A world in which a model paints each value so often as it is asked to, and the weights follow what is seen."""
    dice, hits = random.Random(seed), {value: list[float]() for value in able}
    weights: dict[str, float] = {}
    changes = 0
    for _ in range(looks):
        drawn = dice.choices(list(able), [weights.get(value, 1.0) for value in able])[0]
        hits[drawn].append(float(dice.random() < able[drawn]))
        found = weigh(effects(counted(value, each) for value, each in hits.items() if each), weights, KNOWN)
        if found is not None:
            weights, changes = found.weights, changes + 1
    return Lived(weights, {value: len(each) for value, each in hits.items()}, changes)


def test_weights_settle_when_the_world_stays_as_it_is() -> None:
    """The better are drawn more, none dies out, and there are few changes."""
    world = lived({"dusk": 0.9, "dawn": 0.6, "day": 0.5, "sea": 0.1}, looks=400, seed=3)
    order = sorted(world.looks, key=lambda value: world.weights.get(value, 1.0))
    assert (order[0], order[-1]) == ("sea", "dusk")
    assert world.looks["sea"] >= 20
    assert world.changes < 30


@pytest.mark.long
@pytest.mark.parametrize("looks", [40, 120, 400])
def test_where_nothing_is_better_weights_hardly_move(looks: int) -> None:
    """Sixty worlds of six values that all come out half of the time."""
    worlds = [lived(dict.fromkeys(["dusk", "dawn", "day", "sea", "bay", "gull"], 0.5), looks, seed)
              for seed in range(60)]  # fmt: skip
    moved = [abs(log(world.weights.get(value, 1.0))) > log(1.25) for world in worlds for value in world.looks]
    assert sum(moved) / len(moved) < 0.03
    assert sum(world.changes for world in worlds) / len(worlds) < 6


@pytest.mark.long
@pytest.mark.parametrize(("looks", "least"), [(60, 0.05), (120, 0.07), (400, 0.08)])
def test_where_some_are_better_more_of_what_is_asked_for_is_seen(looks: int, least: float) -> None:
    """Sixty worlds of six values, each with an ability of its own: the share that is seen, over drawing evenly."""
    gains = []
    for seed in range(60):
        dice = random.Random(1000 + seed)
        able = {value: dice.random() for value in ("dusk", "dawn", "day", "sea", "bay", "gull")}
        weights = lived(able, looks, seed).weights
        total = sum(weights.get(value, 1.0) for value in able)
        gains.append(sum(weights.get(value, 1.0) / total * able[value] for value in able) - sum(able.values()) / 6)
    assert sum(gains) / len(gains) > least


# Goals -------------------------------------------------------------------------------------------


def looks(*each: str) -> list[GoalsSeen]:
    """Newest first; `+dusk -sea`: dusk was seen, the sea was not."""
    return [
        GoalsSeen(tuple(word[1:] for word in one.split() if word[0] == "+"),
                  tuple(word[1:] for word in one.split() if word[0] == "-"))
        for one in each
    ]  # fmt: skip


def test_a_goal_that_recent_pictures_missed_is_said_louder_until_it_is_heeded() -> None:
    found = louder(looks("+bay -dusk", "+bay -dusk", "-dusk", "-dusk"), {}, KNOWN)
    assert found == Weighed({"dusk": LOUDER}, "dusk was seen in 0% of its last 4 pictures")
    assert louder(looks("-dusk", "-dusk", "-dusk"), {}, KNOWN) is None  # too few
    assert louder(looks(*["-melancholy"] * 9), {}, KNOWN) is None  # no looker knows the word
    half = looks(*["+dusk", "-dusk"] * 4)
    assert louder(half, {"dusk": LOUDER}, KNOWN) is None  # not yet
    assert louder(half, {}, KNOWN) is None
    heeded = louder(looks(*["+dusk"] * 6, "-dusk", "-dusk"), {"dusk": LOUDER}, KNOWN)
    assert heeded is not None
    assert heeded.weights == {}


def test_where_everything_is_missed_only_three_goals_are_said_louder() -> None:
    found = louder(looks(*["-dusk -dawn -sea -gull -bay"] * 5), {}, KNOWN)
    assert found is not None
    assert len(found.weights) == 3


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a bay at dusk, boats", "a bay at (dusk:1.15), boats"),
        ("a bay at (dusk:1.4)", "a bay at (dusk:1.4)"),
        ("<lora:dusk:1> a duskier bay", "<lora:dusk:1> a duskier bay"),
        ("Dusk, dusk", "(Dusk:1.15), dusk"),
        ("[dusk|dawn], {dusk|dawn}, __dusk__", "[dusk|dawn], {dusk|dawn}, __dusk__"),
        ("a Stormy_Sea", "a (Stormy_Sea:1.15)"),
    ],
)
def test_a_goal_is_said_louder_once_and_only_where_nobody_has_weighed_it(prompt: str, said: str) -> None:
    goals = {"bays": {"dusk": LOUDER, "stormy sea": LOUDER}}
    text, picks = Lean(Feedback(on=True, packs=goals)).louder("bays", prompt)
    assert text == said
    assert [(pick.value in said, pick.source) for pick in picks] == [(True, "feedback: missed in pictures of bays")] * (
        said != prompt
    )
    assert Lean(Feedback(packs=goals)).louder("bays", prompt) == (prompt, ())
    assert Lean(Feedback(on=True, packs=goals)).louder("others", prompt) == (prompt, ())


def test_weights_count_only_while_they_are_switched_on() -> None:
    weights = {"sky": {"dusk": 1.6}}
    assert Lean(Feedback(on=True, wildcards=weights)).weight("__Sky__", "dusk") == 1.6
    assert Lean(Feedback(on=True, wildcards=weights)).weight("sea", "dusk") == 1.0
    assert Lean(Feedback(wildcards=weights)).weight("sky", "dusk") == 1.0
