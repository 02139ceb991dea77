"""The only way in and out: takes the claim, and lets the daemon work or stand still until it is told to stop.

While its log cannot be written it stands: it shows everything, changes nothing, and works again, in the same process
and on the same socket, when what was in the way is gone.
"""

import asyncio
import gc
import logging
import os
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from time import monotonic

from daemon.backing_up import before_upgrade
from daemon.claim import Claim
from daemon.halt import Halt
from daemon.housing import house_of
from daemon.ledger import LedgerStopped
from daemon.log.faults import Unusable
from daemon.log.store import LogBroken, LogFull, LogGone
from daemon.logs import start_logs
from daemon.memory import Memory
from daemon.notify import Notifier
from daemon.obstacle import obstacle_of
from daemon.parts import VERSION, draw_id, open_parts
from daemon.standing import stand
from daemon.travelling import travelling
from daemon.working import work
from schema.errors import Exit
from schema.places import Places
from schema.settings import Settings

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 5.0
"""Seconds between two looks whether the obstacle is gone; doubles while work ends as soon as it began."""

SOON = 5.0


async def run(
    places: Places,
    settings: Settings,
    env: Mapping[str, str],
    asked: Callable[[], None] = lambda: None,
    left: Callable[[int], None] = lambda code: None,
) -> int:
    """Serves until it is told to stop; the exit code. Raises Locked, Refused.

    `asked` is called when it is told to; `left` at its end where threads still verify or fold a long log.
    """

    def on_ask() -> None:
        Notifier.of(env, os.getpid()).stopping()
        asked()

    halt = Halt(on_ask)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, halt.ask)
    claim = Claim.take(places, boot=draw_id())
    try:
        start_logs(places.logs, "daemon")
        memory, wait = Memory(), FIRST_WAIT
        while not halt.asked:
            began = monotonic()
            await _work(places, settings, env, claim, halt, memory)
            wait = FIRST_WAIT if monotonic() - began > SOON else min(wait * 2, LONGEST_WAIT)
            if halt.obstacle is not None and not halt.asked:
                await stand(places, settings, env, claim, halt, memory, wait)
        log.info("stablenew ends", extra={"seq": memory.head.seq})
    finally:
        claim.release()
    if halt.left:
        left(Exit.DONE)
    return Exit.DONE


async def _work(
    places: Places, settings: Settings, env: Mapping[str, str], claim: Claim, halt: Halt, memory: Memory
) -> None:
    """From the check of the log to its end; returns when told to stop, or with an obstacle in `halt`."""

    def on_broken(fault: BaseException) -> None:
        obstacle = obstacle_of(fault, places) if isinstance(fault, LogFull | LogGone) else None
        if obstacle is None:
            _end_at_once(fault)
        else:
            halt.meet(obstacle)

    halt.begin()
    try:
        async with AsyncExitStack() as stack:
            claim.renew()
            parts = await halt.unless(open_parts(places, settings, stack, on_broken, memory.witnesses))
            if parts is None:
                return
            memory.of(parts)
            if await halt.unless(before_upgrade(places, settings, parts.concerns, VERSION)) is None:
                return
            gc.collect()
            gc.freeze()  # what is there now mostly stays: later collections pass it by instead of stopping the loop
            if not claim.is_listening():
                claim.listen(env)
            log.info("stablenew %s begins", VERSION, extra={"seq": parts.ledger.durable})
            house = travelling(house_of(parts, claim.socket, halt), places, settings, stack)
            await work(parts, house, claim, env, halt)
    except (OSError, sqlite3.Error, LogBroken, Unusable, LedgerStopped, BaseExceptionGroup) as fault:
        obstacle = halt.obstacle or await asyncio.to_thread(obstacle_of, fault, places)
        if obstacle is None:
            raise
        log.info("the work ends: %s", fault)
        halt.meet(obstacle)
    finally:
        gc.unfreeze()


def _end_at_once(fault: BaseException) -> None:
    """The ledger cannot go on: what was told is on disk, what was decided since is forgotten with the process."""
    if isinstance(fault, LogBroken | asyncio.CancelledError):
        log.critical("the log cannot be written: %s; free the disk or repair it, then start again", fault)
    else:
        log.critical("the daemon ends on a fault of its own", exc_info=fault)
    logging.shutdown()
    os._exit(Exit.DISK if isinstance(fault, LogBroken | asyncio.CancelledError) else Exit.FAILED)
