"""What a forecast is made from: a copy of the queue and the fleet as plain values, taken in one go and then left alone.

Taken by the ledger's loop, so it costs little; everything that takes time happens later, elsewhere.
"""

from collections.abc import Callable, Iterator, Sequence
from math import log
from typing import NamedTuple

from daemon.core.ahead import steps_left, workable
from daemon.core.costs import base_seconds, foretell, load_seconds, move_seconds, speed_of
from daemon.core.filing import needs_of
from daemon.core.fits import Ask, fits, knows_real, learned_gb
from daemon.core.prices import GUESS_S, free_at
from daemon.core.prices import Told as Foretold
from daemon.core.rules import Rules
from daemon.core.state import Job, Node, Queued, Run, Running, State
from daemon.core.vitals import Vitals, blocked
from daemon.core.wording import came_from, needs_now
from daemon.prompting.steps import asked_backend
from daemon.scheduling.costs import units
from daemon.scheduling.families import cost_key
from daemon.scheduling.groups import Before
from schema.events import QueueMode
from schema.ids import JobId, NodeId, RunId, job_id
from schema.plans import PROMPTING, JobSpec, RunSpec, StageStep

WILD = 0.7
"""Spread of the log of such a guess."""

STEADY = 0.35
"""The part of a stage's spread that all stages of its kind on a node share, once three of them were measured there."""

Z = 1.2816
"""Standard deviations between the middle of a normal distribution and the ends of four fifths."""


class Told(NamedTuple):
    """What a stage takes on a machine."""

    seconds: float
    shared: float
    """Spread (of the log) of what all such stages there have in common: whether the estimate is right."""
    own: float
    """Spread of the single stage."""
    warm: bool = False
    """Such stages were measured on this very node."""


class Row(NamedTuple):
    """A stage that many jobs have."""

    step: StageStep
    work: float
    """Seconds at speed 1."""
    vram_gb: float
    able: int
    told: tuple[Told, ...]
    """Per machine."""
    loads: tuple[float, ...]
    """Seconds to load its checkpoint, per machine."""
    known: bool
    """Something like it was measured."""


class Wish(NamedTuple):
    """A job with stages to run."""

    job: JobId
    run: RunId
    pack: str
    rows: tuple[int, ...]
    before: Before
    rank: float
    since: float
    """From when on its next stage may begin, Unix seconds."""
    started: bool
    previous: NodeId | None
    measured: tuple[tuple[float, ...], ...] = ()
    """What each of its stages really took, per machine; empty: nobody knows yet."""


class Berth(NamedTuple):
    """A node that could take work."""

    id: NodeId
    name: str
    vram_gb: float
    speed: float
    resident: str | None
    move_s: float
    there: bool
    """False: drained or lost, and only asked what if it came back."""
    busy_until: float | None = None
    job: JobId | None = None
    """What it is at, if that still counts."""


class RunWish(NamedTuple):
    id: RunId
    spec: RunSpec
    paused: bool
    served: dict[str, float]
    open: int
    stuck: int
    """Its jobs that are held or need attention."""
    only: int
    """Bit of the machine that a whole run went to; 0: none yet."""


class Outlook(NamedTuple):
    head: int
    now: float
    paused: bool
    blocked: str
    mode: QueueMode
    pin: NodeId | None
    live_at: float
    rows: tuple[Row, ...]
    wishes: tuple[Wish, ...]
    runs: tuple[RunWish, ...]
    berths: tuple[Berth, ...]
    utc_offset: Callable[[float], float]
    live_for: float
    overdue: float


class Besides(NamedTuple):
    """A run that is not queued yet, as if it were queued now."""

    run: RunId
    spec: RunSpec
    jobs: Sequence[JobSpec]


def forecast_input(state: State, vitals: Vitals, now: float, rules: Rules, besides: Besides | None = None) -> Outlook:
    """Everything that `daemon.core.forecast.forecast` needs, and nothing that changes any more."""
    nodes = [node for node in state.nodes.values() if node.standing is None and node.proved]
    rows = _Rows(state, vitals, nodes, now)
    wishes: list[Wish] = []
    stuck: dict[RunId, int] = {}
    for job in state.jobs.values():
        if _stuck(job):
            stuck[job.run] = stuck.get(job.run, 0) + 1
        elif (wish := _wish(state, job, rows)) is not None:
            wishes.append(wish)
    runs = [_run(run, stuck.get(run.id, 0), nodes) for run in state.runs.values() if not run.over]
    if besides is not None:
        more = Run(id=besides.run, spec=besides.spec, created=now, open=len(besides.jobs))
        runs.append(_run(more, 0, nodes))
        wishes += _asked(more, besides.jobs, state.seq, now, rows)
    return Outlook(
        head=state.seq,
        now=now,
        paused=state.paused,
        blocked=blocked(vitals),
        mode=state.mode,
        pin=state.pin,
        live_at=state.live_at,
        rows=tuple(rows.found),
        wishes=tuple(wishes),
        runs=tuple(runs),
        berths=tuple(_berth(state, vitals, node, now) for node in nodes),
        utc_offset=rules.utc_offset,
        live_for=rules.live_for,
        overdue=rules.overdue,
    )


