"""Of the pretended daemon: its jobs by run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web
from screen_things import NOON, written

from schema.pages import Page, RunRow
from schema.scenes import Row

if TYPE_CHECKING:
    from screen_daemon import FakeDaemon


def add_routes(app: web.Application, daemon: "FakeDaemon") -> None:
    async def list_runs(request: web.Request) -> web.Response:
        daemon.note(request)
        runs = runs_of(daemon.rows)
        words = request.query.get("filter", "").split()
        runs = [run for run in runs if all(word in f"{run.name} run:{run.id}" for word in words)]
        offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
        page = Page(items=tuple(runs[offset : offset + limit]), total=len(runs), head=4211)
        return web.Response(body=written(page), content_type="application/json")

    app.router.add_get("/v1/runs", list_runs)


def runs_of(rows: Sequence[Row]) -> list[RunRow]:
    """In the order of their first jobs."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.run, []).append(row)
    return [run_row(jobs) for jobs in found.values()]


def run_row(jobs: Sequence[Row]) -> RunRow:
    states = [job.state for job in jobs]
    over = not {"queued", "held", "running", "attention"} & set(states)
    return RunRow(
        id=jobs[0].run,
        name=jobs[0].pack or jobs[0].name,
        state="finished" if over else "active",
        created=NOON - 7200,
        ended=NOON - 600 if over else None,
        jobs=len(jobs),
        finished=states.count("finished"),
        failed=states.count("failed"),
        cancelled=states.count("cancelled"),
        attention=states.count("attention"),
        packs=("knights",),
        folder="/results/knights",
    )
