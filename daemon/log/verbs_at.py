"""`log at WHEN`: the state as of then, from the nearest snapshot before it and the events between."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import msgspec

from daemon.core.difference import settings_of
from daemon.core.state import State, phase_name
from daemon.log.between import alone, moment_of, tally
from daemon.log.documents import say, write
from daemon.log.fold import CORE
from daemon.log.reading import read_log
from daemon.log.snapshots import Snapshots
from daemon.log.tables import reader
from daemon.log.verbs_read import need_log
from schema.errors import Exit
from schema.events import Envelope, QueueMode
from schema.ids import JobId, NodeId, RunId, StageId
from schema.pages import EventLine, event_line, iso
from schema.places import Places
from schema.sentences import sentence


class RunThen(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was not finished."""

    run: RunId
    name: str
    jobs: int
    open: int
    finished: int
    failed: int
    cancelled: int
    attention: int
    paused: bool


class RunningThen(msgspec.Struct, frozen=True, kw_only=True):
    job: JobId
    stage: StageId
    node: NodeId
    since: str


class NodeThen(msgspec.Struct, frozen=True, kw_only=True):
    node: NodeId
    name: str
    lost: bool
    drained: bool


class By(msgspec.Struct, frozen=True, kw_only=True):
    """How much there had been by then."""

    runs: int
    jobs: int
    pictures: int
    ratings: int


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The live state behind event `seq`."""

    seq: int
    newest: int
    """The newest event there is."""
    at: str | None
    """Of that event; None: before the first."""
    hash: str
    paused: bool
    mode: QueueMode
    jobs: dict[str, int]
    """Unfinished ones by state."""
    runs: tuple[RunThen, ...]
    running: tuple[RunningThen, ...]
    nodes: tuple[NodeThen, ...]
    event: EventLine | None
    """The last that counts; None: none does."""
    words: str
    """That event as a sentence."""
    by: By
    settings: dict[str, str]
    """What people had set, and the fleet, in words."""


def at(places: Places, when: str, now: float, *, json: bool) -> int:
    log = need_log(places)
    with closing(reader(log)) as db:
        moment = moment_of(db, when, now)
        by = By(**tally(db, moment.seq))
    last = next(islice(read_log(log, moment.seq - 1, moment.seq), 1), None) if moment.seq else None
    state = Snapshots(places.snapshots, log, CORE).as_of(moment.seq)
    found = _moment(state, moment.newest, last, by)
    if json:
        write(found)
    else:
        for line in _in_words(found):
            say(line)
    return Exit.DONE


def _in_words(moment: Moment) -> Iterator[str]:
    yield f"behind event {moment.seq} of {moment.newest}{f', {moment.at}' if moment.at else ', before the first'}"
    if moment.words:
        yield f"the last thing that happened: {alone(moment.words)}"
    by = moment.by
    yield f"by then: {by.runs} runs, {by.jobs} jobs, {by.pictures} pictures, {by.ratings} ratings"
    counts = ", ".join(f"{count} {name}" for name, count in moment.jobs.items()) or "no unfinished jobs"
    yield f"queue: {'paused' if moment.paused else 'open'}, {moment.mode}; {counts}"
    for run in moment.runs:
        ends = (("finished", run.finished), ("failed", run.failed), ("cancelled", run.cancelled))
        told = "".join(f", {count} {name}" for name, count in (*ends, ("need attention", run.attention)) if count)
        paused = ", paused" if run.paused else ""
        yield f"run {run.run} {alone(run.name)}: {run.open} of {run.jobs} open{told}{paused}"
    for job in moment.running:
        yield f"job {job.job}: {job.stage} on {job.node} since {job.since}"
    for name, words in moment.settings.items():
        if name not in ("queue", "lanes"):
            yield f"{alone(name)}: {alone(words)}"


def _moment(state: State, newest: int, last: Envelope | None, by: By) -> Moment:
    return Moment(
        seq=state.seq,
        newest=newest,
        at=iso(last.at) if last is not None else None,
        event=event_line(last) if last is not None else None,
        words=sentence(last.event) if last is not None else "",
        by=by,
        settings=settings_of(state),
        hash=CORE.hash(state),
        paused=state.paused,
        mode=state.mode,
        jobs=dict(sorted(Counter(phase_name(job.phase) for job in state.jobs.values()).items())),
        runs=tuple(
            RunThen(
                run=run.id, name=run.spec.name, jobs=run.spec.jobs, open=run.open, finished=run.finished,
                failed=run.failed, cancelled=run.cancelled, attention=run.attention, paused=run.paused,
            )
            for run in state.runs.values()
        ),
        running=tuple(
            RunningThen(
                job=brief.attempt.job, stage=brief.attempt.stage, node=brief.attempt.node, since=iso(brief.since)
            )
            for brief in state.attempts.values()
        ),
        nodes=tuple(
            NodeThen(node=node.id, name=node.name, lost=node.lost, drained=node.drained)
            for node in state.nodes.values()
        ),
    )  # fmt: skip
