"""By when what waits will be done, how sure that is, and what would help: told from the learned costs alone."""

import statistics
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))  # for `rehearsal_night`

from rehearsal_night import Asked, asked

from daemon.core.forecast import GUESSED, forecast, foretell
from daemon.core.look import look
from daemon.core.outlook import Besides, forecast_input
from schema import events as e
from schema.commands import PauseRun
from schema.plans import JobSpec, Measures

HOUR = 3600.0


def told(case, run=None):
    return forecast(forecast_input(case.state, case.vitals, case.now, case.rules), run)


def measured(case, seconds, *nodes, jobs=6):
    """Each node has run some jobs of one stage, all in so many seconds."""
    names = case.run("first", jobs=jobs * len(nodes), stages=(case.paint,))
    case.settle()
    while any(name in case.state.jobs for name in names):
        case.now += 1.0
        for token in list(case.state.attempts):
            attempt = case.state.attempts[token].attempt
            takes = seconds if not isinstance(seconds, dict) else seconds[attempt.node]
            takes *= (0.95, 1.0, 1.05)[token % 3]
            case.news(case.returned(attempt, measures=Measures(executed_s=takes)))
            case.settle()


@pytest.fixture
def case(case, steps):
    case.paint = replace(steps[0], vram_gb=4.0)
    return case


def test_without_work_nothing_is_told(case):
    case.node()
    assert told(case).runs == ()
    assert told(case).at is None