class _Rows:
    """Each different stage once, with what it takes on every node."""

    def __init__(self, state: State, vitals: Vitals, nodes: list[Node], now: float) -> None:
        self.found: list[Row] = []
        self._state, self._vitals, self._nodes, self._now = state, vitals, nodes, now
        self._real = knows_real(state, vitals)
        self._at: dict[tuple[object, ...], int] = {}
        self._of: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._plain: dict[RunId, tuple[int, ...]] = {}

    def of(self, run: Run, job: Job, rest: tuple[StageStep, ...]) -> tuple[int, ...]:
        needs = needs_now(job)
        if rest is run.spec.stages and job.spec.backend is None and not needs and not job.floor_gb:
            if run.id not in self._plain:  # Most jobs are like this.
                self._plain[run.id] = tuple(self._row(run, job, step, 0.0) for step in rest)
            return self._plain[run.id]
        which: object = rest if job.spec.stages is not None else None
        if which is None and len(rest) < len(run.spec.stages):
            which = tuple(step.id for step in rest)
        key = (run.id, which, job.spec.backend, needs, job.floor_gb)
        if (found := self._of.get(key)) is None:
            found = self._of[key] = tuple(
                self._row(run, job, step, 0.0 if at else job.floor_gb) for at, step in enumerate(rest)
            )
        return found

    def _row(self, run: Run, job: Job, step: StageStep, floor_gb: float) -> int:
        words = step.kind in PROMPTING
        ask = Ask(
            kind=step.kind,
            model=step.model or "",
            vram_gb=step.vram_gb,
            learned_gb=learned_gb(self._state, step.kind, step.model or "", step.megapixels),
            floor_gb=floor_gb,
            node="" if words else run.spec.node or "",
            backend=asked_backend(step, job.spec.backend, run.spec.backend),
            needs=needs_of(job, step),
            stand_in=run.spec.stand_in and (not self._real or run.spec.node is not None),
        )
        key = (step, ask, run.spec.lane)
        if (at := self._at.get(key)) is None:
            at = self._at[key] = len(self.found)
            base = base_seconds(self._state, step)
            work = GUESS_S * units(step) if base is None else base
            told = tuple(_told(self._state, node, step, work) for node in self._nodes)
            loads = tuple(load_seconds(self._state, node, step.model) if step.model else 0.0 for node in self._nodes)
            self.found.append(Row(step, work, step.vram_gb, self._able(ask, run), told, loads, base is not None))
        return at

    def _able(self, ask: Ask, run: Run) -> int:
        found = fits(ask, self._nodes, self._vitals, self._now)
        able = sum(1 << at for at, fit in enumerate(found) if not fit.reason)
        if run.spec.lane == "interactive" and self._state.pin is not None:
            pinned = sum(1 << at for at, node in enumerate(self._nodes) if node.id == self._state.pin)
            return able & pinned or able
        return able


def _told(state: State, node: Node, step: StageStep, work: float) -> Told:
    told = foretell(state, node, step)
    if told is None:
        return Told(work / speed_of(state, node), WILD, 0.2)
    spread = (log(told.high / told.seconds) - log(told.low / told.seconds)) / 2.0 / Z
    if len(node.costs.get(cost_key(step.kind, step.model), ())) >= 3:
        return Told(told.seconds, spread * STEADY, spread, warm=True)
    return Told(told.seconds, spread, 0.5 * spread)


def _asked(run: Run, specs: Sequence[JobSpec], seq: int, now: float, rows: _Rows) -> Iterator[Wish]:
    """Jobs that nobody has queued, behind all that wait."""
    for number, spec in enumerate(specs, 1):
        rank = float(seq + number)
        job = Job(id=job_id(run.id, number), run=run.id, spec=spec, phase=Queued(since=now), rank=rank, created=now,
                  priority=spec.priority)  # fmt: skip
        if rest := workable(run.spec.stages if spec.stages is None else spec.stages):
            yield _wished(run, job, rest, rows)


def _wish(state: State, job: Job, rows: _Rows) -> Wish | None:
    rest = steps_left(state, job)
    return _wished(state.runs[job.run], job, rest, rows) if rest else None


def _wished(run: Run, job: Job, rest: tuple[StageStep, ...], rows: _Rows) -> Wish:
    since = 0.0
    if isinstance(job.phase, Queued) and job.phase.again_in > 0.0:
        since = job.phase.since + job.phase.again_in
    return Wish(
        job=job.id,
        run=job.run,
        pack=job.spec.pack or "",
        rows=rows.of(run, job, rest),
        before=(-job.priority, job.moved, job.rank if job.moved else 0.0),
        rank=job.rank,
        since=since,
        started=bool(job.done),
        previous=came_from(job),
    )


def _stuck(job: Job) -> bool:
    """It does nothing until a person does something."""
    return not isinstance(job.phase, Queued | Running)


def _run(run: Run, stuck: int, nodes: list[Node]) -> RunWish:
    only = sum(1 << at for at, node in enumerate(nodes) if node.id == run.node)
    return RunWish(run.id, run.spec, run.paused, dict(run.served), run.open, stuck, only)


def _berth(state: State, vitals: Vitals, node: Node, now: float) -> Berth:
    until: float | None = None
    job: JobId | None = None
    if node.busy is not None and (brief := state.attempts.get(node.busy)) is not None:
        until = free_at(state, Foretold(), node, brief, now)
        going = state.jobs.get(brief.attempt.job)
        if going is not None and isinstance(going.phase, Running) and going.phase.token == node.busy:
            job = None if going.phase.hold else going.id
    return Berth(
        id=node.id,
        name=node.name,
        vram_gb=node.vram_gb,
        speed=speed_of(state, node),
        resident=node.model,
        move_s=move_seconds(node),
        there=not node.lost and not node.drained and node.id not in vitals.silent,
        busy_until=until,
        job=job,
    )
