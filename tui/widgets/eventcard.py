"""An event whole, as lines: what happened, who asked, what led to it, and all it says. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from schema.ids import Seq
from schema.logpages import ProgramLine
from schema.then import Moment
from tui.link.then import Happening
from tui.widgets.banner import told
from tui.widgets.eventlist import named, who
from tui.widgets.ink import Line, Piece, fit, plain, wrap

LONGEST = 40
"""Lines of one value."""

NAME, LONG_NAME = 19, 34
"""Cells of the names of facts and fields; the second at most, where there is room for long ones."""

ROOMY = 90
"""Cells of a pane from which there is."""


def card(event: Happening, cause: Happening | None, me: str, names: Mapping[str, str], width: int) -> list[Line]:
    """For a pane `width` cells wide. `cause`: the event that led to it, if one did; `names`: of nodes by their ids."""
    lines: list[Line] = [[Piece(f" {line}", "strong")] for line in wrap(named(event.words, names), width - 2, 12)]
    moment = Moment(seq=Seq(event.seq), at=event.at, newest=Seq(event.seq))
    asked = who(event.actor, me, names)
    facts = {
        "when": told(moment, wide=True),
        "who asked": asked if asked == event.actor else f"{asked} ({event.actor})",
        "the wish": f"{event.command}  (c: all that came of it)" if event.command else "",
        "because of": f"{event.cause}: {named(cause.words, names)}" if cause is not None else str(event.cause or ""),
        "hash in the chain": event.hash,
    }  # fmt: skip
    lines.append([])
    for name, value in facts.items():
        if value:
            lines += pair(name, value, width, 2)
    return [*lines, [], [Piece(" As it stands in the log", "title")], *fields(event.event, width)]


def fields(event: Mapping[str, object], width: int) -> Iterator[Line]:
    """Every value on its own line, under the name that leads to it: `spec.overlay.txt2img.steps`."""
    found = list(flat(event))
    cells = max([NAME, *(len(name) + 4 for name, _ in found)]) if width >= ROOMY else NAME
    for name, value in found:
        yield from pair(f"  {name}", value, width, LONGEST, min(cells, LONG_NAME))


def flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Names and values; lists of nothing but words and numbers stay on one line."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from flat(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for number, each in enumerate(value, 1):
            yield from flat(each, f"{path}.{number}")
    else:
        yield path, value if isinstance(value, str) else msgspec.json.encode(value).decode()


def pair(name: str, value: str, width: int, most: int, cells: int = NAME) -> Iterator[Line]:
    """A name of so many cells and its value, which goes on below itself; below the name where that is long."""
    lines = wrap(value, max(10, width - cells - 2), most) or [""]
    title = f" {plain(name)}"
    if len(title) >= cells:
        yield [Piece(fit(title, width), "dim")]
    else:
        yield [Piece(fit(title, cells), "dim"), Piece(lines.pop(0))]
    yield from ([Piece(" " * cells + line)] for line in lines)


def line_card(line: ProgramLine, width: int) -> list[Line]:
    """A line of a program's own log."""
    ink = LEVEL_INKS.get(line.level, "strong")
    lines: list[Line] = [[Piece(f" {text}", ink)] for text in wrap(line.says, width - 2, LONGEST)]
    moment = Moment(seq=Seq(0), at=line.at, newest=Seq(0))
    facts = {
        "when": told(moment, wide=True),
        "level": line.level or "none is said",
        "program": line.program,
        "its part": line.source,
        **line.about,
        "where it stands": f"{line.folder}/{line.id.rpartition(':')[0]}",
    }
    lines.append([])
    for name, value in facts.items():
        if value:
            lines += pair(name, value, width, LONGEST)
    if line.trace:
        lines += [[], [Piece(" Where it came about", "title")]]
        lines += [[Piece(fit("   " + plain(text.expandtabs(4)), width), "dim")] for text in line.trace.split("\n")]
    return lines


LEVEL_INKS = {"warning": "warn", "error": "bad", "critical": "bad", "debug": "dim"}
