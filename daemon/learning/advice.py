"""Tags to advice: a table of hints in plain words, replaced by the person's own verdicts where these are strong enough.

The statistics are docs/learning.md 10: the same model with "has this tag" in place of stars; the table supplies the
words, the data supply direction and confidence.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from daemon.learning import wording
from daemon.learning.claims import ADJUSTED, ROUND, choose, values_of
from daemon.learning.model import PoolFit, fit
from daemon.learning.rows import pack_of
from daemon.learning.tables import Ids, Knob, Table, tagged
from schema.insights import TagAdvice

LEARNED = 0.90
"""Confidence from which on the person's own data speak in place of the hint."""
SEEN = 5
"""Pictures with the tag, and pictures without it, before the data are asked."""
RECENT = 2000
"""Ratings of a pack that are asked about its tags: the newest."""
ASKED = 12
"""Tags of a pack, the most used, of which the data are asked; people write what they like."""


class Hint(NamedTuple):
    words: tuple[str, ...]
    """Spellings of the tag."""
    text: str
    fields: tuple[str, ...]
    """Parts of the names of knobs that may have to do with it; empty: all."""
    wanted: bool = False


HINTS = (
    Hint(
        ("too noisy", "noisy", "grainy"),
        "Try a few more steps, and lower denoising on img2img.",
        ("steps", "denois", "sampler"),
    ),
    Hint(
        ("too smooth", "smooth", "plastic"),
        "Try a lower CFG, and weaker denoising in detail and upscale.",
        ("cfg", "denois", "lora"),
    ),
    Hint(("burnt", "oversaturated"), "Try a lower CFG.", ("cfg", "lora")),
    Hint(("ignores prompt",), "Try a higher CFG, and weaker LoRAs.", ("cfg", "lora")),
    Hint(
        ("bad hands", "bad faces", "bad face", "bad hands/faces"),
        "Turn the detail stage on, and raise its resolution.",
        ("detail", "width", "height", "resolution", "size", "megapixel"),
    ),
    Hint(("nailed it",), "Keep it: this config is a candidate for a preset.", (), wanted=True),
)
"""Without any data of the person's own."""


def advice(table: Table) -> tuple[TagAdvice, ...]:
    """Of one pack: a line for each tag that has a hint or of which something was learned; most used tags first."""
    counts = Counter(tag for row in table.rows if row.tags for tag in set(row.tags))
    often = sorted(counts, key=lambda tag: (-counts[tag], tag))
    recent = _recent(table)
    lines = [_line(recent, tag, counts[tag], asked=at < ASKED) for at, tag in enumerate(often)]
    return tuple(line for line in lines if line is not None)


def _recent(table: Table) -> Table:
    """The newest ratings: they are enough, and a tag is asked of in a moment however many there are."""
    if table.n <= RECENT:
        return table
    at = np.array([row.at for row in table.rows])
    taken = np.sort(np.argsort(-at, kind="stable")[:RECENT])
    return table._replace(
        rows=tuple(table.rows[place] for place in taken.tolist()), duels=(), codes=table.codes[taken],
        session=_renumbered(table.session[taken]), block=_renumbered(table.block[taken]), outcome=table.outcome[taken],
    )  # fmt: skip


def _renumbered(numbers: Ids) -> Ids:
    return np.unique(numbers, return_inverse=True)[1].astype(np.int32)


def hint_of(tag: str) -> Hint | None:
    plain = " ".join(tag.casefold().replace("_", " ").replace("-", " ").split())
    return next((hint for hint in HINTS if plain in hint.words), None)


def _line(table: Table, tag: str, n: int, *, asked: bool) -> TagAdvice | None:
    pack, hint = pack_of(table.pool)[0], hint_of(tag)
    if asked and n >= SEEN and (learned := _learned(table, tag, n, hint)) is not None:
        return learned
    return None if hint is None else TagAdvice(pack=pack, tag=tag, n=n, text=hint.text, learned=False)


def _learned(table: Table, tag: str, n: int, hint: Hint | None) -> TagAdvice | None:
    """What the surest of the knobs in question has to do with the tag; None: nothing is sure enough."""
    given = sum(tag in row.tags for row in table.rows)
    if min(given, table.n - given) < SEEN:
        return None
    made = fit(tagged({table.pool: table}, tag), kinds=2).pools[table.pool]
    lines = []
    for knob in made.table.knobs:
        if knob.name.startswith(ADJUSTED):
            continue
        if hint is not None and hint.fields and not any(field in knob.name.casefold() for field in hint.fields):
            continue
        sides = choose(made, knob)
        if sides is not None and sides.confidence >= LEARNED:
            lines.append((-sides.confidence, knob.name, _told(made, knob, tag, n, hint, sides.better, sides.worse,
                                                             sides.confidence)))  # fmt: skip
    return min(lines)[2] if lines else None


def _told(made: PoolFit, knob: Knob, tag: str, n: int, hint: Hint | None, more: tuple[int, ...],
          less: tuple[int, ...], confidence: float) -> TagAdvice:  # fmt: skip
    """`more`: the levels with which the tag is given more often. Of an unwanted tag the others are the better ones."""
    wanted = hint is None or hint.wanted
    better, worse = (more, less) if wanted else (less, more)
    first, second = values_of(made.table, knob, better), values_of(made.table, knob, worse)
    often = "more often" if wanted else "less often"
    text = (
        f"In this pack pictures with {wording.chosen(knob.name, first, knob.ordered)} are tagged “{tag}” {often} "
        f"than with {wording.against(knob.name, second, knob.ordered)} ({wording.percent(confidence)} sure)."
    )
    return TagAdvice(
        pack=pack_of(made.table.pool)[0], tag=tag, n=n, text=text, learned=True, param=knob.name,
        better=() if hint is None else first,  # nobody knows whether they want more or less of it
        confidence=round(confidence, ROUND),
    )  # fmt: skip
