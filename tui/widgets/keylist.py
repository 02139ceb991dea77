"""Every key as a line, place after place: what is pressed, what it does, its name in the keymap."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from textual.strip import Strip

from tui.keys import AREAS, TABLE, TITLES, Key, places_of, pressed, shown
from tui.widgets.held import HeldList
from tui.widgets.ink import Piece, fit, fit_middle


class KeyRow(NamedTuple):
    id: str
    """Of a group its title."""
    key: Key | None
    keys: str = ""
    """As Textual names them, separated by commas."""
    changed: bool = False

    @property
    def is_head(self) -> bool:
        return self.key is None


def key_rows(keymap: Mapping[str, str], *, words: str = "", only_set: bool = False) -> list[KeyRow]:
    told: list[KeyRow] = []
    for where, title in TITLES.items():
        mine = [KeyRow(key.id, key, keymap.get(key.id, key.keys), key.id in keymap) for key in TABLE
                if key.where == where]  # fmt: skip
        kept = [row for row in mine if _key_fits(row, words) and (row.changed or not only_set)]
        if kept:
            told += [KeyRow(title, None), *kept]
    return told


def _key_fits(row: KeyRow, words: str) -> bool:
    if row.key is None:
        return True
    text = f"{row.id} {row.key.does} {row.keys} {shown(row.keys)} {TITLES[row.key.where]}".lower()
    return all(word in text for word in words.lower().split())


def rivals(key: Key) -> Sequence[Key]:
    """Those that a person could mean at the same place by the same key."""
    shared = {area.id: set(places_of(area.id)) for area in AREAS}
    here = {key.where}
    if key.where == "everywhere":
        here |= set().union(*shared.values())
    elif key.where == "lists":
        here |= {"everywhere"}.union(*(places for places in shared.values() if "lists" in places))
    elif key.where in shared:
        here |= {"everywhere"} | shared[key.where]
    return [one for one in TABLE if one.where in here and one.id != key.id]


def clash(key: Key, pressed: str, keymap: Mapping[str, str]) -> Key | None:
    """Whose key it is already."""
    for one in rivals(key):
        if pressed in keymap.get(one.id, one.keys).replace(" ", "").split(","):
            return one
    return None


def others(key: Key, pressed: str, keymap: Mapping[str, str]) -> str:
    """The keys it has besides this one."""
    has = keymap.get(key.id, key.keys).replace(" ", "").split(",")
    return ",".join(one for one in has if one != pressed)


class KeyList(HeldList[KeyRow]):
    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self) -> None:
        super().__init__(lambda row: row.id, id="keymap")
        self.title_line = (Piece("Keys", "title"),)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 1:
            return self.strip(
                [Piece(fit(f"  Nothing like this: {pressed('settings.clear')} shows all.", width), "dim")], width
            )
        return super().inner(y, width)

    def cell_line(self, index: int, item: KeyRow | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip((), width, over)
        if item.key is None:
            return self.strip([Piece(f" {item.id}", "title")], width, over)
        own = 24 if width >= 80 else 0
        pieces = [
            Piece("> " if here else "  ", "strong"),
            Piece(fit(f" {shown(item.keys)}", 14), "strong" if item.changed else "key"),
            Piece(fit(f"  {item.key.does}", max(4, width - 17 - own)), "text"),
            Piece(" "),
            Piece(fit_middle(item.id, own) if own else "", "strong" if item.changed else "faint"),
        ]
        return self.strip(pieces, width, over)
