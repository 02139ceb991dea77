"""How busy each node was in the last hour: kept here in the client and forgotten with it. Pure.

The feed tells a load when it changes, so that each holds until the next: buckets hold the mean over their time.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from schema.ids import NodeId
from schema.scenes import NodeScene

SPAN = 3600.0
"""Seconds that are kept."""

BUCKET = 30.0
"""Seconds of one mean."""


@dataclass
class Course:
    """Of one node: what it is at, since when, and the buckets before that."""

    level: float | None = None
    since: float = 0.0
    buckets: deque[tuple[int, float, float]] = field(default_factory=deque)
    """Number of the bucket, percent times seconds, seconds."""

    def until(self, now: float) -> None:
        """Takes what passed at the level so far."""
        at = max(self.since, now - SPAN)
        while self.level is not None and at < now:
            number = int(at // BUCKET)
            end = min(now, (number + 1) * BUCKET)
            if self.buckets and self.buckets[-1][0] == number:
                _, amount, seconds = self.buckets.pop()
            else:
                amount = seconds = 0.0
            self.buckets.append((number, amount + self.level * (end - at), seconds + end - at))
            at = end
        self.since = now
        while self.buckets and self.buckets[0][0] < (now - SPAN) // BUCKET:
            self.buckets.popleft()


class LoadHistory:
    """`take` what the scene says whenever it is told; `course` is what to draw."""

    def __init__(self) -> None:
        self._courses: dict[NodeId, Course] = {}

    def take(self, nodes: Iterable[NodeScene], now: float) -> None:
        seen = {node.node: level_of(node) for node in nodes}
        for name in [*self._courses, *seen]:
            course = self._courses.setdefault(name, Course())
            course.until(now)
            course.level = seen.get(name)
        self._courses = {name: one for name, one in self._courses.items() if one.buckets or one.level is not None}

    def course(self, node: NodeId, columns: int, now: float) -> list[float | None]:
        """Percent in `columns` equal parts of the last hour, the newest last; None: nobody told."""
        course = self._courses.get(node)
        if course is None:
            return [None] * columns
        course.until(now)
        amounts, seconds = [0.0] * columns, [0.0] * columns
        for number, amount, lasted in course.buckets:
            age = now - (number + 0.5) * BUCKET
            column = min(columns - 1, int((1 - age / SPAN) * columns))
            if column >= 0:
                amounts[column] += amount
                seconds[column] += lasted
        return [amount / lasted if lasted else None for amount, lasted in zip(amounts, seconds, strict=True)]


def level_of(node: NodeScene) -> float | None:
    """Percent; of a device that does not tell its load, all or nothing."""
    if node.state in ("lost", "new", "taken") or (node.state == "suspect" and node.gpu_percent is None):
        return None
    return node.gpu_percent if node.gpu_percent is not None else 100.0 if node.state == "busy" else 0.0
