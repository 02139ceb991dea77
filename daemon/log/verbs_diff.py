"""`log diff` and `log step`: what is different between two moments, and what each event changed."""

from collections.abc import Iterator
from contextlib import closing

import msgspec

from daemon.core.difference import changes_of, settings_changed
from daemon.log.between import Stepped, alone, difference_between, moment_of, steps
from daemon.log.documents import say, write
from daemon.log.tables import reader
from daemon.log.verbs_read import need_log
from schema.errors import Exit, Refused
from schema.pages import EventLine, event_line, iso
from schema.places import Places
from schema.sentences import sentence
from schema.then import Difference, JobChange, Moment

MOST_STEPS = 1000

SHOWN = 20
"""Lines of one kind in words; `--json` has them all."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event and what it changed."""

    line: EventLine
    words: str
    jobs: tuple[JobChange, ...]
    settings: dict[str, tuple[str, str]]


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[Step, ...]
    total: int
    """Events that there are."""


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """A moment as documents tell it."""

    seq: int
    at: str | None
    newest: int


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A difference as documents tell it: `schema.then.Difference` with times as ISO 8601."""

    before: Timed
    after: Timed
    events: int
    kinds: dict[str, int]
    runs: tuple[str, ...]
    jobs: tuple[JobChange, ...]
    jobs_changed: int
    images: tuple[str, ...]
    images_stored: int
    ratings: int
    settings: dict[str, tuple[str, str]]
    most: int


def diff(places: Places, one: str, other: str | None, now: float, *, json: bool) -> int:
    """Between two WHENs; the other one is the newest event where none is given."""
    log = need_log(places)
    found = difference_between(log, places.snapshots, one, other, now)
    if json:
        write(_document(found))
    else:
        for line in in_words(found):
            say(line)
    return Exit.DONE


def step(places: Places, when: str | None, count: int, now: float, *, back: bool, json: bool) -> int:
    """`count` events from WHEN on (None: the newest), or back from it, each with what it changed."""
    log = need_log(places)
    if not 1 <= count <= MOST_STEPS:
        raise Refused(f"{count} events are not shown at once.", remedy=f"Take 1 to {MOST_STEPS}.")
    with closing(reader(log)) as db:
        moment = moment_of(db, when, now)
    newest, seq = int(moment.newest), int(moment.seq)
    if back or when is None:
        first, last = max(1, seq - count + 1), seq
    else:
        first, last = max(1, seq), min(newest, max(1, seq) + count - 1)
    found = [_step(one) for one in steps(log, places.snapshots, first, last)] if last else []
    shown = found[::-1] if back else found
    if json:
        write(Steps(items=tuple(shown), total=newest))
    else:
        for each in shown:
            for line in step_words(each):
                say(line)
    return Exit.DONE


def in_words(found: Difference) -> Iterator[str]:
    yield f"from {_moment(found.before)}"
    yield f"to   {_moment(found.after)}"
    if not found.events:
        yield "nothing happened in between"
        return
    yield f"{_many(found.events, 'event')}: {', '.join(f'{number} {kind}' for kind, number in found.kinds.items())}"
    for name, (was, now) in found.settings.items():
        yield f"{alone(name)}: {alone(was) or 'not there'} -> {alone(now) or 'not there'}"
    yield from _listed("run submitted", "runs submitted", found.runs, len(found.runs))
    if found.jobs_changed:
        yield f"{_many(found.jobs_changed, 'job')} changed"
        for job in found.jobs[:SHOWN]:
            yield f"  {_job(job)}"
        if found.jobs_changed > SHOWN:
            yield f"  and {found.jobs_changed - SHOWN} more; --json lists up to {found.most}"
    yield from _listed("picture stored", "pictures stored", found.images, found.images_stored)
    if found.ratings:
        yield f"{_many(found.ratings, 'rating')} given"


def step_words(step: Step) -> Iterator[str]:
    yield f"{step.line.seq:>8}  {step.line.at}  {step.line.actor:<12}  {alone(step.words)}"
    for job in step.jobs[:SHOWN]:
        yield f"          {_job(job)}"
    for name, (was, now) in step.settings.items():
        yield f"          {alone(name)}: {alone(was) or 'not there'} -> {alone(now) or 'not there'}"


def _step(one: Stepped) -> Step:
    """What ended in this very event is in no state: it is told by the event."""
    changes = changes_of(one.was, one.now, one.between)
    jobs = tuple(
        JobChange(job=job, name=one.now.names.get(job) or one.was.names.get(job) or "", was=was, now=now)
        for job, (was, now) in changes.items()
    )
    event = one.envelope.event
    return Step(
        line=event_line(one.envelope),
        words=sentence(event),
        jobs=jobs,
        settings=settings_changed(one.was.settings, one.now.settings),
    )


def _document(found: Difference) -> Compared:
    fields = {name: getattr(found, name) for name in Compared.__struct_fields__ if name not in ("before", "after")}
    return Compared(before=_timed(found.before), after=_timed(found.after), **fields)


def _timed(moment: Moment) -> Timed:
    return Timed(seq=moment.seq, at=iso(moment.at) if moment.at is not None else None, newest=moment.newest)


def _moment(moment: Moment) -> str:
    when = f", {iso(moment.at)}" if moment.at is not None else ", before the first"
    return f"event {moment.seq} of {moment.newest}{when}"


def _job(job: JobChange) -> str:
    return f"{job.job} {alone(job.name)}: {job.was or 'not there'} -> {job.now or 'not there'}"


def _listed(one: str, several: str, ids: tuple[str, ...], number: int) -> Iterator[str]:
    if number:
        more = f" and {number - SHOWN} more" if number > SHOWN else ""
        yield f"{number} {one if number == 1 else several}: {' '.join(ids[:SHOWN])}{more}"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
