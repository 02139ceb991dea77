"""A proven lower bound on the makespan of a trace: what no scheduler can beat, however much it knows beforehand.

Each of its parts holds for every feasible plan, so their largest does:

- the chain of a job: its stages one after another, each on its fastest fitting node, with moves and with the loading
  of checkpoints that nobody else uses;
- the work of a set of stages that only some nodes can run, spread over their speeds without a gap, between the earliest
  time at which one of the set can begin and the shortest tail that any of them leaves, on nodes that first load
  one of the set's checkpoints, and with each checkpoint loaded once somewhere;
- the work of all kinds on all nodes at once, each of which loads at least one checkpoint, the one that serves it best;
- the same for whole stages: a node ends at most floor(time x speed / work) stages of at least that work.
"""

from collections.abc import Iterator, Sequence
from math import floor
from typing import NamedTuple

from rehearsal_prices import Kind, priced_bound

from daemon.scheduling.trace import Trace, TraceJob, TraceStage

CUTS = 10
"""Times and tails at which a set of stages is cut, each."""

PRICED = 4
"""Times at which the bound by prices is taken."""

WORKS = 12
"""Least works for which whole stages are counted."""


class _Piece(NamedTuple):
    """A stage, as early as it can begin and with what must follow it."""

    stage: TraceStage
    release: float
    tail: float


def lower_bound(trace: Trace) -> float:
    """Seconds from 0 to the end of the last stage, at least."""
    alone = _models_of_one_job(trace)
    longest, pieces = 0.0, list[_Piece]()
    shapes: dict[tuple[object, ...], tuple[float, list[tuple[float, float]]]] = {}
    for job in trace.jobs:
        own = tuple(sorted({stage.model for stage in job.stages if stage.model in alone} - {None}, key=str))
        shape = (job.stages, own)
        if shape not in shapes:
            shapes[shape] = (_chain(trace, job, alone), _heads_and_tails(trace, job))
        length, ends = shapes[shape]
        longest = max(longest, job.arrival + length)
        pieces += [
            _Piece(stage, job.arrival + head, tail) for stage, (head, tail) in zip(job.stages, ends, strict=True)
        ]
    return max([longest, *_of_sets(trace, pieces), *_priced(trace, pieces)])


def _models_of_one_job(trace: Trace) -> set[str]:
    users: dict[str, set[str]] = {}
    for job in trace.jobs:
        for stage in job.stages:
            if stage.model is not None:
                users.setdefault(stage.model, set()).add(job.id)
    return {model for model, jobs in users.items() if len(jobs) == 1}


def _chain(trace: Trace, job: TraceJob, alone: set[str]) -> float:
    """The shortest way through its stages: over nodes, with moves; loads where no other job can have paid for them."""
    ways: dict[int, float] = {}
    seen: set[str] = set()
    for index, stage in enumerate(job.stages):
        before = job.stages[index - 1] if index else None
        here: dict[int, float] = {}
        for at, node in enumerate(trace.nodes):
            if node.vram_gb < stage.vram_gb:
                continue
            fresh = stage.model in alone and stage.model not in seen and node.resident != stage.model
            load = trace.load_s(stage.model, node) if fresh else 0.0
            come = min(
                (way + (0.0 if was == at else trace.move_s(before)) for was, way in ways.items()),
                default=0.0,
            )
            here[at] = come + load + trace.exec_s(stage, node)
        ways = here
        if stage.model is not None:
            seen.add(stage.model)
    return min(ways.values(), default=0.0)


def _heads_and_tails(trace: Trace, job: TraceJob) -> list[tuple[float, float]]:
    """Per stage, what must pass before and after it."""
    least = [
        min((trace.exec_s(stage, node) for node in trace.nodes if node.vram_gb >= stage.vram_gb), default=0.0)
        for stage in job.stages
    ]
    return [(sum(least[:at]), sum(least[at + 1 :])) for at in range(len(least))]


def _of_sets(trace: Trace, pieces: Sequence[_Piece]) -> Iterator[float]:
    models = {piece.stage.model for piece in pieces}
    first_use: dict[str | None, float] = {}
    for piece in pieces:
        model = piece.stage.model
        first_use[model] = min(first_use.get(model, piece.release), piece.release)
    for least in sorted({piece.stage.vram_gb for piece in pieces}):
        bound_ = [piece for piece in pieces if piece.stage.vram_gb >= least]
        able = [at for at, node in enumerate(trace.nodes) if node.vram_gb >= least]
        yield from _of_set(trace, bound_, able, first_use)
        if len(models) > 1:
            for model in sorted({piece.stage.model or "" for piece in bound_} - {""}):
                yield from _of_set(trace, [one for one in bound_ if one.stage.model == model], able, first_use)


