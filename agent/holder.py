"""Who may give this agent work: the fleet it is paired with; else a daemon of this machine; else nobody yet.

One at a time, since each places work as if the device were its own. A pin stands above the daemon of this machine: who
paired it did so on purpose, and only `stablenew agent unpair` here undoes it.
"""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schema.ids import NodeId

GRACE_SECONDS = 10.0
"""A daemon of this machine that hung up may be starting again."""

EXPECTED_SECONDS = 5.0
"""What a daemon that runs here has to find an agent that has just started."""


class Holder:
    """`fleet` says whom it is paired with now; `changed` is called when somebody of this machine comes or goes."""

    def __init__(
        self, fleet: Callable[[], NodeId | None], name: str, clock: Callable[[], float], changed: Callable[[], None]
    ) -> None:
        self._fleet = fleet
        self._name = name
        self._clock = clock
        self._changed = changed
        self._listening = 0
        self._working = 0
        """Connections of the daemon on the network, while it listens to the feed."""
        self._until = float("-inf")
        """Clock time until which a daemon of this machine is awaited."""

    @property
    def is_local(self) -> bool:
        """A daemon of this machine uses it, or is about to."""
        return self._fleet() is None and (self._listening > 0 or self._clock() < self._until)

    @property
    def is_connected(self) -> bool:
        """Somebody hears what it tells."""
        return self._listening > 0 or self._working > 0

    def expect(self) -> None:
        """A daemon runs on this machine and will find the agent."""
        self._until = self._clock() + EXPECTED_SECONDS

    @contextmanager
    def listened(self) -> Iterator[None]:
        """While a daemon of this machine is connected."""
        self._listening += 1
        self._changed()
        try:
            yield
        finally:
            self._listening -= 1
            self._until = self._clock() + GRACE_SECONDS
            self._changed()

    @contextmanager
    def worked(self) -> Iterator[None]:
        """While the daemon that it is paired with is connected."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    def taken(self) -> str:
        """Why it takes no pairing now; empty: it does."""
        if self.is_local:
            return (
                f"agent {self._name} works for the daemon of its own machine; "
                f"stop that one (`stablenew daemon stop` there), and pair it then"
            )
        return ""

    def refusal(self) -> str:
        """Why the daemon of this machine is given nothing; empty: it may have it."""
        fleet = self._fleet()
        if fleet is None:
            return ""
        return (
            f"agent {self._name} is paired with a fleet on the network ({fleet[:8]}) and works for that one alone; "
            f"`stablenew agent unpair --name {self._name}` gives it back to this machine"
        )


def daemon_of(home: Path) -> bool:
    """Whether the daemon runs that looks for agents where this one has its home: `STATE/agents/NAME`."""
    if home.parent.name != "agents":
        return False
    try:
        path = str(json.loads((home.parent.parent / "endpoint.json").read_bytes())["socket"])
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(path)
            return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
