"""A run as lines: what it is, how far it is, when it is done. Pure."""

from schema.forecast import Forecast
from schema.pages import RunRecord, RunRow
from schema.scenes import RunScene
from schema.sizes import size
from tui.keys import pressed
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain
from tui.widgets.jobcard import block, ends, moment, section
from tui.widgets.jobrow import bar, clock
from tui.widgets.runrow import ended, outcome


class LookedRun(RunRecord, frozen=True, kw_only=True):
    """Of `GET /v1/runs/{run}`, also where its film lies."""

    video: str | None = None
    """Absolute, in its results folder, else in the artifact store."""


def title(run: RunRow) -> list[Piece]:
    sign, word, ink = outcome(run)
    return [Piece(run.id, "title"), Piece(f"  {sign} {word}", ink)]


def card(
    run: RunRow,
    live: RunScene | None,
    foretold: Forecast | None,
    width: int,
    now: float,
    record: LookedRun | None = None,
) -> list[Line]:
    """For a pane `width` cells wide; `live`: what is known of it until it ends, `record`: from then on."""
    inside = width - 2
    lines: list[Line] = [*facts(run, inside, now), *(ends(live, inside, now) if live is not None else ()), []]
    lines += [*counts(run, inside), []]
    if live is not None and live.film != "none":
        lines += [[Piece(f" its film {'is being made' if live.film == 'making' else 'waits for its pictures'}")], []]
    if record is not None:
        lines += film(record, inside)
    for one in foretold.runs if foretold is not None else ():
        lines += [section("will it be done in time"), *block(one.text, inside, 8, "text")]
        if one.helps:
            lines += [
                section("what would help"),
                *(part for help in one.helps for part in block(help, inside, 3, "dim")),
            ]
    return lines


def facts(run: RunRow, width: int, now: float) -> list[Line]:
    lasted = clock(run.ended - run.created) if run.ended is not None else ""
    pairs = [
        ("name", run.name),
        ("packs", ", ".join(run.packs)),
        ("lane", run.lane),
        ("queued", moment(run.created, now)),
        ("ended", f"{moment(run.ended, now)}, after {lasted}" if run.ended is not None else ""),
        ("folder", run.folder),
    ]
    return [
        [Piece(f" {fit(name, 6)} ", "dim"), Piece(fit_middle(plain(text), width - 7))] for name, text in pairs if text
    ]


def counts(run: RunRow, width: int) -> list[Line]:
    part = (run.finished if run.ended is not None else ended(run)) / max(1, run.jobs)
    lines: list[Line] = [[Piece(" "), *bar(part, max(4, width - 8)), Piece(f" {int(part * 100)}%", "run")]]
    waiting = run.jobs - ended(run) - run.attention
    told = [
        (run.finished, "done", "good"), (run.failed, "failed", "bad"), (run.attention, "need a decision", "bad"),
        (run.cancelled, "cancelled", "dim"), (waiting, "to go", "text"),
    ]  # fmt: skip
    lines += [[Piece(f"   {many:>7,} ", ink), Piece(word, "dim")] for many, word, ink in told if many]
    return lines


def film(record: LookedRun, width: int) -> list[Line]:
    """Where it lies and what it is, or why there is none; nothing of a run that was to have none."""
    made = record.film
    if made is None:
        reason = record.film_reason
        return [section("no film"), *block(reason, width, 6, "warn")] if reason else []
    file = made.file
    frames = f"{made.frames:,} {'frame' if made.frames == 1 else 'frames'} at {made.fps:g}/s"
    what = [clock(made.seconds), made.codec, f"{file.width}x{file.height}", size(file.bytes), frames]
    where = record.video or "its file is gone"
    return [
        section("film"),
        [Piece(f"   {fit_middle(plain(where), width - 2).rstrip()}", "text" if record.video else "warn")],
        *block(" · ".join(map(plain, what)), width, 3, "dim")[:-1],
        *([[Piece(f"   {pressed('list.outside')} opens its folder", "dim")]] if record.row.folder else []),
        [],
    ]
