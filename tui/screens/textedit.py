"""A file of the library in the terminal: edited as the text it is, checked as one types, saved as it was written."""

import asyncio
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from schema.errors import NoDaemon, Refused
from schema.requests import RunRequest, TextFile
from tui.athome import AtHome
from tui.background import begin, is_open, leave
from tui.keys import bound, face, pressed
from tui.link.shelf import Noun, check, save
from tui.screens.numbers import many
from tui.screens.packtext import fault_at, shown, written
from tui.widgets.ink import plain
from tui.widgets.promptarea import PromptArea

WAIT = 0.4
"""Seconds after the last letter before it is checked."""


class TextEdit(AtHome, ModalScreen[bool]):
    """Answers whether it was saved. `line`: from 0, where the cursor begins."""

    BINDINGS = bound("dialog.take", "write.fault", "dialog.back")

    def __init__(self, noun: Noun, name: str, text: str, line: int = 0) -> None:
        super().__init__()
        self._noun: Noun = noun
        self._called = name
        self._text = text
        self._line = line
        self._fault: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog editor pack") as dialog:
            dialog.border_title = Content(f"{self._noun.removesuffix('s').capitalize()}  {plain(self._called)}")
            dialog.border_subtitle = (
                f"{face('dialog.take')} save  {face('write.fault')} to the fault  {face('dialog.back')} back"
            )
            yield PromptArea(shown(self._text), id="text", ask=self.home.names_at)
            yield Static("", id="count")

    def on_mount(self) -> None:
        area = self.query_one(PromptArea)
        area.show_line_numbers = True
        area.move_cursor((self._line, 0), center=True)
        self.set_focus(area)
        begin(self, partial(self._check, 0.0), group="check", exclusive=True)

    @property
    def text(self) -> str:
        """As it would be saved."""
        return written(self._text, shown(self.query_one(PromptArea).text))

    @on(TextArea.Changed)
    def _wrote(self) -> None:
        begin(self, partial(self._check, WAIT), group="check", exclusive=True)

    async def _check(self, wait: float) -> None:
        """By the reader that plans it."""
        await asyncio.sleep(wait)
        text = await asyncio.to_thread(written, self._text, shown(self.query_one(PromptArea).text))
        wish = self._wish(TextFile(name=self._called, text=text))
        try:
            words, warnings = await self._read(text) if wish is None else await self._planned(wish)
        except Refused as e:
            self._fault = fault_at(e.where)
            self.tell(e.told(), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer; it is checked when it does", bad=True)
        else:
            self._fault = next(filter(None, map(fault_at, warnings)), None)
            self.tell("\n".join([words, *(f"! {plain(one)}" for one in warnings[:1])]))

    async def _planned(self, wish: RunRequest) -> tuple[str, tuple[str, ...]]:
        """What a run of it comes to, and its warnings. Raises Refused or NoDaemon."""
        tried = await self.home.asker.try_out(wish, 1)
        noun = "variant" if tried.space == "1" else "variants"
        return f"{many(tried.jobs)} {'job' if tried.jobs == 1 else 'jobs'} · {many(tried.space)} {noun}", tried.warnings

    async def _read(self, text: str) -> tuple[str, tuple[str, ...]]:
        """That it can be saved, and its warnings. Raises Refused or NoDaemon."""
        warnings = await check(self.home.asker, self._noun, self._called, text)
        return "can be read" if not warnings else "can be read, with a warning", warnings

    def _wish(self, file: TextFile) -> RunRequest | None:
        """A run that reads it; None: there is none that does."""
        match self._noun:
            case "packs":
                return RunRequest(packs=(file,))
            case "profiles":
                return RunRequest(prompt="a picture", profile=file)
            case _:
                return None

    def tell(self, words: str, *, bad: bool = False) -> None:
        if is_open(self):
            line = self.query_one("#count", Static)
            line.set_class(bad, "wrong")
            line.update(Content(words))

    def action_to_fault(self) -> None:
        if self._fault is not None:
            self.query_one(PromptArea).move_cursor(self._fault, center=True)

    def action_take(self) -> None:
        begin(self, self._save, group="save", exclusive=True)

    async def _save(self) -> None:
        try:
            await save(self.home.asker, self._noun, self._called, self.text)
        except Refused as e:
            self._fault = fault_at(e.where)
            self.tell(e.told(), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer; nothing was saved, nothing is lost", bad=True)
        else:
            self.home.say(f"{self._called} saved")
            leave(self, True)

    async def action_leave(self) -> None:
        from tui.screens.ask import Confirm

        def answered(yes: bool | None) -> None:
            if yes:
                self.action_take()
            elif yes is False:
                leave(self, False)

        if self.text == self._text:
            leave(self, False)
        else:
            await self.app.push_screen(
                Confirm(
                    "Save what was changed?",
                    f"{pressed('dialog.no')} drops it, {pressed('dialog.leave')} goes on writing.",
                ),
                answered,
            )
