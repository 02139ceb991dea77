"""Brings the file of the views up to the log's head, and makes it again where it is damaged."""

import logging
import sqlite3
from collections.abc import Callable
from typing import Protocol

from daemon.views.writer import ViewWriter, is_full
from schema.events import Envelope

CATCH_UP = 2_000
"""Events read from the log, and folded in one transaction, at a time."""

logger = logging.getLogger(__name__)


class ReadableLog(Protocol):
    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]: ...


async def filled(log: ReadableLog, writer: ViewWriter) -> sqlite3.OperationalError | None:
    """Folds all that is in the log; the fault where the disk is full. A damaged file is made again, once.

    No reader may be open.
    """
    for last in (False, True):
        try:
            await catch_up(log, writer)
            await writer.index()
        except sqlite3.DatabaseError as fault:
            if isinstance(fault, sqlite3.OperationalError) and is_full(fault):
                return fault
            if last:
                raise
            logger.warning("the views are damaged (%s); they are made again", fault)
            await writer.restart()
        else:
            break
    return None


async def catch_up(log: ReadableLog, writer: ViewWriter, then: Callable[[], None] = lambda: None) -> None:
    while envelopes := await log.read(writer.mark.seq, CATCH_UP):
        await writer.apply(envelopes)
        then()
