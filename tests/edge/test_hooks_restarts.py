"""Hooks under restarts at any moment: nothing is lost, an address hears its last news twice at most, a command once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.concerns import Concerns
from daemon.hooks import hook
from daemon.hooks.finding import Finder
from daemon.hooks.hooks import Hooks, Now
from daemon.hooks.sending import Outcome
from daemon.hooks.writing import Writer
from schema.events import (
    DaemonStarted,
    Envelope,
    Event,
    JobFinished,
    JobParked,
    NodeJoined,
    NodeLost,
    NothingChanged,
    RunFinished,
)
from schema.hooks import News
from schema.ids import JobId, NodeId, RunId, Seq
from schema.scenes import Counts, QueueScene, Scene
from schema.settings import HookSettings

ON = ("run-finished", "queue-empty", "attention")
POST = HookSettings.model_validate({"on": ON, "url": "http://127.0.0.1:9", "tries": 20})
COMMAND = HookSettings.model_validate({"on": ON, "command": ("true",), "tries": 20})


class Batch:
    def __init__(self, envelopes: tuple[Envelope, ...]) -> None:
        self.envelopes = envelopes


class Daemon:
    """A log that grows by dice, and the hooks that follow it until somebody kills them."""

    def __init__(self, dice: random.Random, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dice, self.folder = dice, folder
        self.log: list[Envelope] = []
        self.waiting = 0
        self.told: dict[str, Counter[str]] = {"post": Counter(), "command": Counter()}
        self.last_ender = 0
        self.kills = 0
        monkeypatch.setattr(hook, "send", self.send)

    async def send(self, how: HookSettings, news: News) -> Outcome:
        """It may be killed before it is heard, while it is, and after that."""
        await self.pause()
        name = "command" if how.command else "post"
        self.told[name][news.id] += 1
        await self.pause()
        well = self.dice.random() < 0.8
        if not well:
            self.told[name][news.id] -= 1  # another try is none of a restart's
        return Outcome(well, "by dice")

    async def pause(self, seconds: float = 0.0) -> None:
        for _ in range(self.dice.choice((0, 0, 1, 3))):
            await asyncio.sleep(0)

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        await self.pause()
        return tuple(self.log[after : after + min(limit, self.dice.randint(1, 5))])

    def scene(self) -> Scene:
        return Scene(head=len(self.log), queue=QueueScene(counts=Counts(queued=self.waiting)))

    def commit(self) -> tuple[Envelope, ...]:
        return tuple(self.append(event) for event in self.happens())

    def happens(self) -> list[Event]:
        match self.dice.choice(("submit", "end", "end", "park", "nothing")):
            case "submit":
                self.waiting += self.dice.randint(1, 2)
            case "end" if self.waiting:
                self.waiting -= 1
                ends: list[Event] = [JobFinished(job=JobId("r.1"))]
                return [*ends, RunFinished(run=RunId("r"))] if self.dice.random() < 0.5 else ends
            case "park" if self.waiting:
                self.waiting -= 1
                return [JobParked(job=JobId("r.1"), trouble="suspect", reason="black")]
        return [NothingChanged(command="x")]

    def append(self, event: Event) -> Envelope:
        seq = Seq(len(self.log) + 1)
        self.log.append(Envelope(seq=seq, at=1e9 + seq, epoch=Seq(1), actor="daemon", event=event))
        if isinstance(event, JobFinished | JobParked):
            self.last_ender = seq
        return self.log[-1]

    async def live(self, batches: int, *, to_the_end: bool = False) -> None:
        """One life of the hooks, with so many batches in it."""
        arrived: asyncio.Queue[Batch] = asyncio.Queue()

        async def following() -> AsyncIterator[Batch]:
            while True:
                yield await arrived.get()

        hooks = Hooks(
            {"post": POST, "command": COMMAND}, self.folder / "hooks.json", Concerns(), _Words(self),
            clock=lambda: 1e9, wait=self.pause,
        )  # fmt: skip
        task = asyncio.create_task(hooks.run(following(), self, Now(self.scene, lambda: len(self.log))))
        for _ in range(batches):
            await self.pause()
            arrived.put_nowait(Batch(self.commit()))
            await asyncio.sleep(0)
        if to_the_end:
            async with asyncio.timeout(20):
                while any(row.waiting for row in hooks.rows()) or not self.all_heard(hooks):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        else:
            for _ in range(self.dice.randint(0, 30)):
                await asyncio.sleep(0)
            self.kills += 1
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def all_heard(self, hooks: Hooks) -> bool:
        return (self.folder / "hooks.json").exists() and all(
            each._saved == each._mark and each._reached >= len(self.log) for each in hooks._hooks.values()
        )

    def expected(self) -> set[str]:
        kinds = {RunFinished: "run-finished", JobParked: "attention"}
        return {
            f"{kinds[type(one.event)]}-{one.seq}-{int(one.at)}" for one in self.log if type(one.event) in kinds
        }  # fmt: skip


class _Words(Writer):
    """News without a past to look into."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def news(self, found: object, hook: str) -> News | None:
        await self._daemon.pause()
        return News(id=found.id, on=found.on, at="", seq=Seq(found.seq), hook=hook, host="h", text="t")


def told(*events: Event) -> list[str]:
    """What is found in them, in the order they came."""
    envelopes = [
        Envelope(seq=Seq(seq), at=1e9, epoch=Seq(1), actor="daemon", event=event) for seq, event in enumerate(events, 1)
    ]
    return [found.text or found.on for found in Finder().read(envelopes)]


def test_a_machine_of_the_fleet_that_is_lost_is_trouble_and_our_own_agent_and_a_restart_are_not():
    rig, here = NodeId("rig"), NodeId("here")
    came = NodeJoined(node=rig, name="rig2", instance="i", link="lan", backends=(), kinds=())
    ours = NodeJoined(node=here, name="vm", instance="i", link="loopback", backends=(), kinds=())
    began = DaemonStarted(version="1", sqlite="3", host="h")
    lost, gone = NodeLost(node=rig, reason="it is silent"), NodeLost(node=here, reason="it died")
    assert told(came, ours, lost, gone) == ["The node rig2 is lost: it is silent."]
    assert told(came, began, lost, came, lost, lost) == ["The node rig2 is lost: it is silent."]


async def one_story(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(random.Random(seed), folder, monkeypatch)
    await daemon.live(0, to_the_end=True)
    for _ in range(daemon.dice.randint(1, 8)):
        await daemon.live(daemon.dice.randint(0, 12))
        daemon.append(NothingChanged(command="DaemonBegan"))
    await daemon.live(3, to_the_end=True)
    post, command = daemon.told["post"], daemon.told["command"]
    empty = f"queue-empty-{daemon.last_ender}-{10**9 + daemon.last_ender}"
    expected = daemon.expected() | ({empty} if daemon.last_ender and not daemon.waiting else set())
    assert expected <= {id for id, times in post.items() if times}, f"seed {seed}: lost"
    assert sum(times - 1 for times in post.values() if times > 1) <= daemon.kills, f"seed {seed}: repeated"
    assert all(times <= 1 for times in command.values()), f"seed {seed}: a command was begun again"


async def test_a_restart_at_any_moment_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for seed in range(3):
        (tmp_path / str(seed)).mkdir()
        await one_story(seed, tmp_path / str(seed), monkeypatch)


@pytest.mark.long
async def test_restarts_at_any_moment_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for seed in range(3, 300):
        (tmp_path / str(seed)).mkdir()
        await one_story(seed, tmp_path / str(seed), monkeypatch)
