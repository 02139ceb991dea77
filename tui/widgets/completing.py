"""Names that fit what is begun, in a small list over the form, where the cursor is."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.geometry import Offset

from schema.prompts import Completion, Completions
from tui.keys import face
from tui.widgets.ink import Drawn, Line, Piece, fit, fit_middle, plain

LINES = 8
WIDEST = 56

SIGNS = {"wildcard": "__", "lora": "<>", "embedding": "em", "slot": "[[", "style": "st"}


class CompletionList(Drawn):
    ALLOW_SELECT = False
    can_focus = False

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._items: Sequence[Completion] = ()
        self._total = 0
        self._text = ""
        self._at = 0
        self._cursor = 0
        self._top = 0
        self._hint = ""

    def show(self, found: Completions, text: str, at: int, where: tuple[int, int], *, marked: bool) -> None:
        """`text` and `at`: what was asked for; `where`: the cell below the first letter."""
        self._items, self._total, self._text, self._at = found.items, found.total, text, at
        self._cursor = self._top = 0
        self._hint = f"{face('names.take')} {face('text.take')} take" if marked else f"{face('text.take')} take"
        widest = max(cell_len(plain(one.text)) + cell_len(plain(one.note)) + 6 for one in found.items)
        self.styles.width = max(24, min(WIDEST, widest + 1))
        self.styles.height = min(LINES, len(found.items)) + 1
        self.absolute_offset = Offset(*where)
        self.display = True
        self.refresh(layout=True)

    def covers(self, text: str, at: int) -> bool:
        """Whether the cursor still stands at what the names are for."""
        return bool(self._items) and self._items[0].start <= at and text[: self._items[0].start] == (
            self._text[: self._items[0].start]
        )  # fmt: skip

    def chosen(self) -> Completion | None:
        return self._items[self._cursor] if self._items else None

    def step(self, by: int) -> None:
        self._cursor = (self._cursor + by) % max(1, len(self._items))
        self._top = min(max(self._top, self._cursor - LINES + 1), self._cursor)
        self.refresh()

    def line(self, y: int) -> Line:
        width = self.size.width
        if y == self.size.height - 1:
            more = f"{self._total:,}  " if self._total > len(self._items) else ""
            return [Piece(fit(f" {more}{self._hint}", width), "faint")]
        at = self._top + y
        if at >= len(self._items):
            return ()
        one = self._items[at]
        note = plain(one.note)
        room = max(8, width - 5 - min(cell_len(note), width // 2))
        ink = "active" if at == self._cursor else "text"
        head = Piece(">" if at == self._cursor else " ", "key")
        return [head, Piece(f"{SIGNS[one.kind]} ", "faint"), Piece(fit_middle(plain(one.text), room), ink),
                Piece(fit(" " + note, width - room - 4), "dim")]  # fmt: skip

    def on_click(self, event: events.Click) -> None:
        event.stop()
