"""A prompt as it is written: weights and places to vary in colour, names completed, weights stepped by keys.

Knows nothing of the daemon: `ask` answers what may stand at the cursor.
"""

import asyncio
import re
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import get_args

from rich.text import Text
from textual.widgets import TextArea

from schema.prompts import Completions, Segment
from tui.background import begin
from tui.keys import bindings, bound, of
from tui.promptlexer import Kind, Lexed, lex
from tui.screens.weights import stepped
from tui.widgets.completing import CompletionList
from tui.widgets.ink import harmless

Ask = Callable[[str, int], Awaitable[Completions]]
"""The text and the character at the cursor, to what may stand there."""

WAIT = 0.08
"""Seconds after the last letter before names are asked for."""

OPENED = re.compile(r"(?:__[^\s_][^\s,|{}]*|__|<[a-z]*:?[^<>\n]*|\[\[[^\]\n]*|\$\{[^}\n]*)\Z")
"""What is begun with a mark before the cursor: enter takes a name there."""
BARE = re.compile(r"[^\W\d_][\w-]{2,}\Z")

PLACES = ("choice", "wildcard", "slot", "variable", "wrap", "search", "locked")
SIGNS = get_args(Kind)


class PromptArea(TextArea):
    own_keys = "text"
    COMPONENT_CLASSES = {f"prompt--{kind}" for kind in (*PLACES, *SIGNS)}
    BINDINGS = [*bindings(of("text")), *bound("names.take", "names.next", "names.before", "names.close")]

    def __init__(self, text: str, *, id: str, ask: Ask | None = None) -> None:
        super().__init__(text, id=id, compact=True, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False)
        self._ask = ask
        self._lexed: tuple[str, Lexed] = ("", Lexed((), ()))
        """What its signs do, and the text that this was found in."""
        self._segments: tuple[Segment, ...] = ()
        self._starts: list[int] = []
        """Where each line begins, in characters."""
        self._names: CompletionList | None = None
        self._marked = False
        """The names are of something that was begun with a mark."""

    # Colours ----------------------------------------------------------------------------------------

    def colour(self, segments: Sequence[Segment]) -> None:
        """Places to vary of this very text."""
        self._segments = tuple(one for one in segments if one.key)
        self._starts = []
        self._line_cache.clear()
        self.refresh()

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if (shown := harmless(line.plain)) != line.plain:
            line.plain = shown
        lexed = self.lexed
        if line_index >= len(self._starts):
            return line
        begins = self._starts[line_index]

        def dye(start: int, end: int, kind: str) -> None:
            start, end = max(0, start - begins), min(len(line.plain), end - begins)
            if start < end:
                line.stylize(self.get_component_rich_style(f"prompt--{kind}", partial=True), start, end)

        for mark in lexed.marks:
            dye(*mark)
        for one in self._segments:
            dye(one.start, one.end, one.kind)
            if one.locked is not None:
                dye(one.start, one.end, "locked")
        return line

    @property
    def lexed(self) -> Lexed:
        """Of the text as it stands."""
        text = self.text
        if self._lexed[0] != text or not self._starts:
            self._lexed = (text, lex(text))
            self._starts = line_starts(text)
        return self._lexed[1]

    # Characters and lines ---------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The cursor, in characters of the text."""
        return self.character(self.cursor_location)

    def character(self, location: tuple[int, int]) -> int:
        row, column = location
        starts = line_starts(self.text)
        return (starts[row] if row < len(starts) else len(self.text)) + column

    def location(self, character: int) -> tuple[int, int]:
        starts = line_starts(self.text)
        row = max(0, bisect_right(starts, character) - 1)
        return row, character - starts[row]

    # Names ------------------------------------------------------------------------------------------

    @property
    def is_completing(self) -> bool:
        return self._names is not None and self._names.display

    @property
    def is_choosing(self) -> bool:
        """Enter and arrows mean the names: their beginning was marked."""
        return self.is_completing and self._marked

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("take", "close_names"):
            return self.is_completing
        if action == "take_marked":
            return self.is_choosing
        if action in ("select_line", "select_all"):  # on f6 and f7, which go to an area here as everywhere
            return False
        return super().check_action(action, parameters)

    def on_text_area_changed(self) -> None:
        before = self.text[: self.at]
        opened = OPENED.search(before.rpartition("\n")[2])
        if self.has_focus and (opened or BARE.search(before)):
            self._look(bool(opened), WAIT)
        else:
            self.action_close_names()

    def on_text_area_selection_changed(self) -> None:
        if self._names is not None and self._names.display and not self._names.covers(self.text, self.at):
            self.action_close_names()

    def on_blur(self) -> None:
        self.action_close_names()

    def action_ask_names(self) -> None:
        self._look(True, 0.0)

    def _look(self, marked: bool, wait: float) -> None:
        if self._ask is not None:
            begin(self, partial(self._fetch, self._ask, marked, wait), group="completion", exclusive=True)

    async def _fetch(self, ask: Ask, marked: bool, wait: float) -> None:
        await asyncio.sleep(wait)
        text, at = self.text, self.at
        found = await ask(text, at)
        if (text, at) != (self.text, self.at) or not self.has_focus:
            return
        exact = len(found.items) == 1 and text[found.items[0].start : found.items[0].end] == found.items[0].text
        if not found.items or exact:
            self.action_close_names()
            return
        if self._names is None:
            self._names = CompletionList()
            await self.screen.mount(self._names)
        self._marked = marked
        first = self.location(found.items[0].start)
        offset = self.cursor_screen_offset
        back = self.cursor_location[1] - first[1] if first[0] == self.cursor_location[0] else 0
        self._names.show(found, text, at, (max(0, offset.x - back), offset.y + 1), marked=marked)

    def action_step_name(self, by: int) -> None:
        """Through the names; where none are offered, through the lines."""
        if self._names is not None and self.is_choosing:
            self._names.step(by)
        elif by > 0:
            self.action_cursor_down()
        else:
            self.action_cursor_up()

    def action_close_names(self) -> None:
        self.workers.cancel_group(self, "completion")
        if self._names is not None:
            self._names.display = False

    def action_take_marked(self) -> None:
        self.action_take()

    def action_take(self) -> None:
        """The name under its cursor, in place of what is begun."""
        chosen = self._names.chosen() if self._names is not None else None
        if chosen is not None:
            end = max(chosen.end, self.at) if chosen.end <= self.at else chosen.end
            self.replace(chosen.text, self.location(chosen.start), self.location(end))
            self.move_cursor(self.location(chosen.start + len(chosen.text)))
        self.action_close_names()

    # Weights ----------------------------------------------------------------------------------------

    def action_weigh(self, by: int) -> None:
        start, end = sorted((self.character(self.selection.start), self.character(self.selection.end)))
        change = stepped(self.text, start, end, by)
        if change is not None:
            chosen = start != end
            self.replace(change.text, self.location(change.start), self.location(change.end))
            self.move_cursor(self.location(change.first))
            if chosen and change.last > change.first:
                self.move_cursor(self.location(change.last), select=True)


def line_starts(text: str) -> list[int]:
    """The first character of every line."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts if text.endswith(("\n", "\r")) or not text else starts[:-1]
