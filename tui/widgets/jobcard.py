"""A job whole, as lines: what it is, its stages, its prompts, what happened to it. Pure."""

from datetime import datetime

from schema.pages import JobRecord, StageRecord
from schema.plans import WORDED, Scalar, StageStep
from schema.scenes import RunningJob, RunScene
from schema.words import words_in
from tui.keys import pressed
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, wrap
from tui.widgets.jobrow import GLYPHS, bar, clock, lasted, share

STAGE_SIGNS = {
    "waiting": ("○", "dim"),
    "running": ("▶", "run"),
    "done": ("✓", "good"),
    "failed": ("✗", "bad"),
    "skipped": ("⊘", "dim"),
}


def title(record: JobRecord) -> list[Piece]:
    sign, ink, word = GLYPHS[record.state]
    return [Piece(record.id, "title"), Piece(f"  {sign} {word}", ink)]


def card(
    record: JobRecord,
    running: RunningJob | None,
    why: str,
    width: int,
    now: float,
    run: RunScene | None = None,
    wanted: str = "",
) -> list[Line]:
    """All lines for a pane `width` cells wide.

    `why`: the scheduler's words on a job that waits; `run`: unfinished; `wanted`: the node and the backend it is for.
    """
    inside = width - 2
    lines = [*facts(record, inside, wanted), *(ends(run, inside, now) if run is not None else ()), []]
    lines += [*stages(record, running, inside, now)]
    if record.state == "held" and awaits_review(record):  # the words are what it is about now
        lines += [*remedies(record, inside), *prompts(record, inside), *answers(record, inside)]
        return [*lines, *settings(record, inside), section("events"), *happened(record, inside, now)]
    if record.reason:
        lines += [section("reason"), *block(record.reason, inside, 6, "bad" if record.state != "held" else "warn")]
    elif why:
        lines += [section("waits"), *block(why, inside, 6, "dim")]
    lines += why_there(record, inside)
    lines += [*remedies(record, inside), *answers(record, inside), *prompts(record, inside)]
    lines += [*settings(record, inside), section("events"), *happened(record, inside, now)]
    return lines


def section(name: str) -> Line:
    return [Piece(f" {name}", "title")]


def block(text: str, width: int, limit: int, ink: str) -> list[Line]:
    return [*([Piece("   " + line, ink)] for line in wrap(text, width - 2, limit)), []]


def facts(record: JobRecord, width: int, wanted: str = "") -> list[Line]:
    spec = record.spec
    attempts = max((stage.attempts for stage in record.stages), default=0)
    pairs = [
        ("job", spec.name),
        ("pack", f"{spec.pack} · prompt {spec.prompt_number}" if spec.pack else ""),
        ("node", record.node_name or record.node or ""),
        ("for", wanted or spec.backend or ""),
        ("lane", f"{record.lane}   priority {record.priority:+d}" if record.priority else record.lane),
        ("seed", f"{spec.seed}   variant {spec.variant}"),
        ("tries", str(attempts) if attempts > 1 else ""),
    ]
    return [
        [Piece(f" {fit(name, 6)} ", "dim"), Piece(fit_middle(plain(text), width - 7))] for name, text in pairs if text
    ]


def ends(run: RunScene, width: int, now: float) -> list[Line]:
    """When its run is done by what is known now, and whether that is in time."""
    lines: list[Line] = []
    by = now + run.eta_s if run.eta_s else None
    words = f"done ~{moment(by, now)}, in {clock(run.eta_s)}" if by is not None else begins(run, now)
    if words:
        lines.append([Piece(" run    ", "dim"), Piece(fit(words, width - 7))])
    if run.deadline is not None:
        late = by is not None and by > run.deadline
        word = "LATE" if late else "in time" if by is not None else ""
        lines.append([Piece(" due    ", "dim"), Piece(f"{moment(run.deadline, now)}  "),
                      Piece(word, "bad" if late else "good")])  # fmt: skip
    return lines


def begins(run: RunScene, now: float) -> str:
    """`begins at 02:00`: its window is shut until then, or it is to start then. Empty: it may begin."""
    return (
        "" if run.not_before is None else f"{'goes on' if run.finished else 'begins'} at {moment(run.not_before, now)}"
    )


