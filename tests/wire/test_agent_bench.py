"""One device, several backends: who takes an order, what overlaps, which files reach it, and what is given back."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_place`

from agent_place import Patient, Place, order, placed, send_blob, until

from agent import bench
from agent.backends import BackendTrouble, Memory
from agent.lending import Lending
from agent.reading import needs_of, stage_of, work_of
from schema.ids import Sha256
from schema.orders import AgentNews, AttemptReport, CardChanged, Ended
from schema.parts import Control
from schema.stages import Img2Img, Interrogate, LlmEnhance, Txt2Img

KINDS = ("txt2img", "img2img")


@pytest.fixture
def real() -> Patient:
    return Patient("webui")


@pytest.fixture
def words() -> Patient:
    return Patient("llm", ("llmEnhance", "generatePrompt"))


@pytest.fixture
async def place(tmp_path: Path, real: Patient, words: Patient) -> AsyncIterator[Place]:
    """Drives a server, a language model and, last, the sketch."""
    async with placed(tmp_path, real, words, Patient("sketch")) as place:
        yield place


# Who takes it -----------------------------------------------------------------------------------


async def test_the_named_backend_takes_it_and_without_a_name_the_first_ready_one(place: Place, real: Patient) -> None:
    for token, backend in ((1, "sketch"), (2, None), (3, "webui")):
        await place.offer(order(token, backend=backend))
        await place.ended(order(token))
    real.state = "disconnected"
    await place.cards.refreshed()
    await place.offer(order(4, stage="txt2img"))
    reports = await asyncio.gather(*(place.ended(order(token)) for token in (1, 2, 3, 4)))
    assert [report.result and report.result.backend for report in reports] == ["sketch", "webui", "webui", "sketch"]


async def test_a_backend_that_is_not_ready_keeps_its_orders_waiting_and_says_why(place: Place, real: Patient) -> None:
    real.state = "disconnected"
    await place.cards.refreshed()
    answer = await place.offer(order(backend="webui"))
    assert (answer.state, answer.reason) == ("busy", "webui is not ready. Its server is away; start it.")
    real.state = "ready"
    await place.cards.refreshed()
    assert (await place.offer(order(backend="webui"))).state == "accepted"


async def test_words_go_to_the_language_model(place: Place, words: Patient) -> None:
    asked = order(stage="enhance", config=LlmEnhance(id="enhance"))
    assert (await place.offer(asked)).state == "accepted"
    report = await place.ended(asked)
    assert report.result is not None and report.result.backend == "llm"
    assert isinstance(words.works[0].config, LlmEnhance) and words.works[0].inputs == ()


async def test_all_backends_share_one_device(place: Place, real: Patient, words: Patient) -> None:
    real.go.clear()
    await place.offer(order(1))
    await place.offer(order(2, stage="enhance", config=LlmEnhance(id="enhance")))
    assert (await place.offer(order(3, backend="sketch"))).state == "busy"
    await until(lambda: asyncio.sleep(0, result=real.works or None))
    assert not words.works
    real.go.set()
    await place.ended(order(2, stage="enhance"))


# What overlaps ----------------------------------------------------------------------------------


async def test_the_next_order_runs_while_the_result_of_the_last_is_written(
    place: Place, real: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, slow = place.spool.write, threading.Event()

    def held(report: AttemptReport, contents: Sequence[bytes] = ()) -> None:
        assert slow.wait(10)
        write(report, contents)

    monkeypatch.setattr(place.spool, "write", held)
    await place.offer(order(1))
    await place.offer(order(2))
    await until(lambda: asyncio.sleep(0.005, result=len(real.works) == 2 or None))
    shown = await place.attempts()
    assert [report.state for report in shown.values()] == ["running", "running"]  # neither end is on disk
    assert (await place.offer(order(3))).state == "accepted"
    slow.set()
    for token in (1, 2, 3):
        assert (await place.ended(order(token))).state == "done"


async def test_results_that_the_disk_is_slow_to_take_hold_up_further_orders(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, slow = place.spool.write, threading.Event()
    monkeypatch.setattr(place.spool, "write", lambda *asked: slow.wait(10) and write(*asked))
    taken = []
    for token in range(1, 9):
        taken.append((await place.offer(order(token))).state)
        await asyncio.sleep(0.02)
    assert taken.count("accepted") == 4 and "busy" in taken
    slow.set()
    await place.ended(order(1))


# Which files reach it ---------------------------------------------------------------------------


def control(image: Sha256 | None) -> Control:
    return Control(model="canny", image=image)


async def test_pictures_of_control_units_are_needed_and_kept_apart(place: Place, real: Patient) -> None:
    before, pose = await send_blob(place, b"before"), await send_blob(place, b"pose")
    absent = Sha256("ab" * 32)
    answer = await place.offer(order(1, config=Txt2Img(id="txt2img", controls=(control(absent),))))
    assert answer.state == "refused" and absent in answer.reason
    steered = Img2Img(id="img2img", controls=(control(pose), control(None)))
    asked = order(2, stage="img2img", config=steered, inputs=(before, pose))
    await place.offer(asked)
    await place.ended(asked)
    work = real.works[-1]
    assert [path.read_bytes() for path in work.inputs] == [b"before"]
    assert {sha: path.read_bytes() for sha, path in work.controls.items()} == {pose: b"pose"}


def test_a_picture_may_be_worked_on_and_steer_at_once() -> None:
    same = Sha256("cd" * 32)
    asked = order(stage="img2img", config=Img2Img(id="img2img", controls=(control(same),)), inputs=(same,))
    stage = stage_of(asked)
    assert needs_of(asked, stage) == (same,)
    work = work_of(asked, stage, Path)
    assert work.inputs == (Path(same),) and work.controls == {same: Path(same)}


def test_an_analysis_gets_the_picture_before_it() -> None:
    asked = order(stage="caption", config=Interrogate(id="caption"), inputs=(Sha256("ef" * 32),))
    assert work_of(asked, stage_of(asked), Path).inputs == (Path("ef" * 32),)


# A server in doubt ------------------------------------------------------------------------------


async def test_the_card_says_that_a_server_is_away_before_the_end_of_its_stage_is_told(
    place: Place, real: Patient
) -> None:
    decode = msgspec.msgpack.Decoder(AgentNews).decode
    async with place.session.ws_connect("/v1/feed") as feed:
        real.state, real.trouble = "disconnected", BackendTrouble("lost", "it died")
        await place.offer(order(1))
        news: list[AgentNews] = []
        while not news or not isinstance(news[-1], Ended):
            news.append(decode((await feed.receive(timeout=5)).data))
    told = [each for each in news if isinstance(each, CardChanged)]
    assert [card.state for card in told[-1].card.backends if card.kind == "webui"] == ["disconnected"]
    assert isinstance(news[-1], Ended) and news[-1].report.trouble == "lost"


async def test_a_server_that_hangs_when_it_is_in_doubt_holds_up_the_device_for_a_moment_only(
    place: Place, real: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.bench.DOUBT_SECONDS", 0.1)
    real.trouble = BackendTrouble("backend", "it stumbled")
    real.answers.clear()
    await place.offer(order(1))
    await place.offer(order(2, backend="sketch"))
    assert (await place.ended(order(2))).state == "done"


# What is given back, and what is remembered -------------------------------------------------------


async def test_what_nobody_needed_for_long_enough_is_given_back_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "LEND_SECONDS", 0.02)
    backend = Patient("webui")
    async with placed(tmp_path, backend, free_after=0.05) as place:
        await asyncio.sleep(0.2)
        assert backend.freed == 0  # it was never used
        await place.offer(order(1))
        await place.ended(order(1))
        await until(lambda: asyncio.sleep(0.01, result=backend.freed or None))
        await asyncio.sleep(0.2)
        assert backend.freed == 1


async def test_another_program_gets_the_memory_it_wants_while_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "LEND_SECONDS", 0.02)
    backend = Patient("webui")
    async with placed(tmp_path, backend) as place:
        await place.offer(order(1))
        await place.ended(order(1))
        await asyncio.sleep(0.1)
        backend.used_gb = 5.0  # of 8: there is room for both
        await asyncio.sleep(0.1)
        assert backend.freed == 0
        backend.used_gb = 7.5
        await until(lambda: asyncio.sleep(0.01, result=backend.freed or None))


def test_memory_that_our_own_stages_take_is_nobody_elses() -> None:
    lending = Lending(0.0)
    assert not lending.due(1.0, {"comfyui": Memory(8.0, 7.9)})
    assert not lending.due(2.0, {"comfyui": Memory(8.0, 7.9)})
    assert "comfyui" in lending.due(3.0, {"comfyui": Memory(16.0, 15.0)})
    lending.worked()
    assert not lending.due(1.0, {"comfyui": Memory(16.0, 15.0)})
    assert "idle" in Lending(60.0).due(61.0, {"webui": Memory()})


async def test_the_epoch_outlives_an_agent_that_outlives_daemons(tmp_path: Path) -> None:
    async with placed(tmp_path, kept_epoch=True) as place:
        await place.offer(order(1, epoch=7))
        await place.ended(order(1, epoch=7))
    async with placed(tmp_path, kept_epoch=True) as place:
        answer = await place.offer(order(2, epoch=6))
        assert answer.state == "refused" and str(tmp_path / "epoch") in answer.reason
        assert (await place.offer(order(3, epoch=8))).state == "accepted"
        assert (await place.cards.recent()).epoch == 8


async def test_it_stops_in_time_although_its_backend_does_not_let_go(tmp_path: Path) -> None:
    class Deaf(Patient):
        def run(self, work, reporter):  # type: ignore[no-untyped-def]
            self.works.append(work)
            self.go.wait(10)
            raise BackendTrouble("backend", "too late")

    backend = Deaf()
    backend.go.clear()
    async with placed(tmp_path, backend) as place:
        await place.offer(order(1))
        await until(lambda: asyncio.sleep(0.005, result=backend.works or None))
        began = time.monotonic()
        await place.bench.stop(0.2)
        assert time.monotonic() - began < 0.5
        backend.go.set()
