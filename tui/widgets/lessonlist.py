"""The lists of the Learn area: packs with what each has taught in a sentence, experiments with how far they are."""

from collections.abc import Callable
from typing import Generic, TypeVar

from textual.strip import Strip

from schema.experiments import LearningRunRow
from schema.insights import PackInsight
from schema.records import LOOSE
from schema.spoken import begun, named
from tui.keys import pressed
from tui.widgets.held import HeldList
from tui.widgets.ink import Line, Piece, fit, plain, wrap
from tui.widgets.jobrow import bar
from tui.widgets.lessonwords import in_a_sentence

Item = TypeVar("Item")

STATES: dict[str, tuple[str, str]] = {
    "waiting": ("○", "wait"), "running": ("▶", "run"), "to rate": ("★", "star"), "rated": ("●", "good"),
    "stopped": ("✗", "bad"),
}  # fmt: skip


class LessonList(HeldList[Item], Generic[Item]):
    """Cells of several lines: a head, and words below it."""

    def __init__(self, key: Callable[[Item], str], *, id: str, title: str, none: str) -> None:
        super().__init__(key, id=id)
        self.title_line = (Piece(title, "title"),)
        self._none = none

    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def lines(self, item: Item, width: int, *, here: bool) -> list[Line]:
        """Of the cell of an item, behind the cursor's sign."""
        return []

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total:
            words = wrap(self._none, width - 2, 6)
            return self.strip([Piece(f" {words[y - 1]}", "dim")] if 0 < y <= len(words) else (), width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: Item | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        lines = self.lines(item, width - 1, here=here) if item is not None else []
        rest = lines[line] if line < len(lines) else ()
        return self.strip([Piece(">" if here and line == 0 else " ", "strong"), *rest], width, over)


class PackLessons(LessonList[PackInsight]):
    def __init__(self) -> None:
        stars = f"{pressed('gallery.rate1')}-{pressed('gallery.rate5')}"
        inbox = f"{pressed('learn.rate')} here shows those that wait"
        none = f"Nothing is rated yet. Keys {stars} in the gallery rate a picture; {inbox}."
        super().__init__(key_of, id="lessons", title="Packs", none=none)

    def cells(self) -> tuple[int, int]:
        return 1, 4 if self.room[0] < 60 else 3

    def lines(self, item: PackInsight, width: int, *, here: bool) -> list[Line]:
        sign, ink = sign_of(item)
        count = f"{item.ratings:,}★"
        name = fit(title_of(item), max(4, width - 4 - len(count)))
        head = [Piece(f"{sign} ", ink), Piece(name, "strong" if here else "text"), Piece(f" {count} ", "dim")]
        words = in_a_sentence(item)
        return [head, *([Piece(f"  {line}", "dim")] for line in wrap(words, width - 3, self.cells()[1] - 1))]


class Experiments(LessonList[LearningRunRow]):
    def __init__(self) -> None:
        super().__init__(lambda row: row.run, id="experiments", title="Experiments",
                         none="None yet. n begins one; f queues the one that is proposed.")  # fmt: skip

    def cells(self) -> tuple[int, int]:
        return 1, 3

    def lines(self, item: LearningRunRow, width: int, *, here: bool) -> list[Line]:
        sign, ink = STATES[item.state]
        several = item.plan.kind == "explore"
        knobs = (
            f"Explore {len(item.plan.variables)} settings"
            if several
            else begun(", ".join(map(named, item.plan.variables)))
        )
        words = f"{plain(knobs)} · {', '.join(map(plain, item.packs)) or plain(item.name)}"
        head = [Piece(f"{sign} ", ink), Piece(fit(words, width - 3), "strong" if here else "text")]
        return [head, [Piece("  "), *progress(item)], []]


def progress(row: LearningRunRow) -> Line:
    """`24/60 made`, then `40/60 rated`."""
    if row.state in ("waiting", "running") and row.made < row.images:
        done = bar(row.made / max(1, row.images), 8)
        return [*done, Piece(f" {row.made}/{row.images} made", "run" if row.state == "running" else "dim")]
    words = {"to rate": "to rate", "rated": "rated", "stopped": "stopped"}.get(row.state, "rated")
    done = bar(row.rated / max(1, row.made), 8)
    return [*done, Piece(f" {row.rated}/{row.made} rated", "dim"),
            Piece(f" · {words}" if words != "rated" else "", STATES[row.state][1])]  # fmt: skip


def key_of(item: PackInsight) -> str:
    """Sketches of a pack and its real pictures are never pooled."""
    return f"{item.backend}/{item.pack}"


def title_of(item: PackInsight) -> str:
    name = "written by hand" if item.pack == LOOSE else plain(item.pack)
    return f"{name} (sketches)" if item.backend == "sketch" else name


def counted(item: PackInsight) -> str:
    """`95 ratings, 1 duel`."""
    words = [f"{many:,} {word}{'' if many == 1 else 's'}" for many, word in
             ((item.ratings, "rating"), (item.duels, "duel")) if many]  # fmt: skip
    return ", ".join(words)


def sign_of(item: PackInsight) -> tuple[str, str]:
    if item.withdrawn:
        return "!", "warn"
    if not item.enough:
        return "·", "faint"
    if any(claim.strength == "clearly" for claim in item.claims):
        return "●", "good"
    return ("○", "key") if item.claims else ("·", "dim")
