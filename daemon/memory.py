"""What a daemon that stands still remembers of its work: how far the log had come, and how everything stood then."""

from collections.abc import Sequence

from daemon.ledger import Ledger
from daemon.log.chain import ZERO, Head
from daemon.log.store import LogFile
from daemon.log.witness import Witness
from daemon.parts import Parts


class Memory:
    def __init__(self) -> None:
        self._log: LogFile | None = None
        self.ledger: Ledger | None = None
        """Of the last time that it worked; its scene is the last that was on disk."""
        self.troubles: dict[str, float] = {}
        """Kind of trouble to when hooks were told of it last."""

    def of(self, parts: Parts) -> None:
        """From now on, and once these are closed."""
        self._log, self.ledger = parts.log, parts.ledger

    @property
    def head(self) -> Head:
        """The newest event that this process was told to be durable."""
        return ZERO if self._log is None else self._log.head

    def witnesses(self) -> Sequence[Witness]:
        """A log that comes back must hold what was acknowledged before it went."""
        return (Witness(self.head, "this daemon, which has run since then,"),) if self.head.seq else ()
