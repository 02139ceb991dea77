"""Agents that lie: over the real fleet, from the wire to the log and the disk. Whatever one says, it changes nothing
but its own attempts, it is named, every event can be read again, and another node goes on working.
"""

import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world`, `hostile_world`, `strange_agent`

from fleet_world import hurry, seen, until
from hostile_world import RESULTS, answers, given, named, of, picture, product, result, some, unharmed
from strange_agent import StrangeAgent, strange_agent

from daemon.fleet import dispatcher
from schema.events import ArtifactStored, JobFinished, NodeJoined, StageFailed, StageFinished
from schema.orders import CardChanged, Gpu
from schema.plans import Measures

pytestmark = pytest.mark.fleet

NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(dispatcher, "BUSY_SECONDS", 0.05)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[StrangeAgent]:
    async with strange_agent(tmp_path) as agent:
        yield agent


# Cards --------------------------------------------------------------------------------------------


NAMES = [
    "../../../etc/cron.d/x",
    "\x1b]0;gone\x07\x1b[2J",
    "rig\u202egnp.exe",
    "CON",
    "a" * 50_000,
    "\x00",
    "rig\n2",
    "",
]


@pytest.mark.parametrize("name", some(NAMES, 1))
async def test_a_name_is_a_label_and_never_more(opened, agent, tmp_path, name):
    agent.card = msgspec.structs.replace(agent.card, name=name, version=name, host=name, boot=name)
    house = await opened()
    await until(lambda: any(one.node == "odd2222" for one in seen(house, NodeJoined)))
    [joined] = [one for one in seen(house, NodeJoined) if one.node == "odd2222"]
    assert 0 < len(joined.name) <= 64 and joined.name.isprintable() and len(joined.version) <= 64
    await unharmed(house, tmp_path)


def _backend(agent: StrangeAgent, **more: object) -> object:
    return (msgspec.structs.replace(agent.card.backends[0], **more),)


CARDS: dict[str, Callable[[StrangeAgent], dict[str, object]]] = {
    "memory that is no number": lambda agent: {"vram_gb": NAN},
    "memory without end": lambda agent: {"vram_gb": INF},
    "less than no memory": lambda agent: {"vram_gb": -1.0},
    "a speed that is no number": lambda agent: {"speed": NAN},
    "no speed": lambda agent: {"speed": 0.0},
    "a speed backwards": lambda agent: {"speed": -2.0},
    "speed without end": lambda agent: {"speed": INF},
    "a device with no number": lambda agent: {"gpus": (Gpu(name="x", vram_gb=NAN),)},
    "more models than there are": lambda agent: {"backends": _backend(agent, models=("m",) * 60_000)},
    "a model's name without end": lambda agent: {"backends": _backend(agent, models=("m" * 100_000,))},
    "a kind of stage that is a path": lambda agent: {"backends": _backend(agent, kinds=("../txt2img",))},
    "a backend that drives a terminal": lambda agent: {"backends": _backend(agent, kind="\x1b[2J")},
    "an id that is a path": lambda agent: {"node": "../../odd"},
    "an id without end": lambda agent: {"node": "o" * 10_000},
    "an epoch that no table holds": lambda agent: {"epoch": 2**63},
}


@pytest.mark.parametrize("change", some(CARDS, 1))
async def test_a_card_that_no_machine_has_is_not_used_and_is_named(opened, agent, tmp_path, change):
    agent.card = msgspec.structs.replace(agent.card, **change(agent))
    house = await opened()
    await until(lambda: "another protocol" in house.parts.fleet.trouble)
    assert not [one for one in seen(house, NodeJoined) if one.link == "local"]
    await unharmed(house, tmp_path)


async def test_a_card_that_turns_hostile_ends_the_connection(opened, agent, tmp_path):
    house = await opened()
    await until(lambda: agent.fed)
    agent.news.put_nowait(CardChanged(card=msgspec.structs.replace(agent.card, speed=NAN)))
    await until(lambda: "another protocol" in house.parts.fleet.trouble)
    assert all(one.speed == 1.0 for one in seen(house, NodeJoined))
    await unharmed(house, tmp_path)


@pytest.mark.parametrize("lie", some(RESULTS, 1))
async def test_a_result_out_of_all_bounds_fails_its_own_attempt(opened, agent, tmp_path, lie):
    agent.made[named(picture())] = picture()
    answers(agent, lambda order: of(order, result=result(**lie)))
    house = await opened()
    await given(house)
    failed = (await house.until(StageFailed))[0]
    assert failed.node == "odd2222" and failed.trouble == "backend" and len(failed.reason) < 500
    assert not seen(house, ArtifactStored)
    await unharmed(house, tmp_path)


async def test_numbers_that_are_none_are_not_written_into_the_log(opened, agent, tmp_path):
    """JSON has no way to write them, and what is learned from them would be no number either."""
    agent.made[named(picture())] = picture()
    lie = result(
        effective={"steps": 4, "cfg_scale": NAN},
        reported={"score": INF, "infotext": "\x1b[2J\u202e"},
        measures=Measures(executed_s=NAN, loaded_s=-3.0, peak_vram_gb=INF, megapixels=1e300, waited_s=1.5),
    )
    answers(agent, lambda order: of(order, result=lie))
    house = await opened()
    await given(house)
    done = (await house.until(StageFinished))[0]
    assert done.effective == {"steps": 4, "cfg_scale": None} and done.reported["score"] is None
    measures = done.measures
    assert (measures.executed_s, measures.loaded_s, measures.peak_vram_gb, measures.megapixels) == (0, 0, 0, 0)
    assert measures.waited_s == 1.5
    await house.until(JobFinished)
    await unharmed(house, tmp_path)


async def test_words_without_end_are_cut(opened, agent, tmp_path):
    answers(agent, lambda order: of(order, state="broke", trouble="bad-request", reason="no" * 100_000))
    house = await opened()
    await given(house)
    failed = (await house.until(StageFailed))[0]
    assert len(failed.reason) <= 2100
    await unharmed(house, tmp_path)


# Pictures -----------------------------------------------------------------------------------------


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _bomb() -> bytes:
    """30000 x 30000 points of nothing in some hundred kilobytes."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0))
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(3751) * 100) for _ in range(300)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _texts() -> bytes:
    """A good picture with thirty megabytes of text."""
    good = picture()
    return good[:33] + _chunk(b"tEXt", b"Comment\0" + b"x" * 30_000_000) + good[33:]


async def _endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(bytes(1 << 20))


async def _elsewhere(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})


async def _packed(request: web.Request) -> web.StreamResponse:
    return web.Response(body=zlib.compress(picture()), headers={"Content-Encoding": "deflate"})


async def _short(request: web.Request) -> web.StreamResponse:
    return web.Response(body=picture()[:100])


BLOBS = {
    "another picture": picture(32, 32),
    "no picture": b"#!/bin/sh\necho gone\n",
    "nothing": b"",
    "without end": _endless,
    "redirected": _elsewhere,
    "packed": _packed,
    "cut off": _short,
}


@pytest.mark.parametrize("blob", some(BLOBS, 2))
async def test_bytes_that_are_not_what_was_claimed(opened, agent, tmp_path, blob):
    agent.made[named(picture())] = blob
    answers(agent, lambda order: of(order, result=result()))
    house = await opened()
    await given(house)
    failed = (await house.until(StageFailed))[0]
    assert failed.node == "odd2222" and failed.trouble == "backend" and not seen(house, ArtifactStored)
    await unharmed(house, tmp_path)


@pytest.mark.parametrize("bomb", some({"points": _bomb, "texts": _texts}, 1))
async def test_a_bomb_whose_hash_is_right(opened, agent, tmp_path, bomb):
    content = bomb()
    agent.made[named(content)] = content
    answers(agent, lambda order: of(order, result=result(**product(sha256=named(content), bytes=len(content)))))
    house = await opened()
    await given(house)
    failed = (await house.until(StageFailed))[0]
    assert failed.node == "odd2222" and not seen(house, ArtifactStored), failed
    await unharmed(house, tmp_path)
