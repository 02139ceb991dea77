"""A box to tick, told by its letters and not by its colour: `[x] film`."""

from textual import events
from textual.message import Message

from tui.keys import bound
from tui.widgets.ink import Drawn, Line, Piece


class Tick(Drawn, can_focus=True):
    BINDINGS = bound("fields.ask")

    class Changed(Message):
        """It was ticked, or no longer is."""

    def __init__(self, word: str, value: bool, *, id: str) -> None:
        super().__init__(id=id)
        self.word = word
        self.value = value

    def line(self, y: int) -> Line:
        box = "[x]" if self.value else "[ ]"
        return [Piece(box, "key" if self.has_focus else "text"), Piece(f" {self.word}", "text")] if y == 0 else ()

    def action_ask(self) -> None:
        self.value = not self.value
        self.refresh()
        self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_ask()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
