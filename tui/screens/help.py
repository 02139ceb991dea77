"""The keys of what has focus: made from the table, so it cannot be wrong."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from tui.background import leave
from tui.keys import AREAS, LEADER, LEADER_TOP, TITLES, Key, bound, face, of, places_of, shown
from tui.widgets.ink import Line, Piece, fit, wrap
from tui.widgets.listing import Listing
from tui.widgets.panel import Panel
from tui.widgets.promptarea import PromptArea

FILTERS = (
    ("words", "all of them, anywhere in name or prompt"),
    ("state:queued|failed", "queued held running finished failed cancelled attention"),
    ("run:ID pack:NAME node:NAME", "where it belongs"),
    ("model:NAME tag:WORD", "what it was made with, how it is tagged"),
    ("stars:>=4", "its rating"),
    ("since:2h", "an age, a date or a seq"),
)

MODEL_FILTERS = (
    ("words", "all of them, in name, title, tags or trigger words"),
    ("list:loras base:sdxl", "its kind, and what it is made for"),
    ("tag:WORD trigger:WORD", "how it is tagged, what calls it up"),
    ("stars:>=4 favourite:yes", "its rating"),
    ("node:NAME local:yes uses:>0", "where it lies, whether it was used"),
    ("missing:any since:2h", "what nobody says of it; new since"),
)
EVENT_FILTERS = (
    ("words", "all of them, anywhere in the event"),
    ("kind:trouble kind:job|stage", "what went wrong; what it is about"),
    ("job:ID run:ID picture:ID node:NAME", "all that happened to it"),
    ("actor:me command:ID type:JobFailed", "who asked; all of one wish; one sort of event"),
    ("since:2h until:4120", "an age, a date or a seq"),
    ("level:warning program:agent", "in the tab of the programs"),
)
NAME_FILTERS = (("words", "all of them, anywhere in the name"),)

FILTERS_OF = {"logs": EVENT_FILTERS, "models": MODEL_FILTERS, "packs": NAME_FILTERS, "shelf": NAME_FILTERS}
"""By area, where they are not those of jobs and pictures."""

NARROW = 90
"""Cells below which all stands in one column."""

KEYS = 16
"""Cells of a line's keys, before what they do."""


class KeysHelp(ModalScreen[None]):
    BINDINGS = bound("page.leave_help", "page.down", "page.up", "page.half_down", "page.half_up")

    def __init__(self, area: str, focused: Widget | None, keymap: Mapping[str, str], *, past: bool = False) -> None:
        """`past`: the keys of travel are told first."""
        super().__init__()
        self._past = past
        self._area = area
        self._typing = isinstance(focused, Input)
        self._own = focused.own_keys if isinstance(focused, Listing | PromptArea) else ""
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        yield Panel(id="keys-help")

    def on_mount(self) -> None:
        self.on_resize()
        self.set_focus(self.query_one(Panel))

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        panel = self.query_one(Panel)
        panel.fill(self.lines(panel.room[0]), [Piece("Keys", "title")], keep_place=True)
        panel.refoot([Piece(f"{face('page.leave_help')} back", "dim")])

    def lines(self, width: int) -> list[Line]:
        first = (*(("then",) if self._past else ()), *((self._own,) if self._own else ()))
        half = width if width < NARROW else width // 2
        mine = [self.section(where, half) for where in (*first, *places_of(self._area))]
        other = [self.section("everywhere", half), self.leader()]
        if "lists" in places_of(self._area):
            other.append(self.filters())
        if width < NARROW:
            return [line for part in (*mine, *other) for line in part]
        left = [line for part in mine for line in part]
        right = [line for part in other for line in part]
        left += [[]] * (len(right) - len(left))
        right += [[]] * (len(left) - len(right))
        return [[*padded(one, half), *padded(two, width - half)] for one, two in zip(left, right, strict=True)]

    def section(self, where: str, width: int) -> list[Line]:
        return [
            [Piece(f" {TITLES[where]}", "title")],
            *(line for key in of(where) for line in self.row(key, width)),
            [],
        ]

    def row(self, key: Key, width: int) -> list[Line]:
        """In as many lines as its words need."""
        keys = shown(self._keymap.get(key.id, key.keys))
        said = wrap(key.does, max(20, width - KEYS - 1), 4)
        return [[Piece(fit("" if at else f"   {keys}", KEYS), "key"), Piece(line)] for at, line in enumerate(said)]

    def leader(self) -> list[Line]:
        leader = shown(self._keymap.get("app.leader", LEADER))
        rows = [(f"{leader} {area.letter}", area.title) for area in AREAS] + [(f"{leader} {LEADER_TOP}", "top")]
        return [
            [Piece(f" After {leader}", "title")],
            *([Piece(fit(f"   {keys}", KEYS), "key"), Piece(word)] for keys, word in rows),
            [],
        ]

    def filters(self) -> list[Line]:
        rows: list[Line] = [[Piece(" Words of a filter" + (" (you type one now)" if self._typing else ""), "title")]]
        for word, meaning in FILTERS_OF.get(self._area, FILTERS):
            rows += [[Piece(f"   {word}", "key")], [Piece(f"      {meaning}", "dim")]]
        return [*rows, []]

    def action_leave(self) -> None:
        leave(self, None)

    def action_scroll(self, by: int) -> None:
        self.query_one(Panel).scroll_by(by)


class Keyed:
    """A screen over an area that has no keys but its own; `where`: their place in the table."""

    where: ClassVar[str]


class OwnKeys(KeysHelp):
    """Of such a screen."""

    def __init__(self, where: str, keymap: Mapping[str, str]) -> None:
        super().__init__(where, None, keymap)

    def lines(self, width: int) -> list[Line]:
        return self.section(self._area, width)


def padded(line: Line, width: int) -> list[Piece]:
    """A line whose last piece is cut or filled so that all are `width` cells."""
    pieces = list(line) or [Piece("")]
    before = sum(len(piece.text) for piece in pieces[:-1])
    return [*pieces[:-1], Piece(fit(pieces[-1].text, width - before), pieces[-1].ink)]