def moment(at: float, now: float) -> str:
    """`04:51`; with its day where that is not today, and its date where that is not this week."""
    then = datetime.fromtimestamp(at)
    days = abs((then.date() - datetime.fromtimestamp(now).date()).days)
    return f"{then:%H:%M}" if not days else f"{then:%a %H:%M}" if days < 7 else f"{then:%d %b %Y %H:%M}"


def stages(record: JobRecord, running: RunningJob | None, width: int, now: float) -> list[Line]:
    lines: list[Line] = [section("stages")]
    steps = {step.id: step for step in record.spec.stages or ()}
    for number, stage in enumerate(record.stages, 1):
        here = running if running is not None and running.token is not None and running.stage == stage.id else None
        sign, ink = STAGE_SIGNS["running" if here else stage.state]
        note = timing(stage, here, now)
        name = fit(plain(stage.id), 12)
        room = width - 6 - 12 - 1 - len(note)
        gist = fit(plain(gist_of(stage, steps.get(stage.id), room - 1)), max(0, room))
        lines.append([
            Piece(f"  {sign}", ink), Piece(f" {number} ", "dim"), Piece(name + " "), Piece(gist, "dim"),
            Piece(note, ink if here or stage.state == "failed" else "dim"),
        ])  # fmt: skip
        if here is not None:
            tail = f" {int(share(here) * 100)}%  {clock(here.eta_s)}"
            lines.append([Piece("      "), *bar(share(here), max(4, width - 6 - len(tail))), Piece(tail, "run")])
        if stage.state == "failed" and stage.reason and stage.reason != record.reason:
            lines += block(stage.reason, width - 3, 3, "bad")[:-1]
    return [*lines, []]


def gist_of(stage: StageRecord, step: StageStep | None, room: int) -> str:
    """What sets this stage apart, as much of it as there is room for."""
    told = stage.effective
    size = f"{told['width']}x{told['height']}" if "width" in told and "height" in told else ""
    steps = told.get("steps") or (step.steps if step is not None else 0)
    words = [f"{steps} st" if steps else "", size]
    for gist in (" · ".join(filter(None, words)), size, words[0]):
        if len(gist) <= room:
            return gist
    return ""


def timing(stage: StageRecord, running: RunningJob | None, now: float) -> str:
    if running is not None:
        return f"{running.step}/{running.steps}" if running.steps else clock(max(0.0, now - running.since))
    if stage.started is not None and stage.ended is not None:
        return lasted(stage.ended - stage.started)
    return "" if stage.state in ("waiting", "running") else stage.state


def why_there(record: JobRecord, width: int) -> list[Line]:
    """Why its newest stage went where it went."""
    told = [stage for stage in record.stages if stage.why and stage.node and stage.state in ("running", "done")]
    if not told:
        return []
    newest = told[-1]
    name = plain(newest.node_name or newest.node or "")
    return [section(f"why {plain(newest.id)} on {name}"), *block(newest.why, width, 3, "dim")]


def remedies(record: JobRecord, width: int) -> list[Line]:
    """What a person can do about a job that waits for one."""
    if record.state == "held" and awaits_review(record):
        words = (
            f"{pressed('queue.hold')} has pictures made of them. {pressed('queue.write')} writes over them first; "
            f"{pressed('queue.cancel')} gives the job up."
        )
        return [section("look at the words"), *block(words, width, 6, "warn")]
    if record.state != "attention":
        return []
    suspect = next((stage.suspect for stage in record.stages if stage.suspect), None)
    lines: list[Line] = []
    if suspect and suspect not in record.reason:
        lines += [section("suspect"), *block(suspect, width, 3, "warn")]
    stuck = next((stage for stage in record.stages if stage.state in ("failed", "waiting")), None)
    again, away = f"{pressed('queue.retry')} tries it again.", f"{pressed('queue.cancel')} gives it up."
    words = f"{again} {pressed('queue.clone')} makes a new run of it, with another model or VAE, say. {away}"
    if stuck is not None and stuck.kind in WORDED:
        on = f"{pressed('queue.skip')} goes on without {plain(stuck.id)}, with the words as they are."
        words = f"{again} {on} {away}"
    return [*lines, section("what to do"), *block(words, width, 8, "text")]


