"""The sheet of a grid in the results folder, and that of any run for whoever asks. Blocks."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from daemon.artifacts.sheets.drawing import PathOf, digest, digest_of, draw
from daemon.artifacts.sheets.layout import lay_out
from daemon.disk import write_whole
from schema.errors import Refused
from schema.pages import JobRecord, RunRecord

log = logging.getLogger(__name__)

Made = Callable[[RunRecord, Sequence[JobRecord], str | None, str | None, int | None], bytes]


def write_sheet(name: Path, run: RunRecord, jobs: Sequence[JobRecord], path_of: PathOf) -> Path | None:
    """Of a run that is a grid; one that is there of these very pictures stays. None: no grid, or one too large."""
    if not run.spec.randomizer.axes:
        return None
    try:
        layout = lay_out(run, jobs)
        if digest_of(name) != digest(layout):
            write_whole(name, draw(layout, path_of), sync=False)
    except Refused as fault:
        log.warning("no sheet: %s", fault, extra={"run": run.row.id})
        return None
    return name


def sheet_of(path_of: PathOf) -> Made:
    """As a route asks for one: run, its jobs, columns, rows, longer side of a picture; a PNG. Raises Refused."""

    drawing = Lock()  # one at a time: each takes the memory of a large picture

    def made(run: RunRecord, jobs: Sequence[JobRecord], x: str | None, y: str | None, cell: int | None) -> bytes:
        layout = lay_out(run, jobs, x, y)
        with drawing:
            return draw(layout, path_of, cell)

    return made
