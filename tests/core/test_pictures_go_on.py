"""Which pictures a stage is given: all of the stage before, past those that only looked."""

import pytest

from schema.observations import NewImage, StageReturned
from schema.plans import Picture, StageStep

PAINT = StageStep(id="paint", kind="txt2img")
TELL = StageStep(id="tell", kind="interrogate")
ENLARGE = StageStep(id="enlarge", kind="upscale")


def back(case, job: str, *names: str, **reported):
    images = tuple(
        NewImage(
            image=f"i{name}",
            file=Picture(sha256=name * 64, pixels=name, media="image/png", bytes=1, width=8, height=8),
        )
        for name in names
    )
    case.settle()
    case.news(StageReturned(attempt=case.attempt(job), backend="sketch", images=images, reported=reported))
    case.settle()


@pytest.fixture
def case(case):
    case.node(kinds=("txt2img", "interrogate", "upscale"))
    return case


def test_several_pictures_go_through_every_stage_and_past_those_that_look(case):
    (job,) = case.run(stages=(PAINT, TELL, ENLARGE))
    back(case, job, "a", "b")
    assert case.state.attempts[case.attempt(job).token].inputs == ("a" * 64, "b" * 64)
    back(case, job, caption="two boats")
    assert case.state.attempts[case.attempt(job).token].inputs == ("a" * 64, "b" * 64)
    back(case, job, "c", "d")
    assert case.state.runs == {}, "it has finished"


def test_a_stage_that_makes_pictures_must_bring_one(case):
    (job,) = case.run(stages=(PAINT, TELL))
    back(case, job)
    assert case.state.jobs[job].trouble == "it came back without a picture"
    assert case.phase(job) == "queued" and case.state.jobs[job].done == ()


def test_a_job_may_end_with_a_stage_that_looks(case):
    (job,) = case.run(stages=(PAINT, TELL))
    back(case, job, "a")
    back(case, job, caption="a boat")
    assert job not in case.state.jobs
    assert case.state.last is not None and case.state.last.job == job
