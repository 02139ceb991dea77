"""What may stand next in a FILTER as it is typed: its keys, and the values that each of them has here. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

KEY_WORDS: Mapping[str, str] = {
    "state": "open, queued, failed, ...; several as failed|attention",
    "run": "a run's id, or the beginning of it",
    "job": "a job's id",
    "pack": "a pack's name; * stands for anything",
    "node": "the machine that made it",
    "model": "the model it was made with; * stands for anything",
    "stars": "4, >=4, <3",
    "tag": "a tag",
    "since": "an age (2h, 3d), a date, or an event's number",
}
"""Keys of a FILTER over jobs, runs and pictures, and what stands behind them."""

STATES = (
    ("open", "all that has not ended"),
    ("queued", "waits"),
    ("held", "waits for a person"),
    ("running", "is being made"),
    ("finished", "done"),
    ("failed", "did not work"),
    ("cancelled", "given up"),
    ("attention", "needs a decision"),
)
RUN_STATES = (*STATES, ("active", "of runs: goes on"), ("paused", "of runs: stands still"))

STARS = ((">=4", "four or five"), ("5", "five"), (">=1", "rated"), ("0", "not rated"), ("<3", "at most two"))
AGES = (("1h", "of the last hour"), ("1d", "of the last day"), ("7d", "of the last week"))

MOST = 40
"""Offers at once."""

Values = Mapping[str, Sequence[tuple[str, str]]]
"""Key to its values, each with what it means."""


class Offer(NamedTuple):
    """`text` in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str
    means: str


def usual(states: Sequence[tuple[str, str]] = STATES) -> dict[str, Sequence[tuple[str, str]]]:
    """Values that are the same everywhere."""
    return {"state": states, "stars": STARS, "since": AGES}


def offers(text: str, at: int, values: Values, keys: Mapping[str, str] = KEY_WORDS) -> list[Offer]:
    """For the word that the cursor stands in or behind; nothing within quotes and for words without a key."""
    start = begin_of_word(text, at)
    word = text[start:at]
    if word.count('"') % 2 and ":" not in word:
        return []
    key, colon, value = word.partition(":")
    if not colon:
        return [Offer(start, at, f"{name}:", means) for name, means in keys.items() if name.startswith(word.lower())]
    known = values.get(key.lower(), ())
    last = value.rpartition("|")[2] if key.lower() == "state" else value
    begun = last.strip('"').casefold()
    first = at - len(last)
    named = key.lower() == "run"  # a run is known by its name, which is what its id means
    fitting = [(name, means) for name, means in known if begun in (f"{name} {means}" if named else name).casefold()]
    fitting.sort(key=lambda one: not one[0].casefold().startswith(begun))
    if any(name.casefold() == begun for name, _ in fitting):
        return []  # it stands there whole
    return [Offer(first, at, in_quotes(name), means) for name, means in fitting[:MOST]]


def begin_of_word(text: str, at: int) -> int:
    """Where the word begins in which the cursor stands: spaces within quotes part nothing."""
    start, quoted = 0, False
    for place, letter in enumerate(text[:at]):
        if letter == '"':
            quoted = not quoted
        elif letter == " " and not quoted:
            start = place + 1
    return start


def in_quotes(value: str) -> str:
    return f'"{value}"' if " " in value else value


def taken(text: str, offer: Offer) -> tuple[str, int]:
    """The text with the offer in it, and where the cursor stands then: behind a key its value follows at once."""
    rest = text[offer.end :]
    end = "" if offer.text.endswith(":") else " " if not rest.startswith(" ") else ""
    return text[: offer.start] + offer.text + end + rest, offer.start + len(offer.text) + len(end)
