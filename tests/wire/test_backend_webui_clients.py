"""A server that other clients use too: ours waits, and an interrupt hits no job but ours."""

import sys
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_fake import POOL
from webui_world import DEADLINE, QUICK, SMALL, Listener, Running, World, painted, until, world

from agent.backends import BackendTrouble, Cancelled
from agent.backends.webui.owning import Owner, sampled_look
from agent.backends.webui.running import OTHERS as WAITING
from agent.backends.webui.running import SURE
from agent.backends.webui.shapes import JobState, Progress
from agent.http import Server
from schema.stages import ImageStage, Img2Img, Interrogate, Upscale

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


@pytest.fixture
def own_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job begins in a second of its own."""
    seconds = count()
    monkeypatch.setattr("time.strftime", lambda _: f"202601010000{next(seconds):02d}")


def told_and_looks(one: World, stage: ImageStage, *pictures: Path) -> tuple[bool, int]:
    """Whether a stage told that it makes sure, and how often it looked at the progress."""
    listener = Listener()
    one.server.seen.clear()
    one.run(stage, *pictures, listener=listener)
    return SURE in listener.doing, one.server.paths("GET").count("/sdapi/v1/progress")


# Other clients ------------------------------------------------------------------------------------


def test_an_interrupt_never_hits_the_job_of_another_client_before_ours(tasks: bool) -> None:
    with world(slow(), tasks=tasks) as one:
        other = other_client(one)
        one.busy(2)
        running = one.start(LONG)
        until(lambda: bool(one.listener.told) or one.server.bodies("/txt2img")[1:] != [])
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        other.end()
    theirs = next(job for job in one.engine.ended if job["asked"]["prompt"] == "x")  # type: ignore[index]
    assert (theirs["steps"], theirs["cut"]) == (30, False)


def test_an_interrupt_never_hits_the_job_of_another_client_behind_ours(tasks: bool) -> None:
    with world(slow(), tasks=tasks) as one:
        running = one.start(LONG)
        one.busy(2)
        others = [other_client(one, seed=seed) for seed in range(3)]
        until(lambda: len(one.engine.pending) == 3)
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        for other in others:
            other.end()
    theirs = [job for job in one.engine.ended if job["asked"]["prompt"] == "x"]  # type: ignore[index]
    assert [(job["steps"], job["cut"]) for job in theirs] == [(30, False)] * 3


def test_no_interrupt_follows_to_the_next_job_while_our_answer_is_on_its_way(
    tasks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its jobs are known by the second in which they begin, and the next may begin in ours."""
    monkeypatch.setattr("time.strftime", lambda _: "20260101000000")
    with world(slow(encode_s=0.2), tasks=tasks) as one:
        running = one.start(LONG)
        one.busy(2)
        other = other_client(one)
        until(lambda: len(one.engine.pending) == 1)
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        other.end()
    assert [(job["asked"]["prompt"], job["cut"]) for job in one.engine.ended] == [("a lighthouse", True), ("x", False)]  # type: ignore[index]


@pytest.mark.usefixtures("own_seconds")
@pytest.mark.parametrize("early", [False, True], ids=["asked between them", "asked while the first runs"])
def test_between_two_jobs_of_the_queue_the_server_is_not_taken_for_idle(early: bool) -> None:
    """Else C, which has our kind and our number of steps, would be taken for ours."""
    ours = SMALL.model_copy(update={"steps": 60})
    with world(slow(between_s=0.5)) as one:
        one.run(listener=Listener())  # from here on nothing but the progress is asked for before ours is sent
        one.engine.ended.clear()
        one.backend._runner._patience = QUICK._replace(quiet=0.8)
        others = [other_client(one, prompt="A", steps=50)]
        one.busy(1)
        others.append(other_client(one, prompt="C", steps=60))
        until(lambda: len(one.engine.pending) == 1)
        if not early:
            until(lambda: one.engine.ended != [] and not one.engine.state.job)
        running = one.start(ours)
        until(lambda: SURE in one.listener.doing)
        until(lambda: len(one.engine.ended) == 1)
        one.busy(3)  # C runs
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        for other in others:
            other.end()
    assert [(job["asked"]["prompt"], job["cut"]) for job in one.engine.ended][:2] == [("A", False), ("C", False)]  # type: ignore[index]
    assert (WAITING in one.listener.doing[0]) is early


