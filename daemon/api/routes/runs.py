"""Runs: preview, submit, list, show, pause. Preview and submit plan with the same function."""

import asyncio

import msgspec
from aiohttp import web

from daemon.api.asked import body, no_body, window
from daemon.api.faults import Unavailable
from daemon.api.files import files_of, sheet_of
from daemon.api.house import House
from daemon.api.route import MIB, PAGE, Answering, Route
from daemon.api.told import answer, line, page_answer
from daemon.api.which import node_of
from daemon.api.wish import kept_for, origin, stored, wish
from daemon.prompting.effective import base_config
from schema.commands import Command, PauseRun, ResumeRun, SubmitRun
from schema.errors import Refused
from schema.events import Envelope, RunSubmitted
from schema.forecast import Forecast, Foretold
from schema.ids import RunId
from schema.pages import FilmRecord, Page, RunRow
from schema.plans import JobSpec, Pick, RunSpec, Scalar
from schema.requests import Mix, RunRequest, TextFile
from schema.requests_learning import MixesRequest
from schema.scenes import Answer, Scene

MEGA = 1024 * 1024

CHUNK = 200
"""Jobs whose effective config is worked out off the loop at a time."""


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """One job of a preview."""

    name: str
    pack: str | None
    style: str | None
    prompt_number: int
    variant: int
    prompt: str
    negative: str
    seed: int
    config: dict[str, dict[str, Scalar]]
    """Stage to its effective settings."""
    overlay: dict[str, Scalar]
    origins: dict[str, str]
    backend: str | None = None
    """Who is to make it, where its pack says so."""
    template: str = ""
    """The prompt before variation."""
    picks: tuple[Pick, ...] = ()
    """What every place to vary became, and where that came from."""
    axes: dict[str, str] = {}
    """Of a grid: each axis and this job's level."""


class PlanEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of a preview."""

    jobs: int
    plan_hash: str
    seed: int
    warnings: tuple[str, ...]
    space: str = ""
    """How many variants there were to choose from, in digits."""
    base: dict[str, dict[str, Scalar]] = {}
    """Stage to its settings as its jobs begin from them, `enabled` among them: also stages that are switched off."""


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a submit: the command's, and what a client needs to follow the run."""

    command: str
    seq: int
    subjects: tuple[str, ...]
    changed: int
    repeated: bool
    run: RunId
    plan_hash: str
    seed: int
    jobs: int
    name: str
    folder: str
    """Absolute."""
    waits: bool
    """It was told not to start yet: held, or not before a time, or only within a window."""
    warnings: tuple[str, ...]


class GenerateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole pipeline at once, for other programs."""

    pipeline: msgspec.Raw
    """A PipelineConfig: `{"stages": [...]}` or the plain list."""
    prompt: str
    negative: str | None = None
    seed: int | None = None
    count: int = 1
    name: str | None = None
    literal: bool = False
    """The prompt is taken as it stands: nothing in it is expanded."""


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    row: RunRow
    spec: RunSpec
    film: FilmRecord | None
    film_reason: str
    manifest: str | None
    """Absolute; None: not written yet."""
    video: str | None
    """Absolute, of the run's film in its results folder, else in the artifact store."""
    sheet: str | None
    """Absolute, of a grid's pictures on one page."""


async def plan(house: House, request: web.Request) -> web.StreamResponse:
    """Streamed, so that a plan of many jobs shows its first at once and holds little memory."""
    asked = await _mixed(house, await body(request, RunRequest))
    planned = await asyncio.to_thread(house.plan, asked, RunId(house.draw_id()))
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for at in range(0, len(planned.jobs), CHUNK):
        jobs = planned.jobs[at : at + CHUNK]
        await response.write(await asyncio.to_thread(_plan_lines, house, planned.base, jobs))
    end = PlanEnd(
        jobs=len(planned.jobs),
        plan_hash=planned.plan_hash,
        seed=planned.seed,
        warnings=tuple(planned.warnings),
        space=planned.spec.randomizer.space,
        base=base_config(planned.base),
    )
    await response.write(line(end))
    await response.write_eof()
    return response


def _plan_lines(house: House, base: bytes, jobs: tuple[JobSpec, ...]) -> bytes:
    return b"".join(line(_plan_line(house, base, job)) for job in jobs)


