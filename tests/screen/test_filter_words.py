"""What is offered while a FILTER is typed, and what taking an offer makes of it."""

import pytest

from tui.filterwords import RUN_STATES, Offer, offers, taken, usual

VALUES = {
    **usual(),
    "run": [("kn00gt7a", "knights"), ("dr11xyza", "dragons")],
    "pack": [("old mill", ""), ("knights", "")],
}


def told(text, at=None, values=VALUES):
    return [offer.text for offer in offers(text, len(text) if at is None else at, values)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["state:", "run:", "job:", "pack:", "node:", "model:", "stars:", "tag:", "since:"]),
        ("st", ["state:", "stars:"]),
        ("knights", []),
        ("knights p", ["pack:"]),
        ("state:f", ["finished", "failed"]),
        ("state:failed|att", ["attention"]),
        ("state:failed", []),
        ("run:drag", ["dr11xyza"]),
        ("pack:", ['"old mill"', "knights"]),
        ('pack:"old m', ['"old mill"']),
        ('"a quoted phra', []),
        ("colour:", []),
    ],
)
def test_words_fit_what_is_begun(text, expected):
    assert told(text) == expected


def test_the_word_under_the_cursor_counts_and_what_stands_behind_it_stays():
    text = "sta pack:knights"
    assert told(text, 3) == ["state:", "stars:"]
    offer = offers(text, 3, VALUES)[0]
    assert taken(text, offer) == ("state: pack:knights", 6)


def test_behind_a_value_one_goes_on_with_the_next_word():
    offer = offers("state:fa", 8, VALUES)[0]
    assert taken("state:fa", offer) == ("state:failed ", 13)
    assert taken('pack:"old m', offers('pack:"old m', 11, VALUES)[0]) == ('pack:"old mill" ', 16)


def test_runs_have_states_of_their_own():
    assert told("state:pa", values=usual(RUN_STATES)) == ["paused"]
    assert told("state:pa") == []


def test_a_list_of_thousands_is_cut():
    many = {"model": [(f"model-{n}", "") for n in range(5000)]}
    assert len(offers("model:", 6, many)) == 40
    assert offers("model:4999", 10, many) == [Offer(6, 10, "model-4999", "")]
