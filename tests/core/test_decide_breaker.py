"""Nodes that fail in a row, jobs that fail everywhere, and pictures that fit into no memory."""

import pytest

from daemon.core.breaker import barred, cooling, lifts_at
from schema import commands as c
from schema import events as e
from schema.observations import StageBroke
from schema.plans import StageStep


def types(events):
    return [type(event).__name__ for event in events]


def paint(model: str | None = "sdxl") -> StageStep:
    return StageStep(id="paint", kind="txt2img", model=model, steps=20, megapixels=1.0)


def break_(case, job, trouble="backend", reason="it hissed", node="mill"):
    """Assigns the job's stage to the node by hand, so that no policy has a say, and breaks it."""
    stage = case.state.runs[case.state.jobs[job].run].spec.stages[0].id
    attempt = case.state.jobs[job].attempts + 1
    case.given(e.StageAssigned(job=job, stage=stage, node=node, attempt=attempt, why="test"))
    return case.news(StageBroke(attempt=case.attempt(job), trouble=trouble, reason=reason))


@pytest.fixture
def case(case):
    case.node()
    return case


# Breakers -----------------------------------------------------------------------------------------


def test_three_jobs_that_fail_in_a_row_with_one_checkpoint_bar_it_there(case):
    jobs = case.run(jobs=3, stages=(paint(),))
    assert types(break_(case, jobs[0])) == ["StageFailed"]
    assert types(break_(case, jobs[1], "suspect")) == ["StageFailed"]

    _, barring = break_(case, jobs[2])

    assert barring == e.NodeBarred(node="mill", model="sdxl", seconds=3600.0, reason="3 jobs with sdxl failed in a row")
    node = case.state.nodes["mill"]
    assert barred(node, "sdxl", case.now) and not barred(node, "flux", case.now) and not cooling(node, case.now)
    assert node.strikes == {}, "they are paid for"
    assert lifts_at(node, case.now) == case.now + 3600.0


def test_with_different_checkpoints_it_gets_nothing_at_all_for_a_while(case):
    (one,) = case.run("one", stages=(paint("sdxl"),))
    two = case.run("two", jobs=2, stages=(paint("flux"),))
    break_(case, one)
    break_(case, two[0])

    _, barring = break_(case, two[1])

    assert (barring.model, barring.seconds) == (None, 600.0)
    assert barring.reason == "3 jobs with 2 checkpoints failed in a row"
    assert cooling(case.state.nodes["mill"], case.now)
    assert barred(case.state.nodes["mill"], "anything", case.now)


def test_one_job_that_fails_again_and_again_is_no_reason(case):
    case.rules = case.rules._replace(retries=9)
    (job,) = case.run(stages=(paint(),))

    assert [types(break_(case, job)) for _ in range(5)] == [["StageFailed"]] * 5


def test_a_success_in_between_clears_the_row(case):
    jobs = case.run(jobs=4, stages=(paint(),))
    break_(case, jobs[0])
    break_(case, jobs[1])
    case.given(e.StageAssigned(job=jobs[2], stage="paint", node="mill", attempt=1, why="test"))
    case.news(case.returned(case.attempt(jobs[2])))

    assert types(break_(case, jobs[3])) == ["StageFailed"]


def test_a_job_that_failed_elsewhere_is_not_held_against_the_next_node(case):
    case.node("loft")
    jobs = case.run(jobs=4, stages=(paint(),))
    for job in jobs[:2]:
        break_(case, job, node="loft")
        break_(case, job, node="mill")

    assert case.state.nodes["mill"].strikes == {}
    assert len(case.state.nodes["loft"].strikes["sdxl"]) == 2


@pytest.mark.parametrize("trouble", ["bad-request", "out-of-memory", "lost"])
def test_what_is_not_the_nodes_fault_does_not_count(case, trouble):
    jobs = case.run(jobs=4, stages=(paint(),))

    for job in jobs:
        assert "NodeBarred" not in types(break_(case, job, trouble))


def test_a_bar_falls_with_time_and_when_the_clock_is_set_back(case):
    case.given(e.NodeBarred(node="mill", model="sdxl", seconds=60.0, reason="test"))
    node = case.state.nodes["mill"]

    assert [barred(node, "sdxl", case.now + later) for later in (0.0, 59.0, 60.0, -9.0)] == [True, True, False, False]


