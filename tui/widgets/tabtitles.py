"""The line with the tabs of an area, and what is told at its right."""

from collections.abc import Sequence

from textual import events

from tui.widgets.ink import Drawn, Line, Piece, measure


class TabTitles(Drawn):
    """A click runs the screen's `tab(by)`: so many tabs on from the one that is shown."""

    ALLOW_SELECT = False

    def __init__(self, titles: Sequence[str], at: int) -> None:
        super().__init__(id="log-tabs")
        self._at = at
        self._left: list[Piece] = [Piece(" ")]
        for number, title in enumerate(titles):
            here = number == at
            self._left.append(Piece(f"[{title}] " if here else f" {title}  ", "active" if here else "dim"))
        self._right: Line = ()

    def tell(self, words: Line) -> None:
        if tuple(words) != tuple(self._right):
            self._right = tuple(words)
            self.redraw(0)

    def line(self, y: int) -> Line:
        gap = self.size.width - measure(self._left) - measure(self._right) - 1
        return [*self._left, Piece(" " * max(1, gap)), *self._right] if y == 0 else ()

    async def on_click(self, event: events.Click) -> None:
        x = 0
        for number, piece in enumerate(self._left):
            x += len(piece.text)
            if event.x < x and number:
                await self.run_action(f"screen.tab({number - 1 - self._at})")
                return
