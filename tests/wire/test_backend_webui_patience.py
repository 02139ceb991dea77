"""A server that takes its time: other clients' jobs are borne, a job that is let go of is never left to itself."""

import base64
import io
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_world import QUICK, SMALL, Listener, Running, World, until, world

from agent.backends import BackendTrouble, Cancelled
from agent.backends.webui.shapes import JobState, Progress
from agent.backends.webui.telling import Telling
from agent.backends.webui.watching import Patience
from agent.http import Server

pytestmark = pytest.mark.servers

CANCEL_SECONDS = 60.0
"""Of the daemon's patience with an agent."""

LONG = SMALL.model_copy(update={"steps": 400})
OTHERS = {"prompt": "x", "negative_prompt": "", "seed": 1, "width": 64, "height": 64, "steps": 30}


def slow(**more: float) -> Engine:
    return Engine("forge", step_s=0.01, **more)


def other_client(one: World, **change: object) -> Running:
    server = Server(one.server.url, timeout=30)
    return Running(lambda: server.post("/sdapi/v1/txt2img", OTHERS | change).json())


def patient(one: World, **change: float) -> None:
    one.backend._runner._patience = QUICK._replace(**change)


@pytest.fixture(params=["bare", "with its page"])
def tasks(request: pytest.FixtureRequest) -> bool:
    return request.param == "with its page"


# Letting go ---------------------------------------------------------------------------------------


def test_a_cancel_that_takes_long_keeps_telling_of_itself() -> None:
    """Told progress that changes is the sign of life; without it the agent would be taken for one that hangs."""
    with world(slow(decode_s=2.4)) as one:
        running = one.start(LONG)
        one.busy(3)
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
    assert {"letting go, 0 s", "letting go, 1 s", "letting go, 2 s"} <= set(one.listener.doing)


def test_a_server_that_never_lets_go_is_given_up_and_takes_nothing_before_it_has() -> None:
    with world(slow(decode_s=1.2)) as one:
        patient(one, letting_go=0.2, gone=0.1)
        running = one.start(LONG)
        one.busy(3)
        one.listener.unwanted.set()
        began = time.monotonic()
        assert isinstance(running.end(), Cancelled)
        assert time.monotonic() - began < 1.0
        card = one.backend.card()
        assert (card.state, "has not let go" in card.trouble) == ("starting", True)
        with pytest.raises(BackendTrouble) as held:
            one.run(listener=Listener())
        assert held.value.trouble == "lost"
        assert len(one.server.bodies("/txt2img")) == 1
        until(lambda: one.backend.card().state == "ready")
        assert one.engine.ended[-1]["cut"]
        assert one.run(listener=Listener()).pictures


def test_a_cancel_is_over_before_the_agent_would_be_taken_for_one_that_hangs() -> None:
    """Also where its server hangs too and what is owed cannot be put back: one more look that nobody answers."""
    with world() as one:
        assert Patience().letting_go + one.backend._door.server.timeout < CANCEL_SECONDS


def test_a_server_that_dies_with_what_it_did_not_let_go_of_is_free_again() -> None:
    with world(slow(decode_s=9.0)) as one:
        patient(one, letting_go=0.3)
        running = one.start(LONG)
        one.busy(3)
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        assert one.backend._runner.held
        one.server.kill()
        until(lambda: not one.backend._runner.held)
        assert one.backend.card().state == "disconnected"


class Faulty(Listener):
    """Whoever listens fails."""

    def preview(self, jpeg: bytes) -> None:
        raise RuntimeError("nobody can look at this")


def test_a_fault_while_telling_leaves_no_job_running() -> None:
    with world(slow()) as one:
        with pytest.raises(RuntimeError, match="nobody can look"):
            one.run(LONG, listener=Faulty(previews=True))
        made = one.run(listener=Listener())  # sent once the first was let go of
        assert made.pictures
        assert [job["cut"] for job in one.engine.ended] == [True, False]
        assert int(str(one.engine.ended[0]["steps"])) < 200


def test_a_preview_of_a_hundred_megapixels_is_left_out() -> None:
    out = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG")
    seen = Progress(state=JobState(), current_image=base64.b64encode(out.getvalue()).decode())
    assert Telling(passes=1, begins="preparing").preview(seen) is None


# Other clients ------------------------------------------------------------------------------------


def test_another_clients_job_without_end_costs_no_attempt(tasks: bool) -> None:
    """Nothing of it moves: before ours is sent, or with ours in the queue behind it."""
    with world(Engine("forge", step_s=0.6), tasks=tasks) as one:
        patient(one, others=0.25)
        other = other_client(one, steps=2)
        until(lambda: one.engine.state.job != "")
        running = one.start()
        fault = running.end()
        assert isinstance(fault, BackendTrouble)
        assert (fault.trouble, "another client's job" in fault.sentence) == ("lost", True)
        other.end()
        until(lambda: not one.backend._runner.held)
        ours = [job for job in one.engine.ended if job["asked"]["prompt"] != "x"]  # type: ignore[index]
        assert all(job["cut"] for job in ours)


def test_the_wait_for_others_is_told_with_its_seconds(tasks: bool) -> None:
    with world(slow(), tasks=tasks) as one:
        other = other_client(one, steps=140)
        one.busy(2)
        one.run()
        other.end()
    waiting = [doing for doing in one.listener.doing if doing.startswith("waiting")]
    assert len(waiting) >= 2
    assert waiting[1].endswith("1 s")


def test_the_wait_for_others_is_neither_loading_nor_work(tasks: bool) -> None:
    with world(slow(load_s=0.2), tasks=tasks) as one:
        other = other_client(one, steps=160, override_settings={"sd_model_checkpoint": "other.safetensors"})
        one.busy(2)
        made = one.run(SMALL.model_copy(update={"steps": 40}))
        other.end()
    waited = float(str(made.reported["waited_s"]))
    assert waited > 1.0
    assert 0.0 < made.loaded_s < waited


def test_the_wait_behind_a_queue_is_known_from_the_answer() -> None:
    """No request can be told from another there; its answer names the second in which its job began."""
    with world(slow()) as one:
        others = [other_client(one, steps=130, seed=seed) for seed in range(3)]
        one.busy()
        until(lambda: len(one.engine.pending) == 2)
        made = one.run(SMALL.model_copy(update={"steps": 40}))
        for other in others:
            other.end()
    assert made.loaded_s < 1.2
    assert float(str(made.reported["waited_s"])) > 1.5


def test_a_stage_that_waited_for_nobody_says_nothing_of_it() -> None:
    with world(slow()) as one:
        assert "waited_s" not in one.run().reported
