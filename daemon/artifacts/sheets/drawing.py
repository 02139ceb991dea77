"""Draws a sheet: one canvas of bounded size, one picture decoded at a time. Blocks; call it in a thread."""

import hashlib
import io
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from daemon.artifacts.sheets.layout import Cell, Layout
from daemon.artifacts.verifier import FORMATS
from schema.errors import Refused
from schema.ids import Sha256

PathOf = Callable[[Sha256], Path]

LARGEST, SMALLEST = 384, 64
"""Longer side of a picture on a sheet."""

PIXELS = 24_000_000
"""Of the whole sheet: 72 MB while it is drawn."""

SIDE = 16_000
"""Longest side that most programs open."""

GAP, MARGIN = 6, 16
INK, FAINT, PAPER, HOLE, DOUBT = (235, 235, 238), (150, 150, 158), (24, 24, 27), (44, 44, 49), (226, 88, 74)

VERSION = 1
"""Raised when the same pictures would be drawn otherwise."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Plan(NamedTuple):
    """Sizes in pixels."""

    cell: tuple[int, int]
    font: int
    label: int
    """Width of the column of rows' labels."""
    head: int
    caption: int
    """Height below each picture."""
    width: int
    height: int


def draw(layout: Layout, path_of: PathOf, cell: int | None = None) -> bytes:
    """A PNG. `cell`: longer side of a picture; None: as large as suits. Raises Refused where it would be too large."""
    plan = fitted(layout, cell)
    canvas = Image.new("RGB", (plan.width, plan.height), PAPER)
    pen = ImageDraw.Draw(canvas)
    _write(pen, (MARGIN, MARGIN), layout.title, plan.width - 2 * MARGIN, plan.font + 4, INK)
    top = MARGIN + _line(plan.font + 4) + GAP
    axes = ", ".join(filter(None, (layout.x and f"across: {layout.x}", layout.y and f"down: {layout.y}")))
    if axes:
        _write(pen, (MARGIN, top), axes, plan.width - 2 * MARGIN,
               plan.font, FAINT)  # fmt: skip
        top += _line(plan.font)
    for panel in layout.panels:
        if panel.title:
            top += GAP
            _write(pen, (MARGIN, top), panel.title, plan.width - 2 * MARGIN, plan.font, INK)
            top += _line(plan.font)
        top = _heads(pen, layout, plan, top)
        for label, cells in panel.rows:
            _write_block(pen, (MARGIN, top), label, (plan.label - GAP, plan.cell[1]), plan.font, INK)
            for column, one in enumerate(cells):
                if one is not None:
                    left = MARGIN + plan.label + column * (plan.cell[0] + GAP)
                    _paste(canvas, pen, (left, top), one, plan, path_of, layout.captions)
            top += plan.cell[1] + plan.caption + GAP
    return _packed(canvas, digest(layout, cell))


def fitted(layout: Layout, cell: int | None = None) -> Plan:
    """The largest that is within bounds. Raises Refused."""
    sizes = [cell] if cell is not None else [LARGEST, 320, 256, 192, 160, 128, 96, 80, SMALLEST]
    plans = (_plan(layout, size) for size in sizes)
    for plan in plans:
        if plan.width * plan.height <= PIXELS and max(plan.width, plan.height) <= SIDE:
            return plan
    count = sum(1 for _ in layout.cells())
    raise Refused(
        f"a sheet of {count:,} pictures would be too large.",
        where="sheet",
        remedy="Give --cell a smaller number." if cell is not None and cell > SMALLEST else "Name fewer pictures.",
    )


def digest(layout: Layout, cell: int | None = None) -> str:
    """Of all that is drawn: the same pictures in the same places need no new sheet."""
    drawn = (VERSION, layout.title, layout.columns, layout.x, layout.y, cell, [
        (panel.title, [(label, [one and (one.name, one.sha256, one.mark) for one in cells])
                       for label, cells in panel.rows]) for panel in layout.panels
    ])  # fmt: skip
    return hashlib.sha256(repr(drawn).encode()).hexdigest()


