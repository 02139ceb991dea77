"""The daemon while it cannot work: it shows everything as of the last good event, changes nothing, and looks around.

What was in the way may be gone: then the log is checked again as at every start, and the work goes on.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack

from daemon import logs, upkeep
from daemon.api.server import serve
from daemon.claim import Claim
from daemon.concerns import Concerns
from daemon.halt import Halt
from daemon.hooks.hooks import Hooks
from daemon.hooks.writing import LookUps, Writer, nobody
from daemon.memory import Memory
from daemon.notify import Notifier
from daemon.obstacle import Obstacle, over, signature
from daemon.readonly import open_readonly
from daemon.travelling import travelling
from daemon.watch import Watch
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
        concerns = Concerns()
        house.concerns = concerns.sentences
        watch = Watch(places, Notifier.of(env, os.getpid()), concerns, None)
        house.readings = lambda: watch.readings
        hooks = _hooks(places, settings, memory, concerns)
        house.hooks = hooks
        runner = await serve(travelling(house, places, settings, stack), claim.door())
        stack.push_async_callback(runner.cleanup)
        logs.let_go()
        async with asyncio.TaskGroup() as group:
            rounds = [
                group.create_task(_look_around(obstacle, places, halt, wait)),
                group.create_task(upkeep.keep_socket(claim, runner, env)),
                group.create_task(watch.run(lambda: f"read-only: {obstacle.told}")),
                group.create_task(hooks.run_still()),
            ]
            hooks.trouble(f"log {obstacle.kind}", obstacle.told)
            await halt.wait()
            for one in rounds:
                one.cancel()


def _hooks(places: Places, settings: Settings, memory: Memory, concerns: Concerns) -> Hooks:
    """They are told of trouble; how far they had come before stays as it is."""
    writer = Writer(os.uname().nodename, LookUps(nobody, nobody, nobody))
    file = places.state / "hooks.json"
    return Hooks(settings.hooks, file, concerns, writer, clock=time.time, quiet=memory.troubles)


async def _look_around(obstacle: Obstacle, places: Places, halt: Halt, wait: float) -> None:
    before = await asyncio.to_thread(signature, places)
    while True:
        await asyncio.sleep(wait)
        if await asyncio.to_thread(over, obstacle, places, before):
            log.info("the log is looked at again")
            halt.end()
