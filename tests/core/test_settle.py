"""What follows from the state: who goes next, where to, when to look again."""

import pytest

from daemon.core.explain import explain
from daemon.core.look import look
from daemon.core.settle import settle
from schema import commands as c
from schema import events as e
from schema.observations import StageBroke
from schema.plans import JobSpec, StageStep

PLAIN = (StageStep(id="paint", kind="txt2img"),)


def assigned(events) -> list[tuple[str, str, str]]:
    return [(one.job, one.stage, one.node) for one in events if isinstance(one, e.StageAssigned)]


def said(case, job: str) -> str:
    return " ".join(explain(case.state, job, case.now, case.vitals, case.rules))


def test_nothing_waits_nothing_follows(case):
    case.node()
    assert case.settle() == []
    assert case.wake_at is None


def test_one_stage_per_node(case):
    one, two, _ = case.run(jobs=3)
    case.node("a")
    case.node("b")

    assert [job for job, _, _ in assigned(case.settle())] == [one, two]
    assert {node.busy is None for node in case.state.nodes.values()} == {False}


def test_the_interactive_lane_goes_first(case):
    case.run("slow", jobs=2)
    case.run("quick", lane="interactive")
    case.node()

    assert assigned(case.settle()) == [("quick.1", "paint", "mill")]


def test_started_jobs_go_on_before_new_ones_so_that_pictures_get_done(case):
    one, _ = case.run(jobs=2)
    case.node()
    case.news(case.returned(case.start(one)))

    (event,) = case.settle()

    assert (event.job, event.stage) == (one, "enlarge")
    assert event.why == "goes on with a started job; mill is the only node"


def test_a_higher_priority_goes_before_a_started_job(case):
    one, two = case.run(jobs=2)
    case.node()
    attempt = case.start(one)
    case.wish(c.SetPriority(jobs=(two,), priority=1))
    case.news(case.returned(attempt))

    assert assigned(case.settle())[0][0] == two


@pytest.mark.parametrize(
    ("spec", "card"),
    [
        ({"node": "barn"}, {}),
        ({"backend": "webui"}, {}),
        ({"stages": (StageStep(id="paint", kind="detail"),)}, {}),
        ({"stages": (StageStep(id="paint", kind="txt2img", vram_gb=24.0),)}, {}),
        ({"not_before": 2_000.0}, {}),
        ({"window": "03:00-04:00"}, {}),
    ],
)
def test_a_job_waits_for_what_it_asks_for_and_others_go_first(case, spec, card):
    case.run("picky", **spec)
    case.run("plain", stages=PLAIN)
    case.node(**card)

    assert [job for job, _, _ in assigned(case.settle())] == ["plain.1"]
    assert case.phase("picky.1") == "queued"


def test_a_run_may_name_its_node_and_its_backend(case):
    case.run("picky", node="barn", backend="webui", stages=PLAIN)
    case.node("mill", backends=("sketch", "webui"))
    case.node("barn", backends=("webui",))

    (event,) = case.settle()

    assert event.node == "barn"
    assert event.why == "the last stage that waits; the run is for barn only"


def test_the_checkpoint_that_is_loaded_decides_between_nodes(case):
    paint = (StageStep(id="paint", kind="txt2img", model="sdxl", steps=4, megapixels=1.0),)
    case.node("slow", speed=1.0)
    case.finish(*case.run("first", stages=paint))
    case.node("fast", speed=1.5)
    case.run("second", stages=paint)

    (event,) = case.settle()

    assert event.node == "slow"
    assert event.why.startswith("the last stage that waits; slow already holds sdxl; next best fast +")


def test_a_stage_waits_for_a_busy_node_that_has_it_done_sooner(case):
    one, two = case.run(jobs=2, stages=(StageStep(id="paint", kind="txt2img", steps=20, megapixels=1.0),))
    case.node("fast", speed=4.0)
    case.node("slow", speed=1.0)

    assert assigned(case.settle()) == [(one, "paint", "fast")]
    assert case.wake_at == pytest.approx(case.now + 1.75), "when the fast one should be done"
    idle = {node.name: node.why_idle for node in look(case.state, case.vitals, case.now).nodes}
    assert idle["slow"] == "the fleet finishes all work before slow could finish one stage (7.0 s vs 3.5 s)"
    assert said(case, two) == f"slow is idle: {idle['slow']}."

    case.now += 60.0

    assert assigned(case.settle()) == [(two, "paint", "slow")], "it is not believed for ever"


