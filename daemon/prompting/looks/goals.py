"""What a prompt asks to be seen: its phrases, without weights, tags and words of praise."""

import re
from functools import lru_cache
from typing import NamedTuple

from daemon.prompting.looks.vocabulary import MEDIA, telling

_TAG = re.compile(r"<[^<>]*>")
_OPEN = re.compile(r"\[\[[^\[\]]*\]\]|__[^\s,]{1,80}?__|\{[^{}]*\}|\$\{[^{}]*\}")
"""What nothing was put in the place of."""
_WEIGHED = re.compile(r"\(([^()]{1,300}):\s*([0-9]*\.?[0-9]+)\)")
_ALTERNATING = re.compile(r"\[([^\[\]|:]*)[|:][^\[\]]*\]")
_ENDS = re.compile(r"[,.;!?\n|]")
_PARTS = re.compile(r"\b(?:BREAK|AND)\b")
_JOINTS = re.compile(
    r"\b(?:with|on|in|at|of|by|under|over|above|below|near|beside|behind|before|between|through|"
    r"across|against|around|along|upon|and|from|into)\b",
    re.IGNORECASE,
)
_AFTER = re.compile(r"\b(?:in the )?styles? of [^,.;\n]+|\bby (?=[A-Z])[^,.;\n]+")
"""Whom it is to be like: nobody who looks knows that."""
_BRACKETS = re.compile(r"[()\[\]]|\\(?=[()\[\]])")
_ARTICLE = re.compile(r"^(?:an?|the|some|its|his|her|their)\s+", re.IGNORECASE)

MOST = 60
"""Goals of one prompt; what stands behind them is hardly heeded by any model."""

HEAVIEST = 2.0


class Goal(NamedTuple):
    text: str
    """As the prompt has it, in lower case and without an article: `stormy sea`."""
    names: tuple[str, ...]
    """What it speaks of; the last is what it is about."""
    weight: float = 1.0
    style: bool = False
    """It asks for a medium or a manner, not for a thing."""


@lru_cache(maxsize=8192)
def goals_of(prompt: str) -> tuple[Goal, ...]:
    """In the order they are asked for, each once. Never fails: what is no grammar is words."""
    text = _PARTS.sub(",", _OPEN.sub(",", _TAG.sub(",", prompt)))
    heavy = {name: float(weight) for phrase, weight in _WEIGHED.findall(text) for name in telling(phrase)}
    text = _ALTERNATING.sub(r"\1", _WEIGHED.sub(r"\1", text))
    found: dict[str, Goal] = {}
    for piece in _ENDS.split(_AFTER.sub(",", _BRACKETS.sub("", text))):
        for phrase in _JOINTS.split(piece):
            goal = _goal(phrase, heavy)
            if goal is not None:
                found.setdefault(goal.text, goal)
    return tuple(found.values())[:MOST]


def _goal(phrase: str, heavy: dict[str, float]) -> Goal | None:
    text = plain(phrase)
    names = telling(text)
    if not names:
        return None
    weight = max((heavy[name] for name in names if name in heavy), default=1.0)
    return Goal(text, names, min(max(weight, 1 / HEAVIEST), HEAVIEST), style=any(name in MEDIA for name in names))


def plain(phrase: str) -> str:
    """How goals are told apart: `The Stormy_Sea` is `stormy sea`."""
    return _ARTICLE.sub("", " ".join(phrase.replace("_", " ").lower().split()))


def same_goals(one: str, other: str) -> bool:
    """Whether two texts ask for the same, however it is marked up."""
    return [goal.names for goal in goals_of(one)] == [goal.names for goal in goals_of(other)]