def digest_of(path: Path) -> str:
    """What a sheet that lies there was drawn from; empty for anything else."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            found = picture.info.get("stablenew-sheet", "")
    except (OSError, SyntaxError, ValueError):
        return ""
    return found if isinstance(found, str) else ""


def _plan(layout: Layout, side: int) -> Plan:
    """Cells are as wide and as high as the widest and the highest picture, the longer side being `side`."""
    sizes = [one.size for one in layout.cells() if one.sha256] or [(1, 1)]
    side = min(side, max(max(size) for size in sizes)) if any(one.sha256 for one in layout.cells()) else side
    wide = max(width / max(width, height) for width, height in sizes)
    high = max(height / max(width, height) for width, height in sizes)
    box = (max(24, round(side * wide)), max(24, round(side * high)))
    font = 11 if side < 128 else 13 if side < 256 else 15
    rows = [label for panel in layout.panels for label, _ in panel.rows]
    label = _label_width(rows, font)
    caption = _line(font) if layout.captions else 0
    head = max((_lines(text, box[0], font) for text in layout.columns if text), default=0) * _line(font)
    width = 2 * MARGIN + label + len(layout.columns) * (box[0] + GAP) - GAP
    height = 2 * MARGIN + _line(font + 4) + GAP + (_line(font) if layout.x or layout.y else 0)
    for panel in layout.panels:
        height += (_line(font) + GAP if panel.title else 0) + (head + GAP if head else 0)
        height += len(panel.rows) * (box[1] + caption + GAP)
    return Plan(box, font, label, head, caption, max(width, 240), height)


def _label_width(labels: Iterable[str], font: int) -> int:
    """As wide as the longest needs, up to a dozen words; longer ones are broken."""
    longest = max((_width(text, font) for text in labels), default=0)
    return min(longest, 14 * font) + 2 * GAP if longest else 0


def _heads(pen: ImageDraw.ImageDraw, layout: Layout, plan: Plan, top: int) -> int:
    if not plan.head:
        return top
    for column, text in enumerate(layout.columns):
        left = MARGIN + plan.label + column * (plan.cell[0] + GAP)
        _write_block(pen, (left, top), text, (plan.cell[0], plan.head), plan.font, INK)
    return top + plan.head + GAP


def _paste(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, at: tuple[int, int], one: Cell, plan: Plan, path_of: PathOf,
    captions: bool,
) -> None:  # fmt: skip
    left, top = at
    box = (left, top, left + plan.cell[0] - 1, top + plan.cell[1] - 1)
    picture = _small(one.sha256, plan.cell, path_of) if one.sha256 else None
    if picture is None:
        pen.rectangle(box, fill=HOLE)
        said = one.mark if one.sha256 is None else "its file is gone"
        _write_block(pen, (left + GAP, top + GAP), said, (plan.cell[0] - 2 * GAP, plan.cell[1]), plan.font, FAINT)
    else:
        canvas.paste(picture, (left + (plan.cell[0] - picture.width) // 2, top + (plan.cell[1] - picture.height) // 2))
        if one.mark:
            pen.rectangle(box, outline=DOUBT, width=3)
    if captions:
        _write(pen, (left, box[3] + 2), one.name, plan.cell[0], plan.font, FAINT)


def _small(sha256: Sha256, box: tuple[int, int], path_of: PathOf) -> Image.Image | None:
    """None: its file is not there any more, or damaged."""
    try:
        with Image.open(path_of(sha256), formats=FORMATS) as picture:
            picture.draft("RGB", box)
            picture.thumbnail(box, Image.Resampling.BICUBIC, reducing_gap=2.0)
            if picture.has_transparency_data:
                ground = Image.new("RGBA", picture.size, (*PAPER, 255))
                return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
            return picture.convert("RGB")
    except (Refused, OSError, SyntaxError, ValueError):
        return None


def _packed(canvas: Image.Image, told: str) -> bytes:
    texts = PngInfo()
    texts.add_text("stablenew-sheet", told)
    packed = io.BytesIO()
    canvas.save(packed, "PNG", pnginfo=texts, compress_level=4)
    return packed.getvalue()


# Words -------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _line(size: int) -> int:
    return round(size * 1.4)


def _width(text: str, size: int) -> int:
    return round(_font(size).getlength(text))


def _write(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, room: int, size: int, ink: tuple[int, int, int]
) -> None:
    pen.text(at, _cut(text, room, size), font=_font(size), fill=ink)


def _write_block(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, room: tuple[int, int], size: int,
    ink: tuple[int, int, int],
) -> None:  # fmt: skip
    """Broken into lines; what does not fit below is cut."""
    lines = _broken(text, room[0], size)
    most = max(1, room[1] // _line(size))
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]} ..."]
    for number, line in enumerate(lines):
        _write(pen, (at[0], at[1] + number * _line(size)), line, room[0], size, ink)


def _lines(text: str, room: int, size: int) -> int:
    return min(3, len(_broken(text, room, size)))


def _broken(text: str, room: int, size: int) -> list[str]:
    lines: list[str] = []
    for word in text[:300].split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and _width(joined, size) <= room:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _cut(text: str, room: int, size: int) -> str:
    """With an ellipsis where it is too long."""
    text = " ".join(text[:1000].split())
    if _width(text, size) <= room:
        return text
    least, most = 0, len(text)
    while least < most:
        middle = (least + most + 1) // 2
        if _width(f"{text[:middle]}...", size) <= room:
            least = middle
        else:
            most = middle - 1
    return f"{text[:least]}..." if least else ""
