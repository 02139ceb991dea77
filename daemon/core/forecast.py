"""By when what waits will be done, on which nodes, and what would help: the policy over a copy of the queue.

Pure, and runs anywhere: what it is made from is taken by `daemon.core.outlook.forecast_input`. Long queues are
simulated in bundles of like jobs, so that ten thousand take as long as one thousand.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log
from statistics import fmean, stdev
from typing import NamedTuple

from msgspec.structs import replace

from daemon.core.outlook import Besides, Outlook, RunWish
from daemon.core.playing import INFINITE, Played, play
from daemon.core.remedies import remedies
from daemon.core.telling import told
from schema.forecast import Forecast, Foretold, NodeForecast, RunForecast
from schema.ids import RunId
from schema.plans import PICTURELESS

MANY = 900
"""Stages that are simulated one by one; of more, jobs are bundled."""

WAYS = 6
"""In which costs may come out, each played too: what lies between their ends is the interval."""

WIDE = 1.6
"""Standard deviations of so few ways on each side that hold four fifths: Student's t with one more to come."""

FEW = 300
"""The same where only alternatives are compared."""

QUICK = 3
"""Of these ways, for a run that is still being written."""

GUESSED = 1.6
"""Bytes of a pixel of a PNG that a sampler made, where no picture tells it."""

TRIED = 3
"""Runs that remedies are tried for, where nobody asked for one run alone."""


def forecast(outlook: Outlook, run: RunId | None = None) -> Forecast:
    """Of all unfinished runs, or of one of them; of that one, what would help is told in any case."""
    played = play(outlook, MANY)
    ways = [play(outlook, FEW, luck=luck).ends for luck in range(1, WAYS + 1)]
    runs = [
        _run(outlook, one, played, _span(outlook, one, played, ways)) for one in outlook.runs if run in (None, one.id)
    ]
    runs.sort(key=lambda one: (one.at is None, one.at or 0.0, one.run))
    asked = [one for one in runs if run is not None or one.in_time is False][:TRIED]
    if asked:
        tried = remedies(outlook, [one.run for one in asked], FEW)
        runs = [_helped(one, tried.get(one.run, ())) for one in runs]
    return Forecast(
        head=outlook.head,
        runs=tuple(runs),
        nodes=_nodes(outlook, played, None),
        at=max((end for end in played.ends.values() if end < INFINITE), default=None),
        notes=tuple(_notes(outlook, played)),
    )


def foretell(outlook: Outlook, besides: Besides, pixel: float | None) -> Foretold:
    """What a run that is part of the outlook, though nobody queued it, would come to. `pixel`: bytes of one, by the
    pictures there are; None: there are none. What would help is not tried: it is asked while a person types.
    """
    played = play(outlook, FEW)
    ways = [play(outlook, FEW, luck=luck).ends for luck in range(1, QUICK + 1)]
    wish = next(one for one in outlook.runs if one.id == besides.run)
    every = [besides.spec.stages if job.stages is None else job.stages for job in besides.jobs]
    drawn = [step for steps in every for step in steps if step.kind not in PICTURELESS]
    size = sum(step.megapixels for step in drawn) * 1e6 * (GUESSED if pixel is None else pixel)
    return Foretold(
        jobs=len(besides.jobs),
        stages=sum(map(len, every)),
        pictures=len(drawn),
        bytes=round(size),
        measured=pixel is not None,
        run=_run(outlook, wish, played, _span(outlook, wish, played, ways)),
        notes=tuple(_notes(outlook, played)),
    )


class _Span(NamedTuple):
    soonest: float
    middle: float
    latest: float


def _span(outlook: Outlook, wish: RunWish, played: Played, ways: Sequence[Mapping[RunId, float]]) -> _Span | None:
    """Four chances in five that it ends within; None: it never does. Runs of luck, good and bad, make it longer."""
    end = played.ends.get(wish.id, INFINITE)
    if end == INFINITE:
        return None
    left = max(1.0, end - outlook.now)
    logs = [log(max(1.0, way[wish.id] - outlook.now)) for way in ways if way.get(wish.id, INFINITE) < INFINITE]
    if len(logs) < 2:
        return _Span(outlook.now + left, outlook.now + left, outlook.now + left)
    middle, wide = fmean([*logs, log(left)]), WIDE * stdev(logs)
    return _Span(*(outlook.now + exp(middle + part * wide) for part in (-1.0, 0.0, 1.0)))


def _run(outlook: Outlook, wish: RunWish, played: Played, span: _Span | None) -> RunForecast:
    deadline = wish.spec.deadline
    if span is None:
        return RunForecast(
            run=wish.id,
            name=wish.spec.name,
            jobs=wish.open,
            deadline=deadline,
            text=_why_never(outlook, wish, played),
        )
    soonest, end, latest = span
    in_time = None if deadline is None else end <= deadline
    return RunForecast(
        run=wish.id,
        name=wish.spec.name,
        jobs=wish.open,
        at=round(end, 3),
        soonest=round(soonest, 3),
        latest=round(latest, 3),
        deadline=deadline,
        in_time=in_time,
        nodes=_nodes(outlook, played, wish.id),
        moves=played.moves.get(wish.id, 0),
        text=told(outlook, wish, soonest, end, latest),
    )


def _nodes(outlook: Outlook, played: Played, run: RunId | None) -> tuple[NodeForecast, ...]:
    """Of one run, or of all that waits."""
    found = []
    for at, berth in enumerate(outlook.berths):
        parts = [part for (whose, where), part in played.parts.items() if where == at and run in (None, whose)]
        if berth.there or parts:
            found.append(
                NodeForecast(
                    node=berth.id,
                    name=berth.name,
                    stages=sum(part.stages for part in parts),
                    at=max((round(part.until, 3) for part in parts), default=None),
                )
            )
    return tuple(found)


def _helped(run: RunForecast, helps: Iterable[str]) -> RunForecast:
    return replace(run, helps=tuple(helps))


def _why_never(outlook: Outlook, wish: RunWish, played: Played) -> str:
    if wish.paused:
        return "It is paused."
    if wish.stuck and wish.stuck == wish.open:
        return "All its jobs are held or need attention."
    waits = played.unable.get(wish.id)
    if waits is not None:
        step = outlook.rows[waits].step
        need = f" with {outlook.rows[waits].vram_gb:g} GB" if outlook.rows[waits].vram_gb else ""
        return f"No node that is there can run '{step.id}' ({step.kind}){need}."
    if not any(one.run == wish.id for one in outlook.wishes):
        return "Nothing of it is left to run."
    return "It waits for what a person has to do."


def _notes(outlook: Outlook, played: Played) -> Iterable[str]:
    if outlook.paused:
        yield "The queue is paused: this is how it would be if it went on now."
    if outlook.blocked:
        yield f"Nothing is started: {outlook.blocked}."
    used = [outlook.rows[row] for row in sorted({row for wish in outlook.wishes for row in wish.rows})]
    unknown = sorted({row.step.kind for row in used if not row.known})
    if unknown:
        yield f"Nothing like {', '.join(unknown)} was measured yet: its time is a guess."
    cold = [
        berth.name
        for at, berth in enumerate(outlook.berths)
        if berth.there and any(row.able >> at & 1 and not row.told[at].warm for row in used if row.known)
    ]
    if cold:
        yield f"Not all such stages were measured on {', '.join(cold)} yet."
    if stuck := sum(run.stuck for run in outlook.runs):
        yield f"Not counted: {stuck} held or in need of attention."
    if not any(berth.there for berth in outlook.berths):
        yield "No node is there."
