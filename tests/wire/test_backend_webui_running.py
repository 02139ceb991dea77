"""One job at a time on a server that others use too: progress, cancel, foreign interrupts, a server that dies."""

import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_fake import fake_webui
from webui_world import QUICK, SMALL, Listener, Running, World, painted, until, work, world

from agent.backends import BackendTrouble, Cancelled, Options
from agent.backends.webui import WebUI
from agent.backends.webui.shapes import JobState, Progress
from agent.backends.webui.telling import Telling
from agent.backends.webui.watching import Patience
from agent.http import Server
from schema.parts import Hires
from schema.stages import Img2Img, Upscale

pytestmark = pytest.mark.servers

LONG = SMALL.model_copy(update={"steps": 400})
OTHERS = {"prompt": "x", "negative_prompt": "", "seed": 1, "width": 64, "height": 64, "steps": 30}


def slow(flavour: str = "forge", **more: float) -> Engine:
    return Engine(flavour, step_s=0.01, **more)


def other_client(one: World, **change: object) -> Running:
    """Asks for a picture of its own, bare."""
    server = Server(one.server.url, timeout=30)
    return Running(lambda: server.post("/sdapi/v1/txt2img", OTHERS | change).json())


def interrupts(one: World) -> int:
    return len(one.server.bodies("/interrupt"))


@pytest.fixture(params=["bare", "with its page"])
def tasks(request: pytest.FixtureRequest) -> bool:
    return request.param == "with its page"


# Progress -----------------------------------------------------------------------------------------


def test_progress_grows_from_loading_to_sampling() -> None:
    with world(slow(load_s=0.2, decode_s=0.1)) as one:
        one.run(SMALL.model_copy(update={"steps": 30, "hires": Hires(upscaler="Latent")}))
        told = one.listener
    assert told.doing[:2] == ["loading model", "sampling"]
    for doing in told.doing:
        steps = [step / of for step, of, what in told.told if what == doing]
        assert steps == sorted(steps)
    assert max(of for _, of, _ in told.told) == 60


def test_a_model_that_is_loaded_is_not_loaded_again() -> None:
    with world(slow(load_s=0.1)) as one:
        first, second = one.run(SMALL.model_copy(update={"steps": 20})), one.run(SMALL.model_copy(update={"steps": 20}))
    assert first.loaded_s >= 0.1
    assert second.loaded_s == 0.0
    assert one.backend.memory().resident == ("toy.safetensors",)


def test_a_silent_model_load_longer_than_any_read_timeout_is_waited_for() -> None:
    """The patience for silence is counted between two answers to a look at the progress, not from the request."""
    with world(slow(load_s=0.6)) as one:
        one.backend._runner._patience = Patience(poll=0.02, silence=0.3, gone=0.1, step=0.005)
        assert one.run().pictures


def test_the_progress_is_looked_at_no_oftener_than_twice_a_second() -> None:
    assert Patience().poll >= 0.5
    with world(slow()) as one:
        one.run()
        one.backend._runner._patience = Patience(step=0.01)
        one.server.seen.clear()
        began = time.monotonic()
        one.run(SMALL.model_copy(update={"steps": 120}))
        looks = one.server.paths("GET").count("/sdapi/v1/progress")
        assert looks <= 2 + (time.monotonic() - began) / 0.5  # before, after, and those between


def test_a_quick_job_costs_two_looks() -> None:
    with world() as one:
        one.run()
        one.server.seen.clear()
        one.run()
        gets = [path for path in one.server.paths("GET") if not path.endswith("/memory")]
    assert gets == ["/sdapi/v1/progress"] * 2


def test_a_preview_is_a_small_jpeg_and_only_made_when_somebody_watches() -> None:
    watching = Listener(previews=True)
    with world(slow()) as one:
        one.run(SMALL.model_copy(update={"steps": 40}), listener=watching)
        one.run(SMALL.model_copy(update={"steps": 40}))
    assert watching.shown[0].startswith(b"\xff\xd8")
    assert one.listener.shown == []


