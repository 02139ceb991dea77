"""Everything that was learned, with its records, as one file that a language model can be given."""

import asyncio
import os
from functools import partial
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from schema.errors import NoDaemon, Refused, why
from schema.sizes import size
from tui.athome import AtHome
from tui.background import begin, leave
from tui.keys import bound, hints
from tui.widgets.field import Field
from tui.widgets.ink import plain
from tui.widgets.tick import Tick

PATIENCE = 300.0
"""Seconds: a hundred thousand records take a while to be written."""


ABOUT = """Records, insights and what the fields mean, for a language model to read; no host names, no paths. \
Presets that it proposes are read by `stablenew learn import` and never applied by themselves."""


class SaveBundle(AtHome, ModalScreen[None]):
    BINDINGS = bound("dialog.back", "dialog.take")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog saving") as dialog:
            dialog.border_title = "Save what was learned"
            dialog.border_subtitle = hints("⏎ save", "dialog.back back")
            yield Field("~/stablenew-learned.zip", id="file", compact=True, select_on_focus=False)
            yield Tick("without the words of prompts", True, id="redact")
            yield Static(Content(ABOUT), classes="quiet")
            yield Static("", id="told", classes="quiet")

    @on(Input.Submitted)
    def action_take(self) -> None:
        path = Path(self.query_one("#file", Input).value.strip()).expanduser()
        begin(self, partial(self._save, path, redact=self.query_one(Tick).value), group="bundle", exclusive=True)

    async def _save(self, path: Path, *, redact: bool) -> None:
        if path.suffix != ".zip":
            self.tell("name a file that ends in .zip", bad=True)
            return
        self.tell("…")
        query: dict[str, str | int] = {"redact": "prompts"} if redact else {}
        try:
            content = await self.home.asker.raw("GET", "/v1/learn/bundle", query=query, patience=PATIENCE)
            await asyncio.to_thread(write, path, content)
        except Refused as e:
            self.tell(e.told(), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer", bad=True)
        except OSError as e:
            self.tell(f"{path}: {why(e)}", bad=True)
        else:
            self.home.say(f"saved: {path} ({size(len(content))})")
            leave(self, None)

    def tell(self, words: str, *, bad: bool = False) -> None:
        line = self.query_one("#told", Static)
        line.set_class(bad, "wrong")
        line.update(Content(plain(words)))

    def action_leave(self) -> None:
        leave(self, None)


def write(path: Path, content: bytes) -> None:
    """Whole or not at all; nothing that is there is written over. Raises OSError."""
    kept = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        kept.write_bytes(content)
        os.link(kept, path)
    finally:
        kept.unlink(missing_ok=True)
