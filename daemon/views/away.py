"""Views of a log that cannot be read now: every question is refused, with what is in the way."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.views.read_views import ReadViews
from daemon.views.readers import Readers, Reading
from schema.errors import Away


class AwayViews(ReadViews):
    def __init__(self, seq: int, refusal: Callable[[], Away]) -> None:
        """`seq`: up to where the log is remembered; `refusal`: what whoever asks is told."""

        def opened() -> sqlite3.Connection:
            raise refusal()

        super().__init__(_NoReaders(refusal), opened, Path(), float)
        self._seq = seq

    @property
    def seq(self) -> int:
        return self._seq

    async def reached(self, seq: int) -> None:
        """Nothing more will come of which anybody knows."""

    async def shown(self, seq: int) -> None:
        """As `reached`."""


class _NoReaders(Readers):
    def __init__(self, refusal: Callable[[], Away]) -> None:
        super().__init__(None)
        self._refusal = refusal

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        raise self._refusal()
        yield  # it makes this a generator, as its like is
