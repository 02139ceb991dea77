"""The live queue on several machines: who may have what, whose turn it is, and what people are told of it."""

from itertools import pairwise

import pytest

from daemon.core.explain import explain
from daemon.core.look import look
from daemon.core.rules import Rules
from schema import commands as c
from schema import events as e
from schema.observations import NodeGone, StageBroke
from schema.plans import JobSpec, Measures, StageStep

PAINT = StageStep(id="paint", kind="txt2img", model="sdxl", steps=20, megapixels=1.0, vram_gb=6.0)
ENLARGE = StageStep(id="enlarge", kind="upscale", steps=10, megapixels=4.0, vram_gb=4.0)
PLAIN = StageStep(id="paint", kind="txt2img", steps=20, megapixels=1.0)
BIG = StageStep(id="paint", kind="txt2img", model="flux", steps=20, megapixels=1.0, vram_gb=16.0)


def assigned(case) -> list[tuple[str, str]]:
    return [(one.job, one.node) for one in case.settle() if isinstance(one, e.StageAssigned)]


def why(case, job: str) -> str:
    return " ".join(explain(case.state, job, case.now, case.vitals, case.rules))


def idle(case, name: str) -> str:
    return next(node.why_idle for node in look(case.state, case.vitals, case.now).nodes if node.name == name)


def with_packs(case, name: str, *packs: str, stages=(PAINT,), **spec) -> None:
    specs = tuple(JobSpec(name=f"{name}-{n}", pack=pack) for n, pack in enumerate(packs, 1))
    case.wish(case.submit(name, specs, stages=stages, **spec))


def drained(case) -> list[tuple[str, str]]:
    """Everything that follows until all jobs have ended: who went where, in order."""
    went = []
    while case.state.jobs:
        went += assigned(case)
        if not case.state.jobs:
            break
        briefs = list(case.state.attempts.values())
        assert briefs, [why(case, job) for job in case.state.jobs]
        case.now += 4.0
        case.news(case.returned(briefs[0].attempt))
    return went


# Where -------------------------------------------------------------------------------------------


def test_a_learning_run_is_spread_over_the_fleet_and_is_the_same_on_one_node_or_three(case):
    """Where a picture is made depends on the fleet; which pictures, with which seeds, does not."""
    made = {}
    for nodes in (1, 3):
        case.node("mill")
        if nodes == 3:
            case.node("barn")
            case.node("shed")
        name = f"learn{nodes}"
        specs = tuple(JobSpec(name=f"{n}", seed=42 + n % 4, overlay={"paint.cfg": float(n)}) for n in range(12))
        case.wish(case.submit(name, specs, stages=(PAINT,), learning="active", experiment="cfg"))
        briefs = {}
        case.settle()
        while case.state.jobs:
            brief = next(iter(case.state.attempts.values()))
            briefs[brief.attempt.job.partition(".")[2]] = (brief.job_spec, brief.step, brief.attempt.node)
            case.now += 4.0
            case.news(case.returned(brief.attempt))
            case.settle()
        made[nodes] = briefs

    assert {job: one[:2] for job, one in made[1].items()} == {job: one[:2] for job, one in made[3].items()}
    assert {one[2] for one in made[3].values()} == {"mill", "barn", "shed"}


def test_a_run_may_be_kept_whole_on_one_node_or_spread(case):
    for name in ("a", "b", "c"):
        case.node(name)
    spread = case.run("spread", jobs=3, stages=(PLAIN,))
    assert {node for _, node in assigned(case)} == {"a", "b", "c"}
    for job in spread:
        case.news(case.returned(case.attempt(job)))
    case.settle()

    case.run("whole", jobs=4, stages=(PAINT, ENLARGE), whole=True)
    went = drained(case)

    assert len(went) == 8
    assert len({node for _, node in went}) == 1


def test_a_whole_run_goes_where_all_its_stages_can_run(case):
    case.node("quick", kinds=("txt2img",), speed=9.0)
    case.node("able", vram_gb=8.0)
    case.run("whole", jobs=2, stages=(PAINT, ENLARGE), whole=True)

    assert {node for _, node in drained(case)} == {"able"}


