"""The open parts of a daemon without its socket, for tests of what goes on between ledger and agent."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from daemon.ledger import Origin
from daemon.parts import Parts, open_parts
from schema.commands import SubmitRun
from schema.ids import RunId
from schema.observations import DaemonBegan
from schema.places import places
from schema.requests import RunRequest
from schema.settings import Settings

SECONDS = 60


class House:
    """The parts, and everything that was committed so far."""

    run = RunId("r2345678")

    def __init__(self, parts: Parts, stack: AsyncExitStack) -> None:
        self.parts = parts
        self.tasks: list[asyncio.Task[None]] = []
        self._stack = stack
        self.events: list[object] = []
        self._moved = asyncio.Condition()

    async def close(self) -> None:
        """As abruptly as a daemon may end; another one may then be opened."""
        for task in reversed(self.tasks):  # nobody may tell a ledger that is not there any more
            task.cancel()
            await asyncio.wait((task,))
        await self._stack.aclose()

    async def listen(self, batches) -> None:
        async for batch in batches:
            async with self._moved:
                self.events += [envelope.event for envelope in batch.envelopes]
                self._moved.notify_all()

    async def until(self, kind: type, count: int = 1) -> list[object]:
        def seen() -> list[object]:
            found = [event for event in self.events if isinstance(event, kind)]
            return found if len(found) >= count else []

        async with asyncio.timeout(SECONDS), self._moved:
            return await self._moved.wait_for(seen)

    async def submit(self, *sets: str, count: int = 1, image: str | None = None, node: str | None = None) -> None:
        small = () if image else ("txt2img.width=64", "txt2img.height=64", "txt2img.steps=4")
        request = RunRequest(prompt="boats", seed=1, count=count, set=(*small, *sets), image=image, node=node)
        plan = self.parts.planner.plan(request, self.run)
        await self.parts.store.put_blob(plan.base)
        await self.parts.ledger.command(SubmitRun(run=self.run, spec=plan.spec, jobs=plan.jobs), Origin("uid:1"))

    @property
    def agent(self) -> int:
        """Its process id."""
        process = self.parts.loopback._process
        assert process is not None
        return process.pid


@pytest.fixture
async def opened(tmp_path):
    """Opens a house with the settings it is given; all of them are closed at the end."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:

        async def open_house(settings: Settings | None = None, discover: bool = False) -> House:
            """Looks at no network unless it is told to."""
            settings = settings or Settings()
            fleet = settings.fleet.model_copy(update={"discover": discover})
            settings = settings.model_copy(update={"fleet": fleet})
            where = places({"STABLENEW_HOME": str(tmp_path)})
            where.state.mkdir(parents=True, exist_ok=True)
            own = await stack.enter_async_context(AsyncExitStack())
            parts = await open_parts(where, settings, own, print)
            house = House(parts, own)
            for following in (parts.views.follow, house.listen):
                batches = await own.enter_async_context(parts.ledger.follow())
                house.tasks.append(group.create_task(following(batches)))
            house.tasks.append(group.create_task(parts.ledger.run()))
            await parts.ledger.observe(DaemonBegan(version="0", sqlite="0", host="test"))
            house.tasks.append(group.create_task(parts.fleet.run()))
            houses.append(house)
            async with asyncio.timeout(SECONDS):
                await parts.fleet.ready.wait()
            return house

        houses: list[House] = []
        yield open_house
        for house in houses:
            await house.close()