def test_a_run_is_done_when_its_stages_are_through(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("pack", jobs=30, stages=(case.paint,))
    (run,) = told(case).runs
    assert run.at == pytest.approx(case.now + 300.0, rel=0.02)
    assert case.now < run.soonest < run.at < run.latest < case.now + 400.0
    assert [(node.name, node.stages) for node in run.nodes] == [("mill", 30)]
    assert run.text.startswith("Done by 00:")


def test_a_running_stage_counts_for_what_is_left_of_it(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("pack", jobs=2, stages=(case.paint,))
    case.start("pack.1")
    case.now += 8.0
    (run,) = told(case).runs
    assert run.at == pytest.approx(case.now + 12.0, abs=0.5)
    assert run.nodes[0].stages == 2


def test_two_nodes_share_by_their_measured_speeds(case):
    case.node("quick")
    case.node("slow")
    measured(case, {"quick": 5.0, "slow": 20.0}, "quick", "slow")
    case.run("pack", jobs=50, stages=(case.paint,))
    (run,) = told(case).runs
    stages = {node.name: node.stages for node in run.nodes}
    assert stages["quick"] + stages["slow"] == 50
    assert 3 <= stages["quick"] / stages["slow"] <= 5
    assert run.at == pytest.approx(case.now + 50 / (1 / 5 + 1 / 20), rel=0.1)


def test_a_deadline_is_met_or_what_would_help_is_told(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("pack", jobs=60, stages=(case.paint,), deadline=case.now + 700.0)
    (run,) = told(case).runs
    assert run.in_time is True and run.helps == ()
    case.run("more", jobs=60, stages=(case.paint,), deadline=case.now + 700.0)
    late = next(one for one in told(case).runs if one.in_time is False)
    assert "too late" in late.text
    assert any(words.startswith("one more node like mill: ") and words.endswith(", in time") for words in late.helps)


def test_a_closed_window_is_waited_for_and_without_it_is_one_of_the_remedies(case):
    case.node()
    measured(case, 10.0, "mill")
    case.now = 12 * HOUR
    case.run("night", jobs=6, stages=(case.paint,), window="22:00-06:00")
    (run,) = told(case, "night").runs
    assert run.at == pytest.approx(22 * HOUR + 60.0, abs=30.0)
    assert "its stages begin between 22:00 and 06:00 only" in run.text
    assert run.helps[0].startswith("without its window: 10.0 h sooner, done by 12:0")


def test_stages_that_do_not_fit_into_tonight_go_on_tomorrow(case):
    case.node()
    measured(case, 600.0, "mill")
    case.now = 22 * HOUR
    case.run("night", jobs=60, stages=(case.paint,), window="22:00-02:00")
    (run,) = told(case).runs
    assert run.at > 48 * HOUR


def test_a_later_start_is_waited_for(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("later", jobs=1, stages=(case.paint,), not_before=case.now + 500.0)
    (run,) = told(case).runs
    assert run.at == pytest.approx(case.now + 510.0, abs=2.0)


def test_what_no_node_can_run_says_so(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("big", jobs=1, stages=(replace(case.paint, vram_gb=4.0, id="tall"),))
    case.given(e.NodeDrained(node="mill"))
    (run,) = told(case).runs
    assert run.at is None
    assert run.text == "No node that is there can run 'tall' (txt2img) with 4 GB."
    assert told(case, "big").runs[0].helps[0].startswith("mill back at work: done by ")


def test_a_paused_run_is_never_done_and_resuming_it_helps(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("pack", jobs=2, stages=(case.paint,))
    case.wish(PauseRun(run="pack"))
    (run,) = told(case, "pack").runs
    assert run.at is None and run.text == "It is paused."
    assert run.helps[0].startswith("resumed: done by ")


def test_what_was_never_measured_is_told_as_a_guess(case):
    case.node()
    case.run("pack", jobs=2)
    answer = told(case)
    assert answer.notes == ("Nothing like txt2img, upscale was measured yet: its time is a guess.",)
    (run,) = answer.runs
    assert (run.latest - case.now) / (run.at - case.now) > 1.4


def test_another_run_before_it_is_a_remedy(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("long", jobs=40, stages=(case.paint,))
    case.run("short", jobs=2, stages=(replace(case.paint, model="other"),), deadline=case.now + 60.0)
    late = next(one for one in told(case).runs if one.run == "short")
    if late.in_time is False:
        assert any(words.startswith("short before all others: ") for words in late.helps)


def hold(answers: list[Asked], least: float, most: float) -> None:
    """`least`, `most`: which part ended within its interval. Those of one night go up and down together."""
    far = [one for one in answers if one.left_s > 60.0]
    assert statistics.median(abs(one.off_s) / one.left_s for one in far) < 0.10
    assert least <= statistics.mean(one.inside for one in answers) <= most


def test_a_night_comes_as_it_was_foretold():
    """Given a night that nobody has seen before, then forecasts of its runs are off by little, and know by how much."""
    hold(asked(0, 300.0), 0.6, 1.0)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_nights_come_as_they_were_foretold():
    hold([one for seed in range(12) for one in asked(seed, 200.0)], 0.65, 0.92)


def test_the_same_forecast_comes_out_twice(case):
    case.node()
    measured(case, 10.0, "mill")
    case.run("pack", jobs=30)
    assert told(case) == told(case)


def test_each_mode_says_what_it_costs(case):
    assert look(case.state, case.vitals, case.now).queue.mode_costs == ()
    case.node("quick", speed=3.0)
    case.node("slow", speed=1.0)
    share, warm, free = look(case.state, case.vitals, case.now).queue.mode_costs
    assert share.startswith("costs the batch nothing")
    assert "up to 75%" in warm and "quick" in warm
    assert free == "75% of the batch's speed: quick takes nothing of it"


def test_ten_thousand_jobs_cost_no_more_decisions_than_a_thousand(case):
    case.node("quick")
    case.node("slow")
    measured(case, {"quick": 5.0, "slow": 20.0}, "quick", "slow")
    case.run("pack", jobs=10_000, stages=(case.paint,))
    (run,) = told(case).runs
    assert run.at == pytest.approx(case.now + 10_000 / (1 / 5 + 1 / 20), rel=0.05)
    assert sum(node.stages for node in run.nodes) == 10_000


def test_a_run_that_is_not_queued_is_foretold_as_if_it_were(case):
    case.node("quick")
    case.node("slow")
    measured(case, {"quick": 5.0, "slow": 20.0}, "quick", "slow")
    case.run("pack", jobs=10, stages=(case.paint,))
    painted = replace(case.paint, megapixels=2.0)
    wish = case.submit("more", tuple(JobSpec(name=f"more-{n}") for n in range(30)), stages=(painted, painted))
    besides = Besides("more", wish.spec, wish.jobs)
    outlook = forecast_input(case.state, case.vitals, case.now, case.rules, besides)
    before = case.state.seq
    found = foretell(outlook, besides, None)
    assert (found.jobs, found.stages, found.pictures, found.measured) == (30, 60, 60, False)
    assert found.bytes == round(60 * 2e6 * GUESSED)
    assert foretell(outlook, besides, 2.0).bytes == 240_000_000
    assert case.state.seq == before and "more" not in case.state.runs
    case.wish(wish)
    queued = next(one for one in told(case).runs if one.run == "more")
    assert found.run.at == pytest.approx(queued.at, rel=0.05)
    assert found.run.helps == ()
