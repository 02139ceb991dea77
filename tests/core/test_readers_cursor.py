"""What is being typed at the cursor, and which names fit it best."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.prompting.cursor import Names, word_at


def at(text):
    """The word at the `|` of the text."""
    place = text.index("|")
    return word_at(text.replace("|", "", 1), place)


@pytest.mark.parametrize(
    ("text", "kind", "typed", "closing"),
    [
        ("a __sk|", "wildcard", "sk", "__"),
        ("a __|", "wildcard", "", "__"),
        ("a __sk|y__ b", "wildcard", "sk", ""),
        ("__a__ and __hair_co|", "wildcard", "hair_co", "__"),
        ("__~weather/s|", "wildcard", "weather/s", "__"),
        ("a <lora:sea|", "lora", "sea", ":1>"),
        ("a <lora:sea|:0.4>", "lora", "sea", ""),
        ("(<embedding:fi|", "embedding", "fi", ">"),
        ("embedding:fi|", "embedding", "fi", ""),
        ("in [[wea|", "slot", "wea", "]]"),
        ("in [[wea|ther]] x", "slot", "wea", ""),
    ],
)
def test_an_open_word_is_found(text, kind, typed, closing):
    word = at(text)
    assert (word.kind, word.typed, word.closing) == (kind, typed, closing)
    assert text.replace("|", "")[word.start :].startswith(typed)


@pytest.mark.parametrize(
    "text", ["a b|", "__sky__|", "__sky__ x|", "<lora:a:1>|", "<lora:a:0.|", "[[a]]|", "a __b\nc|", "|"]
)
def test_where_nothing_is_open_nothing_is_offered(text):
    assert at(text) is None


def test_the_whole_name_is_replaced():
    word = at("a __sk|y/low__ b")
    assert ("a __sky/low__ b")[word.start : word.end] == "sky/low"


def test_beginnings_come_before_beginnings_of_parts_before_anything_inside():
    names = Names(["whisky", "sky", "sea/sky-high", "weather/sky", "blue sky", "Skyline", "sea"])
    found, total = names.fitting("sky", 10)
    assert list(found) == ["sky", "Skyline", "sea/sky-high", "weather/sky", "blue sky", "whisky"] and total == 6
    assert names.fitting("", 2) == (["blue sky", "sea"], 7)
    assert list(names.fitting("wtsky", 5)[0]) == ["weather/sky"]
    assert names.fitting("zz", 5) == ([], 0)


@given(st.text("_[]<>:lora sky\n/", max_size=40), st.integers(0, 40))
@example("[[:\n", 4)
@settings(max_examples=100, deadline=None)
def test_a_word_lies_around_its_cursor(text, place):
    place = min(place, len(text))
    word = word_at(text, place)
    assert word is None or (
        0 <= word.start <= place <= word.end <= len(text) and text[word.start : place] == word.typed
    )
