"""Black, flat and wrongly sized pictures: one retry, then attention; or kept with a mark."""

import pytest

from schema import commands as c
from schema import events as e

BLACK = "the picture is black"


@pytest.fixture
def case(case):
    case.node()
    return case


def types(events):
    return [type(event).__name__ for event in events]


def test_the_first_is_made_once_more_at_once(case):
    (job,) = case.run()
    attempt = case.start(job)

    events = case.news(case.returned(attempt, suspect=BLACK))

    assert types(events) == ["StageFailed"], "the picture is not kept"
    assert (events[0].trouble, events[0].reason, events[0].again_in) == ("suspect", BLACK, 0.0)
    assert "StageAssigned" in types(case.settle())


def test_the_second_needs_attention_and_can_be_looked_at(case):
    (job,) = case.run()
    case.news(case.returned(case.start(job), suspect=BLACK))

    events = case.news(case.returned(case.start(job), suspect=BLACK))

    assert types(events) == ["ArtifactStored", "StageFailed", "JobParked"]
    assert (events[2].trouble, case.phase(job)) == ("suspect", "attention")
    assert events[2].reason.startswith(f"{BLACK}, twice; look at its model") and "keep" in events[2].reason
    assert case.state.nodes["mill"].busy is None


def test_a_good_picture_after_a_suspect_one_goes_on(case):
    (job,) = case.run()
    case.news(case.returned(case.start(job), suspect=BLACK))
    case.news(case.returned(case.start(job)))

    assert [done.stage for done in case.state.jobs[job].done] == ["paint"]
    assert case.state.jobs[job].suspects == 0, "the next stage has its own retry"


def test_a_retry_asked_for_has_a_retry_of_its_own(case):
    (job,) = case.run()
    for _ in range(2):
        case.news(case.returned(case.start(job), suspect=BLACK))
    case.wish(c.RetryJobs(jobs=(job,)))

    assert types(case.news(case.returned(case.start(job), suspect=BLACK))) == ["StageFailed"]


def test_a_person_may_keep_them_with_a_mark(case):
    case.rules = case.rules._replace(suspects="keep")
    (job,) = case.run()

    events = case.news(case.returned(case.start(job), suspect=BLACK))

    assert types(events) == ["ArtifactStored", "StageFinished"]
    assert events[1].suspect == BLACK


def test_a_late_suspect_result_is_not_adopted(case):
    (job,) = case.run()
    attempt = case.start(job)
    case.given(e.StageLost(job=job, stage="paint", token=attempt.token, node="mill", reason="gone"))

    events = case.news(case.returned(attempt, suspect=BLACK))

    assert types(events) == ["LateResultRefused"]
    assert case.phase(job) == "queued"


def test_one_of_a_cancelled_job_only_frees_its_node(case):
    (job,) = case.run()
    attempt = case.start(job)
    case.wish(c.CancelJobs(jobs=(job,)))

    assert types(case.news(case.returned(attempt, suspect=BLACK))) == ["StageCancelled"]
