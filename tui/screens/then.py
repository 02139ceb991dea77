"""What is told over an area: a difference between two moments, one event, how the daemon stands."""

from collections.abc import Callable, Iterator, Mapping

from schema.then import Difference, JobChange, Moment
from tui.keys import face, pressed
from tui.link.then import Happening
from tui.live import Live
from tui.screens.details import Details
from tui.widgets.banner import told
from tui.widgets.eventcard import fields, pair
from tui.widgets.eventlist import named
from tui.widgets.ink import Line, Piece, fit, plain, wrap

STATES = {"finished": "good", "failed": "bad", "attention": "warn", "running": "run", "cancelled": "dim"}
"""Inks of a job's state."""


def differs(found: Difference, against: str) -> Details:
    title = (Piece(f"Different from {against}", "title"), Piece(f"  {face('page.leave')} back", "dim"))
    return Details(title, lambda width: list(_difference(found, width)))


def happened(happening: Happening, found: Difference, asked: str, names: Mapping[str, str]) -> Details:
    """`asked`: who wished it, as a person calls them; `names`: of nodes by their ids."""
    title = (Piece(f"Event {happening.seq:,}", "title"), Piece(f"  {happening.type}  {face('page.leave')} back", "dim"))
    return Details(title, lambda width: list(_happening(happening, found, asked, names, width)))


class Stands(Details):
    """How the daemon stands, as it is now: `live` is asked again whenever something is told."""

    def __init__(self, live: Callable[[], Live], *, absence: Callable[[], str] = str, past: bool = False) -> None:
        """`absence`: why none could be started, as far as that is known."""
        title = (Piece("How the daemon stands", "title"), Piece(f"  {face('page.leave')} back", "dim"))
        super().__init__(title, lambda width: list(_standing(live(), absence(), width, past=past)))

    def told(self) -> None:
        self.on_resize()


def _difference(found: Difference, width: int) -> Iterator[Line]:
    wide = width >= 70
    yield [Piece(" from  ", "dim"), *_moment(found.before, wide=wide)]
    yield [Piece(" to    ", "dim"), *_moment(found.after, wide=wide)]
    yield []
    if not found.events:
        yield [Piece(" Nothing happened in between.")]
        return
    yield from _changes(found, width)
    if found.runs:
        yield _head(f"{len(found.runs):,} {'run' if len(found.runs) == 1 else 'runs'} submitted")
        yield from _texts("  ".join(found.runs), width)
        yield []
    if found.images_stored:
        more = f", the first {len(found.images)}" if found.images_stored > len(found.images) else ""
        yield _head(f"{found.images_stored:,} {'picture' if found.images_stored == 1 else 'pictures'} stored{more}")
        yield from _texts("  ".join(found.images), width)
        yield []
    if found.ratings:
        yield _head(f"{found.ratings:,} {'rating' if found.ratings == 1 else 'ratings'} given")
        yield []
    yield _head(f"{found.events:,} {'event' if found.events == 1 else 'events'}")
    for kind, number in found.kinds.items():
        yield [Piece(f"   {number:>7,} ", "dim"), Piece(plain(kind))]


def _changes(found: Difference, width: int) -> Iterator[Line]:
    """Of settings and of jobs."""
    if found.settings:
        yield _head("Set otherwise")
        for name, (was, now) in found.settings.items():
            yield from _texts(f"{name}: {was or 'not there'} → {now or 'not there'}", width)
        yield []
    if found.jobs_changed:
        cut = f", the first {len(found.jobs)}" if found.jobs_changed > len(found.jobs) else ""
        yield _head(f"{found.jobs_changed:,} {'job' if found.jobs_changed == 1 else 'jobs'} in another state{cut}")
        for job in found.jobs:
            yield _job(job, width)
        yield []


def _job(job: JobChange, width: int) -> Line:
    states = max(10, min(26, width // 3))
    name = max(4, width - states - 18)
    return [
        Piece(fit(f"   {plain(job.job)}", 16)),
        Piece(fit(f" {plain(job.name)}", name), "dim"),
        Piece(f"  {job.was or 'not there'} → ", "dim"),
        Piece(job.now or "not there", STATES.get(job.now, "text")),
    ]


def _happening(
    happening: Happening, found: Difference, asked: str, names: Mapping[str, str], width: int
) -> Iterator[Line]:
    for line in wrap(named(happening.words, names), width - 2, 12):
        yield [Piece(f" {line}", "strong")]
    yield []
    moment = Moment(seq=found.after.seq, at=happening.at, newest=found.after.newest)
    who = asked if asked == happening.actor else f"{asked} ({happening.actor})"
    told_of = {"when": told(moment, wide=True), "who asked": who}
    told_of |= {"the wish": happening.command or "", "because of event": str(happening.cause or "")}
    for name, value in told_of.items():
        if value:
            yield from pair(name, value, width, 2)
    yield []
    if found.settings or found.jobs_changed:
        yield from _changes(found, width)
    yield _head("As it stands in the log")
    yield from fields(happening.event, width)


def _standing(live: Live, absence: str, width: int, *, past: bool) -> Iterator[Line]:
    standing = live.standing
    if past:
        keys = f"{pressed('then.now')} goes back to now; there {pressed('app.standing')} tells how the daemon stands."
        yield from _texts(f"This is the past, where nothing can be changed. {keys}", width)
        return
    if not live.linked:
        yield from _texts(f"No daemon answers: {live.silence}", width, "bad")
        if absence:
            yield []
            yield _head("Why none started")
            yield from _texts(absence, width, "bad")
            if "config.toml" in absence:
                yield []
                yield from _texts(f"{face('app.leader')} , opens Settings, where the file can be mended.", width)
        return
    words = {"ready": "It works.", "starting": "It starts.", "stopping": "It stops."}
    yield [Piece(f" {words.get(standing.state, 'It only shows: nothing can be changed now.')}", "strong")]
    yield []
    if standing.trouble:
        yield _head("What happened, and what to do")
        yield from _texts(standing.trouble, width, "bad" if standing.state == "read-only" else "warn")
        yield []
    if standing.state == "read-only":
        moment = standing.moment
        upto = f" as of event {moment.seq:,}, {told(moment, wide=True)}" if moment is not None and moment.seq else ""
        yield from _texts(f"Queue, gallery, insights and export go on, all{upto}. What is wished now is refused: "
                          "nothing is lost in silence.", width)  # fmt: skip
        yield []
    for concern in standing.concerns:
        yield from _texts(f"! {concern}", width, "warn")
        yield []
    if not (standing.trouble or standing.concerns):
        yield [Piece(" Nothing is wrong.", "good")]


def _moment(moment: Moment, *, wide: bool) -> list[Piece]:
    return [Piece(told(moment, wide=wide)), Piece(f"  event {moment.seq:,}", "dim")]


def _head(words: str) -> Line:
    return [Piece(f" {words}", "title")]


def _texts(words: str, width: int, ink: str = "text") -> Iterator[Line]:
    for line in wrap(words, width - 4, 60):
        yield [Piece(f"   {line}", ink)]
