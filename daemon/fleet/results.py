"""What an agent made, from its report to files that are stored and synced: only then the ledger hears of it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec

from daemon.core.state import Brief
from daemon.fleet.seam import AgentDoor, Unwilling
from daemon.fleet.shared import Shared
from schema.ids import Sha256
from schema.observations import Attempt, AttemptGone, NewImage, Observation, StageBroke, StageReturned
from schema.orders import AttemptReport, Order, Product, Result

log = logging.getLogger(__name__)

FULL_SECONDS = 5.0
"""Until a picture that the disk did not take is tried again; the agent's spool keeps it meanwhile."""


MOST_PRODUCTS = 64
"""Of one stage; a batch has at most sixteen."""


class Rejected(Exception):
    """A product was not accepted into the artifact store; the sentence says why."""


class Looked(Protocol):
    """What decoding a picture tells."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def flat(self) -> str: ...


class Examiner(Protocol):
    async def examine(self, claim: Sha256, body: AsyncIterator[bytes]) -> Looked:
        """Verifies a picture as any other, and keeps nothing of it. Raises Rejected, OSError."""
        ...


class Intake(Examiner, Protocol):
    """Makes orders of assignments, and stored pictures of products."""

    async def order(self, brief: Brief) -> Order:
        """Raises Refused where the config cannot be read."""
        ...

    def watched(self) -> bool:
        """Whether unfinished pictures are wanted now."""
        ...

    def input(self, sha256: Sha256) -> Path:
        """Raises Refused where it is not there."""
        ...

    async def accept(
        self, report: AttemptReport, result: Result, product: Product, body: AsyncIterator[bytes]
    ) -> NewImage:
        """Raises Rejected; OSError where the disk does not take it."""
        ...


async def observation_of(
    attempt: Attempt, report: AttemptReport, link: AgentDoor, intake: Intake, shared: Shared | None
) -> Observation:
    """Of an attempt that has ended. Raises LinkLost."""
    if report.state == "done" and report.result is not None:
        return await _fetch(attempt, report, report.result, link, intake, shared)
    if report.state == "broke":
        return StageBroke(attempt=attempt, trouble=report.trouble or "backend", reason=report.reason)
    return AttemptGone(attempt=attempt, reason=report.reason or "cancelled")


async def _fetch(
    attempt: Attempt, report: AttemptReport, result: Result, link: AgentDoor, intake: Intake, shared: Shared | None
) -> Observation:
    images: list[NewImage] = []
    if len(result.products) > MOST_PRODUCTS:
        reason = f"the agent claims {len(result.products)} pictures and {MOST_PRODUCTS} are the most"
        return StageBroke(attempt=attempt, trouble="backend", reason=reason)
    began = asyncio.get_running_loop().time()
    for product in result.products:
        try:
            images.append(await _accept(report, result, product, link, intake, shared))
        except Rejected as fault:
            return StageBroke(attempt=attempt, trouble="backend", reason=str(fault))
        except Unwilling as fault:  # somebody has emptied its spool
            return StageBroke(attempt=attempt, trouble="backend", reason=f"the agent lost the picture: {fault}")
    moved = result.measures.moved_s + asyncio.get_running_loop().time() - began
    return StageReturned(
        attempt=attempt,
        backend=result.backend,
        images=tuple(images),
        effective=result.effective,
        reported=result.reported,
        measures=msgspec.structs.replace(result.measures, moved_s=round(moved, 6)),
        suspect=result.suspect or next((image.suspect for image in images if image.suspect), None),
        filters=result.filters,
    )


async def _accept(
    report: AttemptReport, result: Result, product: Product, link: AgentDoor, intake: Intake, shared: Shared | None
) -> NewImage:
    """From the shared storage where it lies there too, else over the connection; as soon as the disk takes it.

    Raises Rejected, LinkLost.
    """
    if product.place and shared is not None:
        try:
            return await intake.accept(report, result, product, shared.pieces(product.place, product.bytes))
        except (Rejected, OSError) as fault:
            log.info("a picture of %s is fetched, as the shared storage does not give it: %s", report.job, fault)
    while True:
        try:
            return await intake.accept(report, result, product, link.blob(product.sha256, product.bytes))
        except OSError as fault:
            log.error("a picture of %s could not be kept: %s; trying again", report.job, fault)
            await asyncio.sleep(FULL_SECONDS)
