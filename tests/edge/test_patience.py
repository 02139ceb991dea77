"""How long an attempt may take: four times the slowest that is expected, within limits, and only at the first try."""

import pytest

from daemon.core.state import Brief, Node, State
from daemon.fleet.patience import ENOUGH, LEAST_SECONDS, LOAD_SECONDS, attempt_seconds
from daemon.scheduling.families import cost_key
from schema.ids import JobId, NodeId, RunId, Sha256, StageId, Token
from schema.observations import Attempt
from schema.plans import JobSpec, RunSpec, StageStep

NODE = NodeId("rig")
STEP = StageStep(id=StageId("txt2img"), kind="txt2img", model="toy", megapixels=1.0, steps=20)
HARD = 7200.0


def brief(number: int = 1, node: NodeId = NODE) -> Brief:
    attempt = Attempt(job=JobId("j"), stage=STEP.id, token=Token(1), node=node)
    run = RunSpec(name="r", base=Sha256("0" * 64), plan_hash="", seed=1, jobs=1)
    job = JobSpec(name="j", seed=1)
    return Brief(attempt=attempt, run=RunId("r"), run_spec=run, job_spec=job, step=STEP, number=number)


def measured(seconds: float, times: int = 12) -> State:
    node = Node(id=NODE, name="rig", instance="i")
    if times:
        node.costs[cost_key(STEP.kind, STEP.model)] = [(seconds, STEP.megapixels, STEP.steps)] * times
    return State(nodes={NODE: node})


def test_what_was_measured_often_is_waited_for_four_times_as_long():
    assert 4 * 99 <= attempt_seconds(measured(100.0), brief(), ("toy",), HARD) <= 4 * 200


def test_quick_stages_have_two_minutes_all_the_same():
    assert attempt_seconds(measured(1.0), brief(), ("toy",), HARD) == LEAST_SECONDS


def test_a_checkpoint_that_is_not_loaded_has_ten_minutes_more():
    assert attempt_seconds(measured(1.0), brief(), (), HARD) == LEAST_SECONDS + LOAD_SECONDS


@pytest.mark.parametrize("state", [measured(100.0, ENOUGH - 1), measured(100.0, 0), State(), measured(5000.0)])
def test_the_hard_limit_holds_where_little_was_learned_and_beyond_it(state):
    assert attempt_seconds(state, brief(), ("toy",), HARD) == HARD


def test_whoever_tries_again_may_take_as_long_as_anything_may():
    assert attempt_seconds(measured(1.0), brief(number=2), ("toy",), HARD) == HARD
