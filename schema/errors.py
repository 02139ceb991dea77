"""The one expected failure, and the exit codes that scripts rely on."""

from enum import IntEnum
from typing import Literal


class Refused(Exception):
    """Expected: one sentence a person can act on. It names what is wrong and the remedy.

    `remedy` is told after the sentence; `where` is a file with its line, or a field.
    """

    def __init__(self, sentence: str, *, where: str = "", remedy: str = "") -> None:
        self.sentence = sentence
        self.where = where
        self.remedy = remedy
        super().__init__(self.told())

    def told(self) -> str:
        """Where, what is wrong, and the remedy, as whole sentences: a full stop that is missing is put there."""
        head = f"{self.where}: {self.sentence}" if self.where else self.sentence
        return f"{_ended(head)} {_ended(self.remedy)}" if self.remedy else _ended(head)


class Away(Refused):
    """Something outside does not answer now: asked again later, it may. Exit code 1."""


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", ".)")) else f"{text}."


def why(fault: Exception) -> str:
    """What a fault of the system or of a library is about, in words alone: no error numbers, no names of classes."""
    named = isinstance(fault, OSError) and fault.strerror
    words = named or ("no answer in time" if isinstance(fault, TimeoutError) else str(fault) or "it broke off")
    return (words[:1].lower() + words[1:]).rstrip(".")


class NoDaemon(Exception):
    """Nobody answers on the socket. Exit code 3."""


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    REFUSED = 2
    NO_DAEMON = 3
    NOT_ALLOWED = 4
    JOB_FAILED = 5
    DISK = 74
    """The log could not be written; what was told before is on disk."""
    LOCKED = 75
    INTERRUPTED = 130


Trouble = Literal["out-of-memory", "bad-request", "backend", "suspect", "lost", "cancelled"]
"""Why a stage came back without pictures; the backend says which, nobody reads its message text."""
