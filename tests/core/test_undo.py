"""Taking commands back and doing them again."""

import pytest

from daemon.core.state import canonical
from daemon.core.words import top
from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.observations import StageBroke
from schema.plans import JobSpec


def undo(case, *, ended=(), runs=()) -> list[e.Event]:
    done = case.state.undo[-1].command
    return case.wish(c.Undo(done=done, events=case.events_of(int(done[1:])), **looked_up(case, ended, runs)))


def redo(case, *, ended=(), runs=()) -> list[e.Event]:
    done = case.state.redo[-1].command
    return case.wish(c.Redo(done=done, events=case.events_of(int(done[1:])), **looked_up(case, ended, runs)))


def looked_up(case, ended, runs) -> dict:
    return {
        "ended": tuple(case.ended_job(job) for job in ended),
        "runs": tuple(case.ended_run(run) for run in runs),
    }


def without_stacks(case) -> dict:
    """What undo must bring back: everything but the position in the log and the stacks."""
    state = case.state
    jobs = {name: (job.phase.__class__, job.rank, job.priority, job.spec, job.done) for name, job in state.jobs.items()}
    runs = {name: (run.paused, run.open, run.finished, run.failed, run.cancelled) for name, run in state.runs.items()}
    nodes = {name: node.drained for name, node in state.nodes.items()}
    return {"jobs": jobs, "runs": runs, "nodes": nodes, "paused": state.paused, "mode": state.mode}


