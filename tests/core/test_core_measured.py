"""What is told of a node's speed: of what was measured most, with its interval; nothing where nothing was."""

import pytest

from daemon.core.measured import paces, relative_speed
from daemon.core.state import Node, State
from daemon.scheduling.costs import learn
from schema.ids import NodeId, StageId
from schema.plans import StageStep


def step(kind: str, megapixels: float, steps: int) -> StageStep:
    return StageStep(id=StageId(kind), kind=kind, megapixels=megapixels, steps=steps)


def node(name: str, pace: float = 0.0) -> Node:
    made = Node(id=NodeId(name), name=name, instance="i", backends=("sketch",), kinds=("txt2img",))
    made.pace = pace
    return made


def test_what_was_measured_most_comes_first_with_its_interval():
    box = node("box")
    cost = None
    for _ in range(20):
        cost, _ = learn(cost, step("txt2img", 1.0, 30), 12.0, None)
    once, _ = learn(None, step("upscale", 4.0, 1), 3.0, None)
    box.costs = {"upscale any": once, "txt2img sdxl": cost}
    first, second = paces(box)
    assert first.startswith("txt2img sdxl 1.0 MP x 30: 12.0 s (1")
    assert second.startswith("upscale 4.0 MP: 3.0 s (")


def test_a_speed_is_told_beside_the_fleets_mean_and_only_where_it_was_measured():
    state = State()
    for one in (node("a", 3.0), node("b", 1.0), node("c")):
        state.nodes[one.id] = one
    told = [relative_speed(state, one) for one in state.nodes.values()]
    assert told == [pytest.approx(1.5), pytest.approx(0.5), 0.0]
    assert paces(node("c")) == ()
