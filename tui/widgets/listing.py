"""A list of any length in cells of any size: the cursor, the marks, the window, and as few bytes as can be.

A table has one column of cells one line high, a gallery several columns of high ones; the rest is the same.
The list holds no truth: its pages come from outside, it only asks for them (`PagesWanted`).
"""

from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.geometry import Region
from textual.strip import Strip

from tui.messages import CursorMoved, ItemOpened, MarksChanged, PagesWanted
from tui.widgets.ink import Framed, Piece
from tui.widgets.pages import KEPT, PAGE, Pages

Item = TypeVar("Item")

NEAR = (KEPT - 2) * PAGE
"""Items of a range that are all brought here to be marked."""


class Listing(Framed, Generic[Item], can_focus=True):
    """`cells` says how many columns there are and how wide and high a cell is; `cell_line` draws one line of one."""

    ALLOW_SELECT = False
    own_keys: ClassVar[str] = ""
    """Of the table of keys, the place of those that only this list has."""
    header_lines = 0

    def __init__(self, pages: Pages[Item], *, id: str) -> None:
        super().__init__(id=id)
        self.pages = pages
        self.cursor = 0
        self.top = 0
        """The first row of cells in view."""
        self.held = False
        """The person has put the cursor on an item."""
        self.marks: set[str] = set()
        self.all_marked = False
        self.overlooked = 0
        """Of the range, items that are not marked, for they are not here."""
        self._anchor: int | None = None
        self._before_range: set[str] = set()

    # What a kind of list says of itself -------------------------------------------------------------

    def cells(self) -> tuple[int, int]:
        """Columns, and lines of a cell."""
        return 1, 1

    def name_of(self, item: Item) -> str:
        raise TypeError("a listing names its items")

    def cell_line(self, index: int, item: Item | None, line: int, width: int) -> Strip:
        """Line `line` of the cell of an item, exactly `width` cells wide; None: it has not come yet."""
        return self.strip((), width)

    def header_line(self, line: int, width: int) -> Strip:
        return self.strip((), width)

    # The window -------------------------------------------------------------------------------------

    @property
    def rows_in_view(self) -> int:
        """Whole rows of cells that fit."""
        return max(1, (self.room[1] - self.header_lines) // self.cells()[1])

    @property
    def rows(self) -> int:
        columns = self.cells()[0]
        return -(-self.pages.total // columns)

    def in_view(self) -> tuple[int, int]:
        """The first and the last index in view, also of cells cut off below."""
        columns, high = self.cells()
        lines = max(1, self.room[1] - self.header_lines)
        return self.top * columns, (self.top + -(-lines // high)) * columns - 1

    def item(self) -> Item | None:
        """The item under the cursor."""
        return self.pages.get(self.cursor)

    def inner(self, y: int, width: int) -> Strip:
        if y < self.header_lines:
            return self.header_line(y, width)
        columns, high = self.cells()
        row, line = divmod(y - self.header_lines, high)
        first = (self.top + row) * columns
        if first >= self.pages.total and self.pages.known:
            return self.strip((), width)
        each = width // columns
        strips = []
        for column in range(columns):
            index = first + column
            wide = each if column < columns - 1 else width - each * (columns - 1)
            if index >= self.pages.total:
                strips.append(self.strip((), wide))
            else:
                strips.append(self.cell_line(index, self.pages.get(index), line, wide))
        return strips[0] if len(strips) == 1 else Strip.join(strips)

    def thumb(self) -> tuple[int, int] | None:
        rows, view = self.rows, self.rows_in_view
        if rows <= view:
            return None
        lines = self.room[1] - self.header_lines
        long = max(1, lines * view // rows)
        start = (lines - long) * self.top // max(1, rows - view)
        return self.header_lines + start, self.header_lines + start + long - 1

    def redraw_items(self, *indexes: int, whole: bool = False) -> None:
        """Sends the cells of these items again, those that are in view; not `whole`: what `touched` says of them."""
        columns, high = self.cells()
        width, lines = self.room
        each = width // columns
        regions = []
        for index in indexes:
            row, column = divmod(index, columns)
            y = (row - self.top) * high + self.header_lines
            if self.header_lines <= y < lines:
                wide = each if column < columns - 1 else width - each * (columns - 1)
                region = Region(self.inset + column * each, self.inset + y, wide, min(high, lines - y))
                regions.append(region if whole else self.touched(region))
        if regions:
            self.refresh(*regions)

    def touched(self, cell: Region) -> Region:
        """What of a cell changes when its cursor or mark does; a picture's caption only, say."""
        return cell

    def redraw_all(self) -> None:
        self.foot_line = self.below()
        self.redraw(*range(self.size.height))

    def below(self) -> tuple[Piece, ...]:
        """The word in the lower edge."""
        hidden = self.pages.total - (self.top + self.rows_in_view) * self.cells()[0]
        return (Piece(f"↓ {hidden:,} more", "dim"),) if hidden > 0 else ()

    # Moving -----------------------------------------------------------------------------------------

    def go(self, index: int) -> None:
        index = max(0, min(index, self.pages.total - 1))
        was, self.cursor = self.cursor, index
        self.held = index > 0
        scrolled = self.scroll_to_row(index // self.cells()[0])
        if self._anchor is not None:
            self._mark_range()
        elif not scrolled and was != index:
            self.redraw_items(was, index)
        if was != index:
            self.post_message(CursorMoved(index))

    def scroll_to_row(self, row: int) -> bool:
        """Scrolls no more than is needed to show the row. True: everything was drawn again."""
        view = self.rows_in_view
        top = min(self.top, row) if row < self.top else max(self.top, row - view + 1)
        return self.scroll_top(top)

    def scroll_top(self, top: int) -> bool:
        top = max(0, min(top, self.rows - self.rows_in_view))
        if top == self.top:
            return False
        self.top = top
        self.want()
        self.redraw_all()
        return True

    def move(self, across: int, down: int) -> None:
        columns = self.cells()[0]
        target = self.cursor + across + down * columns
        if down and not 0 <= target < self.pages.total:
            return
        self.go(target)

    def half(self, pages: int) -> None:
        rows = max(1, self.rows_in_view // 2) * pages
        self.scroll_top(self.top + rows)
        self.go(self.cursor + rows * self.cells()[0])

    def want(self) -> None:
        """Asks for what is in view and for a page beyond."""
        first, last = self.in_view()
        if pages := self.pages.wanted(first, last + (last - first)):
            self.post_message(PagesWanted(pages))

    def arrived(self, changed: set[int], *, total_changed: bool) -> None:
        """Rows have come or changed; the cursor stays where it is, but within the list."""
        if self.cursor >= self.pages.total:
            self.cursor = max(0, self.pages.total - 1)
            self.post_message(CursorMoved(self.cursor))
        self.top = max(0, min(self.top, self.rows - self.rows_in_view))
        first, last = self.in_view()
        seen = [index for index in changed if first <= index <= last]
        if total_changed or len(seen) > 12:
            self.redraw_all()
        elif seen:
            self.redraw_items(*seen, whole=True)
        if self._anchor is not None and self._away(*sorted((self._anchor, self.cursor))) < self.overlooked:
            self._mark_range()
        self.want()

    def follow(self, name: str) -> None:
        """The cursor goes on standing on this item if it is still in view.

        Whoever has not touched the list, or went to its top, watches the top and not an item.
        """
        index = self.pages.find(name)
        first, last = self.in_view()
        if self.held and index is not None and index != self.cursor and first <= index <= last:
            self.go(index)

    # Marks ------------------------------------------------------------------------------------------

    def is_marked(self, item: Item | None) -> bool:
        return item is not None and (self.all_marked or self.name_of(item) in self.marks)

    def mark(self) -> None:
        """Marks or unmarks the item under the cursor and steps on."""
        item = self.item()
        if self._anchor is not None:
            self._anchor = None
        elif item is not None and not self.all_marked:
            self.marks ^= {self.name_of(item)}
            self.redraw_items(self.cursor)
            self.post_message(MarksChanged())
        self.go(self.cursor + 1)

    def mark_range(self) -> None:
        """From here to wherever the cursor goes, until it is pressed again."""
        if self._anchor is None:
            self._anchor, self._before_range = self.cursor, set(self.marks)
            self._mark_range()
        else:
            self._anchor = None

    def mark_all(self) -> None:
        self.all_marked, self._anchor, self.overlooked = True, None, 0
        self.marks.clear()
        self.post_message(MarksChanged())
        self.refresh()

    def unmark(self) -> bool:
        """True if anything was marked."""
        some = bool(self.marks or self.all_marked or self._anchor is not None)
        self.marks.clear()
        self.all_marked, self._anchor, self.overlooked = False, None, 0
        if some:
            self.post_message(MarksChanged())
            self.refresh()
        return some

    @property
    def marked(self) -> int:
        return self.pages.total if self.all_marked else len(self.marks)

    def _mark_range(self) -> None:
        assert self._anchor is not None
        first, last = sorted((self._anchor, self.cursor))
        self.marks = self._before_range | set(self.pages.names(range(first, last + 1)))
        self.overlooked = self._away(first, last)
        if self.overlooked and last - first < NEAR and (pages := self.pages.wanted(first, last)):
            self.post_message(PagesWanted(pages))
        self.post_message(MarksChanged())
        self.refresh()

    def _away(self, first: int, last: int) -> int:
        """How many of these items are not here."""
        return sum(self.pages.get(index) is None for index in range(first, last + 1))

    # Hands on the mouse -----------------------------------------------------------------------------

    def index_at(self, x: int, y: int) -> int | None:
        columns, high = self.cells()
        width, lines = self.room
        x, y = x - self.inset, y - self.inset - self.header_lines
        if not (0 <= x < width and 0 <= y < lines - self.header_lines):
            return None
        index = (self.top + y // high) * columns + min(columns - 1, x // max(1, width // columns))
        return index if index < self.pages.total else None

    def on_click(self, event: events.Click) -> None:
        index = self.index_at(event.x, event.y)
        if index is not None:
            self.go(index)
            if event.chain == 2:
                self.post_message(ItemOpened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_top(self.top + max(1, 3 // self.cells()[1]))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_top(self.top - max(1, 3 // self.cells()[1]))

    def on_resize(self) -> None:
        self.scroll_to_row(self.cursor // self.cells()[0])
        self.want()
        self.redraw_all()
