"""What a client is shown of the live state, why jobs wait and nodes idle, and how long it will take."""

import pytest

from daemon.core.explain import explain
from daemon.core.look import brief, briefs, look, refresh
from schema import commands as c
from schema.errors import Refused
from schema.observations import NodeGone, StageBroke
from schema.orders import Load, Progress
from schema.plans import FilmSpec, Measures, StageStep


def said(case, job: str) -> str:
    return " ".join(explain(case.state, job, case.now, case.vitals, case.rules))


def test_an_empty_house(case):
    scene = look(case.state, case.vitals, case.now)

    assert (scene.head, scene.running, scene.runs, scene.nodes, scene.undo, scene.redo) == (0, (), (), (), "", "")


def test_jobs_are_counted_by_what_they_do(case):
    jobs = case.run(jobs=5)
    case.node()
    case.wish(c.HoldJobs(jobs=(jobs[4],)))
    for _ in range(2):
        case.news(StageBroke(attempt=case.start(jobs[0]), trouble="out-of-memory", reason="full"))
    case.settle()

    counts = look(case.state, case.vitals, case.now).queue.counts

    assert (counts.queued, counts.held, counts.running, counts.attention) == (2, 1, 1, 1)


def test_a_running_job_shows_its_stage_and_its_progress(case):
    (job,) = case.run()
    case.node()
    case.news(case.returned(case.start(job)))
    attempt = case.start(job)
    case.vitals.progress[attempt.token] = Progress(
        job=job, stage="enlarge", token=attempt.token, step=3, steps=10, doing="sampling", eta_s=9.0
    )

    (running,) = look(case.state, case.vitals, case.now).running

    assert (running.stage, running.stage_number, running.stages) == ("enlarge", 2, 2)
    assert (running.node, running.token, running.step, running.steps) == ("mill", attempt.token, 3, 10)
    assert (running.doing, running.eta_s) == ("sampling", 9.0)


def test_a_scene_is_brought_up_to_date_with_the_vitals(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)
    scene = look(case.state, case.vitals, case.now)

    case.vitals.progress[attempt.token] = Progress(job=job, stage="paint", token=attempt.token, step=7, steps=20)
    case.vitals.loads["mill"] = Load(busy=True, vram_used_gb=5.5)

    fresh = refresh(scene, case.vitals, case.now)
    assert (fresh.running[0].step, fresh.nodes[0].vram_used_gb) == (7, 5.5)
    assert scene.running[0].step == 0


def test_a_job_between_two_stages_is_still_shown_as_running(case):
    (job,) = case.run()
    case.node()
    case.news(case.returned(case.start(job)))

    (running,) = look(case.state, case.vitals, case.now).running

    assert (running.job, running.stage, running.node, running.token) == (job, "enlarge", None, None)


def test_runs_are_shown_newest_first_with_their_films(case):
    case.run("old")
    case.run("new", film=FilmSpec(), lane="interactive")
    case.wish(c.PauseRun(run="old"))

    new, old = look(case.state, case.vitals, case.now).runs

    assert (new.run, new.film, new.lane, new.paused) == ("new", "waiting", "interactive", False)
    assert (old.run, old.film, old.paused) == ("old", "none", True)
    case.node()
    case.finish("new.1")
    assert look(case.state, case.vitals, case.now).runs[0].film == "making"


def test_nodes_show_their_state_and_why_they_are_idle(case):
    for name in ("busy", "drained", "lost", "narrow"):
        case.node(name, vram_gb=1.0 if name == "narrow" else 8.0)
    case.wish(c.DrainNode(node="drained"))
    case.news(NodeGone(node="lost", reason="unplugged"))
    first, _ = case.run(jobs=2)
    case.settle()

    nodes = {node.name: node for node in look(case.state, case.vitals, case.now).nodes}

    assert {name: node.state for name, node in nodes.items()} == {
        "busy": "busy", "drained": "drained", "lost": "lost", "narrow": "ready",
    }  # fmt: skip
    assert nodes["busy"].running == first
    assert nodes["drained"].why_idle == "it is drained and gets nothing new"
    assert nodes["narrow"].why_idle == "run-2 cannot run here: narrow has 1 GB of the 6 GB that it needs"


def test_undo_is_offered_in_words(case):
    case.wish(c.PauseQueue())

    scene = look(case.state, case.vitals, case.now)

    assert (scene.undo, scene.redo) == ("pause the queue", "")
    assert scene.queue.paused


def test_briefs_hold_what_an_order_needs(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)

    one = brief(case.state, attempt.token)

    assert briefs(case.state) == (one,)
    assert (one.attempt, one.run, one.step.id, one.number, one.inputs) == (attempt, "run", "paint", 1, ())
    assert one.run_spec.name == "run" and one.job_spec.name == "run-1"


