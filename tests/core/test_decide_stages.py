"""What comes back from the nodes: results, trouble, silence, late and doubled answers."""

import msgspec
import pytest
from msgspec.structs import replace

from schema import events as e
from schema.commands import CancelJobs, HoldJobs, RetryJobs
from schema.observations import Attempt, AttemptGone, NodeGone, StageBroke


def broke(attempt: Attempt, trouble: str, reason: str = "it hissed") -> StageBroke:
    return StageBroke(attempt=attempt, trouble=trouble, reason=reason)


def test_a_result_is_stored_and_the_next_stage_gets_its_picture(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)

    stored, finished = case.news(case.returned(attempt, effective={"steps": 20}))

    assert (stored.image, stored.run, stored.index) == (f"image{attempt.token}", "run", 0)
    assert (finished.images, finished.effective) == ((stored.image,), {"steps": 20})
    second = case.start(job)
    assert second.stage == "enlarge"
    assert case.state.attempts[second.token].inputs == (stored.file.sha256,)


def test_a_job_finishes_with_its_last_stage(case):
    (job,) = case.run()
    case.node()
    case.news(case.returned(case.start(job), effective={"sampler": "Euler"}))
    attempt = case.start(job)
    case.now += 7.5

    case.news(case.returned(attempt, effective={"factor": 2}))

    assert case.settle() == [e.JobFinished(job=job, seconds=7.5), e.RunFinished(run="run", finished=1)]
    assert case.state.last.effective == {"paint": {"sampler": "Euler"}, "enlarge": {"factor": 2}}


