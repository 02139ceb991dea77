"""The newest epoch of a daemon that was heard of: who speaks with an older one is not obeyed any more.

Beside it, the highest token of an order: a daemon that has never given it out was started on an older copy of its log.
"""

import os
from contextlib import suppress
from pathlib import Path


class Fence:
    """`kept` is its file, for an agent that outlives its daemon; None: forgotten with the process."""

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        self.epoch = 0
        self.seen = 0
        if kept is not None:
            with suppress(OSError, ValueError):
                self.epoch = int(kept.read_text("ascii"))
            with suppress(OSError, ValueError):
                self.seen = int(_seen(kept).read_text("ascii"))

    def passes(self, epoch: int) -> bool:
        """Whether this one may still speak; a newer one is on disk before the answer. Raises OSError."""
        if epoch > self.epoch:
            if self._kept is not None:
                _keep(self._kept, epoch)
            self.epoch = epoch
        return epoch == self.epoch

    def saw(self, token: int) -> None:
        """An order was taken. Where that cannot be written, a lower one stays, which is true all the same."""
        if token > self.seen:
            self.seen = token
            if self._kept is not None:
                with suppress(OSError):
                    _keep(_seen(self._kept), token, sync=False)

    def begin(self, epoch: int) -> None:
        """From here on, whatever was heard before. Raises OSError."""
        if self._kept is not None:
            _keep(self._kept, epoch)
            _seen(self._kept).unlink(missing_ok=True)
        self.epoch, self.seen = epoch, 0

    def told(self, epoch: int) -> str:
        """Why `epoch` does not pass, with the remedy."""
        remedy = "restart the agent" if self._kept is None else f"remove {self._kept} and restart the agent"
        return (
            f"epoch {epoch} is over, this agent has orders of epoch {self.epoch}; "
            f"another daemon is running, or this one's log was replaced: {remedy} to follow it"
        )


def _seen(kept: Path) -> Path:
    return kept.with_name("seen")


def _keep(path: Path, number: int, *, sync: bool = True) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="ascii") as file:
        file.write(f"{number}\n")
        if sync:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)
