"""Retry and rerun: ended jobs go on."""

import pytest

from schema import events as e
from schema.commands import CancelJobs, PauseRun, RerunJobs, ResumeRun, RetryJobs
from schema.errors import Refused
from schema.observations import StageBroke
from schema.plans import FilmSpec


def fail(case, job: str) -> None:
    case.news(StageBroke(attempt=case.start(job), trouble="bad-request", reason="no such model"))
    case.settle()


def test_a_failed_job_goes_on_from_its_first_unfinished_stage(case):
    job, _ = case.run(jobs=2)
    case.node()
    case.news(case.returned(case.start(job)))
    fail(case, job)
    ended = case.ended_job(job)

    (back,) = case.wish(RetryJobs(jobs=(job,), ended=(ended,)))

    assert (back.was, back.reason, back.kept) == ("failed", "retry", ended.done)
    assert case.state.runs["run"].failed == 0
    assert case.state.jobs[job].done == ended.done


def test_a_finished_run_is_opened_again_for_its_job(case):
    job, other = case.run(jobs=2)
    case.node()
    case.wish(CancelJobs(jobs=(other,)))
    fail(case, job)
    assert case.state.runs == {}

    opened, back = case.wish(RetryJobs(jobs=(job,), ended=(case.ended_job(job),), runs=(case.ended_run("run"),)))

    assert opened == e.RunReopened(run="run", spec=opened.spec, finished=0, failed=0, cancelled=1)
    assert isinstance(back, e.JobReopened)
    assert case.finish(job)[-1] == e.RunFinished(run="run", finished=1, cancelled=1)


def test_a_run_that_was_paused_comes_back_paused(case):
    (job,) = case.run()
    case.node()
    case.wish(PauseRun(run="run"))
    case.wish(CancelJobs(jobs=(job,)))
    case.settle()
    assert case.state.runs == {}

    events = case.wish(RetryJobs(jobs=(job,), ended=(case.ended_job(job),), runs=(case.ended_run("run"),)))

    assert [type(event) for event in events] == [e.RunReopened, e.RunPaused, e.JobReopened]
    assert case.settle() == []
    case.wish(ResumeRun(run="run"))
    assert isinstance(case.settle()[0], e.StageAssigned)


def test_a_parked_job_is_retried_where_it_stood(case):
    job, _ = case.run(jobs=2)
    case.node()
    for _ in range(2):
        case.news(StageBroke(attempt=case.start(job), trouble="out-of-memory", reason="full"))
    rank = case.state.jobs[job].rank
    assert case.phase(job) == "attention"

    (back,) = case.wish(RetryJobs(jobs=(job,)))

    assert (back.was, back.rank) == ("attention", rank)
    assert case.phase(job) == "queued"


def test_a_run_with_a_parked_job_ends_and_is_opened_again_by_its_retry(case):
    job, other = case.run(jobs=2)
    case.node()
    for _ in range(2):
        case.news(StageBroke(attempt=case.start(job), trouble="out-of-memory", reason="full"))
    happened = case.finish(other)
    assert happened[-1] == e.RunFinished(run="run", finished=1, failed=1)
    assert case.state.runs["run"].over

    opened, _ = case.wish(RetryJobs(jobs=(job,)))

    assert (opened.finished, opened.failed) == (1, 0)
    assert case.finish(job)[-1] == e.RunFinished(run="run", finished=2)
    assert case.state.runs == {}


def test_an_over_run_leaves_with_its_last_parked_job(case):
    (job,) = case.run()
    case.node()
    for _ in range(2):
        case.news(StageBroke(attempt=case.start(job), trouble="out-of-memory", reason="full"))
    assert case.settle() == [e.RunFinished(run="run", failed=1)]

    case.wish(CancelJobs(jobs=(job,)))

    assert case.state.runs == {}
    assert case.settle() == []


def test_retry_leaves_jobs_alone_that_need_none(case):
    done, waiting = case.run(jobs=2)
    case.node()
    case.finish(done)

    assert case.wish(RetryJobs(jobs=(done, waiting), ended=(case.ended_job(done),))) == []


def test_a_job_nobody_knows_is_refused(case):
    with pytest.raises(Refused, match="no job nope"):
        case.wish(RetryJobs(jobs=("nope.1",)))


def test_rerun_from_a_stage_keeps_what_stood_before_it(case, steps):
    (job,) = case.run(stages=steps)
    case.node()
    case.finish(job)
    ended, run = case.ended_job(job), case.ended_run("run")

    opened, back = case.wish(RerunJobs(jobs=(job,), stage="enlarge", ended=(ended,), runs=(run,)))

    assert opened.finished == 0
    assert [done.stage for done in back.kept] == ["paint"]
    assert case.start(job).stage == "enlarge"
    happened = case.finish(job)
    assert [event.stage for event in happened if isinstance(event, e.StageFinished)] == ["enlarge", "polish"]


def test_rerun_of_one_stage_alone_ends_with_it(case, steps):
    (job,) = case.run(stages=steps)
    case.node()
    case.finish(job)

    _, back = case.wish(
        RerunJobs(jobs=(job,), stage="enlarge", only=True, ended=(case.ended_job(job),), runs=(case.ended_run("run"),))
    )

    assert (back.only, [done.stage for done in back.kept]) == ("enlarge", ["paint", "polish"])
    happened = case.finish(job)
    assert [event.stage for event in happened if isinstance(event, e.StageFinished)] == ["enlarge"]


def test_a_rerun_makes_the_film_again(case):
    (job,) = case.run(film=FilmSpec())
    case.node()
    case.finish(job)
    token = case.state.runs["run"].film
    case.given(e.FilmFailed(run="run", token=token, reason="no ffmpeg"))
    case.settle()

    case.wish(RerunJobs(jobs=(job,), stage="enlarge", ended=(case.ended_job(job),), runs=(case.ended_run("run"),)))

    assert case.finish(job)[-1] == e.FilmStarted(run="run")


@pytest.mark.parametrize(
    ("stage", "what"), [("sharpen", "has no stage 'sharpen'"), ("polish", "never finished a stage before")]
)
def test_a_stage_that_cannot_be_rerun_is_refused(case, steps, stage, what):
    (job,) = case.run(stages=steps)
    case.node()
    fail(case, job)

    with pytest.raises(Refused, match=what):
        case.wish(RerunJobs(jobs=(job,), stage=stage, ended=(case.ended_job(job),), runs=(case.ended_run("run"),)))


def test_a_running_job_is_not_rerun(case):
    (job,) = case.run()
    case.node()
    case.start(job)

    with pytest.raises(Refused, match="is running"):
        case.wish(RerunJobs(jobs=(job,), stage="paint"))
