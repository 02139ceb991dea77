"""In place of parts that a house lacks: each refuses in a sentence, or has nothing to tell."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from daemon.sieve import LineSieve
from schema.commands import Command, ImportPictures
from schema.errors import Refused
from schema.forecast import Forecast, Foretold
from schema.foreign import ImportedFile, Posted, Synced, Understood
from schema.hooks import HookRow, HookTried
from schema.ids import NodeId, RunId
from schema.logpages import ProgramLine
from schema.pages import ImageRow, JobRecord, RunRecord
from schema.plans import JobSpec, RunSpec
from schema.prompts import Trial, Tried
from schema.then import Difference

if TYPE_CHECKING:
    from daemon.api.house import House, Paired, Probed


class NoHooks:
    def rows(self) -> tuple[HookRow, ...]:
        return ()

    async def test(self, name: str) -> HookTried:
        raise Refused("nobody here tells others of anything.")


class NoGallery:
    async def post(
        self, pictures: Sequence[tuple[ImageRow, JobRecord]], note: Callable[[Command], Awaitable[None]]
    ) -> Posted:
        raise Refused("nobody here speaks to galleries.")

    async def sync(self, note: Callable[[Command], Awaitable[None]]) -> Synced:
        raise Refused("nobody here speaks to galleries.")


class NobodyReads:
    async def read(self, content: AsyncIterator[bytes], name: str) -> Understood:
        raise Refused("nobody here reads pictures of other programs.")

    async def import_of(self, run: RunId, name: str, files: Sequence[ImportedFile], folder: str) -> ImportPictures:
        raise Refused("nobody here reads pictures of other programs.")


def no_lines(sieve: LineSieve) -> tuple[ProgramLine, ...]:
    raise Refused("nobody here keeps logs of programs.")


async def nothing_to_wait_for(seq: int) -> None:
    """What is in the results folders is all that comes for now."""


async def nobody(node: NodeId) -> None:
    raise Refused("nobody here talks to nodes.")


async def no_pairing(name: str, code: str | None) -> "Paired":
    raise Refused("nobody here talks to the network.")


async def no_invitation() -> tuple[str, float]:
    raise Refused("nobody here talks to the network.")


async def nothing_foretold(spec: RunSpec, jobs: Sequence[JobSpec]) -> Foretold:
    raise Refused("nothing can be queued here, so nothing is foretold of it.", remedy="Ask when the daemon works.")


async def no_forecast(run: RunId | None) -> Forecast:
    raise Refused("nobody here foretells anything.")


def no_trial(trial: Trial) -> Tried:
    raise Refused("nobody here tries prompts out.")


def no_sheet(run: RunRecord, jobs: Sequence[JobRecord], x: str | None, y: str | None, cell: int | None) -> bytes:
    raise Refused("nobody here draws sheets.")


async def no_difference(one: str, other: str | None) -> Difference:
    raise Refused("nobody here compares moments.")


async def no_past(when: str) -> "House":
    raise Refused("nobody here remembers the past.")


async def no_probe(node: NodeId) -> "Probed":
    raise Refused("nobody here talks to nodes.")
