"""What a run comes to, in lines: jobs, time, room, nodes; what is wrong with it; how far the one at work is. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schema.forecast import Foretold
from schema.pages import RunRow
from schema.prompts import Tried
from schema.scenes import RunningJob, RunScene
from schema.sizes import size
from tui.keys import pressed
from tui.screens.numbers import is_wild, many
from tui.widgets.ink import Line, Piece, fit, plain, unflagged, wrap
from tui.widgets.jobcard import begins, moment
from tui.widgets.jobrow import bar, clock, share

SOON = 90.0
"""Seconds below which a run is told to take that long, and not by when it is done."""


class Plan(NamedTuple):
    """What is known of the run as it stands."""

    tried: Tried | None = None
    fault: str = ""
    how: str = ""
    """The way of varying, in words."""
    foretold: Foretold | None = None
    lately: str = ""
    """What the last run used."""
    now: float = 0.0


def counted(plan: Plan) -> str:
    """`12 variants · 48 jobs · seed 7`; empty: nothing is to be made."""
    tried = plan.tried
    if tried is None or not tried.jobs:
        return ""
    jobs = f"{many(tried.jobs)} {'job' if tried.jobs == 1 else 'jobs'} · seed {tried.seed}"
    return jobs if tried.space in ("", "0", "1") else f"{many(tried.space)} variants · {jobs}"


def plan_lines(plan: Plan, width: int) -> list[Line]:
    """For the pane; what it needs first where nothing can be made."""
    words = counted(plan)
    if plan.fault:
        return [[Piece(f" {line}", "dim")] for line in wrap(plan.fault, width - 2, 4)] + list(_lately(plan, width))
    if plan.tried is None:
        return [[Piece(" …", "dim")]]
    ink = "warn" if is_wild(plan.tried.space) or plan.tried.jobs > 1_000 else "strong"
    head, _, seed = words.rpartition(" · ")
    fits = len(words) <= width - 2
    lines: list[Line] = [[Piece(f" {words if fits else head}", ink)]]
    rest = [seed] if not fits else []
    rest += [plan.how] if plan.tried.space not in ("", "0", "1") else []
    lines += [[Piece(f" {line}", "dim")] for line in wrap(" · ".join(rest), width - 2, 2)]
    if plan.foretold is not None:
        lines += list(_foretold(plan.foretold, plan.now, width))
    return [*lines, *_lately(plan, width)]


def _foretold(told: Foretold, now: float, width: int) -> Iterator[Line]:
    run = told.run
    stages = f"{told.stages:,} {'stage' if told.stages == 1 else 'stages'}"
    if run.at is None:
        for line in wrap(run.text or "nobody can say when it is done", width - 2, 3):
            yield [Piece(f" {line}", "warn")]
    else:
        between = ""
        if run.soonest is not None and run.latest is not None and run.latest - run.soonest > SOON:
            between = f" ({moment(run.soonest, now)} to {moment(run.latest, now)})"
        late = run.in_time is False
        yield [Piece(f" {ends(told, now)}", "bad" if late else "text"), Piece(between, "dim")]
        if late and run.deadline is not None:
            yield [Piece(f" LATE for {moment(run.deadline, now)}", "bad")]
    guess = "" if told.measured else ", a guess"
    yield [Piece(f" {stages} · disk ~{size(told.bytes)}{guess}", "text")]
    nodes = [f"{plain(one.name)} {one.stages:,}" for one in run.nodes if one.stages]
    for line in wrap(f"on {', '.join(nodes)}", width - 2, 2) if nodes else ():
        yield [Piece(f" {line}", "dim")]
    for note in told.notes[:2]:
        for line in wrap(note, width - 2, 3):
            yield [Piece(f" {line}", "faint")]


def ends(told: Foretold, now: float) -> str:
    """`done ~07:10`, or `done in ~0:42` where it is soon over."""
    at = told.run.at
    if at is None:
        return "no end in sight"
    left = at - now
    return f"done in ~{clock(left)}" if left < SOON else f"done ~{moment(at, now)}"


def _lately(plan: Plan, width: int) -> Iterator[Line]:
    for line in wrap(f"last run {plan.lately}", width - 2, 3) if plan.lately else ():
        yield [Piece(f" {line}", "faint")]


def plan_line(plan: Plan, faults: int, odd: int = 0) -> Line:
    """The plan in one line, for a terminal that shows one pane at a time."""
    words = counted(plan)
    if plan.fault:
        return [Piece(f" {plain(plan.fault)}", "bad" if faults else "dim")]
    pieces = [Piece(f" {words}" if words else " …", "strong")]
    if plan.foretold is not None:
        late = plan.foretold.run.in_time is False
        pieces += [Piece(f" · {ends(plan.foretold, plan.now)}", "bad" if late else "text"),
                   Piece(f" · ~{size(plan.foretold.bytes)}", "dim")]  # fmt: skip
    warnings = odd + (len(plan.tried.warnings) if plan.tried is not None else 0)
    return [*pieces, Piece(f"  ! {warnings}" if warnings else "", "warn")]


# What is wrong ------------------------------------------------------------------------------------


class Problems(NamedTuple):
    lines: list[Line]
    faults: int
    warnings: int

    @property
    def told(self) -> Line:
        if not self.faults and not self.warnings:
            return (Piece("none", "dim"),)
        some = [(self.faults, "fault", "bad"), (self.warnings, "warning", "warn")]
        found = [Piece(f"{many} {word}{'' if many == 1 else 's'} ", ink) for many, word, ink in some if many]
        return tuple(found)


def problems(plan: Plan, faults: Sequence[str], odd: Sequence[str], width: int) -> Problems:
    """`faults`: what keeps it from being run, the fault of the plan among them; `odd`: signs that close nothing."""
    warnings = [*odd, *(unflagged(one) for one in plan.tried.warnings)] if plan.tried is not None else [*odd]
    if plan.tried is not None and is_wild(str(plan.tried.jobs)):
        words = f"{pressed('run.vary')} limits them, takes an even sample, or draws at random"
        warnings.insert(0, f"{many(plan.tried.jobs)} jobs: {words}")
    lines: list[Line] = []
    for sign, ink, told in (("✗", "bad", faults), ("!", "warn", warnings)):
        for words in told:
            wrapped = wrap(words, max(8, width - 3), 6)
            lines += [[Piece(f" {'' if at else sign}{' ' if at else ''} ", ink), Piece(line, "text")]
                      for at, line in enumerate(wrapped)]  # fmt: skip
    return Problems(lines, len(faults), len(warnings))


# The run at work ----------------------------------------------------------------------------------


def at_work(job: RunningJob | None, run: RunScene | None, width: int, now: float) -> list[Line]:
    """How far the run that is shown is, and the job of it that is being made."""
    lines: list[Line] = []
    if job is not None:
        where = f" on {plain(job.node_name)}" if job.node_name else ""
        lines.append([Piece(f" {plain(job.name)}", "text")])
        lines.append([Piece(f" {plain(job.stage)} {job.stage_number}/{job.stages}{where}", "dim")])
        part, steps = share(job), f" {job.step}/{job.steps}" if job.steps else ""
        far = f" {int(part * 100)}%{steps} {clock(job.eta_s)}"
        lines.append([Piece(" "), *bar(part, max(4, width - len(far) - 2)), Piece(far, "run")])
    if run is not None:
        end = f"done ~{moment(now + run.eta_s, now)}" if run.eta_s else begins(run, now)
        told = [f"{run.finished} of {run.jobs}", f"{run.failed} failed" if run.failed else "", end]
        lines.append([Piece(f" {' · '.join(filter(None, told))}", "bad" if run.failed else "dim")])
    return lines


def over(run: RunRow) -> Line:
    """What came of a run that has ended: all of it, or how many jobs of what."""
    name = fit(plain(run.name), 32).rstrip()
    if run.finished == run.jobs:
        return (Piece(f"✓ {name} is done", "good"),)
    sign, ink = ("✗", "bad") if run.failed else ("⊘", "warn")
    told = [f"{run.finished} of {run.jobs} done", f"{run.failed} failed" if run.failed else "",
            f"{run.cancelled} cancelled" if run.cancelled else ""]  # fmt: skip
    return (Piece(f"{sign} {name}: {', '.join(filter(None, told))}", ink),)
