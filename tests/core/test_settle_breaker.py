"""Where stages go that failed: not to barred nodes, elsewhere first, and to more memory."""

import pytest

from schema import commands as c
from schema import events as e
from schema.plans import StageStep

PAINT = StageStep(id="paint", kind="txt2img", model="sdxl", steps=20, megapixels=1.0)


@pytest.fixture
def case(case):
    case.node()
    return case


def fail(case, job, trouble="backend", **more):
    case.given(e.StageAssigned(job=job, stage="paint", node="mill", attempt=1, why="test"))
    token = case.state.seq
    case.given(
        e.StageFailed(job=job, stage="paint", token=token, node="mill", trouble=trouble, reason="no", again_in=0.0,
                      **more)
    )  # fmt: skip


def test_a_barred_checkpoint_goes_to_another_node_and_a_cooling_one_gets_nothing(case):
    case.node("loft", speed=0.2)
    jobs = case.run(jobs=2, stages=(PAINT,))
    case.given(e.NodeBarred(node="mill", model="sdxl", seconds=60.0, reason="test"))
    assert case.start(jobs[0]).node == "loft"
    assert case.phase(jobs[1]) == "queued"
    assert case.wake_at is not None and case.wake_at <= case.now + 60.0

    case.now += 61.0
    assert case.start(jobs[1]).node == "mill"


def test_another_node_is_tried_first(case):
    case.node("loft", speed=0.2)
    (job,) = case.run(stages=(PAINT,))
    fail(case, job)
    assert case.state.jobs[job].failed_on == ("mill",)

    case.now += 10.0

    assert case.start(job).node == "loft"


def test_more_memory_is_found(case):
    case.node("hall", vram_gb=24.0, speed=0.1)
    (job,) = case.run(stages=(PAINT,))
    fail(case, job, "out-of-memory", reduced=True)
    fail(case, job, "out-of-memory")

    assert case.start(job).node == "hall"


def test_a_silent_node_is_given_nothing(case):
    (job,) = case.run(stages=(PAINT,))
    case.vitals.silent["mill"] = 16.0
    assert case.settle() == []

    case.node("loft")
    assert case.start(job).node == "loft"


def test_a_whole_run_leaves_a_node_that_cannot_go_on_with_it(case):
    case.node("mill", kinds=("txt2img",))
    case.node("loft", kinds=("txt2img", "upscale"), speed=0.2)
    (job,) = case.run(whole=True)
    case.given(e.StageAssigned(job=job, stage="paint", node="mill", attempt=1, why="test"))
    case.news(case.returned(case.attempt(job)))

    assert case.start(job).node == "loft"
    assert case.state.runs["run"].node == "loft"


def test_the_pin_of_the_live_lane_counts_more_than_where_a_whole_run_is(case):
    case.node("loft", speed=0.2)
    jobs = case.run(jobs=2, whole=True, lane="interactive", stages=(PAINT,))
    assert case.start(jobs[0]).node == "mill"
    case.wish(c.PinLane(node="loft"))

    assert case.start(jobs[1]).node == "loft"


def test_what_only_a_bigger_node_could_make_waits_for_it_while_it_is_known(case):
    case.node("hall", vram_gb=24.0)
    (job,) = case.run(stages=(PAINT,))
    fail(case, job, "out-of-memory", reduced=True)
    fail(case, job, "out-of-memory")
    case.given(e.NodeLost(node="hall", reason="unplugged"))
    assert case.settle() == []

    case.wish(c.ForgetNode(node="hall"))
    (parked, *_) = case.settle()

    assert (parked.job, parked.trouble) == (job, "out-of-memory")
    assert parked.reason.startswith("no (also with the memory-saving profile; the biggest node, mill, has 8 GB); make")
