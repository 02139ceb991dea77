"""Twelve jobs through the real ledger, log and artifact store, in one process whose disk may fail at any call.

A life may be cut short anywhere; the next one, over what lies on the disk then, goes on to the same end.
"""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from daemon.artifacts.store import ArtifactStore
from daemon.artifacts.verifier import Verdict, verdict
from daemon.core.rules import Rules
from daemon.core.state import Brief
from daemon.core.vitals import Vitals
from daemon.ledger import Committed, Ledger, LedgerStopped, Origin
from daemon.log import snapshots
from daemon.log.store import LogFile, open_log
from schema.commands import Command, HoldJobs, RateImages, Rating, ReleaseJobs, SubmitRun
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Sha256
from schema.nodes import NodeJoined
from schema.observations import DaemonBegan, DaemonEnds, NewImage, NodeSeen, StageReturned
from schema.places import Places, places
from schema.plans import JobSpec, RunSpec, StageStep

JOBS = 12
NODES = 4
RUN = RunId("fire")
ANSWERED, KEPT = "answered", "kept"
"""What a life was told and told on: a command's key, seq and id; a picture's id, file and token."""

Tell = Callable[[str], None]


class InProcess:
    """Decodes here what the daemon has a child decode: nothing of that writes."""

    async def verdict(self, path: Path) -> Verdict:
        return verdict(str(path))

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass


def home(folder: Path) -> Places:
    return places({"STABLENEW_HOME": str(folder)})


def make(folder: Path) -> None:
    """The folders, which are older than any fault."""
    home(folder).state.mkdir(parents=True)
    (home(folder).artifacts / ".tmp").mkdir(parents=True)


@dataclass
class Life:
    """From start to the end of the run, as a daemon lives it. `tell` is called for what it was promised."""

    folder: Path
    tell: Tell
    on_broken: Callable[[BaseException], None]
    wrap: Callable[[LogFile], LogFile] = lambda log: log
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def live(self) -> None:
        at = home(self.folder)
        async with AsyncExitStack() as stack:
            log = self.wrap(await asyncio.to_thread(open_log, at.log, at.head))
            stack.push_async_callback(log.close)
            state = await asyncio.to_thread(snapshots.restore, at.snapshots, at.log)
            self.store = ArtifactStore(at.artifacts)
            self.store._decoders = InProcess()  # type: ignore[assignment]
            self.ledger = Ledger(
                state, log, clock=lambda: 1_790_000_000.0, vitals=Vitals(), rules=Rules(), on_broken=self.on_broken
            )
            async with asyncio.TaskGroup() as group, self.ledger.follow() as batches:
                writing = group.create_task(self.ledger.run())
                await self.ledger.observe(DaemonBegan(version="0", sqlite="0", host="fire"))
                painting = group.create_task(self._painting(group, batches))
                await self._evening()
                while not await self.ledger.ask(lambda state: RUN not in state.runs):
                    self.moved.clear()
                    await self.moved.wait()
                await self.ledger.observe(DaemonEnds(reason="over"))
                await self.ledger.stop()
                await asyncio.wait((writing, painting))
        self.tell("closed")

    async def _painting(self, group: asyncio.TaskGroup, batches: AsyncIterator[Committed]) -> None:
        async for batch in batches:
            for brief in batch.briefs:
                group.create_task(self._paint(brief))
            self.moved.set()

    async def _evening(self) -> None:
        """What a person does meanwhile."""
        for number in range(NODES):
            joined = NodeJoined(
                node=NodeId(f"n{number}"), name=f"n{number}", instance="i", link="loopback", backends=("sketch",),
                kinds=("txt2img",), vram_gb=8.0,
            )  # fmt: skip
            await self.ledger.observe(NodeSeen(joined=joined))
        base = await self.store.put_blob(b'{"pipeline":"fire"}')
        await self._wish("submit", submit(base))
        first = JobId(f"{RUN}.{JOBS}")
        await self._wish("hold", HoldJobs(jobs=(first,)))
        await self._wish("release", ReleaseJobs(jobs=(first,)))

    async def _wish(self, key: str, command: Command) -> None:
        digest = hashlib.sha256(key.encode()).digest()
        answer = await self.ledger.command(command, Origin("uid:1", CommandId(f"c-{key}"), key, digest))
        self.tell(f"{ANSWERED} {key} {answer.seq} {answer.command}")

    async def _paint(self, brief: Brief) -> None:
        """As the dispatcher does: the picture is in the store before the ledger hears of it. One try more."""
        at = brief.attempt
        raw = picture(at.job)
        try:
            file = await self.store.accept(raw, claim=Sha256(hashlib.sha256(raw).hexdigest()))
        except OSError:
            file = await self.store.accept(raw)
        image = ImageId(f"i{at.token}")
        try:
            await self.ledger.observe(
                StageReturned(attempt=at, backend="sketch", images=(NewImage(image=image, file=file),))
            )
        except LedgerStopped:  # the picture is there, its event is not: it is made again
            return
        self.tell(f"{KEPT} {image} {file.sha256} {at.token}")
        if at.job.endswith(".1"):
            await self._wish("rate", RateImages(ratings=(Rating(image=image, stars=4, was=0),)))


def submit(base: Sha256) -> SubmitRun:
    stages = (StageStep(id="paint", kind="txt2img", steps=4),)
    spec = RunSpec(name="fire", base=base, plan_hash="p", seed=1, jobs=JOBS, stages=stages)
    return SubmitRun(run=RUN, spec=spec, jobs=tuple(JobSpec(name=f"j{n}", prompt="boats") for n in range(JOBS)))


def picture(job: str) -> bytes:
    packed = io.BytesIO()
    seed = hashlib.sha256(job.encode()).digest()
    Image.frombytes("RGB", (4, 4), (seed * 2)[:48]).save(packed, "PNG")
    return packed.getvalue()
