"""The queue as the views tell it: their own statements on tables in memory, event by event."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.views.refolded import connected
from daemon.views.tables import TABLES
from daemon.views.writer import execute, statements_of
from schema.events import Envelope


class RunRow(NamedTuple):
    over: bool
    paused: bool
    ended: tuple[int, int, int]
    """Jobs that finished, failed or need attention, and were cancelled."""


class QueueViews:
    def __init__(self) -> None:
        self._db = connected(":memory:")
        self._db.executescript(TABLES)

    def fold(self, envelopes: Sequence[Envelope]) -> None:
        execute(self._db, statements_of(envelopes))

    def jobs(self) -> dict[str, str]:
        """The state of each job there ever was."""
        return dict(self._db.execute("SELECT id, state FROM jobs"))

    def runs(self) -> dict[str, RunRow]:
        rows = self._db.execute(
            "SELECT id, ended IS NOT NULL, paused, finished, failed + attention, cancelled FROM runs"
        )
        return {run: RunRow(bool(over), bool(paused), tuple(ended)) for run, over, paused, *ended in rows}

    def close(self) -> None:
        self._db.close()
