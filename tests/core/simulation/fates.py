"""What befalls agents, their machines and their network, drawn from the seed."""

import asyncio
from random import Random
from typing import TYPE_CHECKING

from .agent import MODELS, Agent
from .keeper import Trust

if TYPE_CHECKING:
    from .world import World

MEAN_SECONDS = 75.0
"""Between two misfortunes."""


class Fates:
    def __init__(self, world: "World", trust: Trust, rng: Random) -> None:
        self.world = world
        self.trust = trust
        self.rng = rng
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(self.rng.expovariate(1 / MEAN_SECONDS))
                self._one()
        finally:
            for task in list(self._tasks):
                task.cancel()

    def _one(self) -> None:
        agent = self.rng.choice(self.world.agents)
        match self.rng.randrange(14):
            case 0 | 1 if agent.up:
                self._begin(self._crash(agent))
            case 2 | 3:
                self._begin(self._cut(agent, self.rng.choice(["both", "both", "out", "back"])))
            case 4:
                self._begin(self._flap(agent))
            case 5 | 6:
                self._begin(self._freeze(agent))
            case 7:
                self._begin(self._slow(agent))
            case 8:
                self._begin(self._break(agent))
            case 9 if self.rng.random() < 0.3:
                self.world.log.fail_next(OSError(5, "Input/output error"))
            case 10 if agent.link == "lan":
                self._begin(self._copy(agent))
            case 11 if self.rng.random() < 0.5:
                self.world.crash_now()
            case 12:
                self._begin(self._server_away(agent))
            case _:
                self.world.skew += self.rng.choice([-3600.0, -1.0, 1.0, 600.0])

    def _begin(self, fate) -> None:
        task = asyncio.get_running_loop().create_task(fate)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _crash(self, agent: Agent) -> None:
        agent.crash()
        if agent.link == "loopback":
            self.world.child_ended()
        await asyncio.sleep(self.rng.uniform(1.0, 120.0))
        if not agent.up:
            agent.restart()

    async def _cut(self, agent: Agent, which: str) -> None:
        """It works on; it is not reached, or does not reach the daemon, or neither."""
        if agent.link == "loopback":
            return
        agent.wire.out, agent.wire.back = which == "back", which == "out"
        await asyncio.sleep(self.rng.uniform(5.0, 400.0))
        agent.wire.out = agent.wire.back = True

    async def _flap(self, agent: Agent) -> None:
        for _ in range(self.rng.randint(3, 12)):
            await self._cut(agent, "both" if self.rng.random() < 0.7 else "back")
            await asyncio.sleep(self.rng.uniform(0.5, 20.0))

    async def _freeze(self, agent: Agent) -> None:
        """As by SIGSTOP, often for longer than it takes to be thought lost."""
        agent.freeze()
        await asyncio.sleep(self.rng.choice([self.rng.uniform(1.0, 60.0), self.rng.uniform(60.0, 900.0)]))
        agent.thaw()

    async def _slow(self, agent: Agent) -> None:
        agent.pace = 20.0
        await asyncio.sleep(self.rng.uniform(60.0, 1800.0))
        agent.pace = 1.0

    async def _break(self, agent: Agent) -> None:
        """A checkpoint is damaged there, or all of them are."""
        agent.broken |= set(MODELS if self.rng.random() < 0.3 else [self.rng.choice(MODELS)])
        await asyncio.sleep(self.rng.uniform(60.0, 1200.0))
        agent.broken.clear()

    async def _server_away(self, agent: Agent) -> None:
        """Of one of its backends."""
        agent.serve({self.rng.choice(agent.backends)})
        await asyncio.sleep(self.rng.uniform(10.0, 600.0))
        agent.serve(set())

    async def _copy(self, agent: Agent) -> None:
        """A second machine with a copied disk: the same key, the same name, a life of its own."""
        keeper = self.world.agents_of(agent.id)
        if len(keeper) > 1:
            return
        twin = Agent(agent.id, agent.name, "lan", agent.backends, agent.vram_gb, Random(self.rng.random()))
        twin.instance = 1_000_000 + self.rng.randrange(1_000_000)
        keeper.append(twin)
        if self.rng.random() < 0.5:
            agent.crash()
        end = asyncio.get_running_loop().time() + self.rng.uniform(20.0, 600.0)
        try:
            while asyncio.get_running_loop().time() < end:
                await asyncio.sleep(10.0)
                self.world.sighted(agent.id)
        finally:
            twin.crash()
            keeper.remove(twin)
            if not agent.up:
                agent.restart()
