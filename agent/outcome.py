"""What became of a turn: run in the device's thread, then written as a report with its files."""

import hashlib
import logging
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from agent.backends import BackendTrouble, Cancelled, Made, Reporter
from agent.pictures.asis import as_is, is_as_is
from agent.turn import Turn
from schema.errors import Trouble, why
from schema.ids import Sha256
from schema.orders import AttemptReport, Product, Result
from schema.plans import Measures

log = logging.getLogger(__name__)

LONGEST_REASON = 2000
"""Characters."""


class Outcome(NamedTuple):
    """Pictures, or why there are none. The device is free once this is there."""

    made: Made | None = None
    trouble: Trouble | None = None
    sentence: str = ""
    waited_s: float = 0.0
    spent_s: float = 0.0
    gpu_percent: float = 0.0
    peak_vram_gb: float = 0.0
    """Of the device, whoever used it; told where the backend tells none."""

    @property
    def cancelled(self) -> bool:
        return self.made is None and self.trouble is None

    @property
    def server_in_doubt(self) -> bool:
        return self.trouble in ("lost", "backend")


def outcome_of(turn: Turn, reporter: Reporter, clock: Callable[[], float]) -> Outcome:
    """In the device's thread, as long as the backend takes."""
    began = clock()
    log.info("attempt begins", extra=turn.fields())
    try:
        config = turn.work.config
        made = as_is(turn.work, config, reporter) if is_as_is(config) else turn.backend.run(turn.work, reporter)
    except Cancelled:
        return Outcome(sentence="cancelled")
    except BackendTrouble as trouble:
        return Outcome(trouble=trouble.trouble, sentence=trouble.sentence)
    except Exception as bug:  # a bug met by one order must not take the others' results along
        log.exception("the backend failed", extra=turn.fields())
        return Outcome(
            trouble="backend", sentence=f"{turn.backend.kind} failed: {why(bug)}. The agent's log says more."
        )
    return Outcome(made=made, waited_s=began - turn.accepted, spent_s=clock() - began)


def report_of(turn: Turn, outcome: Outcome) -> tuple[AttemptReport, list[bytes]]:
    """With the contents of its products, in order. Hashes them, so not in the loop's thread."""
    if outcome.made is not None:
        contents = [picture.content for picture in outcome.made.pictures]
        return ended(turn, "done", result=_result(turn, outcome, outcome.made)), contents
    if outcome.trouble is not None:
        return broke(turn, outcome.trouble, outcome.sentence), []
    return ended(turn, "cancelled", reason=outcome.sentence), []


def ended(
    turn: Turn, state: Literal["done", "cancelled"], *, result: Result | None = None, reason: str = ""
) -> AttemptReport:
    return msgspec.structs.replace(turn.report(), state=state, result=result, reason=reason)


def broke(turn: Turn, trouble: Trouble, reason: str) -> AttemptReport:
    return msgspec.structs.replace(turn.report(), state="broke", trouble=trouble, reason=reason[:LONGEST_REASON])


def _result(turn: Turn, outcome: Outcome, made: Made) -> Result:
    measures = Measures(
        waited_s=round(outcome.waited_s, 6),
        moved_s=round(turn.moved_s, 6),
        loaded_s=round(made.loaded_s, 6),
        executed_s=round(max(0.0, outcome.spent_s - made.loaded_s), 6),
        megapixels=round(made.megapixels, 6),
        peak_vram_gb=round(made.peak_vram_gb or outcome.peak_vram_gb, 3),
        gpu_percent=outcome.gpu_percent,
    )
    products = tuple(
        Product(sha256=Sha256(hashlib.sha256(p.content).hexdigest()), bytes=len(p.content), seed=p.seed)
        for p in made.pictures
    )
    return Result(
        backend=turn.backend.kind,
        products=products,
        effective=dict(made.effective),
        reported=dict(made.reported),
        measures=measures,
        suspect=made.suspect,
        filters=made.filters,
    )
