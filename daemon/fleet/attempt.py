"""An attempt on its way to a node and back: how long it has taken, and what is told of it when it came to nothing."""

from dataclasses import dataclass

from daemon.core.state import Brief
from daemon.fleet.patience import Patience
from daemon.fleet.seam import USED_BEFORE
from schema.errors import Trouble
from schema.ids import JobId
from schema.observations import AttemptGone, Observation, StageBroke
from schema.orders import attempt_id

PROBE = JobId("probe")
"""The job that a probe's order is of; none of the queue is called so."""


@dataclass
class Opened:
    """An attempt that is not yet settled in the log."""

    brief: Brief
    begun: float
    moved: float
    """When its progress last changed."""
    limit: float = float("inf")
    """Seconds from `begun`, as they were learned."""
    cancelled: float | None = None
    timed_out: str = ""

    @property
    def id(self) -> str:
        attempt = self.brief.attempt
        return attempt_id(attempt.job, attempt.stage, attempt.token)

    def impatience(self, patience: Patience, now: float) -> str:
        """Why it has taken too long; empty: it has not."""
        limit = min(self.limit, patience.attempt)
        if now - self.begun > limit:
            return f"not done after {limit:.0f} seconds"
        if now - self.moved > patience.stall:
            return f"no progress for {patience.stall:.0f} seconds"
        return ""


def broke(opened: Opened, trouble: Trouble, reason: str) -> StageBroke:
    return StageBroke(attempt=opened.brief.attempt, trouble=trouble, reason=reason)


def trouble_of(status: int) -> Trouble:
    """By whose fault an order was not taken: its id was used before, the order's own, the agent's."""
    return "lost" if status == USED_BEFORE else "bad-request" if status < 500 else "backend"


def gone(opened: Opened, reason: str) -> Observation:
    """An attempt that was let go: because its job was cancelled, or because it took too long."""
    if opened.timed_out:
        return StageBroke(attempt=opened.brief.attempt, trouble="backend", reason=opened.timed_out)
    return AttemptGone(attempt=opened.brief.attempt, reason=reason)