def _priced(trace: Trace, pieces: Sequence[_Piece]) -> Iterator[float]:
    """By prices, for all that can begin late."""
    first_use: dict[str | None, float] = {}
    for piece in pieces:
        model = piece.stage.model
        first_use[model] = min(first_use.get(model, piece.release), piece.release)
    for release in _cuts({piece.release for piece in pieces})[:PRICED]:
        work: dict[tuple[str | None, float], float] = {}
        for piece in pieces:
            if piece.release >= release:
                key = (piece.stage.model, piece.stage.vram_gb)
                work[key] = work.get(key, 0.0) + piece.stage.work_s
        kinds = []
        for (model, vram), seconds in work.items():
            fresh = model is not None and first_use[model] >= release
            loads = tuple(
                None
                if node.vram_gb < vram
                else 0.0
                if not fresh or node.resident == model
                else trace.load_s(model, node)
                for node in trace.nodes
            )
            kinds.append(Kind(seconds, loads))
        yield release + priced_bound(kinds, [node.speed for node in trace.nodes])


def _of_set(
    trace: Trace, pieces: Sequence[_Piece], able: Sequence[int], first_use: dict[str | None, float]
) -> Iterator[float]:
    """For parts of the set that begin late or leave a long tail."""
    for release in _cuts({piece.release for piece in pieces}):
        late = [piece for piece in pieces if piece.release >= release]
        for tail in _cuts({piece.tail for piece in late}):
            part = [piece for piece in late if piece.tail >= tail]
            if part:
                yield _of_part(trace, part, able, release, tail, first_use)


def _of_part(
    trace: Trace,
    part: Sequence[_Piece],
    able: Sequence[int],
    release: float,
    tail: float,
    first_use: dict[str | None, float],
) -> float:
    nodes = [trace.nodes[at] for at in able]
    speeds = [node.speed for node in nodes]
    models = {piece.stage.model for piece in part}
    # A checkpoint may have been loaded before `release` by a stage that is not in this part.
    fresh = {model for model in models if model is not None and first_use[model] >= release}
    firsts = [
        min(0.0 if model not in fresh or model == node.resident else trace.load_s(model, node) for model in models)
        for node in nodes
    ]
    work = sum(piece.stage.work_s for piece in part)
    loads = sum(
        min(0.0 if node.resident == model else trace.load_s(model, node) * node.speed for node in nodes)
        for model in sorted(fresh)
    )
    span = max(
        _fluid(work, speeds, firsts),
        (work + loads) / sum(speeds),
        *(_whole(sorted((piece.stage.work_s for piece in part), reverse=True), speeds, firsts)),
    )
    return release + span + tail


def _fluid(work: float, speeds: Sequence[float], firsts: Sequence[float]) -> float:
    """Least t for which sum of speed x max(0, t - first) reaches the work."""
    speed = done = 0.0
    t = 0.0
    for first, more in sorted(zip(firsts, speeds, strict=True)):
        if speed and done + speed * (first - t) >= work:
            break
        done += speed * (first - t)
        t, speed = first, speed + more
    return t + (work - done) / speed


def _whole(works: Sequence[float], speeds: Sequence[float], firsts: Sequence[float]) -> Iterator[float]:
    """Least t in which the nodes can end as many whole stages as there are with at least some work."""
    yield 0.0
    ends = [index for index in range(len(works)) if index + 1 == len(works) or works[index] > works[index + 1]]
    step = max(1, len(ends) // WORKS)
    for index in ends[::step]:
        work, count = works[index], index + 1
        if work > 0.0:
            yield _least_time(work, count, speeds, firsts)


def _least_time(work: float, count: int, speeds: Sequence[float], firsts: Sequence[float]) -> float:
    """A little less than the least t at which the sum of floor((t - first) x speed / work) reaches the count."""

    def ended(t: float) -> int:
        return sum(floor(max(0.0, t - first) * speed / work) for first, speed in zip(firsts, speeds, strict=True))

    low, high = 0.0, max(firsts) + count * work / max(speeds) + work / max(speeds)
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (low, middle) if ended(middle) >= count else (middle, high)
    return low


def _cuts(values: set[float]) -> list[float]:
    """All of them, or some that are spread over them; the least among them."""
    ordered = sorted(values)
    if len(ordered) <= CUTS:
        return ordered
    return [ordered[at * (len(ordered) - 1) // (CUTS - 1)] for at in range(CUTS)]
