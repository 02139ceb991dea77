"""What is known of a picture, in a few lines or in all of them. Pure."""

import socket
from collections.abc import Sequence
from urllib.parse import quote

from schema.pages import ImageRow, JobRecord, StageRecord
from tui.widgets.ink import Line, Piece, fit, fit_middle, plain, wrap
from tui.widgets.jobcard import card, said
from tui.widgets.jobrow import lasted, short

NOBODY = "none"
"""The program of a picture that says nothing of how it was made."""


def rating(image: ImageRow, record: JobRecord | None, width: int, *, wide: bool, keys: str = "") -> list[Line]:
    """The panel beside a picture: stars, tags, what made it, where it lies. `keys`: told where there is room."""
    stars = [Piece(" " + "★" * image.stars, "star"), Piece("☆" * (5 - image.stars), "faint")]
    tags: list[Piece] = [Piece(" tags  " if wide else "  ", "dim")]
    tags += [Piece(plain(tag) + "  ", "mark") for tag in image.tags] or [Piece("none" if wide else "", "faint")]
    path = [Piece(" "), Piece(fit_middle(plain(image.path), max(6, width - 2)), "dim", link_to(image.path))]
    if not wide:
        return [[*stars, *tags], *told(image, record, width)[:2], path]
    lines: list[Line] = [[*stars, Piece(f"   {keys}", "faint")], tags]
    if image.suspect:
        lines.append([Piece(f" may be broken: {plain(image.suspect)}", "warn")])
    heard = [line for name, text in said(record) for line in answer(name, text, width)] if record is not None else []
    return [*lines, [], *heard, *told(image, record, width), path]


def link_to(path: str) -> str:
    """`file://host/path`: a terminal on another machine sees by the host that the file is not its own."""
    return f"file://{quote(socket.gethostname())}{quote(path, errors='replace')}" if path.startswith("/") else ""


def answer(name: str, text: str, width: int) -> list[Line]:
    """A caption or a score, in two lines at most."""
    wrapped = wrap(text, max(8, width - len(name) - 4), 2) or [""]
    return [[Piece(f" {name if n == 0 else ' ' * len(name)}  ", "dim"), Piece(part)] for n, part in enumerate(wrapped)]


def told(image: ImageRow, record: JobRecord | None, width: int) -> list[Line]:
    """The settings, the model, the way it took."""
    brought = brought_in(record) if record is not None else []
    seed = [f"seed {image.seed}"] if image.seed or not brought else []
    groups = [[*(numbers(record) if record is not None else []), *seed]]
    groups.append([name for name in (image.model, image.pack) if name])
    if brought:
        groups.append(brought)
    elif record is not None:
        node = next((stage.node_name or stage.node for stage in reversed(record.stages) if stage.node), None)
        took = sum(s.ended - s.started for s in record.stages if s.ended is not None and s.started is not None)
        way = "→".join(short(stage.id) for stage in record.stages)
        groups.append([way, *([node] if node else []), lasted(took)])
    return [[Piece(" " + line)] for words in groups for line in joined(words, width - 2)]


def brought_in(record: JobRecord) -> list[str]:
    """Of a picture that another program made: which one, as far as it says so, and its file. Empty: we made it."""
    last = record.stages[-1] if record.stages else None
    file = last.reported.get("file") if last is not None and last.started is None else None
    if last is None or file is None:
        return []
    return ["brought in", *([last.backend] if last.backend and last.backend != NOBODY else []), str(file)]


def says_nothing(record: JobRecord) -> bool:
    """It was brought in, and how it was made is not known."""
    return bool(brought_in(record)) and record.stages[-1].backend == NOBODY


def joined(words: Sequence[str], width: int) -> list[str]:
    """The words with dots between them, broken between two of them only."""
    lines: list[str] = []
    for word in map(plain, words):
        if lines and len(lines[-1]) + 3 + len(word) <= width:
            lines[-1] += f" · {word}"
        else:
            lines.append(fit(word, width).rstrip())
    return lines


def numbers(record: JobRecord) -> list[str]:
    """`cfg 6.0`, `30 st`, the sampler: of the first stage, as the backend really used them."""
    first: StageRecord | None = next((stage for stage in record.stages if stage.effective), None)
    found = dict(first.effective) if first else {}
    for name, value in record.spec.overlay.items():
        stage, _, field = name.partition(".")
        if record.stages and stage == record.stages[0].id:
            found.setdefault(field, value)
    words = [f"cfg {found['cfg']}"] if "cfg" in found else []
    words += [f"{found['steps']} st"] if "steps" in found else []
    return words + [plain(str(found[name])) for name in ("sampler", "scheduler") if found.get(name)]


def whole(image: ImageRow, record: JobRecord | None, width: int, now: float) -> list[Line]:
    """Everything: for the pane that opens over the gallery."""
    facts = [
        ("image", image.id), ("size", f"{image.width}x{image.height} · {image.bytes / 1e6:.1f} MB · {image.media}"),
        ("sha256", image.sha256), ("pixels", image.pixels), ("path", image.path),
    ]  # fmt: skip
    lines: list[Line] = []
    for name, text in facts:
        wrapped = wrap(text, width - 11, 4) or [""]
        lines += [[Piece(f" {name if n == 0 else '':<8} ", "dim"), Piece(part)] for n, part in enumerate(wrapped)]
    return [*lines, [], *(card(record, None, "", width, now) if record else [])]