@pytest.mark.usefixtures("own_seconds")
def test_after_another_clients_last_job_the_server_is_looked_at_twice_and_then_no_more() -> None:
    with world() as one:
        one.backend._runner._patience = QUICK._replace(poll=1.0)  # no look at a job that is under way
        one.run()
        other_client(one, steps=1).end()
        assert told_and_looks(one, SMALL) == (True, 3)
        assert told_and_looks(one, SMALL) == (False, 2)


@pytest.mark.usefixtures("own_seconds")
def test_who_is_alone_at_a_server_waits_for_nothing(tmp_path: Path) -> None:
    """Whatever its last stage was, also where it was too quick to be seen, and where it was cancelled."""
    picture = painted(tmp_path / "in.png")
    with world(Engine(weights=True)) as one:
        one.backend._runner._patience = QUICK._replace(poll=1.0, quiet=DEADLINE)
        assert told_and_looks(one, SMALL)[0] is False  # the server's first job
        stages: list[ImageStage] = [Upscale(upscaler="Lanczos"), SMALL, Interrogate(), Img2Img(steps=4)]
        for stage in stages:
            assert told_and_looks(one, stage, picture) == (False, 2)
        one.engine.step_s = 0.01
        running = one.start(LONG)
        one.busy(2)
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        one.engine.step_s = 0.0
        assert told_and_looks(one, SMALL) == (False, 2)


@pytest.mark.usefixtures("own_seconds")
def test_an_interrupt_never_hits_a_job_in_the_queue_that_looks_as_ours_does() -> None:
    """A runs, B and C wait, ours comes last: C has our kind and our number of steps."""
    ours = SMALL.model_copy(update={"steps": 60})
    with world(slow()) as one:
        others = [other_client(one, prompt="A", steps=50)]
        one.busy(2)
        for prompt, steps in (("B", 50), ("C", 60)):
            waiting = len(one.engine.pending)
            others.append(other_client(one, prompt=prompt, steps=steps))
            until(lambda before=waiting: len(one.engine.pending) == before + 1)  # type: ignore[misc]
        running = one.start(ours)
        until(
            lambda: len(one.engine.ended) == 2 and one.engine.pending and one.engine.state.sampling_step > 2
        )  # C runs
        one.listener.unwanted.set()
        assert isinstance(running.end(), Cancelled)
        for other in others:
            other.end()
        ran = [(job["asked"]["prompt"], job["steps"], job["cut"]) for job in one.engine.ended]  # type: ignore[index]
    assert ran == [("A", 50, False), ("B", 50, False), ("C", 60, False), ("a lighthouse", 60, False)]


def test_ours_waits_while_another_client_works_and_says_so() -> None:
    with world(slow()) as one:
        other = other_client(one)
        one.busy()
        made = one.run()
        other.end()
    assert one.listener.doing[0] == "waiting for another client's job, 0 s"
    assert made.pictures


def test_ours_joins_the_queue_when_others_queue_too() -> None:
    """Else a client that always has the next request ready would never let us in."""
    with world(slow()) as one:
        others = [other_client(one, steps=110, seed=seed) for seed in range(3)]
        one.busy()
        until(lambda: len(one.engine.pending) == 2)
        assert one.run().pictures
        order = [job["asked"]["prompt"] for job in one.engine.ended]  # type: ignore[index]
        for other in others:
            other.end()
    assert "a lighthouse" in order


