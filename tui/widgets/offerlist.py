"""What may stand next in a filter, in a small list below it."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from textual import events
from textual.geometry import Offset

from tui.filterwords import Offer
from tui.keys import face
from tui.widgets.ink import Drawn, Line, Piece, fit, fit_middle, plain

LINES = 8
WIDEST = 64


class OfferList(Drawn):
    ALLOW_SELECT = False
    can_focus = False

    def __init__(self, take: Callable[[], None]) -> None:
        """`take`: the offer under the cursor was clicked."""
        super().__init__()
        self.display = False
        self._take = take
        self._offers: Sequence[Offer] = ()
        self._cursor = 0
        self._top = 0
        self._words = 0
        """Cells of the words, before what they mean."""

    def show(self, offers: Sequence[Offer], where: tuple[int, int]) -> None:
        """`where`: the cell below the word's first letter."""
        same = [one.text for one in offers] == [one.text for one in self._offers] and self.display
        self._offers = offers
        if same:
            return
        self._cursor = self._top = 0
        self._words = min(WIDEST // 2, max(cell_len(plain(one.text)) for one in offers))
        means = max(cell_len(plain(one.means)) for one in offers)
        self.styles.width = max(24, min(WIDEST, self._words + means + 4))
        self.styles.height = min(LINES, len(offers)) + 1
        self.absolute_offset = Offset(*where)
        self.display = True
        self.refresh(layout=True)

    def hide(self) -> None:
        self.display = False

    def chosen(self) -> Offer | None:
        return self._offers[self._cursor] if self._offers and self.display else None

    def step(self, by: int) -> None:
        self._cursor = (self._cursor + by) % max(1, len(self._offers))
        self._top = min(max(self._top, self._cursor - LINES + 1), self._cursor)
        self.refresh()

    def line(self, y: int) -> Line:
        width = self.size.width
        if y == self.size.height - 1:
            return [Piece(fit(f" {face('filter.take')} take  ↑↓ choose", width), "faint")]
        at = self._top + y
        if at >= len(self._offers):
            return ()
        one, here = self._offers[at], at == self._cursor
        word = Piece(fit_middle(plain(one.text), self._words), "active" if here else "text")
        means = fit("  " + plain(one.means), width - self._words - 1)
        return [Piece(">" if here else " ", "key"), word, Piece(means, "dim")]

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = self._top + event.y
        if at < len(self._offers) and event.y < self.size.height - 1:
            self._cursor = at
            self._take()
