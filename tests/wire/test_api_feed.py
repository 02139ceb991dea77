"""The live scene over a WebSocket: first whole, then what changes; slow clients cost the others nothing."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from daemon.api import feed as feeds
from daemon.api.feed import FEED, difference
from schema.ids import JobId, NodeId, StageId, Token
from schema.orders import Progress
from schema.scenes import Counts, Delta, Frame, QueueScene, RunningJob, Scene, Standing, Step, Welcome

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

FRAME = msgspec.msgpack.Decoder(Frame)


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as it:
        yield it


class Client:
    """Applies what comes, as a screen would."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.scene: Scene | None = None
        self.frames: list[Frame] = []

    async def next(self, seconds: float = 5.0) -> Frame:
        frame = FRAME.decode((await self.ws.receive(seconds)).data)
        self.frames.append(frame)
        match frame:
            case Welcome(scene=scene):
                self.scene = scene
            case Delta():
                names = ("queue", "running", "runs", "nodes", "undo", "redo")
                given = {name: getattr(frame, name) for name in names if getattr(frame, name) is not None}
                self.scene = msgspec.structs.replace(self.scene, head=frame.head, **given)
            case Step(progress=progress):
                by_token = {token: (step, steps, eta) for token, step, steps, eta in progress}
                running = tuple(
                    msgspec.structs.replace(
                        job, **dict(zip(("step", "steps", "eta_s"), by_token[job.token], strict=True))
                    )
                    if job.token in by_token
                    else job
                    for job in self.scene.running
                )
                self.scene = msgspec.structs.replace(self.scene, running=running)
        return frame

    async def until_head(self, head: int) -> None:
        async with asyncio.timeout(10):
            while self.scene is None or self.scene.head < head:
                await self.next()


@asynccontextmanager
async def watching(it: World, **query: int) -> AsyncIterator[Client]:
    async with it.http.ws_connect("http://d/v1/feed", params=query) as ws:
        yield Client(ws)


async def test_the_first_frame_is_the_whole_scene(it: World) -> None:
    await it.submit(count=3)
    async with watching(it) as client:
        frame = await client.next()
        assert isinstance(frame, Welcome) and frame.scene.queue.counts.queued == 3
        assert frame.scene == it.ledger.scene()


async def test_what_changes_follows_and_adds_up_to_the_scene_of_now(it: World) -> None:
    async with watching(it) as client:
        await client.next()
        run = (await it.submit(count=2))["run"]
        await it.join_node()
        await it.finish_all()
        await client.until_head(it.ledger.durable)
        assert client.scene == it.ledger.scene()
        deltas = [frame for frame in client.frames if isinstance(frame, Delta)]
        assert {job for delta in deltas for job in delta.jobs} == {f"{run}.1", f"{run}.2"}
        assert len({image for delta in deltas for image in delta.images}) == 6


async def test_how_the_daemon_stands_is_told_without_anything_else_changing(it: World) -> None:
    async with watching(it) as client:
        frame = await client.next()
        assert isinstance(frame, Welcome) and frame.standing == Standing()
        it.condition = "read-only"
        frame = await client.next()
        assert isinstance(frame, Delta) and frame.standing == Standing(state="read-only")
        assert frame.queue is None and not frame.everything


async def test_many_commits_are_few_frames(it: World) -> None:
    async with watching(it) as client:
        await client.next()
        await it.submit(count=30)
        for number in range(60):
            await it.post("/v1/queue/pause" if number % 2 else "/v1/queue/resume")
        await it.post("/v1/queue/mode", {"mode": "free"})
        await client.until_head(it.ledger.durable)
        assert len(client.frames) < 40


async def test_progress_alone_is_the_smallest_frame(it: World) -> None:
    await it.submit()
    await it.join_node()
    attempt = await it.assigned()
    async with watching(it) as client:
        await client.next()
        for step in (3, 4):
            it.vitals.progress[attempt.token] = Progress(
                job=attempt.job, stage=attempt.stage, token=attempt.token, step=step, steps=20
            )
            frame = await client.next()
            if step == 4:
                assert isinstance(frame, Step) and frame.progress[0][:3] == (attempt.token, 4, 20)
                assert len(msgspec.msgpack.encode(frame)) < 60
        assert client.scene.running[0].step == 4


async def test_too_many_changed_jobs_are_not_named(it: World) -> None:
    async with watching(it) as client:
        await client.next()
        await it.submit(count=feeds.NAMED + 1)
        frame = await client.next()
        assert isinstance(frame, Delta) and frame.everything and frame.jobs == ()


