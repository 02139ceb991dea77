"""What is told of a node's speed: of what was measured most, with its interval; nothing where nothing was."""

import pytest

from daemon.core.measured import paces, relative_speed
from daemon.core.state import Node, State
from schema.ids import NodeId


def node(name: str, speed: float = 1.0, **seconds: float) -> Node:
    """`seconds`: of one megapixel with thirty steps."""
    made = Node(id=NodeId(name), name=name, instance="i", backends=("sketch",), kinds=("txt2img",), speed=speed)
    made.costs = {f"{kind} sdxl": [(each, 1.0, 30)] * 20 for kind, each in seconds.items()}
    return made


def test_what_was_measured_most_comes_first_with_its_interval():
    box = node("box")
    box.costs = {"upscale any": [(3.0, 4.0, 1)], "txt2img sdxl": [(12.0, 1.0, 30)] * 20}
    first, second = paces(box)
    assert first.startswith("txt2img sdxl 1.0 MP x 30: 12.0 s (1")
    assert second.startswith("upscale 4.0 MP: 3.0 s (")


def test_a_speed_is_told_beside_the_fleets_mean_and_only_where_it_was_measured():
    state = State()
    for one in (node("a", 2.0, txt2img=4.0), node("b", 1.0, txt2img=12.0), node("c")):
        state.nodes[one.id] = one
    told = [relative_speed(state, one) for one in state.nodes.values()]
    assert told == [pytest.approx(1.5, abs=0.02), pytest.approx(0.5, abs=0.02), 0.0]
    assert paces(node("c")) == ()
