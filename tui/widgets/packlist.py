"""The prompts of a pack, and what a run of it comes to."""

import re

import msgspec
from textual.strip import Strip

from schema.prompts import Tried
from tui.keys import pressed
from tui.screens.numbers import is_wild, many
from tui.screens.places import places_of
from tui.widgets.held import HeldList
from tui.widgets.ink import Drawn, Line, Piece, fit, plain, wrap
from tui.widgets.shelflist import ShelfRow

PLACE = re.compile(r"\{[^{}]*\}|__[^\s_](?:[^\s]*[^\s_])?__|\[\[[^\]]+\]\]|\$\{[^{}]*\}|<[a-z]+:[^<>]+>")
INKS = {"__": "good", "[[": "mark", "${": "warn", "<l": "dim", "<h": "dim"}
"""How a place begins, and its colour; all else is a choice."""


class PromptRow(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    text: str


class PromptList(HeldList[PromptRow]):
    """Three lines each."""

    def __init__(self) -> None:
        super().__init__(lambda row: str(row.number), id="prompts")

    def cells(self) -> tuple[int, int]:
        return 1, 3

    def cell_line(self, index: int, item: PromptRow | None, line: int, width: int) -> Strip:
        here = index == self.cursor and self.has_focus
        over = "cursor" if here else None
        if item is None:
            return self.strip((), width, over)
        lines = wrap(item.text, max(8, width - 7), 3)
        head = f"{item.number:>4}  " if line == 0 else "      "
        words = marked(lines[line]) if line < len(lines) else []
        return self.strip([Piece(head, "dim"), *words], width, over)


def marked(words: str) -> list[Piece]:
    """Words of a prompt, with what may vary in them in colour; a place that is broken in two is plain."""
    pieces: list[Piece] = []
    at = 0
    for found in PLACE.finditer(words):
        pieces += [
            Piece(words[at : found.start()]),
            Piece(found[0], INKS.get(found[0][:2], "run")),
        ]
        at = found.end()
    return [*pieces, Piece(words[at:])]


class PackHead(Drawn):
    """Four lines over the prompts: variants, places, the first fault with its line."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(id="packhead")
        self._row: ShelfRow | None = None
        self._tried: Tried | None = None
        self._fault = ""

    def show(self, row: ShelfRow | None, tried: Tried | None, fault: str) -> None:
        self._row, self._tried, self._fault = row, tried, fault
        self.refresh()

    def line(self, y: int) -> Line:
        width = self.size.width
        return [Piece(fit(piece.text, width - 1), piece.ink) for piece in self.lines(width)[y : y + 1]]

    def lines(self, width: int) -> list[Piece]:
        found: list[Piece] = []
        if (tried := self._tried) is not None:
            jobs = f"{tried.jobs:,} {'job' if tried.jobs == 1 else 'jobs'}"
            wild = "warn" if is_wild(tried.space) else "text"
            found.append(Piece(f" {jobs} · {many(tried.space)} variants of its prompts", wild))
            places = [f"{plain(one.key)} {many(one.size)}" for one in places_of(tried.segments, {})]
            found.append(
                Piece(f" places of the first: {' · '.join(places)}" if places else " nothing varies in it", "dim")
            )
        faults = [self._fault] if self._fault else list(tried.warnings) if tried is not None else []
        ink = "bad" if self._fault else "warn"
        found += [Piece(f" {line}", ink) for words in faults[:2] for line in wrap(f"! {words}", width - 2, 2)]
        if self._fault:
            found.append(Piece(f" {pressed('shelf.edit')} opens its text", "dim"))
        return found
