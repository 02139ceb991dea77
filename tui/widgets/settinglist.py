"""The settings as lines: section after section, each with its value and where that comes from."""

from collections.abc import Iterable
from typing import NamedTuple

from textual.strip import Strip

from schema.plans import Scalar
from tui.keys import pressed
from tui.link.configfile import Config
from tui.link.settingsheet import Setting
from tui.widgets.held import HeldList
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain

FIRST = ("ui", "learning", "run", "agent", "results", "library")
"""Sections that people look for most, in this order; the others follow as docs/settings.md has them."""

TITLE = {
    "ui": "the screen", "learning": "what is learned from", "run": "new runs", "agent": "what draws on this machine",
    "results": "where pictures go", "library": "models", "daemon": "the daemon", "video": "films",
    "refine": "finishing", "sketch": "the stand-in that needs no GPU", "fleet": "other machines",
    "gallery": "posting pictures", "backup": "copies of the log", "api": "other programs, over TCP",
    "hooks": "who is told", "disk": "room on the disk",
}  # fmt: skip

MODE = Setting(
    "learning.mode", "choice", ("passive", "active", "off"), default="passive",
    about="Passive: whatever you rate is learned from. Active: the same, and pictures of new runs come first where you "
    "rate what waits. Off: ratings are kept, and nothing is learned from them.",
)  # fmt: skip
"""Of the daemon and not of the file: it is a wish like others, and z takes it back."""

PENDING = "↻"
"""Beside what another start of the daemon will obey."""


class Row(NamedTuple):
    key: str
    """Of a section its name in brackets."""
    setting: Setting | None
    value: Scalar = None
    origin: str = ""
    """Empty: the default."""
    pending: bool = False

    @property
    def is_head(self) -> bool:
        return self.setting is None


def rows(
    config: Config, *, mode: str = "", words: str = "", only_set: bool = False, pending: Iterable[str] = ()
) -> list[Row]:
    """`words`: all of them in a setting's name or in what it is for; `mode`: of learning, empty while unknown."""
    waiting = set(pending)
    sheet = (*config.sheet, MODE) if config.sheet else ()
    told: list[Row] = []
    for section in _ordered({one.key.partition(".")[0]: None for one in sheet}):
        mine = [_row(one, config, mode, waiting) for one in sheet if one.key.partition(".")[0] == section]
        kept = [row for row in mine if _fits(row, words) and (row.origin or not only_set)]
        if kept:
            told += [Row(f"[{section}]", None), *kept]
    return told


def _ordered(sections: Iterable[str]) -> list[str]:
    every = list(sections)
    return [*(one for one in FIRST if one in every), *(one for one in every if one not in FIRST)]


def _row(setting: Setting, config: Config, mode: str, pending: set[str]) -> Row:
    if setting is MODE:
        return Row(setting.key, setting, mode or None, "the daemon" if mode not in ("", setting.default) else "")
    origin = config.origins.get(setting.key, "")
    value = config.value(setting.key)
    if value is None:
        value = config.usual.get(setting.key)
    return Row(setting.key, setting, value, origin, setting.key in pending)


def _fits(row: Row, words: str) -> bool:
    if not words or row.setting is None:
        return True
    section = row.key.partition(".")[0]
    text = f"{row.key} {row.setting.about} {TITLE.get(section, '')} {value_words(row)}".lower()
    return all(word in text for word in words.lower().split())


def value_words(row: Row) -> str:
    """As a person reads it."""
    setting, value = row.setting, row.value
    if setting is None:
        return ""
    if value is None or value == "":
        return "…" if setting is MODE else "not set"
    if setting.sort == "flag":
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.15g}"
    return f"{value:,}" if isinstance(value, int) and value > 99_999 else str(value)


class SettingList(HeldList[Row]):
    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self) -> None:
        super().__init__(lambda row: row.key, id="settings")
        self.title_line = (Piece("Settings", "title"),)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 1:
            return self.strip(
                [Piece(fit(f"  Nothing like this: {pressed('settings.clear')} shows all.", width), "dim")], width
            )
        return super().inner(y, width)

    def cell_line(self, index: int, item: Row | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip((), width, over)
        if item.setting is None:
            section = item.key.strip("[]")
            words = TITLE.get(section, section)
            return self.strip([Piece(f" {words}", "title"), Piece(f"  {item.key}", "faint")], width, over)
        return self.strip(setting_line(item, width, here=here), width, over)


def setting_line(row: Row, width: int, *, here: bool) -> Line:
    """Name, value, where it comes from; that where there is room, and where there is more what it is for."""
    origin = 18 if width >= 60 else 0
    name = min(28, max(14, (width - origin) * 2 // 5))
    called = row.key.partition(".")[2]
    ink = "dim" if not row.origin else "warn" if row.origin.startswith("STABLENEW_") else "strong"
    room = width - name - origin - 6
    about = room - 40 if room >= 80 else 0
    words = plain(row.setting.about.replace("`", "")) if row.setting is not None else ""
    return [
        Piece(">" if here else " ", "strong"),
        Piece(PENDING if row.pending else " ", "warn"),
        Piece(fit(f" {plain(called)}", name), "text"),
        Piece("  "),
        Piece(fit(plain(value_words(row)), max(4, room - about - bool(about))), ink),
        Piece(" "),
        Piece(fit(words, about) + " " if about else "", "dim"),
        Piece(fit_middle(plain(row.origin) or "default", origin) if origin else "", "dim" if row.origin else "faint"),
    ]
