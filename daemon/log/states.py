"""States at any event: from the nearest snapshot before it, or from one remembered near it. Blocks: for a thread."""

from pathlib import Path
from typing import Final, NamedTuple

from daemon.core.state import State, canonical, revive
from daemon.log.fold import CORE
from daemon.log.reading import read_log
from daemon.log.snapshots import Snapshots

NEAR: Final = 2_000
"""Events that are folded so quickly that nobody waits: one who steps back and forth stays within them."""

REMEMBERED: Final = 4

LARGEST: Final = 20_000
"""Unfinished jobs; a larger state takes longer to copy than it takes to fold it again."""


class _Remembered(NamedTuple):
    seq: int
    canonical: bytes


class States:
    """Used by one thread at a time."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._snapshots = Snapshots(folder, log, CORE)
        self._log = log
        self._remembered: list[_Remembered] = []
        """Those used last at the end."""

    def at(self, seq: int) -> State:
        """The state behind event `seq`, the caller's own. Raises LogFromNewer, or sqlite3.Error for a broken log."""
        near = max((one for one in self._remembered if seq - NEAR <= one.seq <= seq), default=None)
        if near is not None:
            self._remembered.remove(near)
            self._remembered.append(near)
            return CORE.onto(revive(near.canonical), read_log(self._log, near.seq, seq))
        state, at = self._snapshots.newest(seq)
        pause = max(at, seq - NEAR // 2)
        CORE.onto(state, read_log(self._log, at, pause))
        if len(state.jobs) <= LARGEST:
            self._remembered = [*self._remembered[1 - REMEMBERED :], _Remembered(pause, canonical(state))]
        return CORE.onto(state, read_log(self._log, pause, seq))
