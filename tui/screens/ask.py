"""Small questions over an area: yes or no, one of a few, a line of text."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.background import leave
from tui.keys import bound, face, hints
from tui.widgets.field import Field


class Confirm(ModalScreen[bool]):
    """Asks only what cannot be taken back with z, or costs much. Its answer is None where it is not answered."""

    BINDINGS = bound("dialog.yes", "dialog.no", "dialog.leave")

    def __init__(self, question: str, detail: str = "") -> None:
        super().__init__()
        self._question = question
        self._detail = detail

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Sure?"
            dialog.border_subtitle = hints("dialog.leave back")
            yield Static(Content(self._question))
            if self._detail:
                yield Static(Content(self._detail), classes="quiet")
            yield Static(
                Content.from_markup("[b]$yes ⏎[/b] yes   [b]$no[/b] no", yes=face("dialog.yes"), no=face("dialog.no")),
                classes="answers",
            )

    def action_answer(self, yes: bool) -> None:
        leave(self, yes)

    def action_leave(self) -> None:
        leave(self, None)


class Choose(ModalScreen[str | None]):
    """One of a few: its name, or None."""

    BINDINGS = bound("dialog.leave", "dialog.down", "dialog.up")

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], current: str, *, wide: bool = False) -> None:
        super().__init__()
        self._wide = wide
        self._title = title
        self._choices = choices
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog choices wide" if self._wide else "dialog choices") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = hints("⏎ take", "dialog.leave back")
            yield OptionList(*(Option(Content(words), id=name) for name, words in self._choices), compact=True)

    def on_mount(self) -> None:
        names = [name for name, _ in self._choices]
        options = self.query_one(OptionList)
        options.highlighted = names.index(self._current) if self._current in names else 0
        self.set_focus(options)

    def action_step(self, by: int) -> None:
        options = self.query_one(OptionList)
        (options.action_cursor_down if by > 0 else options.action_cursor_up)()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        leave(self, event.option.id)  # a second one may be on its way

    def action_leave(self) -> None:
        leave(self, None)


class Type(ModalScreen[str | None]):
    """A line of text, or None."""

    BINDINGS = bound("dialog.back")

    def __init__(self, title: str, help: str, value: str = "", *, instead: bool = False) -> None:
        """`instead`: what is typed takes the place of the value."""
        super().__init__()
        self._instead = instead
        self._title = title
        self._help = help
        self._value = value

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = hints("⏎ take", "dialog.back back")
            yield Field(self._value, compact=True, select_on_focus=self._instead)
            yield Static(Content(self._help), classes="quiet")

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        leave(self, event.value)

    def action_leave(self) -> None:
        leave(self, None)
