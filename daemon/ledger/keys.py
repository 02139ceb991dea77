"""Idempotency keys: the same wish asked twice is done once and answered twice with the same words."""

import asyncio
from typing import NamedTuple

from msgspec.structs import replace

from daemon.ledger.answers import answer_of
from daemon.log.store import Log
from schema.errors import Refused
from schema.scenes import Answer

MOST = 4096
"""Keys kept in memory; older ones are looked up in the log."""


class _Seen(NamedTuple):
    digest: bytes | None
    answer: asyncio.Future[Answer]


class Recent:
    """Keys on their way to the log, or just written."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._seen: dict[tuple[str, str], _Seen] = {}

    async def find(self, actor: str, key: str, digest: bytes | None) -> Answer | None:
        """The answer if the key was used; None: it is free, and stays so until the caller next awaits.

        Raises Refused if the key was used for another wish, or if the wish it was used for is refused.
        """
        seen = self._seen.get((actor, key))
        if seen is None:
            kept = await self._log.find_key(actor, key)
            if kept is not None:
                _check(digest, kept.digest, key)
                return replace(answer_of(kept.command, kept.envelopes), repeated=True)
            seen = self._seen.get((actor, key))  # Another may have brought it while the log was read.
        if seen is None:
            return None
        _check(digest, seen.digest, key)
        return replace(await asyncio.shield(seen.answer), repeated=True)

    def note(self, actor: str, key: str, digest: bytes | None, answer: asyncio.Future[Answer]) -> None:
        """The wish is in the mailbox. A refused one leaves its key free."""
        self._seen[(actor, key)] = _Seen(digest, answer)
        answer.add_done_callback(lambda done: self._forget((actor, key)) if _came_to_nothing(done) else None)
        oldest = next(iter(self._seen))
        if len(self._seen) > MOST and self._seen[oldest].answer.done():
            del self._seen[oldest]

    def _forget(self, name: tuple[str, str]) -> None:
        self._seen.pop(name, None)


def _check(digest: bytes | None, known: bytes | None, key: str) -> None:
    if digest != known:
        raise Refused(f"The key '{key}' was used for another request.", remedy="Use a new key for a new request.")


def _came_to_nothing(answer: asyncio.Future[Answer]) -> bool:
    return answer.cancelled() or answer.exception() is not None
