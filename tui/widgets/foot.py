"""The last two lines, in one docked widget: what is being made, and the keys that matter here."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual import events

from tui.keys import AREAS, LEADER_TOP, Key, doer, face, first_shown
from tui.live import Live
from tui.widgets.ink import Drawn, Line, Piece, measure, plain
from tui.widgets.statusline import status

STARTING = "starting the daemon"
"""Why nobody speaks, while one is on its way."""

ALWAYS = ("go", "undo", "help")
"""Words of hints that are never left out."""


class Hint(NamedTuple):
    face: str
    word: str
    key: Key


class Foot(Drawn):
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._live = Live()
        self._again = ""
        self._hints: tuple[Hint, ...] = ()
        self._leading = False

    def show(self, live: Live, again: str = "") -> None:
        """`again`: when the daemon is tried again, in words."""
        before = self.line(0)
        self._live, self._again = live, again
        if tuple(before) != tuple(self.line(0)):
            self.redraw(0)

    def hint(self, keys: Sequence[Key], keymap: Mapping[str, str]) -> None:
        hints = tuple(Hint(first_shown(key, keymap), key.hint, key) for key in keys if key.hint)
        if hints != self._hints:
            self._hints = hints
            self.redraw(1)

    def lead(self, pending: bool) -> None:
        """Shows or hides the letters that may follow the leader."""
        self._leading = pending
        self.redraw(1)

    def line(self, y: int) -> Line:
        if y == 0:
            return status(self._live, self.size.width) if self._live.linked else self._silent()
        return self._letters() if self._leading else [piece for piece, _ in self._keys()]

    def _silent(self) -> list[Piece]:
        words = plain(self._live.silence)
        if words == STARTING:
            return [Piece(f" ◐ {words} …", "warn")]
        return [Piece(" ○ no daemon ", "bad"), Piece(self._again, "dim"), Piece(f"  {words}" if words else "", "faint")]

    def _letters(self) -> list[Piece]:
        """As far apart as there is room for."""
        line: list[Piece] = []
        for gap in ("   ", "  ", " "):
            line = [Piece(f" {face('app.leader')} ", "active"), Piece("then  " if len(gap) == 3 else " ", "dim")]
            for area in AREAS:
                line += [Piece(area.letter, "key"), Piece(f" {area.title}{gap}", "text")]
            line += [Piece(LEADER_TOP, "key"), Piece(f" top{gap}", "text"), Piece("esc", "key"), Piece(" no", "dim")]
            if measure(line) <= self.size.width:
                return line
        return line[:-2]

    def _keys(self) -> list[tuple[Piece, Key | None]]:
        """As many hints as fit, with the key that a click on each stands for; the way out and the help always do."""
        gap = "  " if self.size.width >= 100 else " "
        faces = [one._replace(face="space") if one.face == "␣" and len(gap) == 2 else one for one in self._hints]
        long = [cell_len(one.face) + 1 + cell_len(one.word) + len(gap) for one in faces]
        room = self.size.width - 1 - sum(n for n, hint in zip(long, faces, strict=True) if hint.word in ALWAYS)
        line: list[tuple[Piece, Key | None]] = [(Piece(" "), None)]
        for wide, (sign, word, key) in zip(long, faces, strict=True):
            if word not in ALWAYS:
                if wide > room:
                    continue
                room -= wide
            line += [(Piece(sign, "key"), key), (Piece(f" {word}{gap}", "dim"), key)]
        return line

    async def on_click(self, event: events.Click) -> None:
        if event.y != 1 or self._leading:
            return
        x = 0
        for piece, key in self._keys():
            x += cell_len(piece.text)
            if event.x < x:
                if key is not None:
                    await self.app.run_action(key.action, default_namespace=doer(self.screen, key))
                return
