"""The weight of words in a prompt, stepped up and down: `(rim light:1.2)`, `<lora:film_grain:0.6>`. Pure."""

import re
from typing import NamedTuple

STEP, LORA_STEP = 0.1, 0.05

_LORA = re.compile(r"<(?:lora|lyco|hypernet):[^<>:]+(?::(-?[0-9.]+))?[^<>]*>")
_WEIGHED = re.compile(r"\(([^()<>]*):(-?[0-9.]+)\)")
_WORD = re.compile(r"[^\s,(){}\[\]<>|:]+")
_ESCAPED = re.compile(r"\\.")
_HALVES = {"(": ")", "[": "]", "{": "}", "<": ">"}


class Change(NamedTuple):
    """`text` in place of the characters from `start` to `end`; afterwards `first` to `last` are chosen."""

    start: int
    end: int
    text: str
    first: int
    last: int


def stepped(text: str, start: int, end: int, by: int) -> Change | None:
    """With what is chosen from `start` to `end`, or stands at the cursor, one step heavier or lighter.

    None: nothing with a weight is there, or what is chosen cuts a bracket or a choice in two. A weight of 1 drops its
    brackets.
    """
    for found in _LORA.finditer(text):
        if found.start() <= start and end <= found.end():
            return _lora(found, by)
    for found in _WEIGHED.finditer(text):
        if found.start() <= start and end <= found.end():
            return _weighed(found, by)
    if start == end:
        word = next((one for one in _WORD.finditer(text) if one.start() <= start <= one.end()), None)
        if word is None:
            return None
        start, end = word.span()
    if not text[start:end].strip() or not _whole(text[start:end]):
        return None
    put = f"({text[start:end]}:{_told(1.0 + by * STEP)})"
    return Change(start, end, put, start + 1, start + 1 + end - start)


def _whole(words: str) -> bool:
    """Whether every bracket in it has its other half in it, and what `|` parts its braces."""
    awaited: list[str] = []
    for one in _ESCAPED.sub("", words):
        if one in _HALVES:
            awaited.append(_HALVES[one])
        elif (one in _HALVES.values() and (not awaited or awaited.pop() != one)) or (one == "|" and not awaited):
            return False
    return not awaited


def _lora(found: re.Match[str], by: int) -> Change:
    weight = _told(_number(found[1]) + by * LORA_STEP)
    if found[1] is None:
        at = found.end() - 1
        return Change(at, at, f":{weight}", at, at)
    start, end = found.span(1)
    return Change(start, end, weight, start, start)


def _weighed(found: re.Match[str], by: int) -> Change:
    weight = round(_number(found[2]) + by * STEP, 4)
    words, start = found[1], found.start()
    if weight == 1.0:
        return Change(start, found.end(), words, start, start + len(words))
    return Change(start, found.end(), f"({words}:{_told(weight)})", start + 1, start + 1 + len(words))


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else 1.0
    except ValueError:
        return 1.0


def _told(weight: float) -> str:
    return f"{round(weight, 4):g}"
