"""Every GET as of any moment is answered as by a daemon whose log ends there."""

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.api import server
from daemon.api.routes import ALL
from daemon.core.apply import apply
from daemon.core.state import State
from daemon.learner import Learner
from daemon.log.store import LogInLoop
from daemon.still import StillLedger
from daemon.then import KEPT, Files, Moments
from daemon.views.views import Views
from schema.errors import Refused
from schema.events import Envelope
from schema.scenes import Frame, Welcome

ASKED = (
    ("/v1/status", {}), ("/v1/queue", {}), ("/v1/state", {}), ("/v1/nodes", {}),
    ("/v1/nodes/box/day", {}), ("/v1/runs", {}),
    ("/v1/runs", {"sort": "name", "limit": "2"}), ("/v1/jobs", {}), ("/v1/jobs", {"filter": "state:queued"}),
    ("/v1/jobs", {"sort": "newest", "offset": "1", "limit": "3"}), ("/v1/images", {}),
    ("/v1/images", {"filter": "stars:>=2", "sort": "stars"}), ("/v1/images", {"filter": "tag:keep"}),
    ("/v1/images", {"final": "1"}), ("/v1/log", {}), ("/v1/learn", {}), ("/v1/learn/inbox", {}),
    ("/v1/learn/insights", {}), ("/v1/learn/records", {}), ("/v1/learn/runs", {}), ("/v1/feedback", {}),
)  # fmt: skip

ELSEWHERE = ("pid", "socket", "started", "moment", "trouble", "state")
"""Of the status: what is not in the log."""


@asynccontextmanager
async def travelling(folder: Path) -> AsyncIterator[World]:
    """A world whose log is a file, and whose house is asked of any moment."""
    _made(folder)
    async with world(folder, log=LogInLoop(folder / "events.db")) as it:
        files = Files(folder / "events.db", folder / "snapshots", folder / "views.db")
        learned = lambda house, state: replace(house, learning=_learner(house))  # noqa: E731
        moments = Moments(it.house, files, dress=learned)
        it.house.then, it.moments = moments.then, moments
        it.house.learning = _learner(it.house)
        try:
            yield it
        finally:
            await moments.close()


def _made(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _learner(house: Any) -> Learner:
    return Learner(house.views, house.ledger, seq_at=int)


class Short:
    """The log, cut off."""

    def __init__(self, envelopes: tuple[Envelope, ...]) -> None:
        self.envelopes = envelopes

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return self.envelopes[after : after + limit]


@asynccontextmanager
async def ended_at(seq: int, it: World, folder: Path) -> AsyncIterator[Any]:
    """Asks a house that was folded from the log up to there and nothing else."""
    envelopes = await it.log.read(0, seq)
    state = State()
    for envelope in envelopes:
        apply(state, envelope)
    at = envelopes[-1].at if envelopes else it.house.clock()
    views = await Views.open(folder / "views.db", Short(envelopes), results=it.house.results, clock=lambda: at)
    ledger = StillLedger(state, lambda: at, lambda: Refused("it is cut off."))
    house = replace(it.house, views=views, ledger=ledger, log=Short(envelopes), clock=lambda: at)
    house = replace(house, learning=_learner(house), known=lambda: (), free_bytes=lambda: None)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "s"))
    runner = await server.serve(house, listener)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(folder / "s"))) as http:
            other = World(folder)
            other.http = http
            yield other
    finally:
        ledger.end()
        await runner.cleanup()
        await views.close()


async def assert_as_of(seq: int, it: World, folder: Path, asked: Sequence[Any] = ASKED) -> None:
    _made(folder)
    async with ended_at(seq, it, folder) as cut:
        asked = list(asked)
        for row in (await cut.get("/v1/jobs"))["items"][:3]:
            asked += [(f"/v1/jobs/{row['id']}", {}), (f"/v1/jobs/{row['id']}/explain", {})]
        for row in (await cut.get("/v1/images"))["items"][:2]:
            asked += [(f"/v1/images/{row['id']}", {})]
        for path, query in asked:
            then, wanted = await it.get(path, **query, as_of=str(seq)), await cut.get(path, **query)
            if path == "/v1/status":
                assert then["moment"]["seq"] == seq and then["state"] == "read-only"
                then, wanted = _in_the_log(then), _in_the_log(wanted)
            assert then == wanted, f"{path} {query} as of event {seq}"


def _in_the_log(status: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name not in ELSEWHERE}


async def lives(it: World, dice: random.Random, steps: int) -> None:
    await it.join_node()
    await it.submit("a fox", count=2)
    await it.finish_one()
    for _ in range(steps):
        await something(it, dice)


VERBS = (
    "node", "node", "node", "break", "submit", "rate", "rate", "tag", "trash", "restore", "jobs", "jobs", "undo",
    "queue",
)  # fmt: skip


