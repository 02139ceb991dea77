"""Whether what waits will be done in time: what `GET /v1/forecast` answers. Foretold, not promised.

Made by running the scheduler's own policy over a copy of the queue, with what stages cost by all that was measured.
"""

from schema.ids import NodeId, RunId
from schema.plans import Plain


class NodeForecast(Plain, frozen=True, kw_only=True):
    """What one node has to do with it."""

    node: NodeId
    name: str
    stages: int
    """That it would run."""
    at: float | None = None
    """Unix seconds at which it is through with them; None: it gets none."""


class RunForecast(Plain, frozen=True, kw_only=True):
    run: RunId
    name: str
    jobs: int
    """That have not ended."""
    at: float | None = None
    """Unix seconds at which its last stage ends; None: it cannot be said, and `text` says why."""
    soonest: float | None = None
    latest: float | None = None
    """Between these two with four chances in five."""
    deadline: float | None = None
    in_time: bool | None = None
    """None: it has no deadline, or nobody can say."""
    nodes: tuple[NodeForecast, ...] = ()
    moves: int = 0
    """Stages that would begin on another node than the one before them."""
    text: str = ""
    """All of it in a sentence or two."""
    helps: tuple[str, ...] = ()
    """What would make it earlier, each with by how much, in words; the most helpful first."""


class Forecast(Plain, frozen=True, kw_only=True):
    head: int
    """Of the log, when it was made."""
    runs: tuple[RunForecast, ...] = ()
    """Unfinished ones in the order of their ends."""
    nodes: tuple[NodeForecast, ...] = ()
    """All that waits, per node."""
    at: float | None = None
    """Unix seconds at which everything is done that may run."""
    notes: tuple[str, ...] = ()
    """What it does not know: `nothing like 'upscale' was measured yet`."""


class Foretold(Plain, frozen=True, kw_only=True):
    """What a run that is not queued yet would come to: what `POST /v1/forecast` answers."""

    jobs: int
    stages: int
    """Of all its jobs together."""
    pictures: int
    bytes: int
    """Of these pictures, as large as those of such stages were so far."""
    measured: bool = False
    """False: there were no such pictures yet, and `bytes` is a guess by their pixels."""
    run: RunForecast
    """As if it were queued now, behind what waits."""
    notes: tuple[str, ...] = ()
    """What the forecast does not know."""
