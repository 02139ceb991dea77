"""A field that is chosen and not typed: `model  toy_v1 ▾`. Enter, space or a click asks for another."""

from textual import events
from textual.message import Message

from schema.names import FILES
from tui.keys import bound
from tui.widgets.ink import Drawn, Line, Piece, fit, fit_middle, plain


class Pick(Drawn, can_focus=True):
    BINDINGS = bound("fields.ask", "fields.clear")

    class Asked(Message):
        """Another value is wanted."""

        def __init__(self, pick: "Pick") -> None:
            self.pick = pick
            super().__init__()

    class Cleared(Asked):
        """Its own value is taken back."""

    def __init__(self, id: str, *, otherwise: str = "") -> None:
        super().__init__(id=id)
        self.otherwise = otherwise
        self.value = ""
        self.changed = False
        self.trouble = ""
        """Why this value may not work: `no node has it`."""
        self.off = ""
        """Why there is nothing to choose here; empty: there is."""

    def show(self, value: str, *, changed: bool, off: str = "") -> None:
        if (value, changed, off) != (self.value, self.changed, self.off):
            if value != self.value:
                self.trouble = ""
            self.value, self.changed, self.off = value, changed, off
            self.redraw(0)

    def doubt(self, trouble: str) -> None:
        self.trouble = trouble
        self.redraw(0)

    def line(self, y: int) -> Line:
        if y:
            return ()
        width = self.size.width
        if self.off:
            return [Piece(fit(self.off, width), "faint")]
        trouble = f"! {self.trouble} " if self.trouble else ""
        room = width - 4 - len(trouble)
        words = plain(self.value) or self.otherwise
        if len(words) > room and (end := next((end for end in FILES if words.lower().endswith(end)), "")):
            words = words[: -len(end)]
        ink = "key" if self.has_focus else "strong" if self.changed else "text" if self.value else "faint"
        return [Piece(f"{fit_middle(words, room)}  ", ink), Piece(trouble, "warn"), Piece("▾", "dim")]

    def action_ask(self) -> None:
        if not self.off:
            self.post_message(self.Asked(self))

    def action_clear(self) -> None:
        self.post_message(self.Cleared(self))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.focus()
        self.action_ask()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