def test_stages_that_began_elsewhere_are_counted_as_moves(case):
    case.node("painter", kinds=("txt2img",))
    case.node("enlarger", kinds=("upscale",))
    jobs = case.run(jobs=3, stages=(PAINT, ENLARGE), hold=False)
    case.news(case.returned(case.start(jobs[0])))
    case.settle()

    assert case.state.runs["run"].moves == 1


def test_a_job_stays_with_the_node_that_holds_its_picture(case):
    case.node("a")
    case.node("b")
    one, two = case.run(jobs=2, stages=(PAINT, ENLARGE))
    first = dict(assigned(case))
    assert set(first) == {one, two}

    case.news(case.returned(case.attempt(one)))
    case.news(case.returned(case.attempt(two)))

    assert dict(assigned(case)) == first


def test_a_silent_node_gets_nothing_new(case):
    case.node("a", speed=4.0)
    case.node("b")
    (job,) = case.run(stages=(PLAIN,))
    case.vitals.silent["a"] = 17.0

    assert assigned(case) == [(job, "b")]


def test_a_node_that_waits_for_its_proof_gets_nothing(case):
    case.node("a")
    (job,) = case.run(stages=(PLAIN,))
    case.vitals.silent["a"] = 17.0

    assert assigned(case) == []
    assert why(case, job) == "It waits for a (silent)."


def test_a_stage_that_failed_is_tried_on_another_node_first(case):
    case.node("a")
    (job,) = case.run(stages=(PLAIN,))
    case.news(StageBroke(attempt=case.start(job), trouble="backend", reason="hiss"))
    case.node("b")
    case.now += 5.0

    (event,) = case.settle()

    assert event.node == "b"
    assert event.why.startswith("attempt 2;")


def test_memory_that_was_not_enough_is_learned_for_all_stages_like_it(case):
    case.node("small", vram_gb=8.0)
    case.node("large", vram_gb=24.0)
    (job,) = case.run("one", stages=(PAINT,), node="small")
    for _ in range(2):
        case.news(StageBroke(attempt=case.start(job), trouble="out-of-memory", reason="full"))
    case.wish(c.CancelJobs(jobs=(job,)))
    (other,) = case.run("two", stages=(PAINT,))
    case.news(NodeGone(node="large", reason="unplugged"))

    assert assigned(case) == [(other, "small")], "nobody who is there has more"
    case.news(StageBroke(attempt=case.attempt(other), trouble="lost", reason="crash"))
    case.node("large", vram_gb=24.0)
    assert assigned(case) == [(other, "large")]


def test_the_interactive_lane_may_be_pinned_to_one_node(case):
    case.node("fast", speed=9.0)
    case.node("desk")
    case.wish(c.PinLane(node="desk"))
    one, two = case.run("live", jobs=2, lane="interactive", stages=(PLAIN,))

    (first,) = case.settle()
    assert (first.job, first.node) == (one, "desk")
    assert first.why == "live: done soonest on desk (7.0 s); interactive work is pinned to desk"
    assert why(case, two) == "Interactive work is pinned to desk. desk is busy. It is next."
    case.news(case.returned(case.attempt(one)))
    case.settle()
    case.news(NodeGone(node="desk", reason="unplugged"))
    assert assigned(case) == []
    assert why(case, two) == "Interactive work is pinned to desk, which is lost."
    case.wish(c.PinLane(node=None))
    assert assigned(case) == [(two, "fast")]


def test_what_the_pinned_node_cannot_run_goes_elsewhere(case):
    case.node("desk", kinds=("txt2img",))
    case.node("other", kinds=("upscale",))
    case.wish(c.PinLane(node="desk"))
    (job,) = case.run("live", lane="interactive", stages=(PLAIN, ENLARGE))
    case.news(case.returned(case.start(job)))

    assert assigned(case) == [(job, "other")]


def test_a_pin_does_not_hold_what_is_for_another_node(case):
    case.node("fast")
    case.node("desk")
    case.wish(c.PinLane(node="desk"))
    _, two = case.run("live", jobs=2, lane="interactive", stages=(PLAIN,), node="fast")

    (first,) = case.settle()

    assert (first.node, first.why.partition("; ")[2]) == ("fast", "the run is for fast only")
    assert why(case, two) == "The run is for fast only. fast is busy. It is next."
    assert idle(case, "desk") == "live-2 cannot run here: the run is for fast only"


