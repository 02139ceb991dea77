"""The newest epoch of a daemon that was heard of: who speaks with an older one is not obeyed any more."""

import os
from contextlib import suppress
from pathlib import Path


class Fence:
    """`kept` is its file, for an agent that outlives its daemon; None: forgotten with the process."""

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        self.epoch = 0
        if kept is not None:
            with suppress(OSError, ValueError):
                self.epoch = int(kept.read_text("ascii"))

    def passes(self, epoch: int) -> bool:
        """Whether this one may still speak; a newer one is on disk before the answer. Raises OSError."""
        if epoch > self.epoch:
            if self._kept is not None:
                _keep(self._kept, epoch)
            self.epoch = epoch
        return epoch == self.epoch

    def begin(self, epoch: int) -> None:
        """From here on, whatever was heard before. Raises OSError."""
        if self._kept is not None:
            _keep(self._kept, epoch)
        self.epoch = epoch

    def told(self, epoch: int) -> str:
        """Why `epoch` does not pass, with the remedy."""
        remedy = "restart the agent" if self._kept is None else f"remove {self._kept} and restart the agent"
        return (
            f"epoch {epoch} is over, this agent has orders of epoch {self.epoch}; "
            f"another daemon is running, or this one's log was replaced: {remedy} to follow it"
        )


def _keep(path: Path, epoch: int) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="ascii") as file:
        file.write(f"{epoch}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
