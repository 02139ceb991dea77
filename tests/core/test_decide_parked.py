"""Jobs that need attention: how one that kills its nodes gets there, and how its run goes on when it is saved."""

from schema import events as e
from schema.commands import CancelJobs, SkipStage
from schema.observations import DaemonBegan, NodeGone, StageBroke


def park(case, job) -> None:
    """Lets every attempt at its stage fail."""
    while case.phase(job) != "attention":
        case.now += 1_000.0
        case.news(StageBroke(attempt=case.start(job), trouble="backend", reason="no"))
    case.settle()


def test_a_job_that_kills_its_node_again_and_again_needs_attention_and_lets_the_others_run(case):
    killer, other = case.run(jobs=2)
    for life in range(case.rules.losses):
        case.node(instance=f"i{life}")
        case.start(killer)
        case.news(NodeGone(node="mill", reason="the agent ended"))
    assert case.phase(killer) == "attention"
    assert "the agent ended" in case.state.jobs[killer].phase.reason
    case.node(instance="last")
    case.finish(other)


def test_restarts_of_the_daemon_never_count_against_a_job(case):
    (job,) = case.run()
    for life in range(2 * case.rules.losses):
        case.node(instance=f"i{life}")
        case.start(job)
        case.news(DaemonBegan(version="1", sqlite="3", host="test"))
    assert case.phase(job) == "queued"
    case.node(instance="last")
    case.start(job)
    case.news(NodeGone(node="mill", reason="the agent ended"))
    assert case.phase(job) == "queued"


def test_a_cancelled_job_whose_node_goes_needs_no_attention(case):
    (job,) = case.run()
    for life in range(case.rules.losses - 1):
        case.node(instance=f"i{life}")
        case.start(job)
        case.news(NodeGone(node="mill", reason="the agent ended"))
    case.node(instance="last")
    case.start(job)
    case.wish(CancelJobs(jobs=(job,)))
    events = case.news(NodeGone(node="mill", reason="the agent ended"))
    assert [type(event) for event in events] == [e.NodeLost, e.StageCancelled]


def test_a_finished_run_goes_on_when_its_parked_job_skips_a_stage(case):
    (job,) = case.run()
    case.node()
    case.settle()
    case.news(case.returned(case.attempt(job)))
    park(case, job)
    assert case.state.runs["run"].over
    case.wish(SkipStage(job=job))
    happened = case.settle()
    assert [type(event).__name__ for event in happened] == ["JobFinished", "RunFinished"]
    assert happened[-1] == e.RunFinished(run="run", finished=1)


def test_a_finished_run_goes_on_when_a_late_result_saves_its_parked_job(case):
    (job,) = case.run()
    case.node()
    attempt = None
    while case.phase(job) != "attention":
        case.now += 1_000.0
        attempt = case.start(job)
        case.news(StageBroke(attempt=attempt, trouble="backend", reason="not done after 600 seconds"))
    case.settle()
    assert case.state.runs["run"].over
    case.news(case.returned(attempt))
    assert not case.state.runs["run"].over
    assert case.finish(job)[-1] == e.RunFinished(run="run", finished=1)