def test_of_a_run_that_stays_whole_it_is_said_that_it_does(case):
    case.node("barn")
    case.node("mill")
    one, two, three = case.run("one", jobs=3, stages=(PLAIN,), whole=True)
    home = assigned(case)[0][1]
    other = {"barn": "mill", "mill": "barn"}[home]

    assert why(case, two) == f"Its run stays whole on {home}. {home} is busy. It is next."
    assert idle(case, other) == f"nothing that waits may run here now: its run stays whole on {home}"
    case.news(case.returned(case.attempt(one)))
    (event,) = [event for event in case.settle() if isinstance(event, e.StageAssigned)]
    assert event.why.endswith(f"; its run stays whole on {home}")
    case.wish(c.DrainNode(node=home))
    assert why(case, three) == f"Its run stays whole on {home}, which is drained."


def test_of_a_job_that_waits_it_is_said_why_not_the_nodes_that_are_away_or_too_small(case):
    for name, vram_gb in (("barn", 24.0), ("mill", 24.0), ("shed", 8.0), ("hut", 24.0)):
        case.node(name, vram_gb=vram_gb)
    case.wish(c.DrainNode(node="mill"))
    case.news(NodeGone(node="hut", reason="unplugged"))
    _, two = case.run("one", jobs=2, stages=(BIG,))
    case.settle()

    assert why(case, two) == (
        "barn is busy. It is next. Not there: mill (drained), hut (lost). shed has 8 GB of the 16 GB that it needs."
    )


def test_of_a_job_that_runs_on_a_silent_node_it_is_said_that_it_is(case):
    case.node("barn")
    (job,) = case.run("one", stages=(PLAIN,))
    case.settle()
    case.vitals.silent["barn"] = 19.0
    case.now += 21.0

    assert why(case, job) == (
        "Runs 'paint' on barn for 21 s. barn has given no sign of life for 19 s; soon it runs elsewhere."
    )


@pytest.mark.parametrize("mode", ["warm", "free"])
def test_the_pinned_node_is_the_one_that_is_kept(case, mode):
    case.node("fast", speed=9.0)
    case.node("desk")
    case.wish(c.PinLane(node="desk"))
    case.wish(c.SetQueueMode(mode=mode))
    case.run("live", lane="interactive", stages=(PLAIN,))
    case.finish("live.1")
    case.run("batch", jobs=30, stages=(PLAIN,))

    went = assigned(case)

    assert ("batch.1", "fast") in went
    assert ("desk" in {node for _, node in went}) is (mode == "warm")


# When --------------------------------------------------------------------------------------------


def test_packs_take_turns(case):
    case.node()
    with_packs(case, "run", "knights", "knights", "knights", "dragons", "dragons", "dragons")

    order = [job for job, _ in drained(case)]

    assert order == ["run.1", "run.4", "run.2", "run.5", "run.3", "run.6"]


def test_a_pack_that_got_nothing_for_long_comes_before_the_checkpoint_that_is_loaded(case):
    case.rules = Rules(overdue=60.0)
    case.node()
    with_packs(case, "many", *["fed"] * 40)
    with_packs(case, "few", "starved", stages=(StageStep(id="paint", kind="txt2img", model="other"),))
    case.settle()
    began = case.now

    while "few.1" in case.state.jobs and case.now < began + 600.0:
        case.now += 4.0
        case.news(case.returned(next(iter(case.state.attempts.values())).attempt))
        events = case.settle()
        starved = [one for one in events if isinstance(one, e.StageAssigned) and one.job == "few.1"]
        if starved:
            break

    assert 60.0 < case.now - began < 70.0
    assert starved[0].why.startswith("starved got nothing for 1 min")


def test_lots_follow_the_checkpoint_and_not_the_queue(case):
    case.node()
    other = StageStep(id="paint", kind="txt2img", model="other", steps=20, megapixels=1.0)
    for number in range(20):
        case.run(f"r{number:02}", stages=(PAINT if number % 2 else other,))

    order = [int(job[1:3]) % 2 for job, _ in drained(case)]

    assert sum(one != two for one, two in pairwise(order)) == 1, "one change of checkpoint"


