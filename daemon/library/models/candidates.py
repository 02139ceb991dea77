"""Which LoRAs fit a prompt: by their trigger words, tags and names, and by what a person thinks of them. Pure.

A word that many LoRAs share says little: each counts by how rare it is among them, as search engines do (inverse
document frequency). Ratings of few pictures are drawn towards the middle, so that one lucky picture is no proof.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import exp, log

from daemon.library.models.bases import kin
from daemon.library.models.rows import Row
from schema.models import Candidate, ModelRow
from schema.names import FILES as ENDINGS

MOST = 200

WEIGHTS: Mapping[str, float] = {"triggers": 3.0, "tags": 2.5, "name": 2.0, "about": 1.0}
"""How much a word counts where it stands."""

MIDDLE, ENOUGH = 3.0, 5.0
"""A LoRA that nobody rated counts as one of so many stars; a rating weighs as much as that after so many uses."""

_WORD = re.compile(r"[^\W_]+")
_TAGS = re.compile(r"<[^<>]{0,300}>")

STOP = frozenset(
    {"a", "an", "the", "of", "in", "on", "at", "with", "and", "or", "by", "to", "style", "lora", "v1", "v2"}
)


def candidates(found: Iterable[Row], words: str, base: str = "", most: int = MOST) -> tuple[Candidate, ...]:
    """Best first. `base` of the checkpoint: LoRAs that are known to be for another are left out; empty: none is."""
    whole = (one for one in found if not any(known.broken for known in one.files))
    rows = available([one.row for one in whole if one.row.list == "loras"])
    rows = [row for row in rows if not base or not row.base or kin(row.base) == kin(base)]
    wanted = frozenset(_words(_TAGS.sub(" ", words)))
    spoken = [_spoken(f"{bare(row.name)} {row.title}", row.triggers, row.tags, row.about) for row in rows]
    often = Counter(word for places in spoken for word in frozenset().union(*places.values()))
    rare = {word: log(1.0 + len(rows) / often[word]) for word in wanted if often[word]}
    scored = [(_score(row, places, rare), row) for row, places in zip(rows, spoken, strict=True)]
    scored.sort(key=lambda one: (-one[0], one[1].name.lower()))
    names = dict(zip((row.key for row in rows), spelled(rows), strict=True))
    return tuple(_candidate(row, score, names[row.key]) for score, row in scored[:most])


def spelled(rows: Sequence[ModelRow]) -> list[str]:
    """How a prompt names each: without folders and ending, where no other of them is called so."""
    names = [bare(row.name) for row in rows]
    often = Counter(name.rpartition("/")[2].lower() for name in names)
    return [short if often[(short := name.rpartition("/")[2]).lower()] == 1 else name for name in names]


def available(rows: Sequence[ModelRow]) -> Sequence[ModelRow]:
    """Those that some node has; all, where no node says what it has."""
    there = [row for row in rows if row.nodes]
    return there or rows


def bare(name: str) -> str:
    """Without its file's ending, slashes forward, as a prompt names it."""
    text = name.replace("\\", "/")
    return next((text[: -len(end)] for end in ENDINGS if text.lower().endswith(end)), text)


def worth(row: ModelRow) -> float:
    """0 to 1: what the person thinks of it, 0.5 where nothing is known."""
    rated = MIDDLE if row.rating is None else (row.rating * row.uses + MIDDLE * ENOUGH) / (row.uses + ENOUGH)
    stars = row.stars or MIDDLE
    return min(1.0, (0.5 * rated + 0.5 * stars - 1.0) / 4.0 + (0.2 if row.favourite else 0.0))


def _score(row: ModelRow, places: Mapping[str, frozenset[str]], rare: Mapping[str, float]) -> float:
    """Fit counts for three quarters of it; what does not fit at all has none of the rest either."""
    fit = sum(WEIGHTS[place] * rare[word] for place, words in places.items() for word in words if word in rare)
    if fit <= 0.0:
        return 0.0
    return round((1.0 - exp(-fit / 6.0)) * (0.5 + 0.5 * worth(row)), 4)


@lru_cache(maxsize=65_536)
def _spoken(name: str, *told: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    """Words by where they stand; kept, as there may be thousands of LoRAs and a choice for every prompt."""
    triggers, tags, about = (frozenset(word for text in texts for word in _words(text)) for texts in told)
    return {"triggers": triggers, "tags": tags, "name": frozenset(_words(name)), "about": about}


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower().replace("_", " ")) if word not in STOP and len(word) > 1]


def _candidate(row: ModelRow, score: float, name: str) -> Candidate:
    return Candidate(
        name=name,
        weight=1.0 if row.weight is None else row.weight,
        tags=(*row.tags, *(tag for tag in row.about if tag not in row.tags)),
        triggers=row.triggers,
        base=row.base,
        stars=row.stars,
        rating=row.rating,
        uses=row.uses,
        favourite=row.favourite,
        score=score,
    )
