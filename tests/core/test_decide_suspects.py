"""Black, flat and wrongly sized pictures: one retry, then attention; or kept with a mark."""

import msgspec
import pytest

from schema import commands as c
from schema import events as e
from schema.observations import StageBroke

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


def batch(case, attempt, *doubts: str | None):
    one = case.returned(attempt)
    images = tuple(
        msgspec.structs.replace(one.images[0], image=f"{one.images[0].image}-{at}", suspect=doubt)
        for at, doubt in enumerate(doubts)
    )
    return msgspec.structs.replace(one, images=images, suspect=next(filter(None, doubts), None))


def test_only_the_bad_ones_of_a_batch_are_marked(case):
    (job,) = case.run()
    first = case.news(batch(case, case.start(job), None, BLACK, None))
    second = case.news(batch(case, case.start(job), None, BLACK, None))

    assert types(first) == ["StageFailed"]
    assert types(second) == ["ArtifactStored"] * 3 + ["StageFailed", "JobParked"]
    assert [stored.suspect for stored in second[:3]] == [None, BLACK, None]
    assert second[-1].reason.startswith(f"1 of 3 pictures: {BLACK}, twice; look at its model")


def test_the_good_ones_of_a_kept_batch_are_not_marked(case):
    case.rules = case.rules._replace(suspects="keep")
    (job,) = case.run()

    *stored, finished = case.news(batch(case, case.start(job), None, BLACK))

    assert [one.suspect for one in stored] == [None, BLACK]
    assert (finished.suspect, len(finished.images)) == (BLACK, 2)


def test_what_an_agent_says_of_the_whole_attempt_marks_all_its_pictures(case):
    case.rules = case.rules._replace(suspects="keep")
    (job,) = case.run()
    attempt = case.start(job)

    *stored, _ = case.news(msgspec.structs.replace(batch(case, attempt, None, None), suspect="another size"))

    assert [one.suspect for one in stored] == ["another size"] * 2


def test_the_retry_is_made_carefully(case):
    (job,) = case.run()
    first = case.start(job)
    assert not case.state.attempts[first.token].careful
    case.news(case.returned(first, suspect=BLACK))
    second = case.start(job)
    assert case.state.attempts[second.token].careful
    case.news(case.returned(second))
    assert not case.state.attempts[case.start(job).token].careful, "the next stage has done nothing wrong"


def test_a_server_that_made_nothing_but_nan_is_treated_like_a_black_picture(case):
    (job,) = case.run()

    def nan():
        return case.news(StageBroke(attempt=case.start(job), trouble="suspect", reason="NaN in the VAE"))

    first = nan()
    assert (types(first), first[0].again_in) == (["StageFailed"], 0.0)
    second = nan()
    assert types(second) == ["StageFailed", "JobParked"]
    assert second[1].reason.startswith("NaN in the VAE, twice; look at its model")


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
