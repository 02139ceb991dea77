"""How long an attempt may take before it is let go: what such stages took on that node, and a hard limit."""

from collections.abc import Collection
from typing import NamedTuple

from daemon.core.costs import foretell
from daemon.core.state import Brief, State
from daemon.scheduling.families import cost_key

TIMES = 4.0
"""By how much it may go beyond the slowest that is expected."""

LEAST_SECONDS = 120.0
ENOUGH = 5
"""Measurements on the node itself, before what was learned counts."""

LOAD_SECONDS = 600.0
"""More for a stage whose checkpoint is not loaded there."""


class Patience(NamedTuple):
    """Seconds by the loop's clock."""

    attempt: float
    """The hard limit."""
    stall: float


def attempt_seconds(state: State, brief: Brief, resident: Collection[str], most: float) -> float:
    """For the first try; whoever tries again may take as long as anything may, so that a node that only became slower
    does not fail for ever.
    """
    node = state.nodes.get(brief.attempt.node)
    if node is None or brief.number > 1:
        return most
    if len(node.costs.get(cost_key(brief.step.kind, brief.step.model), ())) < ENOUGH:
        return most
    if (told := foretell(state, node, brief.step)) is None:
        return most
    loads = brief.step.model is not None and brief.step.model not in resident
    return min(most, max(LEAST_SECONDS, TIMES * told.high) + (LOAD_SECONDS if loads else 0.0))
