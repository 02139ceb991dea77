"""Wishes about unfinished jobs: cancel, hold, release, priority, edit, skip."""

import pytest

from schema import events as e
from schema.commands import CancelJobs, EditJobs, HoldJobs, ReleaseJobs, SetPriority, SkipStage
from schema.errors import Refused
from schema.observations import AttemptGone
from schema.plans import JobSpec


def test_a_waiting_job_is_cancelled(case):
    job, other = case.run(jobs=2)

    (cancelled,) = case.wish(CancelJobs(jobs=(job,), reason="not needed"))

    assert (cancelled.was, cancelled.reason) == ("queued", "not needed")
    assert list(case.state.jobs) == [other]


def test_jobs_that_have_ended_are_left_alone(case):
    (job,) = case.run()
    case.wish(CancelJobs(jobs=(job,)))

    assert case.wish(CancelJobs(jobs=(job, "gone.1"))) == []


def test_a_running_job_is_cancelled_at_once_but_its_node_is_busy_until_the_agent_lets_go(case):
    one, two = case.run(jobs=2)
    case.node()
    attempt = case.start(one)

    (cancelled,) = case.wish(CancelJobs(jobs=(one,)))

    assert cancelled.was == "running"
    assert one not in case.state.jobs
    assert case.state.attempts[attempt.token].cancelled
    assert case.settle() == []
    (let_go,) = case.news(AttemptGone(attempt=attempt, reason="cancelled"))
    assert isinstance(let_go, e.StageCancelled)
    assert [event.job for event in case.settle()] == [two]


def test_the_result_of_a_cancelled_job_is_not_taken(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.wish(CancelJobs(jobs=(job,)))

    assert case.news(case.returned(attempt)) == [
        e.StageCancelled(job=job, stage="paint", token=attempt.token, node="mill")
    ]


def test_a_held_job_starts_when_it_is_released(case):
    (job,) = case.run()
    assert case.wish(HoldJobs(jobs=(job,))) == [e.JobHeld(job=job)]
    assert case.wish(HoldJobs(jobs=(job,))) == []
    case.node()
    assert case.settle() == []

    assert case.wish(ReleaseJobs(jobs=(job,))) == [e.JobReleased(job=job)]
    assert case.wish(ReleaseJobs(jobs=(job,))) == []

    assert [event.job for event in case.settle()] == [job]


def test_holding_a_running_job_lets_its_stage_end(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)

    case.wish(HoldJobs(jobs=(job,)))

    assert case.phase(job) == "running"
    case.news(case.returned(attempt))
    assert case.phase(job) == "held"
    assert case.settle() == []


def test_a_hold_taken_back_in_time_changes_nothing(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.wish(HoldJobs(jobs=(job,)))
    case.wish(ReleaseJobs(jobs=(job,)))

    case.news(case.returned(attempt))

    assert case.phase(job) == "queued"


def test_a_higher_priority_goes_first(case):
    one, two = case.run(jobs=2)

    assert case.wish(SetPriority(jobs=(two,), priority=5)) == [e.JobPriorityChanged(job=two, was=0, now=5)]
    assert case.wish(SetPriority(jobs=(two,), priority=5)) == []

    case.node()
    assert case.settle()[0].job == two
    assert case.order() == [one]


def test_an_untouched_job_is_edited(case):
    (job,) = case.run()
    spec = JobSpec(name="run-1", prompt="a windmill in the rain")

    (edited,) = case.wish(EditJobs(specs={job: spec}))

    assert (edited.was.prompt, edited.now.prompt) == ("", "a windmill in the rain")
    assert case.wish(EditJobs(specs={job: spec})) == []
    case.node()
    assert case.state.attempts[case.start(job).token].job_spec == spec


def test_a_job_that_has_started_is_not_edited(case):
    (job,) = case.run()
    case.node()
    case.start(job)

    with pytest.raises(Refused, match="has already started"):
        case.wish(EditJobs(specs={job: JobSpec(name="other")}))
    with pytest.raises(Refused, match="has ended"):
        case.wish(EditJobs(specs={"gone.1": JobSpec(name="other")}))


def test_an_edit_makes_results_of_what_it_was_before_worthless(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.news(AttemptGone(attempt=attempt, reason="the agent was restarted"))
    case.wish(EditJobs(specs={job: JobSpec(name="run-1", prompt="something else")}))

    (refused,) = case.news(case.returned(attempt))

    assert refused.reason == "mismatch"


def test_a_skipped_stage_hands_on_the_pictures_before_it(case, steps):
    (job,) = case.run(stages=steps)
    case.node()
    case.news(case.returned(case.start(job)))
    case.wish(HoldJobs(jobs=(job,)))

    assert case.wish(SkipStage(job=job)) == [e.StageSkipped(job=job, stage="enlarge")]

    case.wish(ReleaseJobs(jobs=(job,)))
    attempt = case.start(job)
    assert attempt.stage == "polish"
    assert case.state.attempts[attempt.token].inputs == ("a" * 64,)


def test_a_running_stage_can_be_skipped(case):
    (job,) = case.run()
    case.node()
    case.news(case.returned(case.start(job)))
    attempt = case.start(job)

    case.wish(SkipStage(job=job))

    assert case.state.attempts[attempt.token].cancelled
    assert [type(event).__name__ for event in case.settle()] == ["JobFinished", "RunFinished"]
    assert isinstance(case.news(case.returned(attempt))[0], e.StageCancelled)


def test_the_first_stage_cannot_be_skipped(case):
    (job,) = case.run()

    with pytest.raises(Refused, match="first stage"):
        case.wish(SkipStage(job=job))
    with pytest.raises(Refused, match="has ended"):
        case.wish(SkipStage(job="gone.1"))
