"""What was measured of a node, in words a person compares: how long which stages take there. Pure."""

from functools import lru_cache
from operator import itemgetter

from daemon.core.costs import learned, mean_speed, speed_of
from daemon.core.state import Node, State
from daemon.scheduling.costs import Line, Row, cost_of, errors_of, estimate, expected, units_of
from daemon.scheduling.families import NO_MODEL

MOST = 4
"""Kinds of stages that are told of a node, those measured most often first."""


def relative_speed(state: State, node: Node) -> float:
    """1 is the fleet's mean; 0: nothing was measured there yet, or there is nothing to compare it with."""
    measured = learned(state).speeds
    if node.id not in measured or len(state.nodes) < 2:
        return 0.0
    return round(speed_of(state, node) / mean_speed(state, (state.nodes[other] for other in measured)), 2)


def paces(node: Node) -> tuple[str, ...]:
    """`txt2img sdxl 1.0 MP x 30: 12.4 s (10.9 to 14.2)`: of the newest size, with four chances in five."""
    often = sorted(((-len(rows), key) for key, rows in node.costs.items()), key=itemgetter(0, 1))[:MOST]
    return tuple(_told(key, tuple(node.costs[key])) for _, key in often)


@lru_cache(maxsize=1024)
def _told(key: str, rows: tuple[Row, ...]) -> str:
    _, megapixels, steps = rows[-1]
    key = key.removesuffix(f" {NO_MODEL}")
    size = f" {megapixels:.1f} MP" if megapixels else ""
    often = f" x {steps}" if steps > 1 else ""
    cost = cost_of(rows)
    line = expected(cost, None) or Line(0.0, 0.0)
    told = estimate(cost, units_of(megapixels, steps), line, errors_of(rows, cost, None))
    return f"{key}{size}{often}: {told.seconds:.1f} s ({told.low:.1f} to {told.high:.1f})"
