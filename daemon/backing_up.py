"""What keeps the log safe while the daemon works: a note of its head beside the pictures, and copies by night."""

import asyncio
import logging
from collections.abc import Callable

from daemon.log import witness
from daemon.log.chain import Head
from schema.errors import why
from schema.places import Places

log = logging.getLogger(__name__)

NOTE_SECONDS = 60.0
"""Between two notes of the head beside the pictures."""


async def keep_witness(places: Places, head: Callable[[], Head]) -> None:
    noted = 0
    while True:
        if (now := head()).seq != noted:
            await note_head(places, now)
            noted = now.seq
        await asyncio.sleep(NOTE_SECONDS)


async def note_head(places: Places, head: Head) -> None:
    """Beside the pictures. Where that cannot be written, an older note stays, which is true all the same."""
    try:
        await asyncio.to_thread(witness.note, places, head)
    except OSError as fault:
        log.warning("the log's head could not be noted in %s: %s", places.witness, why(fault))