def awaits_review(record: JobRecord) -> bool:
    """Whether it has passed its dispatch and no picture is begun."""
    begun = [stage for stage in record.stages if stage.state != "waiting"]
    return bool(begun) and begun[-1].kind == "dispatch"


def said(record: JobRecord) -> list[tuple[str, str]]:
    """What stages answered in words, in their order: name and text."""
    found: list[tuple[str, str]] = []
    before = record.spec.negative
    for stage in record.stages:
        for name in ("caption", "score", "prompt", "negative", "loras", "why"):
            value = stage.reported.get(name)
            if value is None or value == "" or (name not in ("caption", "score") and stage.kind not in WORDED):
                continue
            if name == "negative" and value == before:
                continue
            text = f"{value:.2f} of 1" if name == "score" and isinstance(value, int | float) else str(value)
            found.append((TITLES.get(name, name).format(stage.id), text))
        negative = stage.reported.get("negative")
        before = negative if stage.kind in WORDED and isinstance(negative, str) else before
    return found


TITLES = {"prompt": "{} wrote", "negative": "{} wrote to avoid", "loras": "{} chose", "why": "why"}


def answers(record: JobRecord, width: int) -> list[Line]:
    lines: list[Line] = []
    for name, text in said(record):
        shown = [piece for line in text.splitlines() for piece in block(line, width, 6, "text")[:-1]]
        lines += [section(name), *shown[:12], []]
    return lines


def prompts(record: JobRecord, width: int) -> list[Line]:
    """The words that its pictures are made from, and what they came from."""
    spec, words = record.spec, words_in(record)
    lines: list[Line] = []
    if words.prompt:
        lines += [section("prompt"), *block(words.prompt, width, 8, "text")]
    if spec.written is not None and spec.written.prompt == words.prompt:
        lines += [section("written by hand over"), *block(spec.written.after, width, 1, "dim")]
    if spec.prompt and spec.prompt != words.prompt:
        lines += [section("as planned"), *block(spec.prompt, width, 6, "dim")]
    if spec.template and spec.template != spec.prompt:
        lines += [section("before variation"), *block(spec.template, width, 6, "dim")]
    if words.negative:
        lines += [section("negative"), *block(words.negative, width, 4, "dim")]
    return lines


def settings(record: JobRecord, width: int) -> list[Line]:
    """What this job sets other than its run's pipeline does, and where each value came from."""
    overlay: dict[str, Scalar] = record.spec.overlay
    if not overlay:
        return []
    lines: list[Line] = [section("settings")]
    for name, value in overlay.items():
        origin = record.spec.origins.get(name, "")
        left = fit(plain(f"{name} {value}"), min(width - 3, max(18, width - 4 - len(origin))))
        lines.append([Piece("   " + left), Piece(" " + plain(origin), "faint")])
    return [*lines, []]


def happened(record: JobRecord, width: int, now: float) -> list[Line]:
    """A line each; above those of another day than today stands which."""
    moments = [(record.created, "submitted", "dim")]
    for stage in record.stages:
        if stage.started is not None:
            where = f" on {stage.node_name or stage.node}" if stage.node else ""
            where += f" · {stage.backend}" if where and stage.backend else ""
            moments.append((stage.started, f"{stage.id} begun{where}", "dim"))
        if stage.ended is not None:
            moments.append((stage.ended, f"{stage.id} {stage.state}", STAGE_SIGNS[stage.state][1]))
    if record.ended is not None:
        moments.append((record.ended, GLYPHS[record.state][2], GLYPHS[record.state][1]))
    lines: list[Line] = []
    day = datetime.fromtimestamp(now).date()
    for at, word, ink in moments:
        then = datetime.fromtimestamp(at)
        if then.date() != day:
            day = then.date()
            lines.append([Piece(f"   {then:%a %d %b %Y}", "dim")])
        lines.append([Piece(f"   {then:%H:%M:%S} ", "faint"), Piece(fit(plain(word), width - 11), ink)])
    return lines
