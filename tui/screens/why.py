"""Why a job is where it is, over the queue: in sentences, stage by stage, and when its run will be done."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from schema.errors import NoDaemon, Refused
from schema.forecast import Forecast
from schema.scenes import Row
from tui.screens.details import Details
from tui.widgets.ink import Line, Piece, plain
from tui.widgets.jobcard import block, section
from tui.widgets.jobrow import GLYPHS

if TYPE_CHECKING:
    from tui.link.ask import Asker

MOST_LINES = 12
"""Of one paragraph."""


class StageWhy(msgspec.Struct, frozen=True, kw_only=True):
    stage: str
    state: str
    why: str = ""
    """Of its last assignment."""
    reason: str = ""
    """Why its last attempt failed."""
    node: str | None = None
    node_name: str | None = None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/jobs/{job}/explain`."""

    text: str = ""
    stages: tuple[StageWhy, ...] = ()


async def explained(asker: "Asker", row: Row) -> Details:
    """Raises Refused or NoDaemon."""
    told = await asker.get(f"/v1/jobs/{row.id}/explain", Explained)
    foretold = await forecast_of(asker, row.run) if row.state in ("queued", "held", "running") else None
    sign, ink, word = GLYPHS[row.state]
    title = [Piece(row.id, "title"), Piece(f"  {sign} {word}", ink)]
    return Details(title, lambda width: lines(told, foretold, width))


async def forecast_of(asker: "Asker", run: str) -> Forecast | None:
    """None: nobody can say, or it has ended."""
    try:
        return await asker.get("/v1/forecast", Forecast, {"run": run})
    except (Refused, NoDaemon):
        return None


def lines(told: Explained, foretold: Forecast | None, width: int) -> Sequence[Line]:
    inside = width - 2
    shown: list[Line] = [section("where it is, and why"), *block(told.text, inside, MOST_LINES, "text")]
    for stage in told.stages:
        shown += of_stage(stage, inside)
    if foretold is not None:
        shown += of_runs(foretold, inside)
    return shown


def of_stage(stage: StageWhy, width: int) -> list[Line]:
    where = f" on {plain(stage.node_name or stage.node or '')}" if stage.node else ""
    failed = stage.state == "failed" or (bool(stage.reason) and stage.state == "waiting")
    head = [Piece(f" {plain(stage.stage)}", "title"), Piece(f"  {stage.state}{where}", "bad" if failed else "dim")]
    told: list[Line] = [head]
    if stage.reason:
        told += block(stage.reason, width, MOST_LINES, "bad" if failed else "warn")
    if stage.why:
        told += block(stage.why, width, MOST_LINES, "text")
    return told


def of_runs(foretold: Forecast, width: int) -> list[Line]:
    told: list[Line] = []
    for run in foretold.runs:
        told += [section(f"its run, {plain(run.name)}")]
        told += block(run.text, width, MOST_LINES, "bad" if run.in_time is False else "text")
        if run.helps:
            told += [section("what would help"), *(one for help in run.helps for one in block(help, width, 4, "text"))]
    told += [line for note in foretold.notes for line in block(note, width, 4, "dim")]
    return told
