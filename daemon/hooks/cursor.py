"""How far each hook is, in one file: a restart neither loses news nor tells what was told."""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from daemon.disk import write_whole

log = logging.getLogger(__name__)


class Mark(msgspec.Struct, frozen=True):
    seq: int
    """Everything up to this event is told, or given up."""
    done: tuple[str, ...] = ()
    """Ids of news behind it that are, too; of a command also what it was begun with."""


class Cursor:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks: dict[str, Mark] = {}
        self._one = threading.Lock()
        """Each hook writes from a thread of its own, and what is written last must be the newest of all."""

    def read(self, hooks: Mapping[str, object], head: int) -> dict[str, Mark]:
        """Of each of these hooks; one that is new begins now, and so does one whose mark is of another log. Blocks."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Mark])
        except (OSError, msgspec.MsgspecError):
            kept = {}
        begun = {name: kept.get(name, Mark(head)) for name in hooks}
        self._marks = {name: mark if mark.seq <= head else Mark(head) for name, mark in begun.items()}
        if self._marks != kept:  # else one that is new would begin again after a crash
            self._write()
        return dict(self._marks)

    def write(self, name: str, mark: Mark) -> None:
        """Blocks. What cannot be written is only kept in memory: after a crash it may be told once more."""
        with self._one:
            self._marks[name] = mark
            self._write()

    def _write(self) -> None:
        try:
            write_whole(self._path, msgspec.json.encode(self._marks), sync=False)
        except OSError as fault:
            log.warning("how far the hooks are could not be written: %s", fault)
