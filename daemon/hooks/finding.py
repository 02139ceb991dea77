"""Which events are news: read in order, together with the scene behind them. Pure but for its own memory."""

from collections.abc import Sequence
from typing import NamedTuple

from schema import events as e
from schema.hooks import Occasion
from schema.ids import NodeId
from schema.scenes import Scene


class Found(NamedTuple):
    """Enough to look the rest up when its turn has come."""

    on: Occasion
    id: str
    seq: int
    """0: of no event."""
    at: float
    """Unix seconds."""
    subject: str = ""
    """Run or job."""
    text: str = ""
    """Of trouble: the sentence. Of a job: why it waits."""


def id_of(on: Occasion, seq: int, at: float) -> str:
    """Also another one where an old log was put back and its numbers come again."""
    return f"{on}-{seq}-{int(at)}"


class Finder:
    def __init__(self) -> None:
        self._last: e.Envelope | None = None
        """The newest event that may have emptied the queue, until a scene has told whether it did."""
        self._joined: dict[NodeId, str] = {}
        """Nodes of other processes that came since the daemon began, by their names."""

    @property
    def undecided(self) -> int | None:
        """Seq of an event of which it is not known yet whether it is news."""
        return None if self._last is None else int(self._last.seq)

    def read(self, envelopes: Sequence[e.Envelope]) -> list[Found]:
        found = [one for envelope in envelopes if (one := self._one(envelope)) is not None]
        ends = [envelope for envelope in envelopes if may_empty(envelope.event)]
        self._last = ends[-1] if ends else self._last
        return found

    def rest(self, scene: Scene, seq: int) -> Found | None:
        """News that the queue is empty, where the events up to `seq` have emptied it."""
        if self._last is None or scene.head > seq:  # the events up to that scene are still to be read
            return None
        last, self._last = self._last, None
        return Found("queue-empty", id_of("queue-empty", last.seq, last.at), last.seq, last.at) if idle(scene) else None

    def _one(self, envelope: e.Envelope) -> Found | None:
        seq, at = envelope.seq, envelope.at
        match envelope.event:
            case e.RunFinished(run=run):
                return Found("run-finished", id_of("run-finished", seq, at), seq, at, run)
            case e.JobParked(job=job, reason=reason):
                return Found("attention", id_of("attention", seq, at), seq, at, job, reason)
            case e.DaemonStarted():
                self._joined.clear()
            case e.NodeJoined(node=node, name=name, link=link) if link != "loopback":
                self._joined[node] = name
            case e.NodeLost(node=node, reason=reason) if node in self._joined:
                text = f"The node {self._joined.pop(node)} is lost: {reason.rstrip('.')}."
                return Found("trouble", id_of("trouble", seq, at), seq, at, node, text)
        return None


def may_empty(event: e.Event) -> bool:
    """Whether work has ended with it; what a person does with jobs that only lay there ends none."""
    match event:
        case e.JobCancelled(was=was):
            return was in ("queued", "running")
        case e.JobFinished() | e.JobFailed() | e.JobParked() | e.FilmFinished() | e.FilmFailed():
            return True
        case _:
            return False


def idle(scene: Scene) -> bool:
    """Nothing runs, and nothing waits but for a person."""
    counts = scene.queue.counts
    return not counts.queued and not counts.running and all(run.film != "making" for run in scene.runs)
