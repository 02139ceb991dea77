"""The line above a list: the filter, typed in place, and at its right how much there is."""

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from tui.filterwords import Offer, begin_of_word, taken
from tui.keys import bound, pressed
from tui.messages import FilterChanged
from tui.widgets.field import Field
from tui.widgets.ink import Drawn, Line, Piece, measure
from tui.widgets.offerlist import OfferList

WAIT = 0.2
"""Seconds after the last letter before the list is asked anew."""


Offering = Callable[[str, int], Sequence[Offer]]
"""The text and the character at its cursor, to what may stand there."""


class FilterInput(Field):
    """Enter keeps the filter, escape brings the one before back; arrows still move the list.

    While words are offered tab takes one, and once one is begun arrows choose among them.
    """

    BINDINGS = bound("filter.take", "filter.next", "filter.before", "filter.give_up")
    offering: Offering | None = None
    """None: nothing is offered."""

    def __init__(self) -> None:
        super().__init__(id="filter", compact=True, select_on_focus=False)
        self.name_key()
        self._before = ""
        self._list: OfferList | None = None

    def name_key(self) -> None:
        self.placeholder = f"press {pressed('list.filter')} to filter"

    def begin(self) -> None:
        self._before = self.value
        self.screen.set_focus(self)
        self.cursor_position = len(self.value)
        self.call_after_refresh(self._offer)

    def on_input_changed(self) -> None:
        if not self.value.endswith((":", "|")):  # a value is still to come
            self.post_message(FilterChanged(self.value.strip(), done=False))
        self._offer()

    def on_input_submitted(self) -> None:
        self._close()
        self.post_message(FilterChanged(self.value.strip(), done=True))

    def on_blur(self) -> None:
        self._close()

    def action_give_up(self) -> None:
        self._close()
        self.value = self._before
        self.post_message(FilterChanged(self._before.strip(), done=True))

    # Words ------------------------------------------------------------------------------------------

    @property
    def is_offering(self) -> bool:
        return self._list is not None and self._list.display

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "take":
            return self.is_offering
        if action == "step":
            return self.is_offering and begin_of_word(self.value, self.cursor_position) < self.cursor_position
        return super().check_action(action, parameters)

    def _offer(self) -> None:
        found = self.offering(self.value, self.cursor_position) if self.offering is not None and self.has_focus else ()
        if not found:
            self._close()
            return
        if self._list is None:
            self._list = OfferList(self.action_take)
            self.screen.mount(self._list)
        cursor = self.cursor_screen_offset
        self._list.show(found, (max(0, cursor.x - (self.cursor_position - found[0].start)), cursor.y + 1))

    def _close(self) -> None:
        if self._list is not None:
            self._list.hide()

    def action_step(self, by: int) -> None:
        if self._list is not None:
            self._list.step(by)

    def action_take(self) -> None:
        self._offer()  # letters that came just before are in the text, and not in the list yet
        chosen = self._list.chosen() if self._list is not None else None
        if chosen is not None:
            self.value, self.cursor_position = taken(self.value, chosen)


class Tally(Drawn):
    """How many, how many marked, in which order; or what is wrong with the filter."""

    ALLOW_SELECT = False
    words: Line = ()

    def line(self, y: int) -> Line:
        pad = self.size.width - measure(self.words) - 1
        return [Piece(" " * max(0, pad)), *self.words] if y == 0 else ()

    def tell(self, words: Line) -> None:
        if tuple(words) != tuple(self.words):
            self.words = tuple(words)
            self.redraw(0)


class Label(Drawn):
    """`Filter:`, or the tabs of an area: one is here, a click goes to another."""

    ALLOW_SELECT = False
    tabs: tuple[str, ...] = ()
    here = 0

    def line(self, y: int) -> Line:
        if self.tabs:
            return [Piece(" "), *self._tabs()]
        return [Piece(" Filter:" if self.size.width > 4 else "", "dim")]

    def _tabs(self) -> list[Piece]:
        return [
            Piece(f"[{title}]" if at == self.here else f" {title} ", "active" if at == self.here else "dim")
            for at, title in enumerate(self.tabs)
        ]

    async def on_click(self, event: events.Click) -> None:
        x = 1
        for at, piece in enumerate(self._tabs() if self.tabs else ()):
            x += len(piece.text)
            if event.x < x:
                if at != self.here:
                    await self.run_action(f"screen.tab({at - self.here})")
                return


class FilterLine(Horizontal):
    def __init__(self) -> None:
        super().__init__()
        self.label = Label(id="filter-label")
        self.input = FilterInput()
        self.tally = Tally(id="tally")

    def show_tabs(self, tabs: tuple[str, ...], here: int) -> None:
        """Tabs of the area instead of the word; the one with this number is here."""
        self.label.tabs, self.label.here = tabs, here
        self.add_class("-tabs")

    def compose(self) -> ComposeResult:
        yield self.label
        yield self.input
        yield self.tally
