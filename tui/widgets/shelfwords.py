"""A text of the library as lines of its card: what it says, what a run becomes with it, who names it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import chop_cells

from schema.pipeline import RANK
from schema.shelf import Said, Use
from tui.keys import pressed
from tui.link.shelf import Item
from tui.screens.librarydrafts import TRIAL, Effect
from tui.widgets.ink import Line, Piece, fit, fit_middle, measure, plain, wrap
from tui.widgets.packlist import marked

KINDS = (*RANK, "interrogate", "score")
"""Of stages."""

MOST_LINES = 40
"""Of one thing that is said."""

MOST_TEXT = 4_000
"""Lines of a text that is told as it is."""


def card(
    item: Item,
    width: int,
    *,
    worded: bool,
    effect: Effect | None,
    uses: Sequence[Use] | None,
    about: Mapping[tuple[str, str], str] | None = None,
    refused: str = "",
    fault: str = "",
) -> list[Line]:
    """`worded`: its values are words of prompts. `effect`, `uses`: None until they are known. `about`: what a setting
    is for, by `of` and `name`. `refused`: why there can be no run with it now."""
    inside = max(12, width - 2)
    lines: list[Line] = [*faults(fault, inside), *whence(item, inside)]
    lines += said(item.says, inside, worded=worded, about=about or {}) if item.says else whole(item.text, inside)
    if effect is not None:
        lines += [[], *changes(effect, inside)]
    elif refused:
        lines += [[], [Piece(" A new run with it is refused", "warn")]]
        lines += [[Piece(f"   {line}")] for line in wrap(refused, inside - 3, 6)]
    if uses:
        lines += [[], *named(uses, inside)]
    return lines


def broken(text: str, fault: str, width: int) -> list[Line]:
    """One that cannot be read: what is wrong, and its text."""
    inside = max(12, width - 2)
    return [*faults(fault, inside), *([[], *whole(text, inside)] if text else [])]


def faults(fault: str, width: int) -> Iterator[Line]:
    if fault:
        yield from ([Piece(f" {line}", "bad")] for line in wrap(f"! {fault}", width, 6))
        yield [Piece(f" {pressed('shelf.edit')} opens its text", "dim")]


def whence(item: Item, width: int) -> Iterator[Line]:
    if item.builtin:
        yield [
            Piece(
                fit(
                    f" comes with the program and stays as it is; {pressed('shelf.copy')} makes a copy", width
                ).rstrip(),
                "dim",
            )
        ]
    elif item.path:
        yield [Piece(f" {fit_middle(plain(item.path), width - 1).rstrip()}", "faint")]


def said(says: Sequence[Said], width: int, *, worded: bool, about: Mapping[tuple[str, str], str]) -> Iterator[Line]:
    """What stands under one heading together; a line for each value."""
    heading: str | None = None
    stages = 0
    names = [len(plain(one.name)) for one in says if not is_stage(one)]
    wide = min(18, max(names, default=0), width // 3)
    for number, one in enumerate(says, 1):
        if is_stage(one):
            heading, stages = one.of, stages + 1
            yield []
            yield stage(one, stages, about.get((one.of, one.name), ""), width)
            continue
        if one.of != heading:
            heading = one.of
            if number > 1 or heading:
                yield []
            if heading:
                yield [Piece(f" {plain(heading)}", "title")]
        name = f"{number:>4}" if worded and not wide else fit(plain(one.name), wide) if wide else ""
        lead = len(name) + 3
        lines = wrap(one.value, max(8, width - lead), MOST_LINES) or [""]
        for at, line in enumerate(lines):
            head = Piece(f" {name if at == 0 else ' ' * len(name)}  ", "dim")
            yield [head, *(marked(line) if worded else [Piece(line)]), *_purpose(about.get((one.of, one.name), ""),
                width - lead - len(line) - 3 if len(lines) == 1 else 0)]  # fmt: skip


def is_stage(one: Said) -> bool:
    """The line that begins a stage of a pipeline: its kind, and whether it is switched on."""
    return one.value in ("on", "off") and one.name in KINDS


def stage(one: Said, number: int, words: str, width: int) -> Line:
    """`1 upscale2  upscale · off`."""
    kind = "" if one.name == one.of else f"  {plain(one.name)}"
    line = [Piece(f" {number} {plain(one.of)}", "title"), Piece(kind, "dim")]
    line += [Piece("  off", "warn")] if one.value == "off" else []
    return [*line, *_purpose(words, width - measure(line) - 3)]


def _purpose(words: str, room: int) -> list[Piece]:
    """Behind a value, where a good part of it fits."""
    return [Piece("   " + fit(plain(words), min(room, len(words))), "faint")] if words and room >= 24 else []


def whole(text: str, width: int) -> Iterator[Line]:
    yield []
    for line in text.splitlines()[:MOST_TEXT]:
        yield [Piece(" " + fit(plain(line), width).rstrip())]


def numbered(text: str, width: int) -> list[Line]:
    """A text with its lines' numbers; what is longer than the panel goes on below its number."""
    lines = text.splitlines()[:MOST_TEXT]
    wide = len(str(len(lines)))
    room = max(1, width - wide - 2)
    told: list[Line] = []
    for number, line in enumerate(lines, 1):
        parts = chop_cells(plain(line), room) or [""]
        told += [
            [Piece(f" {number if not at else '':>{wide}} ", "faint"), Piece(part)] for at, part in enumerate(parts)
        ]
    return told[:MOST_TEXT]


def changes(effect: Effect, width: int) -> Iterator[Line]:
    """What a new run has otherwise than the one that is being written."""
    yield [Piece(" A new run would change", "title"), Piece(f"  {pressed('shelf.use')} begins one", "dim")]
    if not any(effect):
        yield [Piece("   nothing: it is like that already", "dim")]
    name = min(26, max((len(key) for key, _, _ in effect.settings), default=0))
    for key, was, will in effect.settings:
        room = max(4, (width - name - 9) // 2)
        before, then = (fit_middle(plain(text), room).rstrip() if text else "none" for text in (was, will))
        head = Piece(f"   {fit_middle(plain(key), name)}  ", "dim")
        yield [head, Piece(before, "dim"), Piece(" → "), Piece(then, "strong")]
    for title, words in ((f"`{TRIAL}` becomes", effect.prompt), ("against", effect.negative)):
        if words:
            yield [Piece(f"   {title}", "dim")]
            yield from ([Piece(f"     {line}")] for line in wrap(words, width - 5, MOST_LINES))


def named(uses: Sequence[Use], width: int) -> Iterator[Line]:
    many = "one file" if len(uses) == 1 else f"{len(uses):,} files"
    yield [Piece(" Named in", "title"), Piece(f"  {many}", "dim")]
    for use in uses:
        place = f"{use.noun.removesuffix('s')} {use.name}" + (f":{use.line}" if use.line else "")
        yield [Piece(f"   {fit_middle(plain(place), width - 3).rstrip()}", "run")]
        yield from ([Piece(f"     {line}", "dim")] for line in wrap(use.words, width - 5, 2))
