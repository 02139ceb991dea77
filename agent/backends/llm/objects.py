"""Finds the one JSON object in what a language model says around it. Pure; what it means is judged elsewhere."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from agent.backends.llm.words import unfenced, unthought

READ = 20_000
"""Characters behind the thinking in which an object is looked for."""

TRIED = 60
"""Braces at which one may begin."""


KEYS = ("settings", "presets")
"""What a preset, or a file of them, has at least one of; an object with none may be told as an example."""


class Found(NamedTuple):
    text: str
    """ASCII, so that no half of a character is in it; empty: there is none."""
    notes: tuple[str, ...] = ()
    """What was left out, for people."""
    fault: str = ""
    """Why there is none."""


def object_in(raw: str, most: int) -> Found:
    """The first that looks like a preset, else the first of all; one within another does not count."""
    text = unthought(raw).strip()
    if len(text) > READ:
        return Found("", fault=f"the model answered {len(text):,} characters where a few hundred were asked for")
    inner = unfenced(text).strip() if "```" in text else text
    there = [*_objects(inner), *_objects(text)]
    if not there:
        return Found("", fault="the model answered no JSON object")
    value, end = next((one for one in there if not one.value.keys().isdisjoint(KEYS)), there[0])
    said = _written(value)
    if len(said) > most:
        return Found("", fault=f"the model answered an object of {len(said):,} characters, and {most:,} are read")
    thought = ("thinking removed",) if text != raw.strip() else ()
    around = () if inner.startswith("{") and end == len(inner) and inner == text else ("words around it left out",)
    return Found(said, (*thought, *around))


class _Object(NamedTuple):
    value: dict[str, object]
    end: int
    """Where it ends in the text."""


def _objects(text: str) -> Iterator[_Object]:
    decoder = json.JSONDecoder(parse_constant=_no_number)
    begin = text.find("{")
    for _ in range(TRIED):
        if begin < 0:
            return
        try:
            value, end = decoder.raw_decode(text, begin)
            _written(value)
        except (ValueError, RecursionError):  # also of what is read yet nested too deeply to be written
            begin = text.find("{", begin + 1)
            continue
        yield _Object(value, end)
        begin = text.find("{", end)


def _written(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _no_number(word: str) -> object:
    raise ValueError(word)