def test_the_same_result_twice_is_one_result(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.news(case.returned(attempt))

    assert case.news(case.returned(attempt)) == []


def test_a_result_for_a_job_that_has_ended_is_refused(case):
    (job,) = case.run(stages=(case.submit("x", ()).spec.stages[0],))
    case.node()
    attempt = case.start(job)
    case.finish(job)

    (refused,) = case.news(case.returned(attempt))

    assert refused.reason == "closed"


def test_a_late_result_is_fenced_when_the_stage_runs_elsewhere(case):
    (job,) = case.run()
    case.node("one", link="lan")
    case.node("two", link="lan")
    old = case.start(job)
    case.news(NodeGone(node=old.node, reason="silent for 45 s"))
    new = case.start(job)
    assert new.node != old.node and new.token > old.token

    (refused,) = case.news(case.returned(old))

    assert refused == e.LateResultRefused(job=job, stage="paint", token=old.token, node=old.node, reason="fenced")
    assert case.attempt(job) == new


@pytest.mark.parametrize("meanwhile", ["queued", "held"])
def test_a_late_result_is_adopted_when_the_stage_waits_again(case, meanwhile):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.news(NodeGone(node="mill", reason="unplugged"))
    if meanwhile == "held":
        case.wish(HoldJobs(jobs=(job,)))

    events = case.news(case.returned(attempt))

    assert [type(event).__name__ for event in events] == ["ArtifactStored", "StageFinished"]
    assert case.phase(job) == meanwhile
    assert [done.stage for done in case.state.jobs[job].done] == ["paint"]


def test_a_late_result_counts_only_from_the_node_it_was_given_to(case):
    """Another one that knows the token has not made it: nobody asked it to."""
    (job,) = case.run()
    case.node("one", link="lan")
    attempt = case.start(job)
    case.news(NodeGone(node=attempt.node, reason="silent for 45 s"))
    case.node("two", link="lan")
    case.wish(HoldJobs(jobs=(job,)))

    (refused,) = case.news(case.returned(msgspec.structs.replace(attempt, node="two")))

    assert refused.reason == "mismatch" and refused.node == "two"
    assert isinstance(case.news(case.returned(attempt))[-1], e.StageFinished)


def test_a_result_older_than_the_last_attempt_is_fenced_also_while_the_job_waits(case):
    (job,) = case.run()
    case.node()
    older = case.start(job)
    case.news(AttemptGone(attempt=older, reason="unknown to the agent"))
    newer = case.start(job)
    case.news(AttemptGone(attempt=newer, reason="unknown to the agent"))

    (refused,) = case.news(case.returned(older))

    assert refused.reason == "fenced"
    assert isinstance(case.news(case.returned(newer))[-1], e.StageFinished)


def test_a_late_result_saves_a_job_that_needed_attention(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.given(e.StageLost(job=job, stage="paint", token=attempt.token, node="mill", reason="gone"))
    case.given(e.JobParked(job=job, trouble="lost", reason="gone"))
    assert case.state.runs["run"].attention == 1

    case.news(case.returned(attempt))

    assert case.phase(job) == "queued"
    assert case.state.runs["run"].attention == 0


def test_a_result_of_another_opening_is_not_adopted(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.news(broke(attempt, "bad-request"))
    case.given(e.RunReopened(run="run", spec=case.state.runs["run"].spec), command="again")
    case.given(
        e.JobReopened(job=job, run="run", spec=case.log[1].event.spec, was="failed", reason="retry"), command="again"
    )

    (refused,) = case.news(case.returned(attempt))

    assert refused.reason == "mismatch"


def test_a_token_of_the_future_is_refused(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)

    (refused,) = case.news(case.returned(replace(attempt, token=attempt.token + 100)))

    assert refused.reason == "future"


def test_an_attempt_that_is_not_what_its_token_says_is_refused(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)

    (refused,) = case.news(case.returned(replace(attempt, stage="enlarge")))

    assert refused.reason == "mismatch"
    assert case.phase(job) == "running"


def test_a_result_for_a_finished_stage_is_refused(case):
    (job,) = case.run()
    case.node()
    first = case.start(job)
    case.news(NodeGone(node="mill", reason="unplugged"))
    case.node(instance="i2")
    case.news(case.returned(case.start(job)))

    (refused,) = case.news(case.returned(first))

    assert refused.reason == "closed"


def test_out_of_memory_is_tried_once_more_with_less(case):
    (job,) = case.run()
    case.node()

    (failed,) = case.news(broke(case.start(job), "out-of-memory"))

    assert (failed.reduced, failed.again_in) == (True, 0.0)
    second = case.start(job)
    assert case.state.attempts[second.token].reduced
    assert case.state.attempts[second.token].number == 2
    _, parked = case.news(broke(second, "out-of-memory"))
    assert isinstance(parked, e.JobParked)
    assert case.phase(job) == "attention"


def test_a_bad_request_fails_at_once(case):
    (job,) = case.run()
    case.node()

    failed, ended = case.news(broke(case.start(job), "bad-request", "no such sampler"))

    assert failed.again_in is None
    assert ended == e.JobFailed(job=job, trouble="bad-request", reason="no such sampler")
    assert case.settle() == [e.RunFinished(run="run", failed=1)]


def test_a_backend_is_given_time_then_the_job_needs_attention_and_the_queue_goes_on(case):
    sick, well = case.run(jobs=2, stages=(case.submit("x", ()).spec.stages[0],))
    case.node()
    waits = []
    for _ in range(2):
        (failed,) = case.news(broke(case.start(sick), "backend"))
        waits.append(failed.again_in)
        case.now += failed.again_in
        case.wish(HoldJobs(jobs=(well,)))
    last, parked = case.news(broke(case.start(sick), "backend"))

    assert waits == [5.0, 10.0]
    assert last.again_in is None and parked.trouble == "backend"
    assert "attempt 3 of 3" in parked.reason
    case.wish(type(HoldJobs(jobs=()))(jobs=()))
    case.given(e.JobReleased(job=well))
    assert [event.job for event in case.settle()] == [well]


def test_the_wait_after_a_failure_doubles_up_to_five_minutes(case):
    assert [case.rules.backoff_after(attempts) for attempts in (1, 2, 3, 7, 1000)] == [5.0, 10.0, 20.0, 300.0, 300.0]


def test_a_failed_job_lets_others_go_first_while_it_waits(case):
    sick, well = case.run(jobs=2)
    case.node()
    case.news(broke(case.start(sick), "backend"))

    (assigned,) = case.settle()

    assert assigned.job == well


def test_a_lost_attempt_does_not_count(case):
    (job,) = case.run()
    case.node()

    (lost,) = case.news(broke(case.start(job), "lost"))

    assert isinstance(lost, e.StageLost)
    assert case.state.attempts[case.start(job).token].number == 1


def test_a_job_that_is_lost_ten_times_in_a_row_needs_attention(case):
    (job,) = case.run()
    case.node()
    for _ in range(9):
        assert len(case.news(AttemptGone(attempt=case.start(job), reason="the agent died"))) == 1

    _, parked = case.news(AttemptGone(attempt=case.start(job), reason="the agent died"))

    assert (parked.trouble, parked.reason) == ("lost", "the agent died (10 times in a row)")


def test_an_agent_that_cancelled_by_itself_frees_the_job(case):
    (job,) = case.run()
    case.node()

    (cancelled,) = case.news(broke(case.start(job), "cancelled"))

    assert isinstance(cancelled, e.StageCancelled)
    assert case.phase(job) == "queued"


@pytest.mark.parametrize("trouble", ["backend", "out-of-memory", "bad-request", "lost", "cancelled"])
def test_trouble_of_a_cancelled_job_only_frees_the_node(case, trouble):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.wish(CancelJobs(jobs=(job,)))

    events = case.news(broke(attempt, trouble))

    assert [type(event).__name__ for event in events] == ["StageCancelled"]
    assert case.state.nodes["mill"].busy is None


def test_trouble_that_comes_twice_or_late_changes_nothing(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.news(broke(attempt, "backend"))

    assert case.news(broke(attempt, "backend")) == []
    assert case.news(AttemptGone(attempt=attempt, reason="unknown")) == []
    assert case.news(broke(replace(attempt, token=999), "backend")) == []


def test_a_held_job_whose_stage_breaks_stays_held(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.wish(HoldJobs(jobs=(job,)))

    case.news(broke(attempt, "backend"))

    assert case.phase(job) == "held"


def test_a_retry_counts_attempts_from_one_again(case):
    (job,) = case.run()
    case.node()
    case.news(broke(case.start(job), "out-of-memory"))
    case.news(broke(case.start(job), "out-of-memory"))

    case.wish(RetryJobs(jobs=(job,)))

    brief = case.state.attempts[case.start(job).token]
    assert (brief.number, brief.reduced) == (1, False)
