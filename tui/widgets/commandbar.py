"""A line of words that do something: each with its key, each to be clicked."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual import events

from tui.widgets.ink import Drawn, Line, Piece, measure


class BarWord(NamedTuple):
    key: str
    """As a person reads it; empty: it has none of its own."""
    word: str
    action: str
    """Of the screen; empty: it is only told."""
    ink: str = "text"


class CommandBar(Drawn):
    """Verbs and choices at the left, what is going on at the right where there is room for it."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._words: tuple[BarWord, ...] = ()
        self._right: tuple[Piece, ...] = ()

    def show(self, words: Sequence[BarWord], right: Line = ()) -> None:
        if (tuple(words), tuple(right)) != (self._words, self._right):
            self._words, self._right = tuple(words), tuple(right)
            self.redraw(0)

    def line(self, y: int) -> Line:
        if y:
            return ()
        left = [piece for piece, _ in self._pieces()]
        gap = self.size.width - measure(left) - measure(self._right) - 1
        return [*left, Piece(" " * gap), *self._right] if gap >= 1 else left

    def _pieces(self) -> list[tuple[Piece, str]]:
        gap = "  " if self.size.width >= 100 else " "
        told: list[tuple[Piece, str]] = [(Piece(" "), "")]
        for one in self._words:
            if one.key:
                told.append((Piece(f"{one.key} ", "key"), one.action))
            told += [(Piece(one.word, one.ink), one.action), (Piece(gap), "")]
        return told

    async def on_click(self, event: events.Click) -> None:
        x = 0
        for piece, action in self._pieces():
            x += cell_len(piece.text)
            if event.x < x:
                if action:
                    await self.app.run_action(action, default_namespace=self.screen)
                return