def test_only_one_request_of_ours_is_under_way() -> None:
    with world(slow()) as one:
        running = [one.start(SMALL.model_copy(update={"steps": 10})) for _ in range(3)]
        most = 0
        while not all(each.over for each in running):
            most = max(most, len(one.engine.pending))
        assert all(each.fault is None for each in running)
    assert most <= 1


def test_a_full_house_of_waiting_requests_hides_no_answer() -> None:
    """Forty handlers wait for the lock, so the progress cannot be asked for; ours is patient."""
    with world(Engine(step_s=0.002)) as one:
        one.run()
        crowd = [other_client(one, seed=seed, steps=5) for seed in range(POOL + 5)]
        made = one.run(SMALL.model_copy(update={"steps": 5}))
        for other in crowd:
            other.end()
    assert made.pictures


def test_another_clients_interrupt_of_our_job_is_found_and_its_picture_not_kept(tasks: bool) -> None:
    """The answer is a 200 with an unfinished picture and no sign of it."""
    with world(slow(), tasks=tasks) as one:
        running = one.start(LONG)
        one.busy(2)
        Server(one.server.url).post("/sdapi/v1/interrupt", {})
        fault = running.end()
    assert isinstance(fault, BackendTrouble)
    assert (fault.trouble, "another client interrupted" in fault.sentence) == ("backend", True)


def test_a_batch_that_was_interrupted_between_two_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = Engine._answer
    monkeypatch.setattr(Engine, "_answer", lambda self, kind, asked, images: answered(self, kind, asked, images[:1]))
    with world() as one, pytest.raises(BackendTrouble, match="made 1 of 3 pictures"):
        one.run(SMALL.model_copy(update={"batch": 3}))


# Whose job it is ----------------------------------------------------------------------------------


def seen(step: int, steps: int, stamp: str, job: str = "scripts_txt2img") -> Progress:
    return Progress(state=JobState(job=job, job_count=1, job_timestamp=stamp, sampling_step=step, sampling_steps=steps))


IDLE = Progress(state=JobState(job_timestamp="1"))
LOOK = sampled_look("scripts_txt2img", 20, "")


def test_the_next_job_after_an_idle_server_is_ours_once_its_steps_are() -> None:
    owner = Owner(LOOK, IDLE, exact=None)
    assert not owner.is_ours(IDLE)
    assert owner.is_ours(seen(0, 9, "2"))  # good enough to tell progress
    assert not owner.is_ours(seen(0, 9, "2"), certain=True)  # not for an interrupt: the steps are stale
    assert owner.is_ours(seen(1, 20, "2"), certain=True)
    assert not owner.is_ours(seen(1, 20, "3"), certain=True)  # the next one


@pytest.mark.parametrize(("job", "count", "busy"), [("", 0, False), ("scripts_txt2img", -1, True), ("", 1, True)])
def test_a_server_is_busy_also_in_the_moment_before_it_counts_its_jobs(job: str, count: int, busy: bool) -> None:
    assert Progress(state=JobState(job=job, job_count=count)).busy is busy


def test_a_job_of_another_kind_or_of_other_steps_is_not_ours() -> None:
    assert not Owner(LOOK, IDLE, exact=None).is_ours(seen(1, 30, "2"))
    assert not Owner(LOOK, IDLE, exact=None).is_ours(seen(1, 20, "2", "extras"))


@pytest.mark.parametrize("theirs", [20, 30])
def test_behind_others_no_job_is_ours_whatever_it_looks_like(theirs: int) -> None:
    """More may queue than the one that runs, and one of them may look as ours does."""
    owner = Owner(LOOK, seen(5, theirs, "1"), exact=None)
    for stamp in ("1", "2", "3"):
        assert not owner.is_ours(seen(1, 20, stamp))
        assert not owner.is_ours(seen(1, 20, stamp), certain=True)


def test_once_another_job_slipped_in_no_job_is_ours() -> None:
    owner = Owner(LOOK, IDLE, exact=None)
    assert not owner.is_ours(seen(1, 30, "2"), certain=True)
    assert not owner.is_ours(seen(1, 20, "3"), certain=True)
