"""`GET /v1/feed`: the live scene over a WebSocket, then what changes, coalesced.

One version of the scene is taken at most ten times a second, for all clients together. A client holds the number of
the version it has; what leads from there to the newest is encoded once for all that stand at the same one. Who falls
behind the versions that are kept gets a fresh Welcome: a stopped client costs one frame in its own socket's buffer,
and nothing of anybody else's time.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from aiohttp import WSCloseCode, web

from daemon.api.asked import number
from daemon.api.house import House
from daemon.api.news import listening
from daemon.api.route import MIB
from daemon.ledger.mail import Committed
from schema.errors import Refused
from schema.events import ModelFavoured, ModelRated, ModelTagged, PicturesDeleted
from schema.ids import JobId
from schema.scenes import Delta, Frame, RunningJob, Scene, Standing, Step, Welcome

PROTOCOL = 1

RATE = 10
"""Versions a second, at most."""

SLOW_SECONDS = 1.0
"""Between two tellings of readings that drift all the time: memory in use."""

KEPT = 64
"""Versions one can fall behind."""

NAMED = 200
"""Jobs or pictures named in one frame; of more the client is told to read its windows again."""

JUDGED = (ModelTagged, ModelRated, ModelFavoured)
"""What changes how the library is listed."""


class Version(NamedTuple):
    number: int
    scene: Scene
    standing: Standing
    jobs: dict[JobId, None]
    """Changed since the version before; no more than `NAMED`."""
    images: dict[str, None]
    everything: bool


class Feed:
    def __init__(self, house: House) -> None:
        self.house = self._house = house
        self._versions: deque[Version] = deque(maxlen=KEPT)
        self._encoded: dict[int | None, bytes] = {}
        self._jobs: dict[JobId, None] = {}
        self._images: dict[str, None] = {}
        self._everything = False
        self._next = 0
        self._slow_at = 0.0
        self._moved = asyncio.Event()
        self._wanted = asyncio.Event()
        self._clients = 0

    async def run(self) -> None:
        """Takes versions while anybody watches; ends with the ledger."""
        async with listening(self._house.ledger, self._take) as news:
            while not news.over:
                await self._wanted.wait()
                self._publish()
                await asyncio.sleep(1 / RATE)
                while self._clients and not await news.wait(self._patience()) and not self._differs():
                    pass

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        self._clients += 1
        self._house.vitals.watchers = self._clients
        self._wanted.set()
        try:
            yield
        finally:
            self._clients -= 1
            self._house.vitals.watchers = self._clients
            if not self._clients:
                self._wanted.clear()
                self._versions.clear()
                self._encoded.clear()
                self._jobs, self._images, self._everything = {}, {}, False

    def newest(self) -> Version:
        """For one who joins: the newest version, taken now if there is none."""
        if not self._versions:
            self._publish()
        return self._versions[-1]

    def frame(self, have: int | None) -> tuple[int, bytes]:
        """What leads from version `have` (None: nothing yet) to the newest, and that one's number."""
        newest = self.newest()
        if have is not None and have < self._versions[0].number:
            have = None
        if have not in self._encoded:
            self._encoded[have] = msgspec.msgpack.encode(self._frame(have, newest))
        return newest.number, self._encoded[have]

    async def after(self, have: int) -> None:
        """Returns once there is a version newer than `have`."""
        while not self._versions or self._versions[-1].number <= have:
            await self._moved.wait()

    def _take(self, batch: Committed) -> None:
        if any(isinstance(envelope.event, JUDGED) for envelope in batch.envelopes):
            self._house.vitals.library += 1
        if not self._clients or self._everything:
            return
        for envelope in batch.envelopes:
            if len(self._jobs) > NAMED or len(self._images) > NAMED:
                break
            event = envelope.event
            if (job := getattr(event, "job", None)) is not None:
                self._jobs[job] = None
            if (image := getattr(event, "image", None)) is not None:
                self._images[image] = None
            if isinstance(event, PicturesDeleted):
                self._images.update(dict.fromkeys(event.images))
        self._everything = len(self._jobs) > NAMED or len(self._images) > NAMED

    def _patience(self) -> float:
        """Readings are not announced; they are looked for often only while something runs."""
        scene = self._versions[-1].scene if self._versions else None
        return 1 / RATE if scene is not None and scene.running else SLOW_SECONDS

    def _differs(self) -> bool:
        last = self._versions[-1] if self._versions else None
        return last is None or self._scene() != last.scene or self._standing() != last.standing

    def _publish(self) -> None:
        scene, standing = self._scene(), self._standing()
        last = self._versions[-1] if self._versions else None
        same = last is not None and scene == last.scene and standing == last.standing
        if same and not (self._jobs or self._images):
            return
        if last is None or scene.nodes != last.scene.nodes:
            self._slow_at = asyncio.get_running_loop().time()
        named = not self._everything
        self._versions.append(
            Version(
                number=self._next,
                scene=scene,
                standing=standing,
                jobs=self._jobs if named else {},
                images=self._images if named else {},
                everything=self._everything,
            )
        )
        self._next += 1
        self._jobs, self._images, self._everything = {}, {}, False
        self._encoded.clear()
        self._moved.set()
        self._moved = asyncio.Event()

    def _standing(self) -> Standing:
        house = self._house
        return Standing(
            state=house.condition(), trouble=house.trouble(), concerns=house.concerns(), moment=house.moment
        )

    def _scene(self) -> Scene:
        """The scene of now; drifting readings as they were told last, until it is time to tell them again."""
        scene = self._house.ledger.scene()
        if not self._versions or asyncio.get_running_loop().time() - self._slow_at >= SLOW_SECONDS:
            return scene
        told = {node.node: node.vram_used_gb for node in self._versions[-1].scene.nodes}
        nodes = tuple(
            msgspec.structs.replace(node, vram_used_gb=told.get(node.node, node.vram_used_gb)) for node in scene.nodes
        )
        return msgspec.structs.replace(scene, nodes=nodes)

    def _frame(self, have: int | None, newest: Version) -> Frame:
        if have is None:
            return Welcome(protocol=PROTOCOL, version=self._house.version, scene=newest.scene, standing=newest.standing)
        since = [version for version in self._versions if version.number >= have]
        frame = difference(since[0].scene, since[1:], newest.scene)
        if since[0].standing == newest.standing:
            return frame
        if not isinstance(frame, Delta):
            frame = Delta(head=newest.scene.head, running=newest.scene.running)
        return msgspec.structs.replace(frame, standing=newest.standing)


