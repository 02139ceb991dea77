"""Draws: by weight, the same on every machine, and each place by itself: what happens to one leaves the others."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.variation.streams import Stream
from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.variation.variants import Asked, Space

TABLES = WordTables(
    {
        "sky": [
            Value("dawn", 3.0, "wildcard sky.txt:1"),
            Value("dusk", 1.0, "wildcard sky.txt:2"),
            Value("{a|b} noon"),
        ],
        "tree": [Value("oak"), Value("elm"), Value("ash"), Value("fir")],
    }
)
SLOTS = {"weather": ["fog", "rain", "sun"], "light": ["soft", "hard"]}
PLACES = ["{red|blue|green}", "__sky__", "__tree__", "[[weather]]", "[[light]]", "{2$$x|y|z|w}", "{p|{q|r}}", "__sky__",
          "${v=!{1|2|3}}${v}", "${l={4|5|6}}${l}"]  # fmt: skip
KEYS = {"__sky__#2": "dusk", "__sky__": "dawn", "__tree__": "ash", "weather": "rain", "{red|blue|green}": "red",
        "${v}": "2", "${l}": "6", "{2$$x|y|z|w}": "y, w"}  # fmt: skip


def picks(text, negative="", number=1, **asked):
    asked = {"mode": "random", "variants": 3, "seed": 11, "salt": "harbour-1", **asked}
    made = Space(text, negative, tables=TABLES, slots=SLOTS, asked=Asked(**asked))
    return [{pick.key: pick.value for pick in one.picks} for one in made.take()]


def without(found, key):
    return [{one: value for one, value in each.items() if one.split(" > ")[0] != key} for each in found]


TEXTS = st.lists(st.sampled_from(PLACES), min_size=2, max_size=9, unique=True).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.sampled_from(sorted(KEYS)), st.integers(0, 9))
def test_locking_a_place_changes_that_place_alone(text, key, seed):
    before, after = picks(text, seed=seed), picks(text, seed=seed, locks={key: KEYS[key]})
    assert without(before, key) == without(after, key)
    assert all(each.get(key, KEYS[key]) == KEYS[key] for each in after)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.sampled_from(sorted(KEYS)), st.integers(1, 5))
def test_drawing_a_place_anew_changes_that_place_alone(text, key, again):
    before, after = picks(text, variants=8), picks(text, variants=8, rerolls={key: again})
    assert without(before, key) == without(after, key)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.sampled_from(["[[season]] ", "{new|newer}", "__fresh__"]), st.booleans())
def test_adding_a_place_leaves_the_others(text, added, first):
    tables = WordTables({"sky": TABLES.values("sky"), "tree": TABLES.values("tree"), "fresh": [Value("x"), Value("y")]})
    slots = {**SLOTS, "season": ["may", "june"]}
    asked = Asked(mode="random", variants=4, seed=2, salt="p")
    longer = added + text if first else text + added
    before, after = (
        [{pick.key: pick.value for pick in one.picks} for one in made.take()]
        for made in (Space(each, tables=tables, slots=slots, asked=asked) for each in (text, longer))
    )
    assert all(was.items() <= now.items() for was, now in zip(before, after, strict=True))


def test_a_place_that_is_drawn_anew_becomes_something_else_sooner_or_later():
    found = {picks("__tree__", rerolls={"__tree__": again})[0]["__tree__"] for again in range(12)}
    assert len(found) > 1


def test_more_variants_begin_with_the_same_ones():
    assert picks("__sky__ {a|b|c}", variants=9)[:3] == picks("__sky__ {a|b|c}", variants=3)


def test_draws_go_by_weight_and_weight_nought_is_never_drawn():
    text = "{3::often|1::seldom|0::never}"
    often = Counter(each[text] for each in picks(text, variants=4000))
    assert 2850 < often["often"] < 3150 and often.total() == 4000 and "never" not in often
    sky = Counter(each["__sky__"] for each in picks("__sky__", variants=2000))
    assert 1120 < sky["dawn"] < 1280


def test_several_at_once_are_drawn_without_putting_back_by_weight():
    text = "{2$$100::a|100::b|1::c}"
    found = Counter(each[text] for each in picks(text, variants=500))
    assert found["a, b"] + found["b, a"] > 460
    assert all(len(set(one.split(", "))) == 2 for one in found)


def test_a_profile_weighs_the_values_of_a_wildcard():
    def weights(wildcard, value):
        return {"dawn": 0.0, "dusk": 50.0}.get(value, 1.0) if wildcard == "sky" else 1.0

    found = Counter(each["__sky__"] for each in picks("__sky__", variants=300, weights=weights))
    assert "dawn" not in found and found["dusk"] > 270
    assert len(picks("__sky__", mode="all", variants=None, weights=weights)) == 3


def test_draws_are_the_same_on_every_machine():
    assert [Stream(7, "harbour-1", 1, "__sky__", 0).below(10**40) % 10**6 for _ in range(2)] == [585_319, 585_319]
    assert picks("__tree__ {a|b|c} [[weather]]")[0] == {"__tree__": "fir", "{a|b|c}": "b", "weather": "rain"}


def test_a_pick_says_where_its_value_comes_from():
    made = Space(
        "__sky__ [[weather]]", tables=TABLES, slots=SLOTS, asked=Asked(locks={"Weather": "rain", "sky": "dusk"})
    )
    (one,) = made.take()
    assert [(pick.key, pick.value, pick.source) for pick in one.picks] == [
        ("__sky__", "dusk", "--lock"), ("weather", "rain", "--lock"),
    ]  # fmt: skip
    assert made.held == {"Weather", "sky"}
    first = next(Space("__sky__ [[weather]]", tables=TABLES, slots=SLOTS).take())
    assert [pick.source for pick in first.picks] == ["wildcard sky.txt:1", "matrix"]


def test_a_place_may_be_held_at_words_of_its_own():
    (one,) = Space("__sky__", tables=TABLES, slots={}, asked=Asked(locks={"__sky__": "a {green} sky"})).take()
    assert one.text == "a {green} sky"


def test_a_place_within_a_value_can_be_held_too():
    made = Space("__sky__ __sky__", tables=TABLES, slots={}, asked=Asked(locks={"__sky__ > {a|b}": "b"}))
    assert made.total == 3 * 4
    assert not any(one.text.startswith("a noon") for one in made.take())
