"""Watches a log while it grows, with the moment at which each event was seen."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from books import GIVEN_UP, Happening, happenings
from programs import until


class Seen(NamedTuple):
    happening: Happening
    when: float
    """By the monotonic clock."""


class Open(NamedTuple):
    job: str
    stage: str
    node: str


class Follow:
    """`mark` says from where on one waits; everything before it has happened already."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seen: list[Seen] = []
        self.open: dict[object, Open] = {}
        """Token to the attempt that is under way."""

    def look(self) -> None:
        if not self._path.exists():
            return
        last = self.seen[-1].happening.seq if self.seen else 0
        fresh, now = happenings(self._path, last), time.monotonic()
        for one in fresh:
            self.seen.append(Seen(one, now))
            match one.type:
                case "StageAssigned":
                    self.open[one.seq] = Open(str(one["job"]), str(one["stage"]), str(one["node"]))
                case kind if kind == "StageFinished" or kind in GIVEN_UP:
                    self.open.pop(one["token"], None)

    def mark(self) -> int:
        self.look()
        return len(self.seen)

    def wait(self, kind: str, seconds: float = 30, after: int = 0, **fields: object) -> Seen:
        """The first event of that type and with these fields, behind the mark `after`."""

        def wanted(one: Happening) -> bool:
            return one.type == kind and all(one[name] == value for name, value in fields.items())

        return self.first(wanted, f"{kind} {fields or ''}", seconds, after)

    def first(self, wanted: Callable[[Happening], bool], what: str, seconds: float = 30, after: int = 0) -> Seen:
        def found() -> Seen | None:
            self.look()
            return next((seen for seen in self.seen[after:] if wanted(seen.happening)), None)

        return until(found, what, seconds)

    def count(self, kind: str, after: int = 0, **fields: object) -> int:
        self.look()
        return sum(
            seen.happening.type == kind and all(seen.happening[name] == value for name, value in fields.items())
            for seen in self.seen[after:]
        )

    def at(self, node: str) -> Open | None:
        """What is under way there."""
        self.look()
        return next((attempt for attempt in self.open.values() if attempt.node == node), None)
