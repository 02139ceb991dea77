"""The fold: takes whatever stands in the log, ends up where it did before, and forgets what has ended."""

from typing import Literal, get_args, get_origin

import msgspec
import pytest

from daemon.core.apply import apply
from daemon.core.state import State, canonical, revive, state_hash
from schema import commands as c
from schema import events as e
from schema.observations import StageBroke
from schema.plans import JobSpec, LearningPlan, Picture, RunSpec

PICTURE = Picture(sha256="a" * 64, pixels="b" * 64, media="image/png", bytes=1, width=1, height=1)
RUN = RunSpec(name="run", base="b" * 64, plan_hash="p", seed=1, jobs=1)

EXAMPLES = {
    str: "word", int: 3, float: 1.5, bool: True, bytes: b"x", JobSpec: JobSpec(name="job"), RunSpec: RUN,
    Picture: PICTURE,
}  # fmt: skip


def example(kind: type[e.Event]) -> e.Event:
    """Any event of that type, about things that nobody has heard of."""
    return msgspec.convert({"type": kind.__name__, **_fields(kind)}, e.Event)


def _fields(kind: type) -> dict:
    return {field.encode_name: _value(field.type) for field in msgspec.structs.fields(kind) if field.required}


def _value(annotation) -> object:
    annotation = getattr(annotation, "__supertype__", annotation)
    if annotation in EXAMPLES:
        return msgspec.to_builtins(EXAMPLES[annotation])
    if getattr(annotation, "__origin__", None) is tuple:
        return []
    if get_origin(annotation) is dict:
        return {}
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return _fields(annotation)
    first = get_args(annotation)[0]
    return first if get_origin(annotation) is Literal else _value(first)


OF_STRANGERS = [kind for kind in get_args(e.Event) if kind not in (e.JobSubmitted, e.JobReopened, e.StageAssigned)]
"""A job always comes with its run, an attempt with its job."""


@pytest.mark.parametrize("kind", OF_STRANGERS, ids=lambda kind: kind.__name__)
def test_an_event_about_strangers_is_taken(kind):
    state = State()

    apply(state, e.Envelope(seq=1, at=1.0, epoch=1, actor="daemon", event=example(kind), command="c1"))

    assert state.seq == 1
    assert revive(canonical(state)).seq == 1


def test_what_has_ended_leaves_nothing_behind(case):
    case.node()
    empty = len(canonical(case.state))
    for number in range(20):
        jobs = case.run(f"run{number}", jobs=3)
        case.wish(c.CancelJobs(jobs=(jobs[2],)))
        case.settle()
        case.news(StageBroke(attempt=case.attempt(jobs[0]), trouble="bad-request", reason="no"))
        case.finish(jobs[1])
    case.state.undo.clear()

    state = case.state
    assert (state.jobs, state.runs, state.attempts) == ({}, {}, {})
    assert len(canonical(state)) < empty + 2500
    case.log.clear()
    case.state = State()


def test_the_canonical_bytes_do_not_depend_on_how_the_state_came_about(case):
    jobs = case.run(jobs=4)
    case.node("a", speed=2, vram_gb=8)
    case.news(case.returned(case.start(jobs[0]), effective={"b": 1.5, "a": 2}))
    case.wish(c.HoldJobs(jobs=(jobs[2],)))
    whole = case.replayed()
    for cut in range(len(case.log)):
        state = State()
        for envelope in case.log[:cut]:
            apply(state, envelope)
        state = revive(canonical(state))
        for envelope in case.log[cut:]:
            apply(state, msgspec.json.decode(msgspec.json.encode(envelope, order="sorted"), type=e.Envelope))
        assert canonical(state) == whole, cut
        assert state_hash(state) == state_hash(case.state)


def test_the_last_used_config_is_that_of_the_last_finished_job(case):
    (job,) = case.run()
    case.node()
    case.finish(job)
    (other,) = case.run("other")
    case.wish(c.CancelJobs(jobs=(other,)))

    last = case.state.last

    assert (last.run, last.job, last.base, list(last.effective)) == ("run", job, "b" * 64, ["paint", "enlarge"])


@pytest.mark.parametrize("kind", ["learning", "explore"])
def test_the_next_pictures_do_not_begin_with_what_an_experiment_tried(case, kind):
    (job,) = case.run()
    case.node()
    case.finish(job)
    plan = LearningPlan(kind=kind, variables={"paint.cfg": (4.0, 10.0)}, seeds=1)
    (tried,) = case.run("tried", learning_plan=plan)
    case.finish(tried)

    assert tried not in case.state.jobs, "it has finished"
    assert case.state.last.run == "run"
