"""Places that are filled only now and then: in drawn modes, by a stream of its own, without disturbing any draw."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.variation.chances import GAP, Chance, Chances, closed, spoken_of
from daemon.prompting.variation.search import read_rule
from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.variation.variants import Asked, Space

TABLES = WordTables({
    "sky": [Value("dawn", 3.0), Value("dusk"), Value("{a|b} noon")], "tree": [Value("oak"), Value("elm __sky__")],
})  # fmt: skip
SLOTS = {"weather": ["fog", "rain", "sun"], "light": ["soft", "{warm|cold}"]}
PLACES = ["{red|blue|green}", "__sky__", "__tree__", "[[weather]]", "[[light]]", "{2$$x|y|z|w}", "__sky__",
          "${v=!{1|2|3}}${v}", "mist", "[[weather]]"]  # fmt: skip
KEYS = ["{red|blue|green}", "__sky__", "__sky__#2", "__tree__", "weather", "Light", "{2$$x|y|z|w}", "${v}", "mist"]
TEXTS = st.lists(st.sampled_from(PLACES), min_size=1, max_size=8).map(" ".join)


def space(text, chances=(), negative="", **asked):
    asked = {"mode": "random", "variants": 4, "seed": 11, "salt": "p", **asked}
    said = {key: Chance(probability, "--chance") for key, probability in dict(chances).items()}
    return Space(
        text, negative, tables=TABLES, slots=SLOTS, search=[read_rule("mist => haze | {thin|thick} fog", "")],
        asked=Asked(**asked, chances=Chances(said)),
    )  # fmt: skip


def picks(*args, **asked):
    return [{pick.key: (pick.value, pick.source) for pick in one.picks} for one in space(*args, **asked).take()]


def left_empty(pick):
    return pick[1].startswith("left empty")


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.dictionaries(st.sampled_from(KEYS), st.floats(0, 1), min_size=1), st.integers(0, 9))
def test_what_is_filled_is_what_it_would_be_without_a_chance(text, chances, seed):
    before, after = picks(text, seed=seed), picks(text, chances, seed=seed)
    for was, now in zip(before, after, strict=True):
        empty = {key for key, pick in now.items() if left_empty(pick)}
        assert all(now[key][0] == "" for key in empty)
        for key, value in was.items():
            inside = any(key.startswith(f"{one} > ") for one in empty)
            holds = any(one.startswith(f"{key} > ") for one in empty)  # then its words are fewer
            assert (key not in now) if inside else key in empty or holds or now[key] == value
        assert now.keys() <= was.keys()


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.sampled_from(["all", "rotate", "sequential", "random"]), st.sampled_from(KEYS))
def test_one_is_always_and_nought_is_never(text, mode, key):
    asked = {"mode": mode, "variants": 3 if mode == "random" else None}
    plain = list(space(text, **asked).take(60))
    assert list(space(text, {key: 1.0}, **asked).take(60)) == plain
    never = space(text, {key: 0.0}, **asked)
    assert never.total == space(text, **asked).total
    if mode != "random":
        assert list(never.take(60)) == plain
        return
    for one in never.take():
        named = [pick for pick in one.picks if spoken_of({key: Chance(0, "")}, [pick.key])]
        assert all(pick.value == "" and pick.source == "left empty, --chance 0" for pick in named)


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.sampled_from(KEYS), st.sampled_from(["{new|newer}", "[[light]] ", "__tree__"]))
def test_adding_a_place_does_not_change_which_are_filled(text, key, added):
    before, after = picks(text, {key: 0.5}), picks(f"{text} {added}", {key: 0.5})
    fresh = "light" if "light" in added else added
    assert all(
        {one: pick for one, pick in was.items() if one.split(" > ")[0] != fresh}.items() <= now.items()
        for was, now in zip(before, after, strict=True)
    )


def test_it_is_filled_as_often_as_was_asked():
    made = picks("__sky__ [[weather]]", {"sky": 0.3, "weather": 0.8}, variants=1500)
    assert 390 < sum(not left_empty(each["__sky__"]) for each in made) < 510
    assert 1130 < sum(not left_empty(each["weather"]) for each in made) < 1270
    both = sum(left_empty(each["__sky__"]) and left_empty(each["weather"]) for each in made)
    assert 150 < both < 270  # 0.7 x 0.2: the two have nothing to do with one another


def test_it_counts_in_drawn_places_of_other_modes_and_nowhere_else():
    made = space("{~red|blue} {a|b}", {"{~red|blue}": 0.0, "{a|b}": 0.0}, mode="all", variants=None)
    assert [one.text for one in made.take()] == ["a", "b"]
    made = space("{!red|blue} {a|b}", {"{!red|blue}": 0.0, "{a|b}": 0.0}, variants=1)
    assert [one.text for one in made.take()] == ["red", "blue"]


def test_an_empty_slot_is_empty_wherever_it_stands_and_a_held_place_is_never_empty():
    for one in space("[[weather]] boat", {"weather": 0.5}, "[[weather]] ship", variants=20).take():
        assert one.text.replace("boat", "") == one.negative.replace("ship", "")
    asked = {"locks": {"sky": "dusk", "{a|b}": "a", "weather": "hail"}, "variants": 1}
    (one,) = space("__sky__ {a|b} [[weather]]", {"sky": 0, "{a|b}": 0, "weather": 0}, **asked).take()
    assert one.text == "dusk a hail"


def test_a_place_that_is_drawn_anew_may_be_filled_then():
    found = {picks("__tree__", {"tree": 0.5}, rerolls={"__tree__": again})[0]["__tree__"][0] for again in range(9)}
    assert "" in found and len(found) > 1


@pytest.mark.parametrize(
    ("said", "empty"),
    [
        ("sky", {"__sky__", "__sky__#2", "__tree__ > __sky__"}),
        ("__sky__", {"__sky__", "__sky__#2", "__tree__ > __sky__"}),
        ("__sky__#2", {"__sky__#2"}),
        ("__tree__ > __sky__", {"__tree__ > __sky__"}),
        ("WEATHER", {"weather"}),
        ("__weather__", set()),
    ],
)
def test_a_place_is_called_as_it_is_written_or_more_freely(said, empty):
    keys = {"__sky__", "__sky__#2", "__tree__ > __sky__", "weather", "${v}", "{a|b}"}
    assert {key for key in keys if Chances({said: Chance(0.0, "")}).of(key)} == empty


def test_the_first_that_speaks_of_a_place_counts():
    chances = Chances({"sky": Chance(1.0, "--chance")}, {"sky": Chance(0.0, "matrix"), "weather": Chance(0.0, "b")})
    assert chances.of("__sky__") == (1.0, "--chance") and chances.of("weather") == (0.0, "b")
    assert chances.of("{a|b}") is None and not Chances({}, {})


def test_the_editor_is_told():
    found = {one.key: one.chance for one in space("__sky__ {a|b} [[weather]]", {"sky": 0.4}).segments if one.key}
    assert found == {"__sky__": 0.4, "{a|b}": None, "weather": None}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a, *, b", "a, b"), ("a, *", "a"), ("*, b", "b"), ("*", ""), ("a * b", "a b"), ("a *, b", "a, b"),
        ("a, * b", "a, b"), ("a, *, *, b", "a, b"), ("*, *, b", "b"), ("a, * *, b", "a, b"), ("*a", "a"), ("a*b", "ab"),
        ("a,, b  c *", "a,, b  c"), ("(*:1.2)", "(:1.2)"), ("a , * , b", "a , b"), ("a  b, ,", "a  b, ,"),
    ],
)  # fmt: skip
def test_words_around_a_gap_move_together(text, left):
    assert closed(text.replace("*", GAP)) == left


def test_a_name_of_which_a_part_is_empty_may_name_nothing():
    made = space("a __s{k|p}y__, __{sky|tree}__", {"{k|p}": 0, "{sky|tree}": 0})
    assert {one.text for one in made.take()} == {"a"}