def test_a_person_lifts_bars_which_is_nothing_to_take_back(case):
    case.given(e.NodeBarred(node="mill", model=None, seconds=60.0, reason="test"))

    assert case.wish(c.ResumeNode(node="mill")) == [e.NodeResumed(node="mill", drained=False)]

    assert (case.state.nodes["mill"].barred, case.state.undo) == ({}, [])
    assert case.wish(c.ResumeNode(node="mill")) == []


def test_resuming_a_drained_node_can_be_taken_back(case):
    case.wish(c.DrainNode(node="mill"))
    case.wish(c.ResumeNode(node="mill"))
    case.wish(c.Undo(done="c2", events=case.events_of(2)))

    assert case.state.nodes["mill"].drained


def test_a_success_lifts_the_bar_of_its_checkpoint(case):
    (job,) = case.run(stages=(paint(),))
    case.given(e.StageAssigned(job=job, stage="paint", node="mill", attempt=1, why="test"))
    case.given(e.NodeBarred(node="mill", model="sdxl", seconds=60.0, reason="test"))
    case.given(e.NodeBarred(node="mill", model="flux", seconds=60.0, reason="test"))

    case.news(case.returned(case.attempt(job)))

    assert list(case.state.nodes["mill"].barred) == ["flux"]


# Jobs that fail everywhere --------------------------------------------------------------------------


def test_three_nodes_that_fail_it_are_enough(case):
    case.rules = case.rules._replace(retries=9)
    case.node("loft")
    case.node("attic")
    (job,) = case.run(stages=(paint(),))
    break_(case, job)
    break_(case, job, node="loft")

    failed, parked = break_(case, job, node="attic")

    assert failed.again_in is None
    assert parked.reason == "it hissed (attempt 3 of 9, on mill, loft and attic)"
    assert case.phase(job) == "attention"


def test_the_next_stage_and_an_edited_job_are_tried_anywhere(case):
    (job,) = case.run(stages=(paint(), StageStep(id="more", kind="upscale")))
    break_(case, job)
    case.given(e.StageAssigned(job=job, stage="paint", node="mill", attempt=2, why="test"))
    case.news(case.returned(case.attempt(job)))

    assert case.state.jobs[job].failed_on == ()


# Memory -----------------------------------------------------------------------------------------


def test_out_of_memory_is_tried_reduced_and_then_on_a_bigger_node(case):
    case.node("hall", vram_gb=24.0, speed=0.1)
    (job,) = case.run(stages=(paint(),))

    (first,) = break_(case, job, "out-of-memory")
    assert (first.reduced, first.again_in) == (True, 0.0)
    (second,) = break_(case, job, "out-of-memory")
    assert (second.reduced, second.again_in) == (False, 0.0)

    one = case.state.jobs[job]
    assert (one.floor_gb, one.reduced, one.failed_on) == (8.0, False, ("mill",))


def test_a_job_that_is_too_large_for_the_biggest_node_says_so(case):
    case.node("hall", vram_gb=24.0)
    (job,) = case.run(stages=(paint(),))
    for node in ("mill", "hall"):
        assert types(break_(case, job, "out-of-memory", node=node)) == ["StageFailed"]
        events = break_(case, job, "out-of-memory", "CUDA is full", node=node)

    assert types(events) == ["StageFailed", "JobParked"]
    assert events[1].reason.startswith(
        "CUDA is full (also with the memory-saving profile; the biggest node, hall, has 24 GB); make its pictures"
    )


@pytest.mark.parametrize("meanwhile", ["lost", "unproved", "other kinds", "another node is meant"])
def test_a_bigger_node_that_cannot_take_it_is_none(case, meanwhile):
    kinds = ("upscale",) if meanwhile == "other kinds" else ("txt2img",)
    case.node("hall", vram_gb=24.0, kinds=kinds, link="lan" if meanwhile == "unproved" else "local")
    (job,) = case.run(stages=(paint(),), node="mill" if meanwhile == "another node is meant" else None)
    if meanwhile == "lost":
        case.given(e.NodeLost(node="hall", reason="unplugged"))
    if meanwhile == "unproved":
        case.state.nodes["hall"].proved = False
    break_(case, job, "out-of-memory")

    assert types(break_(case, job, "out-of-memory")) == ["StageFailed", "JobParked"]
    if meanwhile == "unproved":
        case.state.nodes["hall"].proved = True


def test_nodes_that_do_not_say_how_much_memory_they_have_are_not_asked_for_ever(case):
    case.node("mute", vram_gb=0.0)
    (job,) = case.run(stages=(paint(),))
    break_(case, job, "out-of-memory", node="mute")
    assert types(break_(case, job, "out-of-memory", node="mute")) == ["StageFailed", "JobParked"]
