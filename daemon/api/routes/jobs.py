"""Jobs: list, show, explain, and every wish about them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import get_args

import msgspec
from aiohttp import web

from daemon.api.asked import body, window
from daemon.api.house import House
from daemon.api.route import PAGE, Route
from daemon.api.routes.runs import check_backend
from daemon.api.told import answer, page_answer
from daemon.api.wish import wish
from daemon.prompting.needs import embeddings_in, known_embeddings
from daemon.views.select import NotFound
from daemon.views.tables import OPEN
from schema.commands import (
    CancelJobs,
    Command,
    EditJobs,
    EndedJob,
    HoldJobs,
    MoveJobs,
    ReleaseJobs,
    RerunJobs,
    RetryJobs,
    SetPriority,
    SkipStage,
    Where,
)  # fmt: skip
from schema.errors import Refused
from schema.ids import JobId, RunId, StageId
from schema.pages import JobRecord, JobShown, Page
from schema.plans import WORDED, RunSpec, Written
from schema.requests import Selection
from schema.scenes import Answer, Row
from schema.words import words_in

ENDED = ("finished", "failed", "cancelled", "attention")
WAITING = ("queued", "held", "attention")

Making = Callable[[House, Selection], Awaitable[Command]]

COMMON = frozenset({"select"})


class StageWhy(msgspec.Struct, frozen=True):
    stage: str
    state: str
    node: str | None
    why: str
    """Of its last assignment."""
    reason: str
    """Why its last attempt failed."""
    node_name: str | None = None


class Explained(msgspec.Struct, frozen=True):
    job: JobId
    text: str
    stages: tuple[StageWhy, ...]


async def list_jobs(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return await page_answer(await house.views.jobs(window(request)))


async def show(house: House, request: web.Request) -> web.StreamResponse:
    record = await _record(house, request)
    run = await house.views.run(record.run)
    assert run is not None  # a job's run stands in the same views
    spec, words = run.spec, words_in(record)
    base = await asyncio.to_thread(house.blob(spec.base).read_bytes)
    shown = JobShown(
        **{name: getattr(record, name) for name in record.__struct_fields__},
        work=_work(record),
        config={stage: dict(fields) for stage, fields in house.config(base, record.spec.overlay).items()},
        folder=str(house.results / spec.folder),
        node_wanted=next((one.name for one in house.ledger.scene().nodes if one.node == spec.node), spec.node),
        backend_wanted=spec.backend if record.spec.backend is None else record.spec.backend or None,
        learning=spec.learning,
        experiment=spec.experiment,
        preset=spec.preset,
        profile=spec.profile,
        randomizer=spec.randomizer,
        embeddings=_embeddings(house, record),
        prompt=words.prompt,
        negative=words.negative,
    )
    return answer(shown)


def _embeddings(house: House, record: JobRecord) -> tuple[str, ...]:
    """By the newest cards of the nodes that made it; before that, of all."""
    made_on = {stage.node for stage in record.stages if stage.state == "done"}
    cards = [one.card for one in house.known() if one.card and (not made_on or one.id in made_on)]
    known = known_embeddings(backend for card in cards for backend in card.backends)
    return embeddings_in(*words_in(record), known) if known else ()


def _work(record: JobRecord) -> str:
    """The kind of the stage it is at, or of its last."""
    waiting = (stage.kind for stage in record.stages if stage.state in ("waiting", "running", "failed"))
    return next(waiting, record.stages[-1].kind)


async def explain(house: House, request: web.Request) -> web.StreamResponse:
    record = await _record(house, request)
    sentences = await house.ledger.explain(record.id) or _in_the_past(record)
    stages = tuple(
        StageWhy(stage.id, stage.state, stage.node, stage.why, stage.reason, stage.node_name)
        for stage in record.stages
        if stage.why or stage.reason
    )
    return answer(Explained(record.id, " ".join(sentences), stages))


async def preview(house: House, request: web.Request) -> web.StreamResponse:
    """Of the attempt that runs now; a client asks again when the scene's counter has risen."""
    await house.views.shown(house.ledger.durable)
    job = await house.views.job_id(request.match_info["job"])
    token = next((one.token for one in house.ledger.scene().running if one.job == job), None)
    shown = None if token is None else house.vitals.previews.get(token)
    if shown is None:
        raise NotFound(f"there is no unfinished picture of {job}.", remedy="Backends send one now and then.")
    return web.Response(body=shown.jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _record(house: House, request: web.Request) -> JobRecord:
    await house.views.shown(house.ledger.durable)
    job = await house.views.job_id(request.match_info["job"])
    record = await house.views.job(job)
    assert record is not None  # its id was found in the same table
    return record


def _in_the_past(record: JobRecord) -> list[str]:
    because = f": {record.reason.removesuffix('.')}" if record.reason else ""
    where = f" on {record.node_name or record.node}" if record.node else ""
    state = {"finished": "is done", "failed": "has failed", "cancelled": "was cancelled"}.get(
        record.state, record.state
    )
    return [f"{record.id} {state}{where}{because}."]


def _verb(make: Making, needs: Sequence[str] = (), may: Sequence[str] = ()) -> Callable[..., Awaitable[web.Response]]:
    """A route that makes a command of a selection; fields of other verbs are refused."""
    allowed = COMMON.union(needs, may)

    async def run(house: House, request: web.Request) -> web.Response:
        asked = await body(request, Selection)
        for name in Selection.__struct_fields__:
            given = getattr(asked, name) != _DEFAULTS.get(name)
            if name in needs and not given:
                raise Refused("this field is missing.", where=name)
            if given and name not in allowed:
                raise Refused(f"{request.path} has no such field.", where=name)
        return answer(await wish(house, request, asked, partial(make, house, asked)))

    return run


_DEFAULTS = {
    field.name: field.default for field in msgspec.structs.fields(Selection) if field.default is not msgspec.NODEFAULT
}


async def _cancel(house: House, asked: Selection) -> Command:
    return CancelJobs(jobs=await house.views.resolve(asked.select, OPEN), reason=asked.reason)


async def _hold(house: House, asked: Selection) -> Command:
    return HoldJobs(jobs=await house.views.resolve(asked.select, ("queued", "running")))


async def _release(house: House, asked: Selection) -> Command:
    return ReleaseJobs(jobs=await house.views.resolve(asked.select, ("held", "running")))


async def _move(house: House, asked: Selection) -> Command:
    places: Sequence[Where] = get_args(Where)
    to = next((place for place in places if place == asked.to), None)
    if to is None:
        raise Refused(f"'{asked.to}' is no place.", where="to", remedy=f"Use one of {', '.join(places)}.")
    if (to in ("before", "after")) != (asked.anchor is not None):
        raise Refused("before and after go with the job they are about, top and bottom without.", where="anchor")
    anchor = None if asked.anchor is None else await house.views.job_id(asked.anchor)
    jobs = await house.views.resolve(asked.select, WAITING)
    return MoveJobs(jobs=jobs, to=to, anchor=anchor)


async def _priority(house: House, asked: Selection) -> Command:
    priority = asked.priority or 0
    if abs(priority) > 1_000_000:
        raise Refused("a priority lies between -1000000 and 1000000.", where="priority")
    return SetPriority(jobs=await house.views.resolve(asked.select, OPEN), priority=priority)


async def _retry(house: House, asked: Selection) -> Command:
    jobs = await house.views.resolve(asked.select, ("failed", "cancelled", "attention"))
    ended = await house.views.ended(jobs)
    return RetryJobs(jobs=jobs, ended=ended, runs=await house.views.ended_runs(_runs(ended)))


async def _rerun(house: House, asked: Selection) -> Command:
    jobs = await house.views.resolve(asked.select, ENDED)
    ended = await house.views.ended(jobs)
    runs = await house.views.ended_runs(_runs(ended))
    return RerunJobs(jobs=jobs, stage=StageId(asked.stage or ""), only=asked.only, ended=ended, runs=runs)


async def _edit(house: House, asked: Selection) -> Command:
    """Planned here, checked by the ledger: a job that started meanwhile is not edited."""
    jobs = await house.views.resolve(asked.select, ("queued", "held"))
    specs = {}
    runs: dict[RunId, tuple[RunSpec, bytes]] = {}
    check_backend(asked.backend, house.ledger.scene())
    for record in await house.views.records(jobs):
        if record.run not in runs:
            runs[record.run] = await _planned(house, record.run)
        spec, base = runs[record.run]
        specs[record.id] = await asyncio.to_thread(house.edit, record.spec, base, asked, spec, _written(record))
    return EditJobs(specs=specs)


def _written(record: JobRecord) -> Written | None:
    """Its words as its stages have made them by now; None: they have made none."""
    made = [stage for stage in record.stages if stage.state == "done" and stage.kind in WORDED]
    words = words_in(record)
    return Written(after=made[-1].id, prompt=words.prompt, negative=words.negative) if made else None


async def _planned(house: House, run: RunId) -> tuple[RunSpec, bytes]:
    """The run and its base config."""
    record = await house.views.run(run)
    if record is None:
        raise Refused(f"there is no run {run}.", remedy="`queue runs` lists all runs.")
    return record.spec, await asyncio.to_thread(house.blob(record.spec.base).read_bytes)


async def _skip(house: House, asked: Selection) -> Command:
    jobs = await house.views.resolve(asked.select, ("queued", "held", "running", "attention"))
    if len(jobs) != 1:
        raise Refused(
            f"a stage is skipped in one job at a time, and this names {len(jobs)}.", where="select", remedy="Name one."
        )
    return SkipStage(job=jobs[0])


def _runs(ended: Sequence[EndedJob]) -> list[RunId]:
    return list(dict.fromkeys(job.run for job in ended))


VERBS: tuple[tuple[str, str, Callable[..., Awaitable[web.Response]]], ...] = (
    ("cancel", "Cancel jobs; those that run are stopped within a step.", _verb(_cancel, may=("reason",))),
    ("retry", "Go on with failed, parked and cancelled jobs.", _verb(_retry)),
    ("rerun", "Run jobs again from a stage on, or that stage alone.", _verb(_rerun, ("stage",), ("only",))),
    ("hold", "Start nothing more of jobs until they are released.", _verb(_hold)),
    ("release", "Let held jobs go on.", _verb(_release)),
    ("move", "Put jobs at another place in their lane.", _verb(_move, ("to",), ("anchor",))),
    ("priority", "Give jobs a priority; higher goes first.", _verb(_priority, ("priority",))),
    (
        "edit",
        "Change what jobs will make of which no picture is begun.",
        _verb(_edit, may=("set", "prompt", "negative", "seed", "backend")),
    ),
    ("skip", "Go on without the stage a job is at.", _verb(_skip)),
)

ROUTES = (
    Route(method="GET", path="/v1/jobs", run=list_jobs, gives=Page[Row], query=PAGE, scope="read", does="List jobs."),
    Route(
        method="GET", path="/v1/jobs/{job}", run=show, gives=JobShown,
        scope="read", does="Show a job with all its stages.",
    ),
    Route(
        method="GET", path="/v1/jobs/{job}/explain", run=explain, gives=Explained,
        scope="read", does="Say why a job is where it is.",
    ),
    Route(
        method="GET", path="/v1/jobs/{job}/preview", run=preview, media="image/jpeg",
        scope="read", does="The newest unfinished picture of a running job.",
    ),
    *(
        Route(method="POST", path=f"/v1/jobs/{verb}", run=run, takes=Selection, gives=Answer, scope="run", does=does)
        for verb, does, run in VERBS
    ),
)  # fmt: skip
