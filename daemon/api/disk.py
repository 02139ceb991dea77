"""What the routes need of whoever looks after the disk. `daemon/diskroom.py` does."""

from collections.abc import AsyncIterator
from typing import Protocol

from schema.diskuse import Checked, DiskUse
from schema.errors import Refused


class DiskDoor(Protocol):
    async def use(self) -> DiskUse: ...
    async def gone(self, seq: int) -> None:
        """Returns when the files of what was deleted up to `seq` are gone."""
        ...

    def check(self, percent: float) -> AsyncIterator[Checked]:
        """How far it is, and at last what it found."""
        ...


class NoDisk:
    """Of another moment than now, or where nobody looks after it."""

    async def use(self) -> DiskUse:
        raise _nobody()

    async def gone(self, seq: int) -> None:
        return

    def check(self, percent: float) -> AsyncIterator[Checked]:
        raise _nobody()


def _nobody() -> Refused:
    return Refused("what lies on the disk is only known of now, while the daemon works.")