def _plan_line(house: House, base: bytes, job: JobSpec) -> PlanLine:
    return PlanLine(
        name=job.name,
        pack=job.pack,
        style=job.style,
        prompt_number=job.prompt_number,
        variant=job.variant,
        prompt=job.prompt,
        negative=job.negative,
        seed=job.seed,
        config={stage: dict(fields) for stage, fields in house.config(base, job.overlay).items()},
        overlay=job.overlay,
        origins=job.origins,
        backend=job.backend,
        template=job.template,
        picks=job.picks,
        axes=job.axes,
    )


async def submit(house: House, request: web.Request) -> web.StreamResponse:
    return await _submit(house, request, asked := await body(request, RunRequest), asked)


async def generate(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, GenerateRequest)
    pipeline = TextFile(name="pipeline", text=bytes(asked.pipeline).decode())
    asked_for = RunRequest(
        prompt=asked.prompt, negative=asked.negative, pipeline=pipeline, seed=asked.seed, count=asked.count,
        name=asked.name, literal=asked.literal,
    )  # fmt: skip
    return await _submit(house, request, asked_for, asked)


async def _submit(house: House, request: web.Request, asked_for: RunRequest, asked: object) -> web.Response:
    """A key that was seen is answered from the log before anything is planned: a drawn seed would differ."""
    whose = origin(house, request, asked)
    kept = await kept_for(house, whose)
    if kept is not None:
        return _stored(house, stored(kept), kept.envelopes)
    _check_room(house)
    run = RunId(house.draw_id())
    planned = await asyncio.to_thread(house.plan, await _mixed(house, asked_for), run)
    spec = _for_known_nodes(planned.spec, house.ledger.scene())
    steps = [*spec.stages, *(step for job in planned.jobs for step in job.stages or ())]
    for backend in dict.fromkeys([*(job.backend for job in planned.jobs), *(step.backend for step in steps)]):
        check_backend(backend, house.ledger.scene())
    await house.put_blob(planned.base)
    done = await house.ledger.command(SubmitRun(run=run, spec=spec, jobs=planned.jobs), whose)
    if done.repeated:  # the same request came twice at once
        return _stored(house, done, await house.log.events_of(done.command))
    return _submitted(house, done, run, spec, tuple(planned.warnings))


async def _mixed(house: House, asked: RunRequest) -> RunRequest:
    """An explore run that says how many pictures but not which gets those that would teach most by now."""
    if asked.experiment != "explore" or asked.mixes or asked.max_images is None:
        return asked
    await house.views.shown(house.ledger.durable)
    run = msgspec.structs.replace(asked, max_images=None)
    found = await house.learning.mixes(MixesRequest(run=run, images=asked.max_images))
    mixes = tuple(Mix(set=one.params, group=one.seed_group) for one in found.images)
    return msgspec.structs.replace(run, mixes=mixes, vary=())


def _for_known_nodes(spec: RunSpec, scene: Scene) -> RunSpec:
    """With the id of the node that was named. Raises Refused for what no node is or has: it would wait for ever."""
    if spec.node is not None:
        try:
            spec = msgspec.structs.replace(spec, node=node_of(scene.nodes, spec.node))
        except Refused as fault:
            raise Refused(fault.sentence, where="--node", remedy=fault.remedy) from None
    check_backend(spec.backend, scene)
    return spec


def check_backend(backend: str | None, scene: Scene) -> None:
    """Raises Refused for one that no node has: it would be waited for for ever."""
    offered = sorted({name for node in scene.nodes for name in node.backends})
    if backend and backend not in offered:
        there = ", ".join(offered) or "none yet"
        raise Refused(f"no node offers the backend '{backend}'.", where="--backend", remedy=f"There are: {there}.")


def _stored(house: House, done: Answer, envelopes: tuple[Envelope, ...]) -> web.Response:
    for envelope in envelopes:
        if isinstance(envelope.event, RunSubmitted):
            return _submitted(house, done, envelope.event.run, envelope.event.spec, ())
    raise Refused("this key was used for something else than a run.", where="--key", remedy="Take a new key.")


