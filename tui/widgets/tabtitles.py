"""The line with the tabs of an area, and what is told at its right."""

from collections.abc import Sequence

from textual import events

from tui.widgets.ink import Drawn, Line, Piece, measure


class TabTitles(Drawn):
    """A click runs the screen's `tab(by)`: so many tabs on from the one that is shown."""

    ALLOW_SELECT = False

    def __init__(self, titles: Sequence[str], at: int = 0) -> None:
        super().__init__()
        self._titles = tuple(titles)
        self._at = at
        self._right: Line = ()

    def turn(self, at: int) -> None:
        """This tab is the one that is shown."""
        if at != self._at:
            self._at = at
            self.redraw(0)

    def tell(self, words: Line) -> None:
        if tuple(words) != tuple(self._right):
            self._right = tuple(words)
            self.redraw(0)

    def titles(self) -> list[Piece]:
        """Each with the room around it."""
        return [
            Piece(f"[{title}] " if number == self._at else f" {title}  ", "active" if number == self._at else "dim")
            for number, title in enumerate(self._titles)
        ]

    def line(self, y: int) -> Line:
        left = [Piece(" "), *self.titles()]
        gap = self.size.width - measure(left) - measure(self._right) - 1
        return [*left, Piece(" " * max(1, gap)), *self._right] if y == 0 else ()

    async def on_click(self, event: events.Click) -> None:
        x = 1
        for number, piece in enumerate(self.titles()):
            if x <= event.x < x + len(piece.text) and number != self._at:
                await self.run_action(f"screen.tab({number - self._at})")
            x += len(piece.text)