def test_every_reason_is_a_sentence(case):
    case.run(jobs=4, stages=PLAIN)
    case.node("a")
    case.node("b")
    case.node("c", kinds=("upscale",))

    first, second = case.settle()

    assert first.why == "one of the last 4 stages that wait; only 2 of 3 nodes can run txt2img; next best b +0.0 s"
    assert second.why == "one of the last 3 stages that wait; only 2 of 3 nodes can run txt2img; next best a +0.0 s"


def test_a_low_disk_stops_everything_until_it_is_free_again(case):
    case.run()
    case.node()
    case.vitals.dispatch_floor, case.vitals.free_bytes = 2_000_000, 1_000_000
    assert case.settle() == []

    case.vitals.free_bytes = 3_000_000

    assert len(case.settle()) == 1


def test_a_start_time_is_waited_for(case):
    case.run(not_before=5_000.0)
    case.node()
    assert case.settle() == []
    assert case.wake_at == 5_000.0

    case.now = 5_000.0

    assert len(case.settle()) == 1


def test_a_retry_is_waited_for_and_a_clock_that_jumps_cannot_stop_it(case):
    (job,) = case.run()
    case.node()
    case.news(StageBroke(attempt=case.start(job), trouble="backend", reason="hiss"))
    assert case.settle() == []
    assert case.wake_at == case.now + 5.0

    case.now -= 365 * 86_400

    assert len(case.settle()) == 1


def test_a_retry_comes_when_its_time_is_there(case):
    (job,) = case.run()
    case.node()
    case.news(StageBroke(attempt=case.start(job), trouble="backend", reason="hiss"))

    case.now += 5.0

    (event,) = case.settle()
    assert event.attempt == 2
    assert event.why.startswith("attempt 2;")


def test_a_window_is_looked_at_every_minute(case):
    case.now = 36_000.0 + 7.0  # ten in the morning, on the first of January 1970
    case.run(window="22:00-06:00")
    case.node()
    assert case.settle() == []
    assert case.wake_at == 36_060.0

    case.now = 79_200.0

    assert len(case.settle()) == 1


@pytest.mark.parametrize(("mode", "starts"), [("share", True), ("warm", False), ("free", False)])
def test_a_node_is_kept_for_the_interactive_lane_while_that_is_in_use(case, mode, starts):
    case.wish(c.SetQueueMode(mode=mode))
    case.run("quick", lane="interactive", stages=(StageStep(id="paint", kind="txt2img", model="a"),))
    case.node()
    case.finish("quick.1")
    case.run("slow", stages=(StageStep(id="paint", kind="txt2img", model="b"),))

    assert bool(case.settle()) is starts

    if not starts:
        assert case.wake_at == case.now + case.rules.live_for
        case.now += case.rules.live_for
        assert len(case.settle()) == 1


def test_warm_takes_short_batch_stages_with_the_same_checkpoint(case):
    case.wish(c.SetQueueMode(mode="warm"))
    same = (StageStep(id="paint", kind="txt2img", model="a", steps=10, megapixels=1.0),)
    case.run("quick", lane="interactive", stages=same)
    case.node()
    case.finish("quick.1")
    case.run("slow", stages=same)

    assert len(case.settle()) == 1


def test_settling_twice_on_the_same_state_says_the_same(case):
    case.run(jobs=3)
    case.node()

    assert settle(case.state, 1.0, case.vitals, case.rules) == settle(case.state, 1.0, case.vitals, case.rules)


def test_a_job_may_have_stages_of_its_own(case):
    own = JobSpec(name="only-this", stages=(StageStep(id="special", kind="refine"),))
    case.wish(case.submit("run", (own, JobSpec(name="like-the-run"))))
    case.node()

    assert assigned(case.settle()) == [("run.1", "special", "mill")]


def test_the_waiting_lists_can_be_rebuilt_at_any_time(case):
    jobs = case.run(jobs=6)
    case.node("a")
    case.node("b")
    case.news(case.returned(case.start(jobs[0])))
    case.wish(c.HoldJobs(jobs=(jobs[3],)))
    case.wish(c.MoveJobs(jobs=(jobs[5],), to="top"))
    case.news(StageBroke(attempt=case.start(jobs[1]), trouble="backend", reason="hiss"))
    case.settle()
    live = case.state.index

    case.state.index = None
    case.settle()

    rebuilt = case.state.index
    assert rebuilt.places == live.places
    assert rebuilt.counts == live.counts
    assert {shelf: keys for shelf, keys in rebuilt.shelves.items() if keys} == live.shelves
    assert set(rebuilt.delayed) == set(live.delayed)
