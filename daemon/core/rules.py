"""What the settings say about trying again, and the local clock: the same for all inputs, and no part of the state."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from schema.settings import Settings


def _utc(now: float) -> float:
    return 0.0


class Rules(NamedTuple):
    retries: int = 3
    """Attempts of one stage before the job needs attention."""
    backoff: float = 5.0
    """Seconds before the second attempt; doubles each time."""
    backoff_most: float = 300.0
    losses: int = 10
    """Lost attempts of one stage in a row before the job needs attention."""
    suspects: Literal["retry", "keep"] = "retry"
    """What becomes of a picture that is black, flat or of another size: made once more, or kept with a mark."""
    nodes_tried: int = 3
    """Different nodes that failed one stage before the job needs attention."""
    strikes: int = 3
    """Failures in a row of different jobs before a node gets no more of a model, or nothing at all."""
    barred_for: float = 3600.0
    """Seconds without a model that only failed."""
    cooling: float = 600.0
    """Seconds with nothing at all, where everything failed."""
    overdue: float = 900.0
    """Seconds without a stage, after which a pack comes first."""
    live_for: float = 600.0
    """Seconds after its last use during which the interactive lane counts as live."""
    utc_offset: Callable[[float], float] = _utc
    """Unix seconds to seconds that local time is ahead of UTC just then."""

    def backoff_after(self, attempts: int) -> float:
        """Seconds to wait after so many failed attempts."""
        return min(self.backoff * 2.0 ** min(attempts - 1, 40), self.backoff_most)


def rules_of(settings: "Settings", utc_offset: Callable[[float], float]) -> Rules:
    daemon, fleet = settings.daemon, settings.fleet
    return Rules(
        retries=daemon.retries,
        backoff=daemon.backoff,
        suspects=daemon.suspects,
        strikes=fleet.strikes,
        barred_for=fleet.barred_for,
        cooling=fleet.cooling,
        overdue=fleet.overdue,
        utc_offset=utc_offset,
    )
