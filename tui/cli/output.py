"""What verbs print: data on stdout, talk on stderr, one JSON document per line, tables a person can read.

Text that came from outside (prompts, names, reasons) loses the characters that could drive a terminal.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from schema.sizes import size as size

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}

STATE_STYLES = {
    "running": "blue", "finished": "green", "failed": "red", "attention": "yellow", "cancelled": "dim", "held": "dim",
    "ready": "green", "busy": "blue", "lost": "red", "drained": "yellow", "paused": "yellow", "read-only": "red",
}  # fmt: skip

_BIDI = (0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x2070), 0xFEFF)
_DRIVING = dict.fromkeys((*range(0x20), 0x7F, *range(0x80, 0xA0), *_BIDI))
_ESCAPED = {code: f"\\u{code:04x}" for code in (0x7F, *range(0x80, 0xA0), *_BIDI)}


def clean(text: str) -> str:
    """One line without control characters, escape sequences' first bytes, and bidirectional overrides."""
    return " ".join(text.split()).translate(_DRIVING)


def clean_lines(text: str) -> str:
    """As `clean`, with the line breaks kept."""
    return "\n".join(line.translate(_DRIVING) for line in text.splitlines())


def as_json(document: object) -> str:
    """One line. Control characters beyond ASCII are escaped, so that a terminal cannot be driven by it."""
    import json

    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    return json.dumps(document, ensure_ascii=ascii_only, separators=(",", ":")).translate(_ESCAPED)


def put_json(document: object) -> None:
    print(as_json(document))


def put(text: str) -> None:
    print(text)


def tell(sentence: str) -> None:
    """Talk: on stderr, so that stdout stays data."""
    print(clean_lines(sentence), file=sys.stderr, flush=True)


def styled(text: str, style: str) -> str:
    """With colour where stdout is a terminal that wants it."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and _colourful() else text


def state(text: str) -> str:
    return styled(text, STATE_STYLES.get(text, ""))


def _colourful() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> str:
    """Columns as wide as they need, the last one cut at the terminal's edge. `right`: heads aligned to the right.

    A column headed STATE is coloured; the cells are cleaned.
    """
    if not rows:
        return "none"
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
    room = max(_width() - sum(widths[:-1]) - 2 * (len(heads) - 1), 8)
    lines = []
    for number, row in enumerate([list(heads), *cells]):
        parts = []
        for i, cell in enumerate(row):
            if i == len(row) - 1:
                cell = cell if len(cell) <= room else cell[: room - 1] + "…"
            width = 0 if i == len(row) - 1 and heads[i] not in right.split() else widths[i]
            padded = cell.rjust(width) if heads[i] in right.split() else cell.ljust(width)
            if number and heads[i] == "STATE":
                padded = state(cell) + " " * (len(padded) - len(cell))
            parts.append(styled(padded, "bold") if number == 0 else padded)
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _width() -> int:
    """Columns of the terminal; wide enough for everything where stdout is none."""
    if not sys.stdout.isatty():
        return 10_000
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def pairs(values: Mapping[str, str]) -> str:
    """`name  value` lines, the names aligned; empty values left out."""
    shown = {name: value for name, value in values.items() if value}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name:<{width}}  {clean(value)}" for name, value in shown.items())


def duration(seconds: float | None) -> str:
    """`42s`, `3m 05s`, `2h 10m`, `3d 4h`; empty when nobody knows."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600}h"


def moment(iso: str) -> str:
    """An ISO time as a person reads it, in the local zone: `14:05` today, else `2026-11-20 14:05`."""
    from datetime import datetime

    try:
        at = datetime.fromisoformat(iso).astimezone()
    except ValueError:
        return iso
    today = datetime.now().astimezone().date() == at.date()
    return at.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def stars(number: int) -> str:
    return "★" * number if number else ""
