"""How well LoRAs fit a prompt, by what they are called, tagged and triggered by; by stars, ratings and use. Pure.

A score is what its hits come to (each takes its part of what the others left open), bent a little by what is thought of
it: nothing that is well rated fits a prompt that does not speak of it.
"""

import re
from collections.abc import Iterable, Sequence
from math import log10
from typing import NamedTuple

from schema.models import Candidate
from schema.names import plain
from schema.stages import SelectLoras

TRIGGER, TAG, NAMED = 0.85, 0.45, 0.3
"""What one hit is worth: a trigger word in the prompt, a tag, a word of the LoRA's own name."""

APART = 0.6
"""Of that where a phrase's words are all there, but not side by side."""

UNWANTED = 0.25
"""Of the score where the negative prompt speaks of it."""

MOST_TAGS = 40
"""Tags that are looked at: the first are the most telling, and some files bring thousands."""

_ANGLES = re.compile(r"<[^<>]*>")
_STRENGTH = re.compile(r":\s*-?\d*\.?\d+(?=\s*[)\]])")
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)")
_UNNAMEABLE = re.compile(r"[:<>\n]")
_NAMED_ALREADY = re.compile(r"<lora:([^:<>]+)", re.I)

IDLE = frozenset({
    "a", "an", "and", "are", "as", "at", "by", "for", "from", "has", "in", "into", "is", "it", "of", "on", "or",
    "the", "to", "up", "with", "without", "v", "v1", "v2", "v3", "lora", "lyco", "style", "sd", "sdxl", "sd15", "xl",
    "model", "version", "best", "quality", "high", "detailed", "masterpiece", "image", "picture", "photo",
})  # fmt: skip
"""Words that tell nothing of what a LoRA is for."""


class Rated(NamedTuple):
    name: str
    weight: float
    score: float
    why: str
    triggers: tuple[str, ...] = ()


class Choice(NamedTuple):
    taken: tuple[Rated, ...]
    passed: tuple[Rated, ...]
    """The others that fit at all, best first."""


class Spoken:
    """A prompt as words in order."""

    def __init__(self, text: str) -> None:
        self.words = words_of(_STRENGTH.sub("", _ANGLES.sub(" , ", text)))
        self._there = frozenset(self.words)
        self._line = f" {' '.join(self.words)} "

    def of(self, phrase: str) -> float:
        """1: it is said; less: its words are all there; 0: they are not."""
        words = words_of(phrase)
        if not words or (len(words) == 1 and words[0] in IDLE):
            return 0.0
        if f" {' '.join(words)} " in self._line:
            return 1.0
        telling = [word for word in words if word not in IDLE]
        return APART if len(telling) > 1 and self._there.issuperset(telling) else 0.0


def chosen(config: SelectLoras, prompt: str, negative: str, candidates: Iterable[Candidate]) -> Choice:
    """The best that the stage's fields allow, with their weights."""
    spoken, unwanted = Spoken(prompt), Spoken(negative)
    there = {plain(name) for name in _NAMED_ALREADY.findall(prompt)}
    fitting: list[tuple[Rated, Candidate]] = []
    for one in {plain(each.name): each for each in candidates}.values():
        score, hits = _fit(one, spoken, unwanted)
        if score <= 0.0 or plain(one.name) in there or _UNNAMEABLE.search(one.name):
            continue
        out = _left_out(config, one)
        why = f"{'; '.join(hits)} (score {score:.2f})"
        fitting.append((Rated(one.name, _weight(config, one), 0.0 if out else score, out or why, one.triggers), one))
    fitting.sort(key=lambda pair: (-pair[0].score, not pair[1].favourite, -pair[1].stars, pair[0].name))
    rated = [rated for rated, _ in fitting]
    taken = [one for one in rated if one.score >= max(config.least, 1e-9)][: config.most]
    passed = [_passed(config, one) for one in rated if one not in taken]
    return Choice(_lightened(taken, config.strongest), tuple(passed))


def words_of(text: str) -> list[str]:
    """Lower case, without plural endings, joined names taken apart: `SeaHaze_v2` is `sea haze v 2`."""
    return [_singular(word) for word in _WORD.findall(_CAMEL.sub(" ", text).lower())]


def _fit(one: Candidate, spoken: Spoken, unwanted: Spoken) -> tuple[float, list[str]]:
    """The score, and why, in words."""
    hits: list[str] = []
    left = 1.0
    for what, worth, phrases in (
        ("trigger", TRIGGER, one.triggers),
        ("tag", TAG, one.tags[:MOST_TAGS]),
        ("name", NAMED, [word for word in words_of(one.name) if len(word) > 2 and word not in IDLE]),
    ):
        said = [(phrase, part) for phrase in dict.fromkeys(phrases) if (part := spoken.of(phrase)) > 0.0]
        for _, part in said:
            left *= 1.0 - worth * part
        if said:
            hits.append(f"{what} {', '.join(phrase for phrase, _ in said[:4])}")
    if not hits:
        return 0.0, []
    factor, opinions = _opinion(one)
    against = next((phrase for phrase in (*one.triggers, *one.tags[:MOST_TAGS]) if unwanted.of(phrase) == 1.0), None)
    if against is not None:
        factor *= UNWANTED
        opinions.append(f"the negative prompt has {against}")
    return round(min(1.0, (1.0 - left) * factor), 4), [*hits, *opinions]


def _opinion(one: Candidate) -> tuple[float, list[str]]:
    factor, told = 1.0, []
    if one.favourite:
        factor += 0.1
        told.append("a favourite")
    if one.stars:
        factor += 0.1 * (one.stars - 3)
        told.append(f"{one.stars} stars")
    if one.rating is not None:
        factor += 0.1 * (min(5.0, max(0.0, one.rating)) - 3.0)
        told.append(f"its pictures {one.rating:.1f}")
    if one.uses > 0:
        factor += min(0.1, 0.03 * log10(1 + one.uses))
        told.append(f"used {one.uses} times" if one.uses > 1 else "used once")
    return factor, told


def _left_out(config: SelectLoras, one: Candidate) -> str:
    """Why the stage's fields do not allow it; empty: they do."""
    name, tags = plain(one.name), {tag.casefold() for tag in one.tags}
    if config.only and name not in {plain(each) for each in config.only}:
        return "it is not among `only`"
    if name in {plain(each) for each in config.never}:
        return "it is among `never`"
    if config.tags and not tags.intersection(each.casefold() for each in config.tags):
        return f"it has none of the tags {', '.join(config.tags)}"
    if unwished := tags.intersection(each.casefold() for each in config.without):
        return f"it has the tag {min(unwished)}"
    if config.stars and max(one.stars, one.rating or 0.0) < config.stars:
        return f"it has less than {config.stars} stars"
    return ""


def _weight(config: SelectLoras, one: Candidate) -> float:
    return round(config.weight if config.weight is not None else one.weight, 3)


def _passed(config: SelectLoras, one: Rated) -> Rated:
    if one.score <= 0.0:
        return one
    reason = f"less than {config.least:g}" if one.score < config.least else f"more than {config.most} are not taken"
    return one._replace(why=f"{one.why}: {reason}")


def _lightened(taken: Sequence[Rated], strongest: float) -> tuple[Rated, ...]:
    """Together they are no stronger than that."""
    total = sum(abs(one.weight) for one in taken)
    if total <= strongest:
        return tuple(taken)
    return tuple(one._replace(weight=round(one.weight * strongest / total, 2)) for one in taken)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
