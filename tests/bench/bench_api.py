"""What the socket costs: bytes per update, fan-out against a send per event, pages over a hundred thousand jobs.

    python tests/bench/bench_api.py [JOBS] [--json]

Goals: coalesced fan-out at least six times cheaper than a send per event; pages in a few milliseconds however long the
list. A word is looked for in all texts, which takes longer.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))  # for `api_world`

from api_world import World, world
from measure import Goal, Line, finish

from daemon.api.feed import FEED
from daemon.views.lists import Window
from daemon.views.views import Views
from schema.events import (
    ArtifactStored,
    Envelope,
    Event,
    ImageRated,
    JobFinished,
    JobSubmitted,
    RunSubmitted,
    StageAssigned,
    StageFinished,
)  # fmt: skip
from schema.plans import JobSpec, PackRef, Picture, RunSpec, StageStep

STEPS = (StageStep(id="txt2img", kind="txt2img", model="sketch-1"), StageStep(id="upscale", kind="upscale"))
PROMPT = "a harbour at dawn, fishing boats, long shadows, gulls over the pier, watercolour, fine paper, soft light " * 3
PACKS = ("harbour", "orchard", "seasons", "villages")
SUBSCRIBERS = 5


def history(jobs: int, per_run: int = 500) -> list[Event]:
    """Nine of ten jobs are made, with two pictures each; one of ten of those is rated."""
    events: list[Event] = []
    for first in range(0, jobs, per_run):
        run, pack = f"r{first:07}", PACKS[first // per_run % len(PACKS)]
        count = min(per_run, jobs - first)
        spec = RunSpec(
            name=pack, base="0" * 64, plan_hash="p", seed=1, jobs=count, stages=STEPS, folder=run,
            packs=(PackRef(name=pack, sha256="1" * 64),),
        )  # fmt: skip
        events.append(RunSubmitted(run=run, spec=spec))
        for number in range(1, count + 1):
            job = JobSpec(name=f"{pack}-{number:03}", pack=pack, prompt=f"{PROMPT}{number}", seed=number)
            events.append(JobSubmitted(job=f"{run}.{number}", run=run, spec=job))
        for number in range(1, count + 1 - count // 10):
            events += made(f"{run}.{number}", run, len(events), rated=number % 10 == 0)
    return events


def made(job: str, run: str, seq: int, *, rated: bool) -> list[Event]:
    events: list[Event] = []
    for stage in STEPS:
        token = seq + len(events) + 1
        file = Picture(sha256=f"{token:064x}", pixels="p", media="image/png", bytes=9, width=8, height=8)
        image = f"i{token}"
        events += [
            StageAssigned(job=job, stage=stage.id, node="box", attempt=1, why="next"),
            ArtifactStored(image=image, job=job, run=run, stage=stage.id, token=token, index=0, file=file),
            StageFinished(
                job=job, stage=stage.id, token=token, node="box", backend="sketch", images=(image,),
                files=(file.sha256,), effective={"steps": 20, "model": "sketch-1"},
            ),
        ]  # fmt: skip
    events.append(JobFinished(job=job, seconds=3.0))
    return [*events, ImageRated(image=image, stars=4)] if rated else events


class MemoryLog:
    def __init__(self, events: list[Event]) -> None:
        self.envelopes = [
            Envelope(seq=seq, at=1.8e9 + seq / 1000, epoch=1, actor="uid:1000", event=event)
            for seq, event in enumerate(events, 1)
        ]

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return tuple(self.envelopes[after : after + limit])


WINDOWS = {
    "first page": Window(limit=50),
    "last page": Window(offset=99_000, limit=50),
    "state:open": Window("state:open", limit=50),
    "state:finished, from the middle": Window("state:finished", offset=45_000, limit=50),
    "pack:orchard": Window("pack:orchard", limit=50),
    "run": Window("run:r0000500", limit=50),
    "stars:>=4": Window("stars:>=4", limit=50),
    "by name": Window(sort="name", limit=50),
    "newest, from the end": Window(sort="newest", offset=99_000, limit=50),
    "a word in all": Window("gulls", limit=50),
    "a word in few": Window("orchard-077", limit=50),
}


async def pages(jobs: int) -> list[Line]:
    log = MemoryLog(history(jobs))
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        views = await Views.open(Path(folder) / "views.db", log, results=Path("/r"), clock=lambda: 1.8e9 + 1e6)
        folded = len(log.envelopes) / (time.process_time() - begun)
        size = (Path(folder) / "views.db").stat().st_size
        lines = [
            Line(what="views filled from the log, by CPU", value=folded, unit="events/s"),
            Line(what=f"views of {jobs} jobs", value=size / 1e6, unit="MB"),
        ]
        few = Goal("value", most=15.0)
        for name, window in WINDOWS.items():
            took = await median_ms(partial(views.jobs, window))
            lines.append(Line(what=f"jobs: {name}", value=took, unit="ms", goal=None if "word" in name else few))
        for name, window in {"first page": Window(limit=50), "stars:>=4": Window("stars:>=4", limit=50)}.items():
            took = await median_ms(partial(views.images, window, final=True))
            lines.append(Line(what=f"pictures: {name}", value=took, unit="ms", goal=few))
        lines.append(Line(what="runs", value=await median_ms(views.runs), unit="ms", goal=few))
        await views.close()
    return lines


async def median_ms(ask) -> float:
    """CPU time of the page, so that other work on the machine does not count."""
    took = []
    for _ in range(9):
        begun = time.process_time()
        await ask()
        took.append((time.process_time() - begun) * 1000)
    return statistics.median(took)


async def updates() -> list[Line]:
    """Bytes on the wire: the first frame, a reading of progress, and what finished stages amount to."""
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder)) as it:
            await it.submit(count=100)
            await it.join_node()
            attempt = await it.assigned()
            async with it.http.ws_connect("http://d/v1/feed") as ws:
                welcome = len((await ws.receive()).data)
                sizes = []
                for step in range(1, 21):
                    it.vitals.progress[attempt.token] = progress(attempt, step)
                    sizes.append(len((await ws.receive()).data))
                it.open[attempt.token] = attempt
                before = it.ledger.durable
                total = 0
                for _ in range(9):
                    await it.finish_one()
                while True:
                    frame = (await ws.receive()).data
                    total += len(frame)
                    if msgspec.msgpack.decode(frame).get("head") == it.ledger.durable:
                        break
                each = total / (it.ledger.durable - before)
    return [
        Line(what="feed: first frame, a run of 100 jobs", value=welcome, unit="bytes"),
        Line(
            what="feed: progress of one job", value=statistics.median(sizes), unit="bytes", goal=Goal("value", most=64)
        ),
        Line(what="feed: per event while stages finish", value=each, unit="bytes"),
    ]


def progress(attempt, step: int):
    from schema.orders import Progress

    return Progress(job=attempt.job, stage=attempt.stage, token=attempt.token, step=step, steps=20)


async def fan_out(events: int = 20_000) -> list[Line]:
    """CPU microseconds per event for five subscribers: a send per event against the feed's coalescing."""
    with tempfile.TemporaryDirectory() as folder:
        naive = await per_event_sends(Path(folder) / "n", events)
        coalesced = await through_the_feed(Path(folder), events)
    return [
        Line(
            what=f"fan-out to {SUBSCRIBERS} at 10k events/s, CPU per event", value=coalesced, unit="us",
            peer="a send per event", against=naive, ratio=naive / coalesced, goal=Goal("ratio", least=6.0),
        )
    ]  # fmt: skip