def _submitted(house: House, done: Answer, run: RunId, spec: RunSpec, warnings: tuple[str, ...]) -> web.Response:
    return answer(
        Submitted(
            command=done.command, seq=done.seq, subjects=done.subjects, changed=done.changed, repeated=done.repeated,
            run=run, plan_hash=spec.plan_hash, seed=spec.seed, jobs=spec.jobs, name=spec.name,
            folder=str(house.results / spec.folder),
            waits=spec.hold or spec.not_before is not None or spec.window is not None, warnings=warnings,
        ),
        201,
    )  # fmt: skip


def _check_room(house: House) -> None:
    """Before the plan is made: its base config would already need room."""
    free, floor = house.free_bytes(), house.settings().daemon.submit_floor_mb
    if free is not None and free < floor * MEGA:
        raise Unavailable(
            f"only {free / MEGA:,.0f} MB of disk are free and runs need {floor:,} MB.",
            remedy="Free some space: `stablenew disk show` says what takes it. Or lower daemon.submit_floor_mb.",
        )


async def list_runs(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return await page_answer(await house.views.runs(window(request)))


async def show(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    run = await house.views.run_id(request.match_info["run"])
    return answer(await run_answer(house, run))


async def run_answer(house: House, run: RunId) -> RunAnswer:
    record = await house.views.run(run)
    if record is None:
        raise Refused(f"there is no run {run}.", remedy="`queue runs` lists all runs.")
    manifest, video = await asyncio.to_thread(files_of, house, record)
    return RunAnswer(
        row=record.row, spec=record.spec, film=record.film, film_reason=record.film_reason, manifest=manifest,
        video=video, sheet=await asyncio.to_thread(sheet_of, record),
    )  # fmt: skip


async def forecast(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    word = request.query.get("run")
    run = await house.views.run_id(word) if word else None
    return answer(await house.forecast(run))


async def foretell(house: House, request: web.Request) -> web.StreamResponse:
    """Planned as a submit would be, and queued nowhere."""
    asked = await _mixed(house, await body(request, RunRequest))
    planned = await asyncio.to_thread(house.plan, asked, RunId(house.draw_id()))
    spec = _for_known_nodes(planned.spec, house.ledger.scene())
    return answer(await house.foretell(spec, planned.jobs))


def _verb(kind: type[PauseRun] | type[ResumeRun]) -> Answering:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        await no_body(request)

        async def make() -> Command:
            return kind(run=await house.views.run_id(request.match_info["run"]))

        return answer(await wish(house, request, kind.__name__, make))

    return run


PLANS = 16 * MIB
"""Packs come as text: more than other requests."""

ROUTES = (
    Route(
        method="POST", path="/v1/plan", run=plan, takes=RunRequest, gives=PlanLine | PlanEnd,
        media="application/x-ndjson", limit=PLANS,
        scope="run", does="Preview a run: its jobs in order, then the plan's hash.",
    ),
    Route(
        method="POST", path="/v1/runs", run=submit, takes=RunRequest, gives=Submitted, status=201, limit=PLANS,
        scope="run", does="Submit a run.",
    ),
    Route(
        method="POST", path="/v1/generate", run=generate, takes=GenerateRequest, gives=Submitted, status=201,
        scope="run", does="Submit a run from a whole pipeline.",
    ),
    Route(
        method="GET", path="/v1/runs", run=list_runs, gives=Page[RunRow], query=PAGE,
        scope="read", does="List runs.",
    ),
    Route(
        method="GET", path="/v1/runs/{run}", run=show, gives=RunAnswer,
        scope="read", does="Show a run, its manifest and film.",
    ),
    Route(
        method="GET", path="/v1/forecast", run=forecast, gives=Forecast, query=("run",),
        scope="read", does="Whether what waits will be done in time, by when on each node, and what would help.",
    ),
    Route(
        method="POST", path="/v1/forecast", run=foretell, takes=RunRequest, gives=Foretold, limit=PLANS,
        scope="run", does="What a run that is not queued yet would come to: by when, where, what room it takes.",
    ),
    Route(
        method="POST", path="/v1/runs/{run}/pause", run=_verb(PauseRun), gives=Answer,
        scope="run", does="Start nothing more of a run.",
    ),
    Route(
        method="POST", path="/v1/runs/{run}/resume", run=_verb(ResumeRun), gives=Answer,
        scope="run", does="Go on with a paused run.",
    ),
)  # fmt: skip