def test_the_time_left_is_learned(case):
    one, two = case.run(jobs=2)
    case.node()
    assert look(case.state, case.vitals, case.now).queue.eta_s is None
    measured = Measures(executed_s=10.0)
    case.news(case.returned(case.start(one), measures=measured))
    case.news(case.returned(case.start(one), measures=measured))

    scene = look(case.state, case.vitals, case.now)

    assert scene.queue.eta_s == pytest.approx(20.0)
    assert scene.runs[0].eta_s == pytest.approx(20.0)
    case.start(two)
    case.now += 4.0
    assert look(case.state, case.vitals, case.now).running[0].eta_s == pytest.approx(16.0)


def test_a_job_that_is_next_says_so_and_the_others_how_many_are_before_them(case):
    one, two, _ = case.run(jobs=3)
    case.node()
    case.run("live", lane="interactive", hold=True)
    case.settle()
    case.run("more")
    case.vitals.dispatch_floor = 0
    attempt = case.attempt(one)

    assert said(case, one) == "Runs 'paint' on mill for 0 s."
    case.wish(c.HoldJobs(jobs=(one,)))
    assert said(case, one).endswith("It is held when this stage has ended.")
    assert said(case, two) == "mill is busy. It is next."
    case.news(case.returned(attempt))
    assert said(case, two) == "It is next."
    assert said(case, "more.1") == "2 jobs of the batch lane are before it."
    case.wish(c.CancelJobs(jobs=("run.3",)))
    assert said(case, "more.1") == "1 job of the batch lane is before it."
    assert said(case, "nobody.1") == ""


def test_a_waiting_job_says_what_it_waits_for(case):
    (job,) = case.run(stages=(StageStep(id="paint", kind="txt2img", vram_gb=12.0),))
    assert said(case, job) == "No node is there."
    case.node()
    assert said(case, job) == "No node can run 'paint': mill has 8 GB of the 12 GB that it needs."
    case.wish(c.DrainNode(node="mill"))
    assert said(case, job) == "All nodes are lost or drained."
    case.wish(c.PauseQueue())
    case.wish(c.PauseRun(run="run"))
    assert said(case, job).startswith("The queue is paused. Its run is paused.")
    case.wish(c.HoldJobs(jobs=(job,)))
    assert said(case, job) == "It is held; release it to let it run."


def test_runs_that_wait_for_a_time_say_so(case):
    case.now = 36_000.0
    case.node()
    case.run("late", not_before=36_090.0)
    case.run("night", window="22:00-06:00")

    assert said(case, "late.1") == "Its run starts in 90 s."
    assert said(case, "night.1") == "Its stages begin between 22:00 and 06:00 only."


def test_a_run_that_may_not_begin_yet_is_no_work_of_now_and_says_when_it_is(case):
    case.now = 36_000.0
    case.node()
    case.finish(*case.run("measured"))
    case.run("late", not_before=36_090.0)
    case.run("night", window="22:00-06:00")

    scene = look(case.state, case.vitals, case.now)

    assert {run.run: (run.not_before, run.eta_s) for run in scene.runs} == {
        "late": (36_090.0, None),
        "night": (79_200.0, None),
    }
    assert scene.queue.eta_s is None
    at_night = look(case.state, case.vitals, 79_200.0)
    assert all(run.not_before is None and run.eta_s for run in at_night.runs)
    assert at_night.queue.eta_s


def test_a_job_that_failed_says_when_it_is_tried_again(case):
    (job,) = case.run()
    case.node()
    case.news(StageBroke(attempt=case.start(job), trouble="backend", reason="it hissed"))
    case.now += 2.0

    assert said(case, job) == "Its last attempt failed (it hissed); it is tried again in 3 s."


def test_a_job_that_needs_attention_says_why_and_what_to_do(case):
    (job,) = case.run()
    case.node()
    for _ in range(2):
        case.news(StageBroke(attempt=case.start(job), trouble="out-of-memory", reason="8 GB are not enough"))

    assert said(case, job).startswith("It needs attention: 8 GB are not enough")


def test_a_full_disk_is_told_wherever_it_matters(case):
    (job,) = case.run()
    case.node()
    case.vitals.free_bytes, case.vitals.dispatch_floor = 100 * 1024**2, 2048 * 1024**2

    scene = look(case.state, case.vitals, case.now)

    assert scene.queue.blocked == "only 100 MB of disk are free; stages start again above 2,048 MB"
    assert scene.nodes[0].why_idle == scene.queue.blocked
    assert "No stage is started" in said(case, job)
    with pytest.raises(Refused, match="runs need 512 MB"):
        from daemon.core.vitals import check_room

        case.vitals.submit_floor = 512 * 1024**2
        check_room(case.vitals, case.submit("x", ()))


def test_a_node_kept_for_the_interactive_lane_is_told_to_the_batch(case):
    case.wish(c.SetQueueMode(mode="free"))
    case.run("quick", lane="interactive")
    case.node()
    case.finish("quick.1")
    (job,) = case.run("slow")

    assert said(case, job) == "mill is kept for the interactive lane (mode free)."