def test_stale_flags_of_the_job_before_are_not_ours() -> None:
    with world(slow()) as one:
        one.engine.state.interrupted = one.engine.state.skipped = True
        one.engine.state.sampling_steps = one.engine.state.sampling_step = 9
        assert one.run().pictures


def test_an_absurd_share_is_told_within_bounds() -> None:
    telling = Telling(passes=2, begins="preparing")
    state = JobState(job="scripts_txt2img", job_count=1, job_no=7, sampling_step=99, sampling_steps=20)
    step, steps, doing = telling.due(Progress(state=state), 0.0) or (0, 0, "")
    assert 0 <= step <= steps
    assert doing == "decoding"


# Cancel -------------------------------------------------------------------------------------------


def test_cancel_waits_for_the_original_answer(tasks: bool) -> None:
    with world(slow(decode_s=0.3), tasks=tasks) as one:
        running = one.start(LONG)
        one.busy(3)
        one.listener.unwanted.set()
        until(lambda: interrupts(one) > 0)
        assert not running.over  # the unfinished picture is still being decoded there
        assert isinstance(running.end(), Cancelled)
        assert one.engine.state.job == ""
    assert one.engine.ended[-1]["steps"] < 100


def test_cancel_before_anything_was_sent_sends_nothing() -> None:
    with world() as one:
        one.listener.unwanted.set()
        with pytest.raises(Cancelled):
            one.run()
        assert one.server.bodies("/txt2img") == []


def test_an_interrupt_that_came_before_the_job_began_is_repeated() -> None:
    """The server forgets it when the job begins."""
    with world(slow(load_s=0.3)) as one:
        running = one.start(LONG)
        until(lambda: one.server.bodies("/txt2img") != [])
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
    assert one.engine.ended[-1]["cut"]
    assert one.engine.ended[-1]["steps"] < 100


def test_the_next_job_after_a_cancel_is_whole(tasks: bool) -> None:
    with world(slow(), tasks=tasks) as one:
        running = one.start(LONG)
        one.busy()
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        made = one.run(SMALL.model_copy(update={"steps": 20}), listener=Listener())
        assert made.pictures
    assert (one.engine.ended[-1]["steps"], one.engine.ended[-1]["cut"]) == (20, False)


def test_hanging_up_cancels_nothing_so_a_cancel_interrupts() -> None:
    with world(slow()) as one:
        server = Server(one.server.url, timeout=0.05)
        with pytest.raises(Exception, match="said nothing"):
            server.post("/sdapi/v1/txt2img", OTHERS | {"steps": 20})
        one.idle()
    assert (one.engine.ended[-1]["steps"], one.engine.ended[-1]["cut"]) == (20, False)


def test_extras_are_cancelled_after_their_answer(tmp_path: Path) -> None:
    with world(Engine(step_s=0.3)) as one:
        running = one.start(Upscale(upscaler="4x-sharp"), painted(tmp_path / "in.png"))
        until(lambda: one.engine.state.job == "extras")
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
    assert len(one.engine.ended) == 1


# A server that dies -------------------------------------------------------------------------------


def test_a_server_killed_mid_job_is_lost_at_once() -> None:
    with world(slow()) as one:
        running = one.start(LONG)
        one.busy(3)
        began = time.monotonic()
        one.server.kill()
        fault = running.end()
        assert time.monotonic() - began < 2
        assert isinstance(fault, BackendTrouble)
        assert (fault.trouble, "died or was stopped" in fault.sentence) == ("lost", True)
        assert one.backend.card().state == "disconnected"


def test_a_server_killed_while_we_cancel_is_a_cancel() -> None:
    with world(slow(decode_s=5.0)) as one:
        running = one.start(LONG)
        one.busy(3)
        one.listener.unwanted.set()
        until(lambda: interrupts(one) > 0)
        one.server.kill()
        assert isinstance(running.end(), Cancelled)


