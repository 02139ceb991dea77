"""What would make a run earlier: changes that a person could make, each really simulated before it is told."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from daemon.core.outlook import Berth, Outlook, Row, RunWish, Wish
from daemon.core.playing import INFINITE, play
from daemon.core.telling import clock, span
from schema.ids import NodeId, RunId

WORTH = 0.03
"""The least part of the time left that a remedy must save to be told."""

LEAST_S = 30.0

FIRST = -1_000_000


class Remedy(NamedTuple):
    """A change, in words, and the queue as it would be."""

    words: str
    outlook: Outlook
    only: RunId | None = None
    """The run that it is for; None: it may help all."""


def remedies(outlook: Outlook, runs: Sequence[RunId], most: int) -> dict[RunId, tuple[str, ...]]:
    """For each of the runs, what was tried and helps, the most helpful first."""
    now = play(outlook, most).ends
    found: dict[RunId, list[tuple[float, str]]] = {run: [] for run in runs}
    by_id = {run.id: run for run in outlook.runs}
    for remedy in _tried(outlook, [by_id[run] for run in runs if run in by_id]):
        then = play(remedy.outlook, most).ends
        for run in runs:
            if remedy.only in (None, run):
                words = _saved(outlook, by_id[run], now.get(run), then.get(run))
                if words is not None:
                    found[run].append((words[0], f"{remedy.words}: {words[1]}"))
    return {run: tuple(words for _, words in sorted(all_)) for run, all_ in found.items()}


def _saved(outlook: Outlook, run: RunWish, before: float | None, after: float | None) -> tuple[float, str] | None:
    """When it would end, and that in words; None: it is not worth telling."""
    if after is None or after == INFINITE:
        return None
    words = f"done by {clock(outlook, after)}"
    if before is not None and before != INFINITE:
        saved = before - after
        if saved < max(LEAST_S, WORTH * (before - outlook.now)):
            return None
        words = f"{span(saved)} sooner, {words}"
    if run.spec.deadline is not None:
        words += ", in time" if after <= run.spec.deadline else ", still too late"
    return after, words


def _tried(outlook: Outlook, runs: Sequence[RunWish]) -> Iterator[Remedy]:
    yield from _more_nodes(outlook)
    if outlook.mode != "share" and 0.0 <= outlook.now - outlook.live_at < outlook.live_for:
        yield Remedy("mode share", outlook._replace(mode="share"))
    for run in runs:
        yield from _for_run(outlook, run)


def _more_nodes(outlook: Outlook) -> Iterator[Remedy]:
    for at, berth in enumerate(outlook.berths):
        if not berth.there:
            berths = (*outlook.berths[:at], berth._replace(there=True), *outlook.berths[at + 1 :])
            yield Remedy(f"{berth.name} back at work", outlook._replace(berths=berths))
    there = [at for at, berth in enumerate(outlook.berths) if berth.there]
    if there:
        best = min(there, key=lambda at: (-outlook.berths[at].speed, outlook.berths[at].id))
        yield Remedy(f"one more node like {outlook.berths[best].name}", with_twin(outlook, best))


def _for_run(outlook: Outlook, run: RunWish) -> Iterator[Remedy]:
    name = run.spec.name
    if run.paused:
        yield Remedy("resumed", _changed(outlook, run._replace(paused=False)), run.id)
    if run.spec.window is not None or (run.spec.not_before or 0.0) > outlook.now:
        spec = replace(run.spec, window=None, not_before=None)
        words = "without its window" if run.spec.window is not None else "begun at once"
        yield Remedy(words, _changed(outlook, run._replace(spec=spec)), run.id)
    others = {wish.run for wish in outlook.wishes} - {run.id}
    if others:
        wishes = tuple(_first(wish) if wish.run == run.id else wish for wish in outlook.wishes)
        yield Remedy(f"{name} before all others", outlook._replace(wishes=wishes), run.id)
    if run.only:
        free = run._replace(only=0, spec=replace(run.spec, whole=False))
        yield Remedy("spread over all nodes", _changed(outlook, free), run.id)


def _first(wish: Wish) -> Wish:
    return wish._replace(before=(FIRST, *wish.before[1:]))


def _changed(outlook: Outlook, run: RunWish) -> Outlook:
    return outlook._replace(runs=tuple(run if one.id == run.id else one for one in outlook.runs))


def with_twin(outlook: Outlook, at: int) -> Outlook:
    """With a second node like that one, which nothing is loaded on yet."""
    old, bit = outlook.berths[at], 1 << len(outlook.berths)
    twin: Berth = old._replace(id=NodeId(f"{old.id}+"), name=f"{old.name}+", resident=None, busy_until=None, job=None)

    def row(one: Row) -> Row:
        able = one.able | bit if one.able >> at & 1 else one.able
        return one._replace(able=able, told=(*one.told, one.told[at]), loads=(*one.loads, one.loads[at]))

    return outlook._replace(berths=(*outlook.berths, twin), rows=tuple(row(one) for one in outlook.rows))
