"""Ledger, log, views, artifact store, results folders and whoever deletes and checks: all real, in one folder.

The test plays the node; its pictures are small files that look like PNGs.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from daemon.artifacts.store import ArtifactStore
from daemon.artifacts.thumbs import Thumbnails
from daemon.concerns import Concerns
from daemon.core.rules import Rules
from daemon.core.vitals import Vitals
from daemon.deleting import Deleting
from daemon.diskroom import DiskRoom
from daemon.ledger import Ledger, Origin
from daemon.log import snapshots
from daemon.log.store import open_log
from daemon.measuring import folders_of
from daemon.past import Past
from daemon.results import Results
from daemon.scrub import Scrub
from daemon.views.doomed import Doomed, Rule
from daemon.views.filters import IMAGE_STATES, parse_filter
from daemon.views.views import Views
from schema import commands as c
from schema import observations as o
from schema.events import Event, NodeJoined, StageAssigned
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Sha256, StageId
from schema.pages import ImageRow
from schema.places import places
from schema.plans import FilmSpec, JobSpec, Picture, RunSpec, StageStep
from schema.settings import DiskSettings

STEPS = (
    StageStep(id=StageId("txt2img"), kind="txt2img", model="sd15", steps=20),
    StageStep(id=StageId("upscale"), kind="upscale"),
)
PNG = b"\x89PNG\r\n\x1a\n"


class DiskWorld:
    def __init__(self, home: Path, *, links: bool = True, settings: DiskSettings | None = None) -> None:
        self.places = places({"STABLENEW_HOME": str(home)})
        self.links = links
        self.settings = settings or DiskSettings()
        self.now = 1_800_000_000.0
        self.numbers = 0
        self.events: list[Event] = []
        self.open: list[o.Attempt] = []
        self.home = home
        self.concerns = Concerns()

    def clock(self) -> float:
        self.now += 0.001
        return self.now

    def draw_id(self) -> str:
        self.numbers += 1
        return f"d{self.numbers:07d}"

    async def begin(self, stack: AsyncExitStack, group: asyncio.TaskGroup) -> None:
        where = self.places
        where.state.mkdir(parents=True, exist_ok=True)
        self.log = await asyncio.to_thread(open_log, where.log, where.head)
        state = snapshots.restore(where.snapshots, where.log)
        self.store = ArtifactStore(where.artifacts)
        self.thumbs = Thumbnails(where.thumbnails, self.store.path)
        stack.callback(self.thumbs.close)
        self.ledger = Ledger(state, self.log, clock=self.clock, vitals=Vitals(), rules=Rules(), on_broken=print)
        self.views = await Views.open(where.views, self.log, results=where.results, clock=self.clock)
        past = Past(self.log, self.views, lambda: self.ledger.durable)
        self.results = Results(past, where.results, self.store.path, where.state / "results.seq", links=self.links)
        self.deleting = Deleting(
            past,
            self.views,
            self.store,
            self.thumbs,
            self.results.reached,
            where.log,
            where.state / "deleted.seq",
            self.clock,
        )
        self.scrub = Scrub(
            self.ledger, past, self.views, self.store, where.artifacts, where.results, where.backups / "art",
            where.state / "scrub.json", self.clock, links=self.links,
        )  # fmt: skip
        self.room = DiskRoom(
            self.ledger, self.views, self.deleting, self.scrub, self.thumbs, self.concerns,
            folders_of(where, where.results, where.backups), self.settings, self.draw_id, self.clock,
        )  # fmt: skip
        streams = [await stack.enter_async_context(self.ledger.follow()) for _ in range(4)]
        self.tasks = [
            group.create_task(self.ledger.run()), group.create_task(self.views.follow(streams[0])),
            group.create_task(self._watch(streams[3])), group.create_task(self.results.run(streams[1])),
            group.create_task(self.deleting.run(streams[2])),
        ]  # fmt: skip
        await self.ledger.observe(o.DaemonBegan(version="0", sqlite="3", host="h"))
        joined = NodeJoined(
            node=NodeId("box"), name="box", instance="i", link="loopback", backends=("sketch",),
            kinds=("txt2img", "upscale"),
        )  # fmt: skip
        await self.ledger.observe(o.NodeSeen(joined=joined))

    async def end(self) -> None:
        """As abruptly as a daemon may end."""
        for task in reversed(self.tasks):
            task.cancel()
        await asyncio.wait(self.tasks)
        await self.views.close()
        await self.log.close()
        await self.store.close()

    async def _watch(self, batches: AsyncIterator[object]) -> None:
        async for batch in batches:
            for envelope in batch.envelopes:  # type: ignore[attr-defined]
                self.events.append(envelope.event)
                if isinstance(event := envelope.event, StageAssigned):
                    self.open.append(o.Attempt(job=event.job, stage=event.stage, token=envelope.seq, node=event.node))

    async def wish(self, command: c.Command) -> str:
        """The id of the command, once everything that follows it has taken it in."""
        name = CommandId(self.draw_id())
        answer = await self.ledger.command(command, Origin("uid:1", name))
        await self.caught_up(answer.seq)
        return name

    async def caught_up(self, seq: int | None = None) -> None:
        seq = self.ledger.durable if seq is None else seq
        await self.views.reached(seq)
        await self.results.reached(seq)
        await self.deleting.reached(seq)

    async def submit(self, run: str, jobs: int, *, base: bytes = b"{}", film: bool = False) -> None:
        spec = RunSpec(
            name=f"run {run}", base=await self.store.put_blob(base), plan_hash="p", seed=1, jobs=jobs, stages=STEPS,
            folder=f"folder-{run}", film=FilmSpec() if film else None,
        )  # fmt: skip
        made = {JobId(f"{run}.{n}"): JobSpec(name=f"{run}-{n}", prompt="a boat", seed=n) for n in range(1, jobs + 1)}
        await self.wish(c.SubmitRun(run=RunId(run), spec=spec, jobs=tuple(made.values())))

    async def run(self, run: str, jobs: int = 1, **more: object) -> list[ImageRow]:
        """Submits and makes it; its final pictures, the oldest first."""
        await self.submit(run, jobs, **more)  # type: ignore[arg-type]
        for _ in range(2 * jobs):
            await self.step()
        return await self.finals(run)

    async def step(self, content: bytes = b"") -> o.Attempt:
        """The oldest open attempt comes back with a picture."""
        async with asyncio.timeout(10):
            while not self.open:  # noqa: ASYNC110 - whoever assigns tells nobody
                await asyncio.sleep(0.001)
        attempt = self.open.pop(0)
        file = self.keep(content or PNG + f"{attempt.token} {attempt.stage}".encode() * 100)
        image = o.NewImage(image=ImageId(f"{attempt.job}-{attempt.stage}".replace(".", "-")), file=file)
        await self.ledger.observe(o.StageReturned(attempt=attempt, backend="sketch", images=(image,)))
        await self.caught_up()
        return attempt

    def keep(self, content: bytes) -> Picture:
        sha = Sha256(hashlib.sha256(content).hexdigest())
        source = self.home / "incoming.png"
        source.write_bytes(content)
        assert self.store.put_back(sha, source)
        return Picture(sha256=sha, pixels="px", media="image/png", bytes=len(content), width=8, height=8)

    async def finals(self, run: str) -> list[ImageRow]:
        from daemon.views.lists import Window

        page = await self.views.images(Window(filter=f"run:{run}", sort="oldest"), final=True)
        return list(page.items)

    async def rule(self, text: str = "", **more: object) -> Doomed:
        await self.views.reached(self.ledger.durable)
        wanted = parse_filter(text, self.now, IMAGE_STATES)
        rule = Rule(wanted=wanted)._replace(**more)  # type: ignore[arg-type]
        return await self.views.doomed(rule)

    async def delete(self, doomed: Doomed, reason: str = "trash") -> None:
        await self.wish(
            c.DeletePictures(images=doomed.images, files=doomed.files, bytes=doomed.cut.bytes, reason=reason)
        )

    def file(self, row: ImageRow) -> Path:
        return self.store.path(Sha256(row.sha256))

    def lying(self, below: Path, pattern: str = "*.png") -> Sequence[str]:
        return sorted(path.name for path in below.rglob(pattern))


@asynccontextmanager
async def disk_world(folder: Path, **how: object) -> AsyncIterator[Callable[[], "DiskWorld"]]:
    """Opens worlds in this folder, one after the other; each call ends the one before."""
    worlds: list[DiskWorld] = []
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:

        async def fresh() -> DiskWorld:
            if worlds:
                await worlds[-1].end()
            world = DiskWorld(folder, **how)  # type: ignore[arg-type]
            world.now = max((one.now for one in worlds), default=world.now)
            await world.begin(stack, group)
            worlds.append(world)
            return world

        yield fresh  # type: ignore[misc]
        await worlds[-1].end()
