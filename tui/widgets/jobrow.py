"""A job as one line: which columns there are, how wide, and what stands in them. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from schema.events import JobPhase
from schema.scenes import Row, RunningJob
from tui.widgets.ink import Piece, fit, fit_middle, plain

SHORT = {
    "txt2img": "t2i", "img2img": "i2i", "refiner": "ref", "detail": "det", "upscale": "up", "face_restore": "face",
    "refine": "fin", "post": "post", "resize": "web", "interrogate": "cap", "score": "sco", "video": "vid",
    "generatePrompt": "gen", "llmEnhance": "llm", "selectLoras": "lora", "dispatch": "disp",
}  # fmt: skip

GLYPHS: dict[JobPhase, tuple[str, str, str]] = {
    "queued": ("○", "wait", "queued"),
    "held": ("‖", "warn", "held"),
    "running": ("▶", "run", "running"),
    "finished": ("✓", "good", "done"),
    "failed": ("✗", "bad", "failed"),
    "cancelled": ("⊘", "dim", "cancelled"),
    "attention": ("!", "bad", "attention"),
}
"""Sign, ink and word of each state."""

BROAD = 120
"""Cells from which there is room for long names of nodes, all stages, and reasons in full."""

EIGHTHS = " ▏▎▍▌▋▊▉"


class Widths(NamedTuple):
    id: int
    state: int
    job: int
    stages: int
    node: int
    progress: int


def widths(room: int, id_width: int, nodes: int) -> Widths:
    """How `room` cells are shared: two for cursor and mark, one between columns; the job's name takes the rest.

    With one node only nobody asks which.
    """
    state, stages, node, progress = (
        (11, 19, 12, 27) if room >= BROAD else (11, 11, 8, 15) if room >= 82 else (2, 11, 8, 13)
    )
    if room < 66:
        stages = 0
    if room < 56 or nodes < 2:
        node = 0
    gaps = 3 + bool(stages) + bool(node)
    job = room - 2 - id_width - state - stages - node - progress - gaps
    return Widths(id_width, state, max(6, job), stages, node, progress)


def heading(w: Widths) -> list[Piece]:
    words = [("id", w.id), ("state" if w.state > 4 else "st", w.state), ("job", w.job), ("stages", w.stages),
             ("node", w.node), ("progress", w.progress)]  # fmt: skip
    return [Piece("  "), *(Piece(fit(word, width) + " ", "dim") for word, width in words if width)]


def pieces(row: Row, running: RunningJob | None, w: Widths, *, cursor: bool, marked: bool) -> list[Piece]:
    on_node = running is not None and running.token is not None
    state: JobPhase = "running" if on_node and row.state == "queued" else row.state
    sign, ink, word = GLYPHS[state]
    quiet = "dim" if state in ("finished", "cancelled") else "text"
    line = [
        Piece(">", "strong") if cursor else Piece(" ", quiet),
        Piece("●", "mark") if marked else Piece(" ", quiet),
        Piece(fit_middle(row.id, w.id) + " ", quiet),
        Piece(fit(f"{sign} {word}" if w.state > 4 else sign, w.state) + " ", ink),
        Piece(fit_middle(plain(row.name), w.job) + " ", quiet if state != "running" else "strong"),
    ]
    if w.stages:
        line += stages(row, running, w.stages)
        line.append(Piece(" ", "dim"))
    if w.node:
        node = (running.node_name or running.node if running else None) or row.node_name or row.node
        line.append(Piece(fit(plain(node) if node else "·", w.node) + " ", "dim"))
    return line + progress(row, running, w.progress)


def stages(row: Row, running: RunningJob | None, width: int) -> list[Piece]:
    """`t2i·det·up`, the stage it is at in colour."""
    at = running.stage if running else row.stage
    names = [short(stage) for stage in row.stages]
    text = fit("·".join(names), width)
    if at not in row.stages or row.state in ("finished", "cancelled"):
        return [Piece(text, "dim")]
    start = sum(len(name) + 1 for name in names[: row.stages.index(at)])
    end = start + len(short(at))
    if end > width:
        return [Piece(text, "dim")]
    return [Piece(text[:start], "dim"), Piece(text[start:end], GLYPHS[row.state][1]), Piece(text[end:], "dim")]


def short(stage: str) -> str:
    """A stage's id in three or four letters; `detail2` is `det2`."""
    kind = stage.rstrip("0123456789") if stage not in SHORT else stage
    return plain(SHORT.get(kind, kind[:4])) + stage[len(kind) :]


def progress(row: Row, running: RunningJob | None, width: int) -> list[Piece]:
    """The last column: how far it is, or how it ended."""
    if running is not None and row.state in ("running", "queued"):
        return under_way(running, width)
    if row.state == "finished":
        return [
            Piece(fit(lasted(row.seconds), 5, "right") + "  ", "dim"),
            Piece(fit("★" * row.stars, width - 7), "star"),
        ]
    ink = {"failed": "bad", "attention": "bad", "held": "warn"}.get(row.state, "dim")
    return [Piece(fit(plain(row.reason), width), ink)]


def under_way(running: RunningJob, width: int) -> list[Piece]:
    part = share(running)
    percent = f"{int(part * 100):3d}%"
    eta = fit(clock(running.eta_s) if running.token is not None else "", 6, "right")
    cells = width - 11
    if cells < 4:
        return [Piece(percent, "run"), Piece(fit(eta, width - 4, "right"), "dim")]
    return [*bar(part, cells), Piece(" " + percent, "run"), Piece(eta, "dim")]


def share(running: RunningJob) -> float:
    """How much of the whole job is done, 0 to 1; every stage counts the same."""
    within = running.step / running.steps if running.steps > 0 else 0.0
    done = (running.stage_number - 1 + min(within, 1.0)) / max(1, running.stages)
    return max(0.0, min(1.0, done))


def bar(part: float, cells: int) -> list[Piece]:
    eighths = round(part * cells * 8)
    full, rest = divmod(eighths, 8)
    drawn = ("█" * full + (EIGHTHS[rest] if rest else ""))[:cells]
    return [Piece(drawn, "bar"), Piece(" " * (cells - len(drawn)), "trough")]


def clock(seconds: float | None) -> str:
    """`0:41`, `12:05`, `1h12m`, `3d04h`."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def lasted(seconds: float | None) -> str:
    """As `clock`, but `0.4s` where seconds would say nothing."""
    return f"{max(0.0, seconds):.1f}s" if seconds is not None and seconds < 9.95 else clock(seconds)


def longest_id(rows: Sequence[Row | None]) -> int:
    return min(15, max((len(row.id) for row in rows if row is not None), default=10))
