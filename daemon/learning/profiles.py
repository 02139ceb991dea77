"""Profiles: what works with each style over all packs, by the machine that says what works for each pack."""

from collections.abc import Sequence

import msgspec

from daemon.learning.claims import ADJUSTED
from daemon.learning.insights import insights
from daemon.learning.model import Fitter
from daemon.learning.rows import Row, Versus, pack_of, pool_of
from schema.insights import ALGORITHM, Insights, PackInsight

STYLE = "style"
"""Last part of the name of the knob that holds it."""
PACK = f"{ADJUSTED}pack"
"""The knob that a pack becomes: its pictures differ by more than settings."""
NO_STYLE = "(no style)"


def profiles(
    rows: Sequence[Row], duels: Sequence[Versus] = (), *, seq: int = 0, algorithm: int = ALGORITHM,
    fitter: Fitter | None = None,
) -> Insights:  # fmt: skip
    """A `PackInsight` for each style, whose name stands in `pack`. Of pictures without any: `NO_STYLE`.

    Duels across styles say nothing about what works with one.
    """
    moved = tuple(
        Versus(_by_style(duel.better), _by_style(duel.worse), duel.session, duel.at, duel.tie)
        for duel in duels
        if style_of(duel.better) == style_of(duel.worse)
    )
    made = insights(tuple(map(_by_style, rows)), moved, seq=seq, algorithm=algorithm, fitter=fitter)
    return msgspec.structs.replace(made, packs=tuple(map(_worded, made.packs)))


def _worded(pack: PackInsight) -> PackInsight:
    """The same sentences, of a style."""
    preset = pack.preset and msgspec.structs.replace(pack.preset, text=_of_style(pack.preset.text))
    return msgspec.structs.replace(
        pack,
        text=_of_style(pack.text),
        claims=tuple(msgspec.structs.replace(claim, text=_of_style(claim.text)) for claim in pack.claims),
        preset=preset,
        advice=tuple(msgspec.structs.replace(line, text=_of_style(line.text)) for line in pack.advice),
    )


def _of_style(text: str) -> str:
    return text.replace("this pack", "this style", 1)


def style_of(row: Row) -> str:
    """By the first setting of that name; several styles are one of their own."""
    for name in sorted(row.params):
        if name.rpartition(".")[2] == STYLE and row.params[name]:
            return str(row.params[name])
    return NO_STYLE


def _by_style(row: Row) -> Row:
    pack, backend = pack_of(row.pool)
    others = {name: value for name, value in row.params.items() if name.rpartition(".")[2] != STYLE}
    return row._replace(pool=pool_of(style_of(row), backend), params={**others, PACK: pack})
