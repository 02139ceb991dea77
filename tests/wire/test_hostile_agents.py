"""Agents that lie: over the real fleet, from the wire to the log and the disk. Whatever one says, it changes nothing
but its own attempts, it is named, every event can be read again, and another node goes on working.
"""

import asyncio
import io
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `strange_agent`

from strange_agent import StrangeAgent, strange_agent

from daemon.core.apply import apply
from daemon.core.state import State, state_hash
from daemon.fleet import dispatcher, local, node
from daemon.log.store import read_log
from schema.events import (
    ArtifactStored,
    JobFailed,
    JobFinished,
    LateResultRefused,
    NodeJoined,
    NodeLost,
    StageFailed,
    StageFinished,
)
from schema.ids import JobId, Sha256, StageId, Token
from schema.orders import (
    Accepted,
    AttemptReport,
    CardChanged,
    Ended,
    Gpu,
    Load,
    Order,
    Preview,
    Product,
    Progress,
    Result,
)  # fmt: skip
from schema.places import places
from schema.plans import Measures

pytestmark = pytest.mark.fleet

SECONDS = 30
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(local, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(local, "GONE_SECONDS", 0.1)
    monkeypatch.setattr(dispatcher, "BUSY_SECONDS", 0.05)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[StrangeAgent]:
    async with strange_agent(tmp_path) as agent:
        yield agent


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - the daemon's tasks make it true
            await asyncio.sleep(0.01)


async def given(house, **more: object) -> None:
    """A job that only this agent may run."""
    await until(lambda: any(isinstance(one, NodeJoined) and one.node == "odd2222" for one in house.events))
    await house.submit("txt2img.steps=4", node="odd2222", **more)


def seen(house, kind: type) -> list:
    return [event for event in house.events if isinstance(event, kind)]


def picture(width: int = 64, height: int = 64) -> bytes:
    packed = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(packed, "PNG")
    return packed.getvalue()


def named(content: bytes) -> Sha256:
    return Sha256(sha256(content).hexdigest())


def some(cases, quick: int):  # type: ignore[no-untyped-def]
    """The first ones of a table in every run, each of them in the long one: every row is a whole daemon."""
    rows = cases.items() if isinstance(cases, dict) else ((ascii(case)[:40], case) for case in cases)
    return [
        pytest.param(case, id=name, marks=() if number < quick else pytest.mark.long)
        for number, (name, case) in enumerate(rows)
    ]


def of(order: Order, **told: object) -> AttemptReport:
    return AttemptReport(job=order.job, stage=order.stage, token=order.token, **{"state": "done", **told})  # type: ignore[arg-type]


def answers(agent: StrangeAgent, report: Callable[[Order], AttemptReport]) -> None:
    """Every order is taken, and at once reported so."""

    def take(order: Order) -> Accepted:
        agent.news.put_nowait(Ended(report=report(order)))
        return Accepted(state="accepted")

    agent.answer = take


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


async def unharmed(house, root: Path) -> None:
    """The log can be read and folded again to the very state that lives; every file has a name that is ours."""
    where = places({"STABLENEW_HOME": str(root)})
    seq, live = await house.parts.ledger.state_hash()
    state = State()
    for envelope in read_log(where.log, 0, seq):
        apply(state, envelope)
    assert state_hash(state) == live
    assert {name.split("/")[0] for name in below(root)} <= {"config", "data", "state", "results"}
    art = [path for path in where.artifacts.rglob("*") if path.is_file() and ".tmp" not in path.parts]
    assert all(len(path.stem) == 64 and path.parent.name == path.stem[:2] for path in art), art
    for event in house.events:
        assert not {"\x1b", "\x07", "\u202e"} & set(getattr(event, "name", ""))


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


# Results ------------------------------------------------------------------------------------------


def _result(**more: object) -> Result:
    good = picture()
    return Result(**{"backend": "webui", "products": (Product(sha256=named(good), bytes=len(good)),), **more})  # type: ignore[arg-type]


def _product(**more: object) -> dict[str, object]:
    good = picture()
    return {"products": (Product(**{"sha256": named(good), "bytes": len(good), **more}),)}  # type: ignore[arg-type]


RESULTS: dict[str, dict[str, object]] = {
    "a picture named by a path": _product(sha256="../../../../tmp/x"),
    "a picture named by nothing": _product(sha256=""),
    "a picture named in capitals": _product(sha256="AB" * 32),
    "a picture of no bytes": _product(bytes=0),
    "a picture of less than no bytes": _product(bytes=-5),
    "a picture larger than disks": _product(bytes=2**62),
    "a seed that no table holds": _product(seed=2**63),
    "pictures without end": {"products": _product()["products"] * 1000},  # type: ignore[operator]
    "a report without end": {"reported": {"infotext": "x" * 60_000, **{f"n{i}": "x" * 1000 for i in range(300)}}},
    "one text without end": {"reported": {"infotext": "x" * 10_000_000}},
    "names without end": {"effective": {f"n{number}": 1 for number in range(60_000)}},
    "a number that no table holds": {"effective": {"steps": 2**63}},
}


@pytest.mark.parametrize("lie", some(RESULTS, 1))
async def test_a_result_out_of_all_bounds_fails_its_own_attempt(opened, agent, tmp_path, lie):
    agent.made[named(picture())] = picture()
    answers(agent, lambda order: of(order, result=_result(**lie)))
    house = await opened()
    await given(house)
    failed = (await house.until(StageFailed))[0]
    assert failed.node == "odd2222" and failed.trouble == "backend" and len(failed.reason) < 500
    assert not seen(house, ArtifactStored)
    await unharmed(house, tmp_path)


async def test_numbers_that_are_none_are_not_written_into_the_log(opened, agent, tmp_path):
    """JSON has no way to write them, and what is learned from them would be no number either."""
    agent.made[named(picture())] = picture()
    lie = _result(
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
    answers(agent, lambda order: of(order, result=_result()))
    house = await opened()
    await given(house)
    failed = (await house.until(StageFailed))[0]
    assert failed.node == "odd2222" and failed.trouble == "backend" and not seen(house, ArtifactStored)
    await unharmed(house, tmp_path)


@pytest.mark.parametrize("bomb", some({"points": _bomb, "texts": _texts}, 1))
async def test_a_bomb_whose_hash_is_right(opened, agent, tmp_path, bomb):
    content = bomb()
    agent.made[named(content)] = content
    answers(agent, lambda order: of(order, result=_result(**_product(sha256=named(content), bytes=len(content)))))
    house = await opened()
    await given(house)
    failed = (await house.until(StageFailed))[0]
    assert failed.node == "odd2222" and not seen(house, ArtifactStored), failed
    await unharmed(house, tmp_path)


# Attempts of others -------------------------------------------------------------------------------


async def test_nobody_answers_for_an_attempt_of_another_node(opened, agent, tmp_path):
    """While the house's own agent makes the picture, this one says that it has made it, and that it broke."""
    house = await opened()
    await until(lambda: any(one.node == "odd2222" for one in seen(house, NodeJoined)))
    await until(lambda: any(one.link == "loopback" for one in seen(house, NodeJoined)))
    own = next(one.node for one in seen(house, NodeJoined) if one.link == "loopback")
    agent.made[named(picture())] = picture()
    await house.submit("txt2img.steps=40", node=own)
    job = JobId(f"{house.run}.1")
    for token in range(1, 60):
        for told in ({"result": _result()}, {"state": "broke", "trouble": "backend"}, {"state": "cancelled"}):
            report = AttemptReport(job=job, stage=StageId("txt2img"), token=Token(token), **{"state": "done", **told})
            agent.news.put_nowait(Ended(report=report))
    await house.until(JobFinished)
    assert {done.node for done in seen(house, StageFinished)} == {own} and not seen(house, StageFailed)
    assert named(picture()) not in {stored.file.sha256 for stored in seen(house, ArtifactStored)}
    assert all(refused.node == "odd2222" for refused in seen(house, LateResultRefused))
    await unharmed(house, tmp_path)


STRANGERS = ["../../../../etc/passwd", "r\r\nX-A: 1", "\x00", "a~b", "", "a" * 5000, "r2345678.1?x=1#y", "//host/x"]


@pytest.mark.parametrize("name", some(STRANGERS, 1))
async def test_attempts_with_names_that_are_none_are_not_heard(opened, agent, tmp_path, name):
    report = AttemptReport(job=JobId(name), stage=StageId(name), token=Token(5), state="done", result=_result())
    agent.attempts = [report]
    agent.made[named(picture())] = picture()
    house = await opened()
    await until(lambda: agent.fed)
    agent.news.put_nowait(Ended(report=report))
    answers(agent, lambda order: of(order, result=_result()))
    await given(house)
    await house.until(JobFinished)
    assert not seen(house, LateResultRefused)
    await unharmed(house, tmp_path)


async def test_its_own_attempt_under_a_false_name_leaves_the_true_one_open(opened, agent, tmp_path):
    agent.made[named(picture())] = picture()

    def false(order: Order) -> Accepted:
        lie = msgspec.structs.replace(of(order, result=_result()), job=JobId("k3vvvvvv.9"))
        agent.news.put_nowait(Ended(report=lie))
        agent.news.put_nowait(Ended(report=of(order, result=_result())))
        return Accepted(state="accepted")

    agent.answer = false
    house = await opened()
    await given(house)
    await house.until(JobFinished)
    await unharmed(house, tmp_path)


@pytest.mark.damages  # its agent speaks of tokens that no log gave out, and the checker believes the agent
async def test_results_that_nobody_asked_for_are_not_fetched_and_end_the_connection(
    opened, agent, tmp_path, monkeypatch
):
    monkeypatch.setattr(dispatcher, "MOST_STRANGE", 20)
    house = await opened()
    await until(lambda: agent.fed)
    fetched: list[str] = []

    async def fetch(request: web.Request) -> web.StreamResponse:
        fetched.append(request.path)
        return web.Response(body=picture())

    agent.made[named(picture())] = fetch
    for token in range(10**9, 10**9 + 60):
        name = JobId(f"r2345678.{token}")
        report = AttemptReport(job=name, stage=StageId("txt2img"), token=Token(token), state="done", result=_result())
        agent.news.put_nowait(Ended(report=report))
    [lost] = [one for one in await house.until(NodeLost) if one.node == "odd2222"]
    assert "without end that nobody gave it" in lost.reason and not fetched
    assert len(seen(house, LateResultRefused)) <= 21
    await unharmed(house, tmp_path)


async def test_ends_without_results_that_nobody_asked_for_end_the_connection_too(opened, agent, tmp_path, monkeypatch):
    monkeypatch.setattr(dispatcher, "MOST_STRANGE", 20)
    house = await opened()
    await until(lambda: agent.fed)
    for token in range(10**9, 10**9 + 60):
        name = JobId(f"r2345678.{token}")
        report = AttemptReport(job=name, stage=StageId("txt2img"), token=Token(token), state="broke", reason="x")
        agent.news.put_nowait(Ended(report=report))
    [lost] = [one for one in await house.until(NodeLost) if one.node == "odd2222"]
    assert "without end that nobody gave it" in lost.reason
    await unharmed(house, tmp_path)


async def test_more_attempts_than_an_agent_can_hold_end_the_connection(opened, agent, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(dispatcher, "MOST_REPORTS", 50)
    agent.attempts = [
        AttemptReport(job=JobId("r2345678.1"), stage=StageId("txt2img"), token=Token(token), state="cancelled")
        for token in range(60)
    ]
    house = await opened()
    await until(lambda: "60 attempts at once" in caplog.text)
    assert not [one for one in seen(house, NodeJoined) if one.node == "odd2222"]
    await unharmed(house, tmp_path)


async def test_cards_without_end_are_followed_and_not_all_kept(opened, agent, tmp_path, monkeypatch):
    monkeypatch.setattr(node, "MOST_CARDS", 3)
    house = await opened()
    await until(lambda: agent.fed)
    for number in range(1, 40):
        agent.news.put_nowait(CardChanged(card=msgspec.structs.replace(agent.card, vram_gb=float(number))))
        await asyncio.sleep(0.01)
    await until(lambda: house.parts.vitals.cards["odd2222"].vram_gb == 39.0)
    assert 1 < len([one for one in seen(house, NodeJoined) if one.node == "odd2222"]) <= 4
    await unharmed(house, tmp_path)


# The feed -----------------------------------------------------------------------------------------


async def test_news_out_of_all_bounds_are_not_shown(opened, agent, tmp_path):
    house = await opened()
    agent.answer = lambda order: Accepted(state="accepted")
    await given(house)
    await until(lambda: agent.orders)
    order = agent.orders[0]
    of_it = {"job": order.job, "stage": order.stage, "token": order.token}
    agent.news.put_nowait(Progress(**of_it, step=1, steps=4, eta_s=NAN))
    agent.news.put_nowait(Progress(**of_it, step=2**63, steps=4))
    agent.news.put_nowait(Preview(**of_it, jpeg=bytes(3 << 20)))
    agent.news.put_nowait(Load(busy=True, gpu_percent=INF))
    agent.news.put_nowait(Load(busy=True, resident=("m" * 100_000,)))
    agent.news.put_nowait(Progress(**of_it, step=3, steps=4))
    vitals = house.parts.vitals
    await until(lambda: order.token in vitals.progress and vitals.progress[order.token].step == 3)
    assert order.token not in vitals.previews
    assert vitals.loads["odd2222"].gpu_percent is None
    await unharmed(house, tmp_path)


FRAMES = [{"type": "Ended"}, {"type": "Progress", "step": "\x1b"}, [1, 2], "x" * 100, {"type": []}]


@pytest.mark.parametrize("frame", some(FRAMES, 1))
async def test_a_frame_that_is_none_ends_the_connection_and_not_the_daemon(opened, agent, tmp_path, frame):
    house = await opened()
    await until(lambda: agent.fed)
    agent.news.put_nowait(frame)
    await until(lambda: "another protocol" in house.parts.fleet.trouble)
    await unharmed(house, tmp_path)


@pytest.mark.long
async def test_a_job_goes_on_elsewhere_when_the_node_only_lies(opened, agent, tmp_path):
    answers(agent, lambda order: of(order, result=_result(**RESULTS["a picture named by a path"])))
    async with strange_agent(tmp_path, "even") as honest:
        honest.made[named(picture())] = picture()
        answers(honest, lambda order: of(order, result=_result()))
        house = await opened()
        await until(lambda: {"odd2222", "even2222"} <= {one.node for one in seen(house, NodeJoined)})
        await house.submit("txt2img.steps=4", count=4)
        await house.until(JobFinished, 4)
    assert {one.node for one in seen(house, StageFailed)} == {"odd2222"}
    assert {one.node for one in seen(house, StageFinished)} == {"even2222"}
    assert not seen(house, JobFailed)
    await unharmed(house, tmp_path)