def difference(old: Scene, versions: list[Version], new: Scene) -> Frame:
    """What leads from `old` over `versions` to `new`: a Step when nothing but progress differs."""
    jobs = {job: None for version in versions for job in version.jobs}
    images = {image: None for version in versions for image in version.images}
    everything = any(version.everything for version in versions) or max(len(jobs), len(images)) > NAMED
    if not (jobs or images or everything) and msgspec.structs.replace(new, running=old.running) == old:
        steps = _steps(old.running, new.running)
        if steps is not None:
            return steps
    return Delta(
        head=new.head,
        queue=None if new.queue == old.queue else new.queue,
        running=None if new.running == old.running else new.running,
        runs=None if new.runs == old.runs else new.runs,
        nodes=None if new.nodes == old.nodes else new.nodes,
        undo=None if new.undo == old.undo else new.undo,
        redo=None if new.redo == old.redo else new.redo,
        library=None if new.library == old.library else new.library,
        jobs=() if everything else tuple(jobs),
        images=() if everything else tuple(images),
        everything=everything,
    )


def _steps(old: tuple[RunningJob, ...], new: tuple[RunningJob, ...]) -> Step | None:
    """None when more than the numbers of the same attempts differs."""
    if len(old) != len(new):
        return None
    progress = []
    for was, now in zip(old, new, strict=True):
        if was == now:
            continue
        if now.token is None or msgspec.structs.replace(now, step=was.step, steps=was.steps, eta_s=was.eta_s) != was:
            return None
        progress.append((int(now.token), now.step, now.steps, now.eta_s))
    return Step(progress=tuple(progress))


FEED = web.AppKey("feed", Feed)
SOCKETS = web.AppKey("sockets", set[web.WebSocketResponse])


async def serve(house: House, request: web.Request) -> web.StreamResponse:
    rate = number(request, "rate", RATE)
    if not 1 <= rate <= RATE:
        raise Refused(f"frames come 1 to {RATE} times a second.", where="rate")
    ws = web.WebSocketResponse(compress=False, max_msg_size=MIB)
    if not ws.can_prepare(request):
        raise Refused("this route is a WebSocket.", where="Upgrade", remedy="Connect with ws+unix.")
    await ws.prepare(request)
    sockets = request.app[SOCKETS]
    sockets.add(ws)
    feed = request.app[FEED]
    if house is not feed.house:  # of the past: one whole frame, and nothing ever changes
        feed = Feed(house)
    sending = asyncio.create_task(_send(feed, ws, 1 / rate))
    try:
        async for _ in ws:  # nothing a client says matters; this sees it go
            pass
    finally:
        sockets.discard(ws)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await sending
    return ws


async def _send(feed: Feed, ws: web.WebSocketResponse, pause: float) -> None:
    """Sending waits while the client does not read; it then goes on from the version it last was sent."""
    have: int | None = None
    with feed.joined():
        while True:
            have, frame = feed.frame(have)
            await ws.send_bytes(frame)
            await asyncio.sleep(pause)
            await feed.after(have)


async def close_all(app: web.Application) -> None:
    sockets: set[web.WebSocketResponse] = app[SOCKETS]
    for ws in tuple(sockets):
        await ws.close(code=WSCloseCode.GOING_AWAY, message=b"the daemon stops")
