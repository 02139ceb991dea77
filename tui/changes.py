"""What was changed and does not stand in the log: files of the library, in the order of the wishes between them.

Commands are taken back by the daemon, one after the other, as the log has them; a file is not. So that `z` takes back
what was done last, each wish of this screen leaves its place here.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

MOST = 200
"""Wishes that are remembered."""

SILENT = ("/v1/undo", "/v1/redo", "/v1/learn/told")
"""Commands that are none to be taken back."""

Doing = Callable[[], Awaitable[object]]
"""Raises Refused or NoDaemon; then nothing was changed."""


class Change(NamedTuple):
    told: str
    """`delete the pack knights`."""
    back: Doing
    again: Doing


class Changes:
    """None stands for a command, which the daemon takes back."""

    def __init__(self) -> None:
        self._done: list[Change | None] = []
        self._undone: list[Change | None] = []

    def note(self, change: Change | None) -> None:
        """It was done just now; what was taken back before cannot be done again."""
        self._done = [*self._done[1 - MOST :], change]
        self._undone.clear()

    def heard(self, path: str, changed: bool) -> None:
        """The daemon has done what this path asks for; not `changed`: there was nothing to do."""
        bare, _, named = path.partition("?")
        if named and bare == "/v1/undo":
            self._command_taken_back()
        elif changed and bare not in SILENT:
            self.note(None)

    def _command_taken_back(self) -> None:
        """By name, where it was given: it is the newest command, and no file was changed since."""
        if self._done and self._done[-1] is None:
            self.taken_back()

    def last(self) -> Change | None:
        """What `z` takes back; None: whatever the daemon says."""
        return self._done[-1] if self._done else None

    def next(self) -> Change | None:
        """What `Z` does again; None: whatever the daemon says."""
        return self._undone[-1] if self._undone else None

    def taken_back(self) -> None:
        if self._done:
            self._undone.append(self._done.pop())

    def done_again(self) -> None:
        if self._undone:
            self._done.append(self._undone.pop())
