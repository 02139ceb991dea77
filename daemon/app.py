"""The only way in and out: takes the claim, opens the parts, lets them work, and ends the process in order."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack

from daemon.backing_up import before_upgrade
from daemon.claim import Claim
from daemon.housing import house_of
from daemon.log.store import LogBroken
from daemon.logs import start_logs
from daemon.parts import VERSION, draw_id, open_parts
from daemon.working import work
from schema.errors import Exit
from schema.places import Places
from schema.settings import Settings

log = logging.getLogger(__name__)


async def run(places: Places, settings: Settings, env: Mapping[str, str]) -> int:
    """Serves until it is told to stop; the exit code. Raises Locked, Refused, LogDamaged, LogFromNewer."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    async with AsyncExitStack() as stack:
        claim = Claim.take(places, boot=draw_id())
        stack.callback(claim.release)
        start_logs(places.logs, "daemon")
        parts = await open_parts(places, settings, stack, _end_at_once)
        await before_upgrade(places, settings, parts.concerns, VERSION, stopping)
        if stopping.is_set():
            return Exit.DONE
        gc.collect()
        gc.freeze()  # what is there now mostly stays: later collections pass it by instead of stopping the loop for it
        listener = claim.listen(env)
        house = house_of(parts, env, stopping)
        log.info("stablenew %s begins", VERSION, extra={"seq": parts.ledger.durable})
        await work(parts, house, claim, listener, env, stopping)
        log.info("stablenew ends", extra={"seq": parts.ledger.durable})
    return Exit.DONE


def _end_at_once(fault: BaseException) -> None:
    """The ledger cannot go on: what was told is on disk, what was decided since is forgotten with the process."""
    if isinstance(fault, LogBroken | asyncio.CancelledError):
        log.critical("the log cannot be written: %s; free the disk or repair it, then start again", fault)
    else:
        log.critical("the daemon ends on a fault of its own", exc_info=fault)
    logging.shutdown()
    os._exit(Exit.DISK if isinstance(fault, LogBroken | asyncio.CancelledError) else Exit.FAILED)
