"""The daemon while it cannot work: it shows everything as of the last good event, changes nothing, and looks around.

What was in the way may be gone: then the log is checked again as at every start, and the work goes on.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack

from daemon import logs, upkeep
from daemon.api.server import serve
from daemon.claim import Claim
from daemon.halt import Halt
from daemon.memory import Memory
from daemon.obstacle import Obstacle, over, signature
from daemon.readonly import open_readonly
from daemon.travelling import travelling
from schema.places import Places
from schema.settings import Settings

log = logging.getLogger(__name__)


async def stand(
    places: Places, settings: Settings, env: Mapping[str, str], claim: Claim, halt: Halt, memory: Memory, wait: float
) -> None:
    """Until told to stop, or until it is worth while to open the log again; looks every `wait` seconds."""
    obstacle = halt.obstacle
    assert obstacle is not None
    halt.stand()
    async with AsyncExitStack() as stack:
        if not claim.is_listening():
            claim.listen(env)
        house = await halt.unless(open_readonly(places, settings, stack, obstacle, memory, halt, claim.socket))
        if house is None:
            return
        runner = await serve(travelling(house, places, settings, stack), claim.door())
        stack.push_async_callback(runner.cleanup)
        logs.let_go()
        async with asyncio.TaskGroup() as group:
            rounds = [
                group.create_task(_look_around(obstacle, places, halt, wait)),
                group.create_task(upkeep.keep_socket(claim, runner, env)),
            ]
            await halt.wait()
            for one in rounds:
                one.cancel()


async def _look_around(obstacle: Obstacle, places: Places, halt: Halt, wait: float) -> None:
    before = await asyncio.to_thread(signature, places)
    while True:
        await asyncio.sleep(wait)
        if await asyncio.to_thread(over, obstacle, places, before):
            log.info("the log is looked at again")
            halt.end()
