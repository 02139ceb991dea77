"""How busy the nodes were in the last hour: a row of blocks for each, with its name and the percent of now. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from schema.scenes import NodeScene
from tui.widgets.ink import Line, Piece, fit, fit_middle
from tui.widgets.nodeline import NODE_SIGNS, name_of

BLOCKS = " ▁▂▃▄▅▆▇█"
NAME = 10
TALLEST = 4
MARKS = ("-60m", "-45m", "-30m", "-15m", "now")


class Course(NamedTuple):
    node: NodeScene
    percents: Sequence[float | None]


def columns_of(width: int) -> int:
    """Cells of the hour in a pane of this width."""
    return max(8, width - NAME - 9)


def chart(courses: Sequence[Course], width: int, height: int) -> list[Line]:
    """Lines for a pane `width` by `height`; every node has the same number of lines, at least one."""
    if not courses:
        return []
    columns = columns_of(width)
    tall = max(1, min(TALLEST, (height - 1) // len(courses) - 1))
    gap = tall > 1 or (height - 1) >= 2 * len(courses)
    lines: list[Line] = []
    for course in courses:
        lines += _rows(course, columns, tall)
        if gap:
            lines.append([])
    return [*lines, [Piece(" " * (NAME + 2)), Piece(axis(columns), "faint")]]


def _rows(course: Course, columns: int, tall: int) -> list[Line]:
    sign, ink = NODE_SIGNS[course.node.state]
    now = "" if course.node.gpu_percent is None else f"{course.node.gpu_percent:.0f}%"
    lines: list[Line] = []
    for row in reversed(range(tall)):
        last = row == 0
        head = fit_middle(name_of(course.node), NAME) if last else " " * NAME
        blocks = "".join(_block(percent, row, tall) for percent in course.percents[-columns:])
        lines.append(
            [
                Piece(f" {head} ", "text"),
                Piece(blocks, "run"),
                Piece(fit(now, 5, "right") if last else "", "dim"),
                Piece(f" {sign}" if last else "", ink),
            ]
        )
    return lines


def _block(percent: float | None, row: int, tall: int) -> str:
    """What of a column as high as `percent` stands in line `row` from below."""
    if percent is None:
        return "·" if row == 0 else " "
    eighths = round(min(100.0, max(0.0, percent)) / 100 * tall * 8) - row * 8
    return BLOCKS[max(1 if row == 0 else 0, min(8, eighths))]


def axis(columns: int) -> str:
    """The marks of the hour, each as near to its place as they fit."""
    marks = MARKS if columns >= 40 else (MARKS[0], MARKS[2], MARKS[4])
    line = [" "] * columns
    for number, mark in enumerate(marks):
        at = round(number * (columns - 1) / (len(marks) - 1)) - (len(mark) - 1 if number == len(marks) - 1 else 0)
        at = max(0, min(columns - len(mark), at - (len(mark) // 2 if 0 < number < len(marks) - 1 else 0)))
        line[at : at + len(mark)] = mark
    return "".join(line)
