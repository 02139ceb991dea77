"""One variant of a run, written over before it runs."""

from collections.abc import Awaitable, Callable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from schema.prompts import Completions
from tui.background import leave
from tui.keys import bound, hints
from tui.widgets.ink import plain
from tui.widgets.promptarea import PromptArea
from tui.widgets.samplelist import Numbered


class Overwrite(ModalScreen[tuple[str, str] | None]):
    """Answers prompt and negative as they are to be sent, or None. Nothing in them varies any more."""

    BINDINGS = bound("dialog.take", "dialog.back")

    def __init__(self, one: Numbered, complete: Callable[[str, int], Awaitable[Completions]]) -> None:
        super().__init__()
        self._one = one
        self._complete = complete

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog overwrite") as dialog:
            dialog.border_title = Content(f"Variant {self._one.number:,}  {plain(self._one.name)}")
            dialog.border_subtitle = hints("dialog.take take it", "dialog.back as it was")
            with Horizontal(classes="words"):
                yield Static("prompt", classes="field")
                yield PromptArea(self._one.prompt, id="prompt", ask=self._complete)
            with Horizontal(classes="words"):
                yield Static("negative", classes="field")
                yield PromptArea(self._one.negative, id="negative", ask=self._complete)
            yield Static("Sent as it stands here: braces and underscores mean nothing any more.", classes="quiet")

    def on_mount(self) -> None:
        prompt = self.query_one("#prompt", PromptArea)
        prompt.move_cursor(prompt.document.end)
        self.set_focus(prompt)

    def action_take(self) -> None:
        prompt, negative = (self.query_one(f"#{name}", PromptArea).text for name in ("prompt", "negative"))
        leave(self, (prompt.replace("\r\n", "\n").replace("\r", "\n"), negative.replace("\n", " ")))

    def action_leave(self) -> None:
        leave(self, None)
