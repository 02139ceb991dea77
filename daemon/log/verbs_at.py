"""`log at WHEN`: the state as of then, in short, from the nearest snapshot before it and the events between."""

from collections import Counter
from contextlib import closing
from itertools import islice

import msgspec

from daemon.core.state import State, phase_name
from daemon.log.documents import say, write
from daemon.log.fold import CORE
from daemon.log.reading import read_log
from daemon.log.snapshots import Snapshots
from daemon.log.tables import reader
from daemon.log.verbs_read import need_log
from daemon.log.when import seq_at
from schema.errors import Exit
from schema.events import QueueMode
from schema.ids import JobId, NodeId, RunId, StageId
from schema.pages import iso
from schema.places import Places


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


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The live state behind event `seq`."""

    seq: int
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


def at(places: Places, when: str, now: float, *, json: bool) -> int:
    log = need_log(places)
    with closing(reader(log)) as db:
        seq = seq_at(db, when, now)
    last = next(islice(read_log(log, seq - 1, seq), 1), None) if seq else None
    state = Snapshots(places.snapshots, log, CORE).as_of(seq)
    moment = _moment(state, seq, iso(last.at) if last else None)
    if json:
        write(moment)
        return Exit.DONE
    say(f"behind event {seq}{f', {moment.at}' if moment.at else ''}")
    counts = ", ".join(f"{count} {name}" for name, count in moment.jobs.items()) or "no unfinished jobs"
    say(f"queue: {'paused' if moment.paused else 'open'}, {moment.mode}; {counts}")
    for run in moment.runs:
        say(f"run {run.run} {run.name}: {run.open} of {run.jobs} open{', paused' if run.paused else ''}")
    for job in moment.running:
        say(f"job {job.job}: {job.stage} on {job.node} since {job.since}")
    for node in moment.nodes:
        say(f"node {node.name}: {'lost' if node.lost else 'drained' if node.drained else 'there'}")
    return Exit.DONE


def _moment(state: State, seq: int, then: str | None) -> Moment:
    return Moment(
        seq=seq,
        at=then,
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