async def something(it: World, dice: random.Random) -> None:
    images = [row["id"] for row in (await it.get("/v1/images"))["items"]]
    jobs = [row["id"] for row in (await it.get("/v1/jobs"))["items"]]
    verb = dice.choice(
        (
            "node",
            "node",
            "node",
            "break",
            "submit",
            "rate",
            "rate",
            "tag",
            "trash",
            "restore",
            "jobs",
            "jobs",
            "undo",
            "queue",
        )
    )
    match verb:
        case "node" if it.open:
            await it.finish_one()
        case "break" if it.open:
            await it.break_one()
        case "submit":
            await it.submit(f"fox {dice.random()}", count=dice.randint(1, 3), hold=dice.random() < 0.2)
        case "rate" if images:
            await it.post("/v1/images/rate", {"select": [dice.choice(images)], "stars": dice.randint(0, 5)})
        case "tag" if images:
            await it.post("/v1/images/tag", {"select": [dice.choice(images)], "add": [dice.choice(["keep", "sky"])]})
        case "trash" | "restore" if images:
            await it.post(f"/v1/images/{verb}", {"select": [dice.choice(images)]})
        case "jobs":
            wish = dice.choice(("cancel", "retry", "rerun", "hold", "release", "move", "priority", "skip"))
            more = {"move": {"to": "top"}, "priority": {"priority": 2}}.get(wish, {})
            await it.post(f"/v1/jobs/{wish}", {"select": [dice.choice(jobs)], **more})
        case "undo":
            await it.post(dice.choice(("/v1/undo", "/v1/redo")))
        case "queue":
            await it.post(dice.choice(("/v1/queue/pause", "/v1/queue/resume")))


async def test_a_moment_is_answered_as_by_a_log_that_ends_there(tmp_path: Path) -> None:
    async with travelling(tmp_path / "w") as it:
        await lives(it, random.Random(1), 4)
        await assert_as_of(it.ledger.durable // 2, it, tmp_path / "cut", ASKED[:10])


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(4))
async def test_a_hundred_moments_are_answered_as_by_logs_that_end_there(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with travelling(tmp_path / "w") as it:
        await lives(it, dice, 60)
        for number in range(25):
            await assert_as_of(dice.randrange(it.ledger.durable + 1), it, tmp_path / str(number))
            await something(it, dice)  # it goes on meanwhile


async def test_the_past_is_only_looked_at(tmp_path: Path) -> None:
    async with travelling(tmp_path) as it:
        await it.join_node()
        await it.submit("a fox")
        before = it.ledger.durable

        refused = await it.ask("POST", "/v1/queue/pause", as_of="1")

        assert refused["status"] == 400 and refused["where"] == "as_of"
        assert it.ledger.durable == before


@pytest.mark.parametrize(
    ("when", "says"), [("999", "there is no event 999 yet"), ("soon", "`soon` is no point in time"), ("-3", "no point")]
)
async def test_a_moment_that_never_was_is_refused(tmp_path: Path, when: str, says: str) -> None:
    async with travelling(tmp_path) as it:
        refused = await it.get("/v1/jobs", as_of=when)

    assert refused["status"] == 400
    assert says in refused["error"]


def test_whatever_can_be_read_can_be_read_of_any_moment() -> None:
    assert all("as_of" in route.query for route in ALL if route.method == "GET")
    assert not any("as_of" in route.query for route in ALL if route.method != "GET")


async def test_the_feed_of_a_moment_is_one_frame_and_then_silence(tmp_path: Path) -> None:
    async with travelling(tmp_path) as it:
        await it.join_node()
        then = it.ledger.durable
        await it.submit("a fox")

        async with it.http.ws_connect("http://d/v1/feed", params={"as_of": str(then)}) as ws:
            first = msgspec.msgpack.decode((await ws.receive()).data, type=Frame)
            await it.finish_one()
            with pytest.raises(TimeoutError):
                await ws.receive(timeout=0.05)

    assert isinstance(first, Welcome)
    assert first.scene.head == then
    assert first.scene.queue.counts.running == 0


async def test_streams_of_the_past_end_with_it(tmp_path: Path) -> None:
    async with travelling(tmp_path) as it:
        await it.join_node()
        run = (await it.submit("a fox"))["run"]
        await until(lambda: bool(it.open))
        then = it.ledger.durable
        await it.finish_all()

        lines = await it.get("/v1/log", follow="1", as_of=str(then))
        progress = await it.get("/v1/follow", select=run, as_of=str(then))

    assert [line["seq"] for line in lines] == list(range(1, then + 1))
    assert [line["progress"]["finished"] for line in progress] == [0]


@pytest.mark.slow
async def test_many_moments_at_once_and_only_few_are_kept(tmp_path: Path) -> None:
    async with travelling(tmp_path) as it:
        await it.submit("a fox", count=6)
        seqs = list(range(1, it.ledger.durable + 1))[-KEPT - 1 :]

        found = await asyncio.gather(*(it.get("/v1/state", as_of=str(seq)) for seq in seqs * 2))

        await until(lambda: len(it.moments._open) == KEPT)
    assert [one["seq"] for one in found] == seqs * 2
