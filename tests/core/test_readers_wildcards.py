"""Files of wildcards: names, values, weights and places, in lines, YAML and JSON; cycles among them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.cycles import cycles
from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.wildcards import MAX_VALUE, read_wildcards
from schema.errors import Refused

YAML = """sky:
  - 3::overcast
  - {text: "thin high cloud", weight: 2}
  - {content: storm}
  - "{dawn|dusk} glow"
light: {hard: [noon sun], soft: [window light, fog]}
one: alone
"""


def texts(values):
    return [value.text for value in values]


def test_lines_are_values_called_by_the_path_of_the_file():
    words = read_wildcards(
        "artists/dutch.txt", "\ufeff# painters\r\nRembrandt\r\n\r\n  Vermeer  \r\n#ff0000\r\nred #ff0000\r\n"
    )
    assert words == {
        "artists/dutch": (
            Value("Rembrandt", 1.0, "wildcard artists/dutch.txt:2"),
            Value("Vermeer", 1.0, "wildcard artists/dutch.txt:4"),
            Value("red #ff0000", 1.0, "wildcard artists/dutch.txt:6"),
        )
    }
    assert list(read_wildcards("a\\b\\c.txt", "x")) == ["a/b/c"]


def test_a_map_is_called_by_its_keys_below_its_folder():
    words = read_wildcards("weather/any.yaml", YAML)
    assert list(words) == ["weather/sky", "weather/light/hard", "weather/light/soft", "weather/one"]
    assert [(value.text, value.weight) for value in words["weather/sky"]] == [
        ("overcast", 3.0), ("thin high cloud", 2.0), ("storm", 1.0), ("{dawn|dusk} glow", 1.0),
    ]  # fmt: skip
    assert words["weather/sky"][1].source == "wildcard weather/any.yaml:3"
    assert texts(words["weather/one"]) == ["alone"]


def test_a_list_alone_is_called_as_its_file():
    told: list[str] = []
    assert texts(read_wildcards("sub/list.json", '["a", 7, "b", null, ["c"], true]', told)["sub/list"]) == ["a", "b"]
    assert told[0] == "sub/list.json:1:7: no text among the values is left out; put it in quotes to use it."


def test_a_weight_stands_before_the_last_colons_and_only_behind_a_digit():
    words = read_wildcards("w.yaml", '- "2::a::b"\n- "0.5::c"\n- "x::d"\n- "3::a b"\n- "1.2.3::e"')
    assert [(one.text, one.weight) for one in words["w"]] == [
        ("2::a::b", 1.0), ("c", 0.5), ("x::d", 1.0), ("a b", 3.0), ("1.2.3::e", 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("w.yaml", "sky:\n  - {text: a, weight: heavy}", "w.yaml:2:15: a weight is a number from 0"),
        ("w.yaml", "sky:\n  - {text: a, weight: -1}", "w.yaml:2:15: a weight"),
        ("w.yaml", "7", "holds no wildcards"),
        ("w.txt", "ab\nc\0\0\0", "w.txt:2:2: is no text: a zero stands there"),
        ("w.json", '{"sky": ["a"', "w.json:1:13: broken JSON"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(file, text, told):
    with pytest.raises(Refused) as refused:
        read_wildcards(file, text)
    assert told in refused.value.told()


def test_what_is_passed_over_is_told_and_the_rest_is_there():
    told: list[str] = []
    words = read_wildcards("w.yaml", "n: 3\nempty:\nsky: [a, {weight: 2}, " + "x" * (MAX_VALUE + 1) + "]", told)
    assert texts(words["sky"]) == ["a"] and [line.split(": ")[0] for line in told] == [
        "w.yaml:1:1", "w.yaml:2:1", "w.yaml:3:10", "w.yaml:3:23",
    ]  # fmt: skip


def test_wildcards_that_stand_for_themselves_are_found_with_every_step():
    tables = WordTables(
        {
            "a": [Value("x __b__", source="wildcard a.txt:1")],
            "b": [Value("q", source="b.txt:1"), Value("__~c__ y", source="wildcard b.txt:2")],
            "c": [Value("__a(x=1)__", source="wildcard c.txt:1")],
            "d": [Value("__d__", source="wildcard d.txt:1")],
            "e": [Value("__c__"), Value("__nowhere__"), Value("__*__")],
        }
    )
    found = [
        [(name, value.source.removeprefix("wildcard ")) for name, value in way]
        for way in cycles(tables, tables.names())
    ]
    assert found == [[("a", "a.txt:1"), ("b", "b.txt:2"), ("c", "c.txt:1")], [("d", "d.txt:1")]]


NAMES = st.sampled_from("abcdef")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_cycle_is_told_exactly_where_there_is_one(named):
    tables = WordTables({name: [Value(f"__{one}__") for one in to] for name, to in named.items()})
    reached = {name: {one for one in to if one in named} for name, to in named.items()}
    for _ in named:
        reached = {name: to.union(*(reached[one] for one in to)) for name, to in reached.items()}
    found = list(cycles(tables, named))
    assert bool(found) == any(name in to for name, to in reached.items())
    for way in found:
        assert all(f"__{after}__" == value.text for (_, value), (after, _) in zip(way, [*way[1:], way[0]], strict=True))