def test_priority_and_a_move_come_before_lots(case):
    case.node()
    other = StageStep(id="paint", kind="txt2img", model="other", steps=20, megapixels=1.0)
    case.run("a", jobs=3, stages=(PAINT,))
    case.run("b", jobs=3, stages=(other,))
    case.finish("a.1")
    case.wish(c.MoveJobs(jobs=("b.3",), to="top"))
    case.wish(c.SetPriority(jobs=("b.2",), priority=1))
    case.news(case.returned(case.attempt("a.2")))

    order = [job for job, _ in drained(case)]

    assert order == ["b.2", "b.3", "b.1", "a.3"]


def test_a_deadline_presses_when_its_time_runs_out(case):
    case.node()
    case.run("long", jobs=40, stages=(PAINT,))
    case.run("due", jobs=5, stages=(StageStep(id="paint", kind="txt2img", model="x", steps=20, megapixels=1.0),),
             deadline=case.now + 100.0)  # fmt: skip
    case.finish("long.1")
    assert case.phase("due.1") == "queued"

    case.now += 80.0
    case.news(case.returned(next(iter(case.state.attempts.values())).attempt))
    (event,) = [one for one in case.settle() if isinstance(one, e.StageAssigned)]

    assert event.job == "due.1"
    assert event.why.startswith("its deadline leaves no more time")


def test_a_shut_window_keeps_its_work_out_of_the_sums(case):
    case.now = 36_000.0
    case.node()
    case.run("night", jobs=50, stages=(PAINT,), window="22:00-06:00")
    (day,) = case.run("day", stages=(PLAIN,))

    assert assigned(case) == [(day, "mill")]
    case.finish(day)
    assert idle(case, "mill") == "nothing waits that may begin now"


# What is told ------------------------------------------------------------------------------------


def test_every_assignment_says_why_in_a_sentence(case):
    case.node("a", vram_gb=24.0, speed=2.0)
    case.node("b", vram_gb=8.0)
    case.run("heavy", jobs=20, stages=(BIG,))
    case.run("light", jobs=20, stages=(PAINT,))
    case.run("live", lane="interactive", stages=(PLAIN,))
    events = [one for one in case.settle() if isinstance(one, e.StageAssigned)]

    assert {one.job for one in events} == {"live.1", "heavy.1"} or len(events) == 2
    assert events[0].why.startswith("live: done soonest on a (")
    assert all(one.why and "None" not in one.why for one in events)


def test_what_fits_only_few_nodes_is_told(case):
    case.node("a", vram_gb=24.0)
    case.node("b", vram_gb=8.0)
    case.run("heavy", jobs=20, stages=(BIG,))

    (event,) = [one for one in case.settle() if isinstance(one, e.StageAssigned)]

    assert "only 1 of 2 nodes fit 16 GB" in event.why
    assert idle(case, "b") == "heavy-2 cannot run here: b has 8 GB of the 16 GB that it needs"


def test_a_node_that_would_only_hold_up_the_end_says_so(case):
    case.node("fast", speed=8.0)
    case.node("slow", speed=1.0)
    case.run(jobs=2, stages=(PLAIN,))
    case.settle()

    assert idle(case, "slow").startswith("the fleet finishes all work before slow could finish one stage (7.0 s vs")


def test_the_fleet_learns_and_the_queue_is_settled_the_same_after_a_restart(case):
    """What follows from a queue that was followed step by step is what follows from the same queue seen anew."""
    for name, speed in (("a", 1.0), ("b", 3.0)):
        case.node(name, speed=speed)
    with_packs(case, "run", *[f"pack{n % 3}" for n in range(30)], stages=(PAINT, ENLARGE))
    case.settle()
    for turn in range(25):
        case.now += 4.0
        brief = next(iter(case.state.attempts.values()))
        seconds = 4.0 if brief.attempt.node == "a" else 1.5
        case.news(case.returned(brief.attempt, measures=Measures(executed_s=seconds)))
        if turn % 5 == 0:
            case.state.index = None
        followed = [(one.job, one.node) for one in case.settle() if isinstance(one, e.StageAssigned)]
        assert len(followed) >= 1
