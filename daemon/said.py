"""What the programs on this machine wrote of themselves of late: the ends of their log files, as one list.

The files are those of `schema.loglines`; they are turned over by size, so an older piece has a number behind its name.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemon.sieve import LineSieve
from schema.loglines import FIELDS
from schema.logpages import ProgramLine

LATE = 2_000_000
"""Bytes of each program's log that are read, the newest: some ten thousand lines. The files hold more."""


def said(folder: Path, sieve: LineSieve) -> tuple[ProgramLine, ...]:
    """The lines that fall through, the oldest first. What cannot be read is left out. Slow: a tenth of a second."""
    found = [line for program in _programs(folder) for line in _lines(folder, program) if _wanted(line, sieve)]
    return tuple(sorted(found, key=attrgetter("at")))


class _Line(msgspec.Struct, frozen=True):
    """As it stands in the file; what else it has is looked up in the raw fields."""

    at: str = ""
    level: str = ""
    source: str = msgspec.field(name="from", default="")
    says: str = ""
    trace: str = ""
    run: str | int | float | None = None
    job: str | int | float | None = None
    stage: str | int | float | None = None
    token: str | int | float | None = None
    node: str | int | float | None = None
    seq: str | int | float | None = None


class _Raw(NamedTuple):
    file: str
    at: int
    """Of its first byte in the file."""
    text: bytes


_decode = msgspec.json.Decoder(_Line).decode


def _programs(folder: Path) -> list[str]:
    try:
        return sorted(path.stem for path in folder.glob("*.jsonl"))
    except OSError:
        return []


def _lines(folder: Path, program: str) -> Iterator[ProgramLine]:
    """Of the newest `LATE` bytes of one program. A line that is no JSON, or has no time, has that of the one before."""
    at = 0.0
    for raw in _late(folder, program):
        try:
            line = _decode(raw.text)
            at = datetime.fromisoformat(line.at).timestamp() if line.at else at
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError):
            line = _Line(says=raw.text.decode("utf-8", "replace"))
        told = ((name, getattr(line, name)) for name in FIELDS)
        yield ProgramLine(
            id=f"{raw.file}:{raw.at}",
            at=at,
            level=line.level,
            program=program,
            source=line.source,
            says=line.says,
            trace=line.trace,
            about={name: str(value) for name, value in told if value is not None},
            folder=str(folder),
        )


def _late(folder: Path, program: str) -> Iterator[_Raw]:
    """The oldest first; at most two files are needed, for each holds more than is read."""
    newest = folder / f"{program}.jsonl"
    tail = _end_of(newest, LATE)
    size = sum(len(raw.text) + 1 for raw in tail)
    before = _end_of(newest.with_name(f"{newest.name}.1"), LATE - size) if size < LATE else []
    yield from before
    yield from tail


def _end_of(path: Path, most: int) -> list[_Raw]:
    """The whole lines among the last `most` bytes."""
    try:
        with path.open("rb") as file:
            begin = max(0, file.seek(0, os.SEEK_END) - most)
            file.seek(begin)
            text = file.read(most)
    except OSError:
        return []
    if begin:  # most likely within a line
        cut = text.find(b"\n") + 1 or len(text)
        begin, text = begin + cut, text[cut:]
    found: list[_Raw] = []
    for line in text.split(b"\n"):
        if line.strip():
            found.append(_Raw(path.name, begin, line))
        begin += len(line) + 1
    return found


def _wanted(line: ProgramLine, sieve: LineSieve) -> bool:
    if sieve.levels and line.level not in sieve.levels:
        return False
    if sieve.programs and line.program not in sieve.programs:
        return False
    if not (sieve.since or 0.0) <= line.at <= (sieve.until if sieve.until is not None else float("inf")):
        return False
    if not sieve.words:
        return True
    text = "\n".join((line.source, line.says, line.trace, *line.about.values())).casefold()
    return all(word in text for word in sieve.words)
