"""What was measured of a node, in words a person compares: how long which stages take there. Pure."""

from functools import lru_cache
from operator import itemgetter

from msgspec.structs import astuple

from daemon.core.costs import mean_speed, speed_of
from daemon.core.state import Node, State
from daemon.scheduling.costs import Cost, estimate
from daemon.scheduling.families import NO_MODEL

MOST = 4
"""Kinds of stages that are told of a node, those measured most often first."""


def relative_speed(state: State, node: Node) -> float:
    """1 is the fleet's mean; 0: nothing was measured there yet."""
    if not node.pace:
        return 0.0
    return round(speed_of(node) / mean_speed(other for other in state.nodes.values() if other.pace), 2)


def paces(node: Node) -> tuple[str, ...]:
    """`txt2img sdxl 1.0 MP x 30: 12.4 s (10.9 to 14.2)`: of the newest size, with four chances in five."""
    often = sorted(((-cost.count, key) for key, cost in node.costs.items()), key=itemgetter(0, 1))[:MOST]
    return tuple(_told(key, *astuple(node.costs[key])) for _, key in often)


@lru_cache(maxsize=1024)
def _told(key: str, *fields: object) -> str:
    cost = Cost(**dict(zip(Cost.__struct_fields__, fields, strict=True)))  # type: ignore[arg-type]  # its own fields
    key = key.removesuffix(f" {NO_MODEL}")
    size = f" {cost.megapixels:.1f} MP" if cost.megapixels else ""
    steps = f" x {cost.steps}" if cost.steps > 1 else ""
    told = estimate(cost, max(cost.megapixels, 0.1) * max(cost.steps, 1), None)
    if told is None:
        return f"{key}{size}{steps}"
    return f"{key}{size}{steps}: {told.seconds:.1f} s ({told.low:.1f} to {told.high:.1f})"