def test_a_server_that_hangs_without_hanging_up_is_given_up() -> None:
    """As a machine that lost its power: the connection stays open, and nobody listens any more."""
    with world(Engine(step_s=1.0)) as one:
        running = one.start(LONG)
        one.busy(1)
        one.server.shutdown()
        one.server.socket.close()
        fault = running.end()
    assert isinstance(fault, BackendTrouble)
    assert fault.trouble == "lost"


def test_a_server_that_says_nothing_at_all_any_more_is_given_up() -> None:
    with world(Engine(step_s=1.0)) as one:
        one.backend.card()
        one.backend._runner._patience = QUICK._replace(silence=0.3)
        one.backend._door.server.timeout = 0.1
        running = one.start(LONG)
        one.busy(1)
        routes = one.server.answer
        one.server.answer = lambda *asked: one.engine.dead.wait(5) or routes(*asked)  # type: ignore[method-assign]
        fault = running.end()
    assert isinstance(fault, BackendTrouble)
    assert fault.trouble == "lost"


def test_a_server_that_is_not_there_takes_nothing() -> None:
    with world() as one:
        one.server.kill()
        with pytest.raises(BackendTrouble) as lost:
            one.run()
    assert (lost.value.trouble, "--api" in lost.value.sentence) == ("lost", True)


def test_a_server_that_came_back_works_again(tmp_path: Path) -> None:
    with world(slow()) as one:
        running = one.start(LONG)
        one.busy(3)
        one.server.kill()
        assert isinstance(running.end(), BackendTrouble)
        assert one.backend.card().state == "disconnected"
        with fake_webui(Engine(), port=one.server.server_port) as again:
            assert one.backend.card().state == "ready"
            assert one.run(Img2Img(steps=4), painted(tmp_path / "in.png")).pictures
            assert any("samples_format" in body for body in again.engine.options.posted)  # pinned anew


def test_a_server_that_was_restarted_before_anybody_looked_is_pinned_anew() -> None:
    with world(slow()) as one:
        running = one.start(LONG)
        one.busy(3)
        one.server.kill()
        assert isinstance(running.end(), BackendTrouble)
        with fake_webui(Engine(), port=one.server.server_port) as again:
            made = one.run()
            assert made.pictures
            assert any("samples_format" in body for body in again.engine.options.posted)


def test_tiles_owed_to_a_server_that_died_are_put_back_when_it_is_back(tmp_path: Path) -> None:
    large = painted(tmp_path / "large.png", (128, 96))
    with world(Engine(step_s=1.0)) as one:
        running = one.start(Upscale(upscaler="4x-sharp", tile=64, overlap=8), large)
        until(lambda: one.engine.state.job == "extras")
        kept = dict(one.engine.options.stored)
        one.server.kill()
        assert isinstance(running.end(), BackendTrouble)
        engine = Engine()
        engine.options.stored = kept
        with fake_webui(engine, port=one.server.server_port):
            one.run()
            assert engine.options["ESRGAN_tile"] == 192


# A thousand of them --------------------------------------------------------------------------------


def test_no_thread_stays_behind() -> None:
    with world() as one:
        one.run()
        before = threading.active_count()
        for _ in range(20):
            one.run()
        until(lambda: threading.active_count() <= before + 1)


def test_the_wait_costs_little() -> None:
    """Against the same request made bare to the same server."""
    with world(Engine(step_s=0.02)) as one:
        backend = WebUI(Options(clock=time.monotonic, url=one.server.url))
        config = SMALL.model_copy(update={"steps": 10})
        backend.run(work(config), Listener())
        bare, through = [], []
        server = Server(one.server.url)
        for _ in range(5):
            began = time.perf_counter()
            server.post("/sdapi/v1/txt2img", one.last("/txt2img"))
            bare.append(time.perf_counter() - began)
            for _ in range(2):  # the first makes sure that the other client has no more
                began = time.perf_counter()
                backend.run(work(config), Listener())
                through.append(time.perf_counter() - began)
    assert min(through) - min(bare) < 0.1
