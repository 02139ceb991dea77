"""The gallery: a grid of pictures where there is room, a list of names where there is none.

Moving the cursor sends two captions, never a picture again.
"""

from statistics import median

from textual.geometry import Region
from textual.strip import Strip

from schema.pages import ImageRow
from tui.widgets.grouping import Group, named
from tui.widgets.ink import Piece, fit, fit_middle, plain, wrap
from tui.widgets.listing import Listing
from tui.widgets.pages import Pages
from tui.widgets.thumbs import Thumbs, Wish

CELL = 24
"""Characters of a cell with the space beside it."""

CAPTION = 2
"""Lines below a picture: its caption, and one that is empty."""

NARROW = 48
"""Below this width there are no pictures in the list."""


NO_PICTURE = "No picture here yet."


def stars_of(stars: int) -> list[Piece]:
    return [Piece("★" * stars, "star"), Piece("☆" * (5 - stars), "faint")]


class ImageGrid(Listing[ImageRow]):
    def __init__(self, thumbs: Thumbs) -> None:
        super().__init__(Pages(lambda image: image.id), id="images")
        self.thumbs = thumbs
        self.title_line = (Piece("Images", "title"),)
        self.group: Group | None = None
        """What neighbours have in common: told below each picture."""
        self.nothing = NO_PICTURE
        """What is said where there are none."""
        self._shape = 1.0
        """Width by height of the usual picture here."""
        self._off = thumbs.off

    def name_of(self, item: ImageRow) -> str:
        return item.id

    @property
    def pictures(self) -> bool:
        return self.room[0] >= NARROW and not self.thumbs.off

    def cells(self) -> tuple[int, int]:
        width, lines = self.room
        if not self.pictures:
            return 1, 1
        columns = max(2, round(width / CELL))
        wanted = max(5, min(16, round((width // columns - 2) / self._shape / 2)))
        rows = max(1, round(lines / (wanted + CAPTION)))
        return columns, max(CAPTION + 3, lines // rows)

    @property
    def each(self) -> int:
        """Characters of a cell; the last one of a row has those that are left over, and leaves them empty."""
        return self.room[0] // self.cells()[0]

    def look_again(self) -> None:
        """Pictures may be wanted now that were not, or the other way round."""
        if self._off != self.thumbs.off:
            self._off = self.thumbs.off
            self.on_resize()

    def wish(self, image: ImageRow) -> Wish:
        return Wish(image.id, self.each - 2, self.cells()[1] - CAPTION)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total:
            words = wrap(self.nothing, max(8, width - 4), 4)
            return self.strip([Piece(f"  {words[y - 2]}", "dim")] if 0 <= y - 2 < len(words) else (), width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: ImageRow | None, line: int, width: int) -> Strip:
        if not self.pictures:
            return self.list_line(index, item, width)
        high = self.cells()[1]
        if item is None:
            return self.strip((), width)
        if line >= high - 1:
            told = named(item, self.group) if self.group is not None else ""
            return self.strip([Piece(fit("  " + plain(told), width - 2), "faint")], width)
        if line == high - CAPTION:
            return self.caption(index, item, width)
        return self.picture_line(index, item, line, width, high - CAPTION)

    def picture_line(self, index: int, item: ImageRow, line: int, width: int, high: int) -> Strip:
        """One line of the picture, in the middle of its cell."""
        wish = self.wish(item)
        cells = self.thumbs.get(wish, self)
        if cells is None:
            word = "cannot be shown" if self.thumbs.is_broken(wish) else "·"
            ink = "bad" if self.thumbs.is_broken(wish) else "faint"
            return self.strip([Piece(f"{word:^{self.each}}", ink)] if line == high // 2 else (), width)
        left = (self.each - cells.columns) // 2
        above = high - cells.lines
        if not 0 <= line - above < cells.lines:
            return self.strip((), width)
        return Strip.join(
            [
                self.strip((), left),
                cells.strips[line - above],
                self.strip((), width - left - cells.columns),
            ]
        )

    def picture_came(self, image: str) -> None:
        index = self.pages.find(image)
        if index is not None and self.pictures:
            self.redraw_items(index, whole=True)

    def caption(self, index: int, item: ImageRow, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        name = self.each - 10
        line = [
            Piece(">" if here else " ", "strong"),
            Piece("●" if self.is_marked(item) else " ", "mark"),
            Piece(fit_middle(item.job, name), "strong" if here else "dim"),
            Piece(" "),
            *stars_of(item.stars),
        ]
        return Strip.join([self.strip(line, self.each - 2, over), self.strip((), width - self.each + 2)])

    def list_line(self, index: int, item: ImageRow | None, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        line = [
            Piece(">" if here else " ", "strong"),
            Piece("●" if self.is_marked(item) else " ", "mark"),
            Piece(fit_middle(item.job, 12) + " "),
            *stars_of(item.stars),
            Piece(" " + fit_middle(plain(item.name), max(0, width - 21)), "dim"),
        ]
        return self.strip(line, width, over)

    def touched(self, cell: Region) -> Region:
        if not self.pictures:
            return cell
        caption = self.cells()[1] - CAPTION
        return Region(cell.x, cell.y + caption, cell.width, 1) if cell.height > caption else cell

    def arrived(self, changed: set[int], *, total_changed: bool) -> None:
        first, last = self.in_view()
        shapes = [i.width / i.height for i in map(self.pages.get, range(first, last + 1)) if i and i.height]
        shape = median(shapes) if shapes else 1.0
        if abs(shape - self._shape) > 0.05:
            self._shape, total_changed = shape, True
        super().arrived(changed, total_changed=total_changed)

    def follow(self, name: str) -> None:
        """Wherever it has gone: a rating meant for a picture must not meet the one that came in its place."""
        index = self.pages.find(name)
        if index is not None and index != self.cursor:
            self.go(index)

    def scroll_top(self, top: int) -> bool:
        if top != self.top:
            self.thumbs.forget_wishes(self)
        return super().scroll_top(top)

    def below(self) -> tuple[Piece, ...]:
        pages = -(-self.rows // self.rows_in_view)
        if not self.pictures or pages <= 1:
            return super().below()
        return (Piece(f"page {-(-self.top // self.rows_in_view) + 1}/{pages}", "dim"),)
