"""Numbers of the stages under a key: how far it moves them, where they usually lie, what is no number. Pure."""

from typing import NamedTuple

from tui.screens.fields import Field

STEP = {
    "cfg": 0.5, "guidance": 0.5, "width": 64, "height": 64, "resolution": 64, "tile": 64, "factor": 0.25, "scale": 0.25,
    "overlap": 8, "padding": 8, "mask_padding": 8, "quality": 5, "trim_from": 0.5, "trim_to": 0.5, "temperature": 0.1,
    "max_tokens": 50, "max_length": 100, "timeout": 10, "sharpen": 0.1, "radius": 0.1,
}  # fmt: skip
"""Of fields that move by more or less than one, or a twentieth of what lies between 0 and 1."""

USUAL = {
    "steps": (1, 60), "cfg": (1, 15), "guidance": (0, 10), "width": (256, 2048), "height": (256, 2048),
    "clip_skip": (1, 4), "batch": (1, 8), "factor": (1, 4), "tile": (0, 1024), "overlap": (0, 128), "fps": (1, 60),
    "seconds": (1, 60), "trim_from": (0, 60), "trim_to": (0, 60), "padding": (0, 128), "mask_padding": (0, 128),
    "dilate": (-32, 32), "mask_grow": (-32, 32), "max_regions": (0, 10), "sharpen": (0, 2), "radius": (0.1, 5),
    "temperature": (0, 1.5), "max_tokens": (16, 2000), "max_length": (20, 4000), "timeout": (10, 600),
    "strongest": (0, 3), "weight": (0, 2), "resolution": (256, 1024), "noise": (0.5, 1.5),
}  # fmt: skip
"""What people mostly take: a slider over all that is allowed would never leave its left end."""

BEGIN = {
    "width": 512, "height": 512, "guidance": 3.5, "seconds": 10, "trim_to": 10, "noise": 1, "mask_padding": 32,
    "memory": 5, "denoise": 0.3, "sharpen": 0.5, "radius": 1, "variation_seed": 1,
}  # fmt: skip
"""Where a number begins that nobody has said yet."""


class Span(NamedTuple):
    low: float
    high: float


def inner(one: Field) -> str:
    """`scale` of `hires.scale`."""
    return one.name.rpartition(".")[2]


def step(one: Field) -> float:
    return STEP.get(inner(one)) or (1 if one.limits.whole or inner(one) in USUAL else 0.05)


def usual(one: Field) -> Span | None:
    """None: nobody can say where it mostly lies, and it has no slider."""
    if (found := USUAL.get(inner(one))) is not None:
        return Span(*found)
    low, high = one.limits.low, one.limits.high
    return Span(low, high) if low is not None and high is not None and high - low <= 100 else None


def number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def nudged(one: Field, text: str, by: int, *, even: bool = False) -> str:
    """The number so many steps on, on a whole number of them and within what is allowed; `even`: also of sizes."""
    width = step(one)
    now = number(text)
    if now is None:
        told = one.default if isinstance(one.default, int | float) else None
        now = float(told if told is not None else BEGIN.get(inner(one), one.limits.low or 0))
        by = 0
    moved = now + by * width
    if even or (by and inner(one) not in ("width", "height")):  # a key leaves 832 as good a size as 768
        moved = round(moved / width) * width
    limits = one.limits
    if limits.low is not None:
        moved = max(moved, limits.low + (width if limits.above else 0))
    if limits.high is not None:
        moved = min(moved, limits.high)
    return written(moved, whole=limits.whole)


def written(value: float, *, whole: bool) -> str:
    return str(round(value)) if whole else f"{round(value, 4):g}"


def slider(one: Field, text: str, width: int) -> str:
    """`├───●──┤`, exactly `width` cells; empty where it has none or the number is none."""
    span, now = usual(one), number(text)
    if span is None or now is None or width < 5:
        return ""
    room = width - 3
    at = round(room * (min(max(now, span.low), span.high) - span.low) / (span.high - span.low))
    return "├" + "─" * at + "●" + "─" * (room - at) + "┤"


def at_cell(one: Field, cell: int, width: int) -> str | None:
    """The number at this cell of a slider so wide; None: it has no slider."""
    if (span := usual(one)) is None or width < 5:
        return None
    part = min(max(cell - 1, 0), width - 3) / (width - 3)
    return nudged(one, written(span.low + part * (span.high - span.low), whole=False), 0, even=True)


def complaint(one: Field, text: str) -> str:
    """Why this cannot be the number; empty: it can."""
    if not text.strip():
        return "" if one.empty else "a number belongs here"
    value, limits = number(text), one.limits
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return "this is no number"
    if limits.whole and value != round(value):
        return "a whole number belongs here"
    low = limits.low is not None and (value < limits.low or (limits.above and value == limits.low))
    if low or (limits.high is not None and value > limits.high):
        return f"it may be {limits}"
    return ""


def typed(one: Field, text: str) -> str:
    """What was typed as `--set` reads it; call it where there is no complaint."""
    value = number(text)
    return "null" if value is None else written(value, whole=one.limits.whole)