async def test_clients_at_the_same_version_get_the_same_bytes(it: World) -> None:
    feed = it.runner.app[FEED]
    with feed.joined():
        have = feed.newest().number
        await it.submit()
        await feed.after(have)
        (_, one), (_, two) = feed.frame(have), feed.frame(have)
        assert one is two
        welcome = feed.frame(None)[1]
        assert feed.frame(None)[1] is welcome


async def test_who_falls_behind_what_is_kept_begins_anew(it: World, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = it.runner.app[FEED]
    with feed.joined():
        have = feed.newest().number
        for number in range(feeds.KEPT + 1):
            await it.post("/v1/queue/pause" if number % 2 == 0 else "/v1/queue/resume")
            feed._publish()
        assert isinstance(FRAME.decode(feed.frame(have)[1]), Welcome)
        assert isinstance(FRAME.decode(feed.frame(have + 5)[1]), Delta)
        assert len(feed._versions) == feeds.KEPT


class FullSocket:
    """The daemon's side of a client that does not read: sending waits until `drained`."""

    def __init__(self) -> None:
        self.drained = asyncio.Event()
        self.sent: list[bytes] = []

    async def send_bytes(self, frame: bytes) -> None:
        self.sent.append(frame)
        await self.drained.wait()


async def test_a_stopped_client_holds_up_nobody_and_little_memory(it: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads nothing while more changes than are kept; another sees all of it; then it begins anew."""
    feed = it.runner.app[FEED]
    monkeypatch.setattr(feed, "_versions", deque(maxlen=4))
    run = (await it.submit(count=200))["run"]
    stopped = FullSocket()
    sending = asyncio.create_task(feeds._send(feed, stopped, 0.0))
    async with watching(it) as awake:
        await awake.next()
        await until(lambda: bool(stopped.sent))
        for number in range(1, 9):
            await it.post("/v1/jobs/priority", {"select": [f"{run}.{number}"], "priority": number})
            await awake.until_head(it.ledger.durable)
        assert len(stopped.sent) == 1 and len(feed._versions) == 4
        stopped.drained.set()
        await until(lambda: len(stopped.sent) > 1)
    frame = FRAME.decode(stopped.sent[1])
    assert isinstance(frame, Welcome) and frame.scene == awake.scene
    sending.cancel()
    await asyncio.wait((sending,))


async def test_a_slower_rate_is_fewer_frames(it: World) -> None:
    async with watching(it, rate=1) as client:
        await client.next()
        for number in range(20):
            await it.post("/v1/queue/pause" if number % 2 else "/v1/queue/resume")
        await client.until_head(it.ledger.durable)
        assert len(client.frames) <= 4
    assert (await it.get("/v1/feed", rate=99))["where"] == "rate"


async def test_nothing_is_kept_when_nobody_watches(it: World) -> None:
    feed = it.runner.app[FEED]
    async with watching(it) as client:
        await client.next()
        assert feed._versions
    await until(lambda: not feed._versions)
    await it.submit(count=3)
    assert not feed._jobs


async def test_when_the_daemon_stops_clients_are_told(tmp_path: Path) -> None:
    async with world(tmp_path) as it, watching(it) as client:
        await client.next()
        cleaning = asyncio.create_task(it.runner.cleanup())
        message = await client.ws.receive(5)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
        await cleaning


async def test_a_plain_request_is_told_that_this_is_a_websocket(it: World) -> None:
    assert (await it.get("/v1/feed"))["where"] == "Upgrade"


# What leads from one scene to another ---------------------------------------------------------------

JOB = RunningJob(
    job=JobId("aa2.1"), name="fox", stage=StageId("t"), stage_number=1, stages=2, node=NodeId("box"), token=Token(9)
)
SCENE = Scene(head=9, queue=QueueScene(counts=Counts(running=1)), running=(JOB,))


def changed(**fields: object) -> Scene:
    return msgspec.structs.replace(SCENE, **fields)


def test_only_what_differs_is_told() -> None:
    new = changed(head=10, undo="pause")
    assert difference(SCENE, [], new) == Delta(head=10, undo="pause")


def test_steps_are_told_for_the_jobs_that_moved() -> None:
    new = changed(running=(msgspec.structs.replace(JOB, step=3, steps=20, eta_s=1.5),))
    assert difference(SCENE, [], new) == Step(progress=((9, 3, 20, 1.5),))


def test_another_attempt_is_more_than_a_step() -> None:
    running = (msgspec.structs.replace(JOB, token=Token(12), step=1),)
    assert difference(SCENE, [], changed(running=running)) == Delta(head=9, running=running)
