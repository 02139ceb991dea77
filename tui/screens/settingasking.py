"""How Settings asks: a line that is judged as it is typed, the themes as they would look, a key that is pressed."""

from collections.abc import Callable, Mapping

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.background import leave
from tui.keys import TITLES, Key, bound, hints, shown
from tui.widgets.field import Field
from tui.widgets.ink import plain
from tui.widgets.keylist import clash, others


class Written(ModalScreen[str | None]):
    """The text, or None. Enter takes only what `judge` has nothing to say against."""

    BINDINGS = bound("dialog.back")

    def __init__(
        self, title: str, value: str, may_be: str, judge: Callable[[str], str], *, secret: bool = False
    ) -> None:
        super().__init__()
        self._title = title
        self._value = value
        self._may_be = may_be
        self._judge = judge
        self._secret = secret

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = hints("⏎ write it", "dialog.back back")
            yield Field(self._value, compact=True, select_on_focus=False, password=self._secret)
            yield Static(Content(self._may_be), classes="quiet")
            yield Static("", id="told")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        fault = self._judge(event.value)
        told = self.query_one("#told", Static)
        told.set_class(bool(fault), "wrong")
        told.set_class(not fault, "right")
        told.update(Content(plain(fault) if fault else "✓" if event.value != self._value else ""))

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        if event.value == self._value and not self._secret:
            leave(self, None)
        elif not self._judge(event.value):
            leave(self, event.value)

    def action_leave(self) -> None:
        leave(self, None)


class Themes(ModalScreen[str | None]):
    """The whole screen wears the theme that the cursor stands on."""

    BINDINGS = bound("dialog.leave", "dialog.down", "dialog.up")

    def __init__(self, now: str) -> None:
        super().__init__()
        self._now = now

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog choices themes") as dialog:
            dialog.border_title = "Theme"
            dialog.border_subtitle = hints("⏎ take it", "dialog.leave back")
            names = sorted(self.app.available_themes)
            yield OptionList(*(Option(Content(name), id=name) for name in names), compact=True)

    def on_mount(self) -> None:
        names = sorted(self.app.available_themes)
        options = self.query_one(OptionList)
        options.highlighted = names.index(self._now) if self._now in names else 0
        self.set_focus(options)

    @on(OptionList.OptionHighlighted)
    def _worn(self, event: OptionList.OptionHighlighted) -> None:
        if event.option.id is not None:
            self.app.theme = event.option.id

    @on(OptionList.OptionSelected)
    def _taken(self, event: OptionList.OptionSelected) -> None:
        leave(self, event.option.id)

    def action_step(self, by: int) -> None:
        options = self.query_one(OptionList)
        (options.action_cursor_down if by > 0 else options.action_cursor_up)()

    def action_leave(self) -> None:
        if self._now in self.app.available_themes:
            self.app.theme = self._now
        leave(self, None)


class PressKey(ModalScreen[tuple[str, Key | None] | None], inherit_bindings=False):
    """The name of the key that was pressed, and whose it was: those two change places. None: it stays as it is."""

    def __init__(self, key: Key, had: str, keymap: Mapping[str, str], *, more: bool) -> None:
        super().__init__()
        self._key = key
        self._had = had
        self._keymap = keymap
        self._more = more
        self._pressed = ""
        """One that has another meaning; pressed again, it is taken all the same."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = TITLES[self._key.where]
            dialog.border_subtitle = "esc leaves it as it is"
            word = "Press one more key for" if self._more else "Press the key for"
            yield Static(Content(f"{word}: {self._key.does}"))
            yield Static(Content(f"now {shown(self._had)}"), classes="quiet")
            yield Static("", id="told", classes="wrong")

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            leave(self, None)
            return
        other = clash(self._key, event.key, self._keymap)
        if event.key in self._had.split(","):
            leave(self, None)
        elif other is None or event.key == self._pressed:
            leave(self, (event.key, other))
        else:
            self.query_one("#told", Static).update(Content(self._warned(event.key, other)))

    def _warned(self, pressed: str, other: Key) -> str:
        """Whose it is, and what pressing it once more would do."""
        face, rest = shown(pressed), others(other, pressed, self._keymap)
        words = f"{face} already means: {other.does} ({TITLES[other.where]}).\n"
        if self._more and not rest:
            return f"{words}It has no other key; press another here."
        self._pressed = pressed
        gets = f"which keeps {shown(rest)}" if rest else f"which gets {shown(self._had)}"
        return f"{words}{face} again takes it from there, {gets}."
