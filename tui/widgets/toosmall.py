"""The one line for a terminal in which nothing can be shown."""

from tui.widgets.ink import Drawn, Line, Piece


class TooSmall(Drawn):
    def line(self, y: int) -> Line:
        width, height = self.app.size
        return [Piece(f" needs 60x15, this is {width}x{height}", "warn")] if y == 0 else ()
