"""A prompt on its way: cancelled, deleted, lost with its server, with and without its WebSocket."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_world`

from comfy_fake import ComfyFake
from comfy_world import SMALL, Listener, backend, made, trouble, work

from agent.backends import BackendTrouble, Cancelled
from agent.backends.comfyui import watch

pytestmark = pytest.mark.servers

LONG = SMALL.model_copy(update={"steps": 200})


@pytest.fixture
def fake() -> Iterator[ComfyFake]:
    with ComfyFake() as server:
        yield server


def until(true, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)


def cancelled(fake: ComfyFake, listener: Listener, config=LONG) -> float:
    """Seconds from the wish to its end."""
    wished: list[float] = []
    step = listener.step

    def noted(*told) -> None:
        try:
            step(*told)
        except Cancelled:
            wished.append(time.monotonic())
            raise

    listener.step = noted
    with pytest.raises(Cancelled):
        backend(fake).run(work(config), listener)
    return time.monotonic() - (wished[0] if wished else time.monotonic())


def let_go(fake: ComfyFake, listener: Listener) -> None:
    with pytest.raises(Cancelled):
        backend(fake).run(work(LONG), listener)


# Cancelling -----------------------------------------------------------------------------------


def test_a_cancel_interrupts_our_prompt_by_its_id_within_a_step(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    spent = cancelled(fake, Listener(lambda step, _, doing: doing == "sampling" and step >= 3))
    assert spent < 1.0 and set(fake.interrupts) == set(fake.history) and len(fake.history) == 1
    (past,) = fake.history.values()
    assert past["status"]["status_str"] == "error" and past["outputs"] == {}


def test_a_waiting_prompt_is_deleted_and_whoever_runs_is_left_alone(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    other = threading.Thread(target=lambda: made(fake, LONG.model_copy(update={"steps": 60}), seed=1))
    other.start()
    until(lambda: fake.running is not None)
    listener = Listener()
    mine = threading.Thread(target=lambda: let_go(fake, listener))
    mine.start()
    until(lambda: len(fake.pending) == 1)
    listener.unwanted.set()
    mine.join(5)
    assert not mine.is_alive() and not fake.pending and not fake.interrupts
    other.join(20)
    assert [past["status"]["status_str"] for past in fake.history.values()] == ["success"]


def test_one_that_begins_just_as_it_is_deleted_is_interrupted_instead(fake: ComfyFake, monkeypatch) -> None:
    from agent.backends.comfyui.server import Comfy

    fake.gate["KSampler"] = threading.Event()
    other = threading.Thread(target=lambda: made(fake, SMALL, seed=1))
    other.start()
    until(lambda: fake.running is not None)
    listener = Listener()
    mine = threading.Thread(target=lambda: let_go(fake, listener))
    mine.start()
    until(lambda: len(fake.pending) == 1)
    delete = Comfy.delete

    def too_late(server: Comfy, prompt: str) -> None:
        fake.step_seconds = 0.02
        fake.gate["KSampler"].set()
        until(lambda: fake.running is not None and fake.running[1] == prompt)
        delete(server, prompt)

    monkeypatch.setattr(Comfy, "delete", too_late)
    listener.unwanted.set()
    mine.join(10)
    other.join(10)
    assert not mine.is_alive() and len(fake.interrupts) == 1
    states = {prompt: past["status"]["status_str"] for prompt, past in fake.history.items()}
    assert states[fake.interrupts[0]] == "error" and sorted(states.values()) == ["error", "success"]


def test_an_old_server_that_interrupts_whatever_runs_is_told_so_only_while_ours_runs(fake: ComfyFake) -> None:
    fake.targeted, fake.step_seconds = False, 0.02
    other = threading.Thread(target=lambda: made(fake, LONG.model_copy(update={"steps": 40}), seed=1))
    other.start()
    until(lambda: fake.running is not None)
    listener = Listener()
    mine = threading.Thread(target=lambda: let_go(fake, listener))
    mine.start()
    until(lambda: len(fake.pending) == 1)
    listener.unwanted.set()
    mine.join(5)
    other.join(20)
    assert [past["status"]["status_str"] for past in fake.history.values()] == ["success"]


def test_a_cancel_while_a_model_loads_waits_for_the_nodes_end(fake: ComfyFake) -> None:
    fake.deaf = frozenset(("CheckpointLoaderSimple",))
    fake.gate["CheckpointLoaderSimple"] = threading.Event()
    threading.Timer(0.8, fake.gate["CheckpointLoaderSimple"].set).start()
    began = time.monotonic()
    cancelled(fake, Listener(lambda *_: fake.running is not None))
    assert time.monotonic() - began > 0.7 and fake.running is None
    assert "execution_interrupted" in json.dumps(list(fake.history.values()))


def test_a_cancel_that_comes_too_late_is_still_a_cancel(fake: ComfyFake) -> None:
    cancelled(fake, Listener(lambda _, __, doing: doing == "saving"))
    assert made(fake, SMALL, seed=8).pictures, "an interrupt of what has ended hits nobody"


def test_somebody_else_interrupting_is_no_cancel_of_ours(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    told: list[BackendTrouble] = []
    mine = threading.Thread(target=lambda: told.append(trouble(fake, LONG)))
    mine.start()
    until(lambda: fake.running is not None)
    fake.interrupt = True
    mine.join(10)
    assert told[0].trouble == "backend" and "interrupted" in told[0].sentence


# Deleted, lost, restarted ---------------------------------------------------------------------


def test_a_prompt_somebody_deleted_vanishes_without_a_word_and_is_lost(fake: ComfyFake) -> None:
    fake.gate["KSampler"] = threading.Event()
    other = threading.Thread(target=lambda: made(fake, SMALL, seed=1))
    other.start()
    until(lambda: fake.running is not None)
    told: list[BackendTrouble] = []
    mine = threading.Thread(target=lambda: told.append(trouble(fake, SMALL)))
    mine.start()
    until(lambda: len(fake.pending) == 1)
    fake.pending.clear()
    mine.join(10)
    assert told[0].trouble == "lost"
    fake.gate["KSampler"].set()
    other.join(10)


def test_a_server_killed_and_started_again_mid_job_has_lost_it(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    told: list[BackendTrouble] = []
    mine = threading.Thread(target=lambda: told.append(trouble(fake, LONG)))
    mine.start()
    until(lambda: fake.running is not None)
    fake.kill()
    fake.start()
    mine.join(10)
    assert told[0].trouble == "lost" and "restarted" in told[0].sentence
    assert made(fake, SMALL).pictures, "and the same job runs on the new one"


def test_a_server_that_stays_dead_has_lost_it_too(fake: ComfyFake, monkeypatch) -> None:
    monkeypatch.setattr(watch, "GONE", 1.0)
    fake.step_seconds = 0.02
    told: list[BackendTrouble] = []
    mine = threading.Thread(target=lambda: told.append(trouble(fake, LONG)))
    mine.start()
    until(lambda: fake.running is not None)
    fake.kill()
    mine.join(10)
    assert told[0].trouble == "lost" and "cannot be reached" in told[0].sentence
    assert backend(fake).card().state == "disconnected"


def test_a_cancel_at_a_dead_server_ends_at_once(fake: ComfyFake) -> None:
    fake.step_seconds = 0.02
    listener = Listener()
    mine = threading.Thread(target=lambda: let_go(fake, listener))
    mine.start()
    until(lambda: fake.running is not None)
    fake.kill()
    listener.unwanted.set()
    mine.join(5)
    assert not mine.is_alive()


# The WebSocket is a hint ----------------------------------------------------------------------


def test_it_works_where_no_socket_is_to_be_had(fake: ComfyFake) -> None:
    fake.sockets = False
    listener = Listener()
    made_ = backend(fake).run(work(SMALL), listener)
    assert made_.pictures and listener.steps[-1] == (1, 1, "saving")


def test_a_socket_that_says_nothing_any_more_is_no_dead_server(fake: ComfyFake) -> None:
    fake.mute, fake.step_seconds = True, 0.3
    listener = Listener()
    began = time.monotonic()
    assert backend(fake).run(work(SMALL), listener).pictures
    told = [doing for _, _, doing in listener.steps if doing == "loading model"]
    assert len(told) >= int(time.monotonic() - began), "a stage that tells nothing for a second looks frozen"


def test_two_sockets_with_one_id_cost_the_newer_its_messages_so_every_run_has_its_own(fake: ComfyFake) -> None:
    seen: set[str] = set()
    for seed in range(3):
        fake.gate["KSampler"] = threading.Event()
        thread = threading.Thread(target=lambda seed=seed: made(fake, SMALL, seed=seed))
        thread.start()
        until(lambda: fake.running is not None and fake.clients)
        seen |= set(fake.clients)
        fake.gate["KSampler"].set()
        thread.join(10)
        until(lambda: not fake.clients)
    assert len(seen) == 3


def test_a_connection_that_breaks_mid_job_is_made_again_and_its_first_words_are_nobodys(fake: ComfyFake) -> None:
    fake.step_seconds = 0.05
    listener = Listener()
    thread = threading.Thread(target=lambda: backend(fake).run(work(LONG.model_copy(update={"steps": 70})), listener))
    thread.start()
    until(lambda: any(doing == "sampling" for _, _, doing in listener.steps))
    (socket,) = fake.clients.values()
    fake._loop.call_soon_threadsafe(socket._req.transport.abort)
    thread.join(20)
    before = [step for step, _, doing in listener.steps if doing == "sampling"]
    assert before[-1] == 70 and before == sorted(before)


@pytest.mark.parametrize("event", [1, 4])
def test_previews_of_both_kinds_are_shown_only_while_somebody_watches(fake: ComfyFake, event: int) -> None:
    fake.previews = event
    watching, alone = Listener(), Listener(previews=False)
    backend(fake).run(work(SMALL), watching)
    backend(fake).run(work(SMALL, seed=8), alone)
    assert len(watching.shown) == 4 and watching.shown[0].startswith(b"\xff\xd8") and not alone.shown


def test_the_server_is_asked_at_most_twice_a_second(fake: ComfyFake) -> None:
    fake.mute, fake.step_seconds = True, 0.5
    began = time.monotonic()
    made(fake, SMALL)
    asked = [path for path in fake.asked if path.startswith(("GET /queue", "GET /history"))]
    # a question is the queue and, where it is not there, the history
    assert len(asked) <= 2 * (time.monotonic() - began) + 3


def test_one_that_waits_behind_others_says_so(fake: ComfyFake) -> None:
    fake.gate["KSampler"] = threading.Event()
    first = threading.Thread(target=lambda: made(fake, SMALL, seed=1))
    first.start()
    until(lambda: fake.running is not None)
    listener = Listener()
    second = threading.Thread(target=lambda: backend(fake).run(work(SMALL), listener))
    second.start()
    until(lambda: (0, 1, "waiting in ComfyUI's queue") in listener.steps)
    fake.gate["KSampler"].set()
    first.join(10)
    second.join(10)
    assert listener.steps[-1] == (1, 1, "saving")