COMMANDS = {
    "pause": c.PauseQueue(),
    "mode": c.SetQueueMode(mode="warm"),
    "pause run": c.PauseRun(run="run"),
    "hold": c.HoldJobs(jobs=("run.1", "run.2")),
    "move": c.MoveJobs(jobs=("run.3",), to="top"),
    "priority": c.SetPriority(jobs=("run.2",), priority=7),
    "edit": c.EditJobs(specs={"run.1": JobSpec(name="run-1", prompt="a lighthouse")}),
    "drain": c.DrainNode(node="mill"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_undo_brings_back_what_was_and_redo_does_it_again(case, command):
    case.node()
    case.run(jobs=3)
    before = without_stacks(case)
    case.wish(command)
    after = without_stacks(case)
    assert after != before

    undo(case)
    assert without_stacks(case) == before
    redo(case)
    assert without_stacks(case) == after
    undo(case)
    assert without_stacks(case) == before


def test_undoing_a_submission_cancels_what_is_unfinished(case):
    done, waiting = case.run(jobs=2)
    case.node()
    case.finish(done)

    events = undo(case)

    assert [type(event).__name__ for event in events] == ["JobCancelled", "CommandUndone"]
    assert events[0].job == waiting
    assert case.settle() == [e.RunFinished(run="run", finished=1, cancelled=1)]


def test_an_undone_submission_is_submitted_again(case):
    jobs = case.run(jobs=2, hold=True)
    undo(case)
    case.settle()

    events = redo(case, ended=jobs, runs=["run"])

    assert [type(event).__name__ for event in events] == [
        "RunReopened", "JobReopened", "JobReopened", "CommandRedone",
    ]  # fmt: skip
    assert case.order() == jobs
    assert [case.phase(job) for job in jobs] == ["held", "held"]
    assert case.state.runs["run"].cancelled == 0
    undo(case)
    assert case.state.jobs == {}


def test_an_undone_cancel_puts_the_job_back_where_it_stood(case):
    one, two, three = case.run(jobs=3)
    case.wish(c.SetPriority(jobs=(two,), priority=3))
    case.wish(c.MoveJobs(jobs=(three,), to="top"))
    order, before = case.order(), without_stacks(case)
    case.wish(c.CancelJobs(jobs=(one, two)))

    events = undo(case, ended=[one, two])

    assert [event.reason for event in events[:-1]] == ["undo", "undo"]
    assert case.order() == order
    assert {name: row[1:3] for name, row in without_stacks(case)["jobs"].items()} == {
        name: row[1:3] for name, row in before["jobs"].items()
    }
    redo(case)
    assert case.order() == [three]


def test_a_paused_run_stays_paused_however_often_its_cancel_is_taken_back(case):
    (job,) = case.run()
    case.node()
    case.wish(c.PauseRun(run="run"))
    case.wish(c.CancelJobs(jobs=(job,)))
    case.settle()

    for _ in range(2):
        undo(case, ended=[job], runs=["run"])
        assert case.state.runs["run"].paused and case.settle() == []
        redo(case)
        assert case.settle() == [e.RunFinished(run="run", cancelled=1)]
    assert case.ended_run("run").paused


def test_an_undone_cancel_of_a_running_job_runs_its_stage_anew(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    case.wish(c.CancelJobs(jobs=(job,)))
    case.settle()

    undo(case, ended=[job], runs=["run"])

    assert case.phase(job) == "queued"
    assert isinstance(case.news(case.returned(attempt))[0], e.StageCancelled)
    assert case.start(job).token > attempt.token


def test_an_undone_cancel_of_a_job_that_is_back_already_brings_nothing(case):
    (job,) = case.run()
    case.wish(c.CancelJobs(jobs=(job,)))
    case.settle()
    ended, run = case.ended_job(job), case.ended_run("run")
    done = case.state.undo[-1].command
    case.given(e.RunReopened(run="run", spec=run.spec))
    case.given(e.JobReopened(job=job, run="run", spec=ended.spec, was="cancelled", reason="retry"))

    events = case.wish(c.Undo(done=done, events=case.events_of(int(done[1:])), ended=(ended,), runs=(run,)))

    assert events == [e.CommandUndone(undone=done, text="nothing was left to take back of: cancel 1 job of run")]


def test_an_undone_skip_runs_the_stage_after_all(case, steps):
    (job,) = case.run(stages=steps)
    case.node()
    case.news(case.returned(case.start(job)))
    case.wish(c.SkipStage(job=job))

    undo(case)

    assert case.start(job).stage == "enlarge"


@pytest.mark.parametrize("was", ["failed", "cancelled", "finished"])
def test_an_undone_rerun_ends_as_it_had_ended(case, was):
    (job,) = case.run()
    case.node()
    if was == "finished":
        case.finish(job)
    else:
        case.news(case.returned(case.start(job)))
        attempt = case.start(job)
        if was == "failed":
            case.news(StageBroke(attempt=attempt, trouble="bad-request", reason="no"))
        else:
            case.wish(c.CancelJobs(jobs=(job,)))
            case.news(case.returned(attempt))
        case.settle()
    case.wish(c.RerunJobs(jobs=(job,), stage="enlarge", ended=(case.ended_job(job),), runs=(case.ended_run("run"),)))

    undo(case)

    assert case.ended_job(job).phase == was
    assert case.settle()[-1] == e.RunFinished(run="run", **{was: 1})


def test_an_undone_retry_of_a_parked_job_parks_it_again(case):
    (job,) = case.run()
    case.node()
    for _ in range(2):
        case.news(StageBroke(attempt=case.start(job), trouble="out-of-memory", reason="full"))
    case.wish(c.RetryJobs(jobs=(job,)))

    undo(case)

    assert case.phase(job) == "attention"
    redo(case)
    assert case.phase(job) == "queued"


def test_a_run_rated_by_mistake_gives_its_pictures_their_own_verdicts_back(case):
    single, of_run = c.Rating(image="i", stars=4, was=2, whole=True), c.Rating(image="j", stars=4, was=3, whole=True)
    case.wish(c.RateImages(ratings=(single, of_run), runs=(c.RunRating(run="run", stars=4, was=3),)))
    back = [one for one in undo(case) if isinstance(one, e.ImageRated)]
    assert back == [e.ImageRated(image="j", stars=3, was=4, whole=True), e.ImageRated(image="i", stars=2, was=4)]
    again = [one for one in redo(case) if isinstance(one, e.ImageRated)]
    assert all(one.stars == 4 and one.whole for one in again) and len(again) == 2


def test_verdicts_are_taken_back(case):
    case.wish(c.RateImages(ratings=(c.Rating(image="i", stars=4, was=1),)))
    assert undo(case)[0] == e.ImageRated(image="i", stars=1, was=4)
    assert redo(case)[0] == e.ImageRated(image="i", stars=4, was=1)
    case.wish(c.TagImages(images=(c.Tagging(image="i", tags=("sky",)),), add=("sea",), remove=("sky",)))
    assert undo(case)[0] == e.ImageTagged(image="i", added=("sky",), removed=("sea",))
    case.wish(c.CompareImages(better="i", worse="j"))
    assert undo(case)[0] == e.ComparisonTakenBack(better="i", worse="j")
    assert redo(case)[0] == e.ImagesCompared(better="i", worse="j")
    assert undo(case)[0] == e.ComparisonTakenBack(better="i", worse="j")
    case.wish(c.TrashImages(images=("i",)))
    assert undo(case)[0] == e.ImageRestored(image="i")
    case.wish(c.RestoreImages(images=("i",)))
    assert undo(case)[0] == e.ImageTrashed(image="i")


def test_a_comparison_is_taken_back_before_what_came_before_it(case):
    case.wish(c.PauseQueue())
    case.wish(c.CompareImages(better="i", worse="j"))

    undo(case)

    assert case.state.paused
    assert top(case.state, case.state.undo) == "pause the queue"
    assert top(case.state, case.state.redo) == "compare two pictures"


def test_what_was_taken_back_is_written_down_in_words(case):
    case.run(jobs=2)
    case.wish(c.CancelJobs(jobs=("run.1", "run.2")))

    assert undo(case, ended=["run.1", "run.2"])[-1].text == "cancel 2 jobs of run"
    assert redo(case)[-1].text == "cancel 2 jobs of run"


@pytest.mark.parametrize(
    ("jobs", "text"),
    [
        (1, "nothing was left to take back of: release 1 job of run (it has ended)"),
        (3, "nothing was left to take back of: release 3 jobs of run (they have ended)"),
    ],
)
def test_an_undo_that_takes_nothing_back_says_so(case, jobs, text):
    *released, last = case.run(jobs=jobs + 1)
    case.wish(c.HoldJobs(jobs=(*released, last)))
    case.wish(c.ReleaseJobs(jobs=tuple(released)))
    done = case.state.undo[-1].command
    case.node()
    for job in released:
        case.finish(job)

    assert undo(case) == [e.CommandUndone(undone=done, text=text)]

    assert case.order() == [last]
    assert redo(case)[-1].text == text.split(" (")[0].replace("take back", "do again")
    assert top(case.state, case.state.undo) == text.removeprefix("nothing was left to take back of: ").split(" (")[0]


def test_an_undone_rerun_that_has_ended_says_that_nothing_was_left(case):
    (job,) = case.run()
    case.node()
    case.finish(job)
    case.settle()
    case.wish(c.RerunJobs(jobs=(job,), stage="paint", ended=(case.ended_job(job),), runs=(case.ended_run("run"),)))
    case.finish(job)

    (event,) = undo(case)

    assert event.text == "nothing was left to take back of: rerun 1 job of run (it has ended)"


def test_a_pause_of_a_run_that_has_ended_is_not_done_again(case):
    (job,) = case.run()
    case.node()
    case.wish(c.PauseRun(run="run"))
    undo(case)
    case.finish(job)

    (event,) = redo(case)

    assert event.text == "nothing was left to do again of: pause run run (it has ended)"


def test_only_the_newest_command_is_taken_back(case):
    case.wish(c.PauseQueue())
    first = case.state.undo[-1].command
    case.wish(c.SetQueueMode(mode="free"))

    with pytest.raises(Refused, match="undo would now be about 'change the queue's mode'"):
        case.wish(c.Undo(done=first, events=case.events_of(1)))


def test_with_nothing_to_take_back_it_is_refused(case):
    with pytest.raises(Refused, match="nothing to undo"):
        case.wish(c.Undo(done="c1", events=()))
    with pytest.raises(Refused, match="nothing to redo"):
        case.wish(c.Redo(done="c1", events=()))


def test_a_new_command_forgets_what_was_undone(case):
    case.wish(c.PauseQueue())
    undo(case)
    assert case.state.redo
    case.wish(c.SetQueueMode(mode="free"))
    assert not case.state.redo


def test_several_steps_back_and_forth(case):
    case.run(jobs=2)
    states = [without_stacks(case)]
    for command in (COMMANDS["pause"], COMMANDS["mode"], c.SetPriority(jobs=("run.1",), priority=2)):
        case.wish(command)
        states.append(without_stacks(case))

    for expected in reversed(states[:-1]):
        undo(case)
        assert without_stacks(case) == expected
    for expected in states[1:]:
        redo(case)
        assert without_stacks(case) == expected


def test_a_finished_run_cannot_be_unsubmitted_but_a_cancel_can_be_undone(case):
    one, two = case.run(jobs=2)
    case.node()
    case.wish(c.CancelJobs(jobs=(two,)))
    case.wish(c.HoldJobs(jobs=(one,)))
    case.wish(c.ReleaseJobs(jobs=(one,)))
    case.finish(one)

    assert [entry.verb for entry in case.state.undo] == ["cancel"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (c.CancelJobs(jobs=("run.1", "run.2")), "cancel 2 jobs of run"),
        (c.HoldJobs(jobs=("run.1",)), "hold 1 job of run"),
        (c.PauseQueue(), "pause the queue"),
        (c.SetPriority(jobs=("run.1",), priority=1), "change the priority of 1 job of run"),
        (c.TrashImages(images=("a", "b")), "trash 2 pictures"),
        (c.CompareImages(better="a", worse="b"), "compare two pictures"),
        (c.PauseRun(run="run"), "pause run run"),
    ],
)
def test_the_stack_says_in_words_what_would_be_undone(case, command, words):
    case.run(jobs=2)
    assert top(case.state, case.state.undo) == "submit run run (run, 2 jobs)"

    case.wish(command)

    assert top(case.state, case.state.undo) == words


def test_the_stack_keeps_a_hundred_commands(case):
    for turn in range(120):
        case.wish(c.PauseQueue() if turn % 2 == 0 else c.ResumeQueue())

    assert len(case.state.undo) == 100
    assert case.state.undo[-1].command == "c120"
    assert canonical(case.state)
