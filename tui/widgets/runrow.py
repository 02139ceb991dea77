"""A run as one line: how far it is, how it went, when it is done. Pure."""

from datetime import datetime
from typing import NamedTuple

from schema.pages import RunPhase, RunRow
from schema.scenes import RunScene
from tui.widgets.ink import Piece, fit, fit_middle, plain
from tui.widgets.jobrow import bar, clock

PHASES: dict[RunPhase, tuple[str, str]] = {
    "active": ("▶", "run"),
    "paused": ("‖", "warn"),
    "held": ("‖", "warn"),
    "finished": ("✓", "good"),
}
WIDE = 82
"""Cells from which there is room for all columns."""


class Widths(NamedTuple):
    id: int
    state: int
    name: int
    bar: int
    counts: int
    rest: int


def widths(room: int) -> Widths:
    """How `room` cells are shared: four for cursor, mark and fold; the name takes what is left."""
    wide = room >= WIDE
    state, cells, counts, rest = (11, 12, 22, 10) if wide else (2, 6, 14, 7)
    name = room - 4 - 9 - state - cells - counts - rest - 5
    return Widths(9, state, max(6, name), cells, counts, rest)


def heading(w: Widths) -> list[Piece]:
    words = [("run", w.id), ("state" if w.state > 4 else "st", w.state), ("name", w.name), ("done", w.bar),
             ("jobs", w.counts)]  # fmt: skip
    time = Piece(fit("time", w.rest, "right") + " ", "dim")
    return [Piece("    "), *(Piece(fit(word, width) + " ", "dim") for word, width in words), time]


def outcome(run: RunRow) -> tuple[str, str, str]:
    """How it stands, as a sign, a word and its ink: nothing of it is `finished` where nothing was made."""
    if run.state == "finished" and run.jobs and not run.finished:
        return ("✗", "failed", "bad") if run.failed else ("⊘", "cancelled", "dim")
    sign, ink = PHASES[run.state]
    return sign, run.state, ink


def ended(run: RunRow) -> int:
    return run.finished + run.failed + run.cancelled


def pieces(run: RunRow, live: RunScene | None, w: Widths, *, open: bool, cursor: bool, marked: bool) -> list[Piece]:
    """`live`: what is known of it while it is unfinished; `open`: its jobs stand below it."""
    sign, word, ink = outcome(run)
    part = ended(run) / run.jobs if run.jobs else 0.0
    over = run.state == "finished"
    return [
        Piece(">" if cursor else " ", "strong"),
        Piece("●" if marked else " ", "mark"),
        Piece("▾ " if open else "▸ ", "key"),
        Piece(fit_middle(run.id, w.id) + " ", "dim" if over else "text"),
        Piece(fit(f"{sign} {word}" if w.state > 4 else sign, w.state) + " ", ink),
        Piece(fit_middle(plain(run.name), w.name) + " ", "text" if over else "strong"),
        *(bar(part, w.bar) if not over else [Piece(" " * w.bar)]),
        Piece(" "),
        *counts(run, w.counts),
        Piece(" "),
        Piece(fit(left(run, live, w.rest), w.rest, "right"), "dim"),
        Piece(" "),
    ]


def counts(run: RunRow, width: int) -> list[Piece]:
    """`26/40  1 failed`, as much as there is room for."""
    told = [(f"{run.finished:,}/{run.jobs:,}", "text")]
    told += [(f"{run.attention:,}!", "bad")] if run.attention else []
    told += [(f"{run.failed:,}✗", "bad")] if run.failed else []
    told += [(f"{run.cancelled:,}⊘", "dim")] if run.cancelled else []
    line: list[Piece] = []
    used = 0
    for text, ink in told:
        if used + len(text) <= width:
            line.append(Piece(text + " ", ink))
            used += len(text) + 1
    if used <= width:
        return [*line, Piece(" " * (width - used))]
    return [*line[:-1], line[-1]._replace(text=line[-1].text[:-1])]


def left(run: RunRow, live: RunScene | None, room: int) -> str:
    """How long it still takes, or took; of one that may not begin yet, when it may."""
    if live is not None and live.film == "making":
        return "film"
    if live is not None and live.eta_s is not None:
        return f"~{clock(live.eta_s)}"
    if live is not None and live.not_before is not None:
        at = f"{datetime.fromtimestamp(live.not_before):%H:%M}"
        return f"from {at}" if room >= len("from 00:00") else f"@{at}"
    return clock(run.ended - run.created) if run.ended is not None else ""