async def per_event_sends(path: Path, events: int) -> float:
    sockets: set[web.WebSocketResponse] = set()

    async def join(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        sockets.add(ws)
        async for _ in ws:
            pass
        return ws

    app = web.Application()
    app.router.add_get("/", join)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    async with readers(path, "/") as count:
        await until(lambda: len(sockets) == SUBSCRIBERS)
        event = {"seq": 1, "type": "StageAssigned", "job": "r0000500.1", "stage": "txt2img", "node": "box"}
        begun = time.process_time()
        for seq in range(events):
            frame = msgspec.msgpack.encode({**event, "seq": seq})
            for ws in sockets:
                await ws.send_bytes(frame)
            if seq % 100 == 0:
                await asyncio.sleep(0)
        await until(lambda: count[0] == events * SUBSCRIBERS)
        spent = time.process_time() - begun
    await runner.cleanup()
    return spent / events * 1e6


async def through_the_feed(folder: Path, events: int) -> float:
    """The cost on top of what taking the same batches costs without anybody watching."""
    async with world(folder) as it:
        await it.submit(count=100)
        idle = await publish(it, events)
        async with readers(it.socket, "/v1/feed"):
            await until(lambda: it.runner.app[FEED]._clients == SUBSCRIBERS)
            return max(0.01, await publish(it, events) - idle)


async def publish(it: World, events: int) -> float:
    """Batches of ten events at ten thousand events a second, put before the feed; CPU microseconds per event."""
    from daemon.ledger.mail import Committed

    envelopes = tuple(
        Envelope(seq=10**6 + n, at=1.8e9, epoch=1, actor="daemon", event=JobFinished(job=f"aa2.{n}")) for n in range(10)
    )
    feed = it.runner.app[FEED]
    begun, at = time.process_time(), asyncio.get_running_loop().time()
    for number in range(events // 10):
        feed._take(Committed(envelopes))
        due = at + number * 0.001
        if number % 10 == 0 and (wait := due - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait)
    return (time.process_time() - begun) / events * 1e6


@asynccontextmanager
async def readers(path: Path, route: str) -> AsyncIterator[list[int]]:
    count = [0]

    async def read(ws: aiohttp.ClientWebSocketResponse) -> None:
        async for _ in ws:
            count[0] += 1

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        started = []
        for _ in range(SUBSCRIBERS):
            http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))))
            started.append(tasks.create_task(read(await http.ws_connect(f"http://d{route}"))))
        yield count
        for task in started:
            task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - sockets tell nobody
            await asyncio.sleep(0.01)


def main(arguments: list[str]) -> None:
    jobs = int(next((each for each in arguments if each.isdigit()), 100_000))
    finish([*asyncio.run(pages(jobs)), *asyncio.run(updates()), *asyncio.run(fan_out())], arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
