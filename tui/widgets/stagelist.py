"""The cards of stages as a list: what is open, what is found, what is being typed, and the words below.

Knows how a form is shown and where a hand is; what a key changes is told by `StageCards`.
"""

from textual import events
from textual.strip import Strip

from tui.keys import pressed
from tui.screens.sheet import Row, is_on
from tui.screens.stageform import StageForm
from tui.widgets.held import FormList
from tui.widgets.ink import Piece, plain, wrap
from tui.widgets.stagewords import Typing, head, lost, others, setting, told_of

MOVES = ("left", "right", "home", "end", "backspace", "delete")
DIGITS = "0123456789"
ENDS = ("enter", "escape", "up", "down")
"""What a list takes for itself while one types, besides letters."""


class StageList(FormList[Row]):
    def __init__(self, *, id: str = "stages") -> None:
        super().__init__(lambda row: row.key, id=id)
        self.form = StageForm()
        self.opened: frozenset[str] = frozenset()
        self.whole: frozenset[str] = frozenset()
        """Stages of which every field is shown."""
        self.words = ""
        """Only fields that are named so are shown."""
        self.typing: Typing | None = None
        """Into the field under the cursor, or, of `finding`, into the words."""
        self.finding = False
        self.complaint = ""
        """Why what was typed or wished for cannot be."""

    # What is shown ----------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """The lines of the form as it is now; the cursor stays on its line."""
        draft = self.form.draft
        named = (
            "own stages"
            if draft.ground.own is not None
            else draft.pipeline or ("of the last run" if draft.last else "")
        )
        self.title_line = (Piece("Stages", "title"), Piece(f"  {plain(named)}" if named else "", "dim"))
        self.fill(self.form.lines(self.opened, self.words, self.whole))

    def say(self, complaint: str) -> None:
        if complaint != self.complaint:
            self.complaint = complaint
            self.redraw_about()

    def want(self) -> None:
        """Everything is here."""

    def below(self) -> tuple[Piece, ...]:
        if self.words and not self.finding:
            return (Piece(f"/{plain(self.words)}  {pressed('stages.clear')}: all", "mark"),)
        hints = () if self.room[0] < 34 else (Piece("␣ on/off  a add  J/K move", "dim"),)
        return super().below() or hints

    @property
    def about_lines(self) -> int:
        """Lines below the cards that tell of the line under the cursor."""
        room = self.room[1]
        return 5 if room >= 26 else 4 if room >= 18 else 3 if room >= 9 else 0

    @property
    def rows_in_view(self) -> int:
        return max(1, self.room[1] - self.about_lines)

    def thumb(self) -> tuple[int, int] | None:
        view, rows = self.rows_in_view, self.rows
        if rows <= view:
            return None
        long = max(1, view * view // rows)
        start = (view - long) * self.top // max(1, rows - view)
        return start, start + long - 1

    def inner(self, y: int, width: int) -> Strip:
        view = self.room[1] - self.about_lines
        if y >= view and self.about_lines:
            return self.strip(self.about(y - view, width), width)
        if not self.pages.total and not y:
            words = "nothing here is named so" if self.words else "the stages come when the daemon answers"
            return self.strip([Piece(f" {words}", "dim")], width)
        return super().inner(y, width)

    def about(self, y: int, width: int) -> list[Piece]:
        if y == 0:
            return [Piece("─" * width, "frame")]
        if self.finding and self.typing is not None:
            return [Piece(" find ", "dim"), *self.typing.pieces(max(4, width - 6))] if y == 1 else []
        lines: list[Piece] = []
        room = self.about_lines - 1
        for text, ink in told_of(self.form, self.item(), self.complaint):
            left = room - len(lines)
            lines += [Piece(f" {line}", ink) for line in wrap(text, width - 2, left)] if left else []
        return lines[y - 1 : y]

    def redraw_about(self) -> None:
        view = self.room[1] - self.about_lines
        self.redraw(*(self.inset + view + y for y in range(self.about_lines)))

    def cell_line(self, index: int, item: Row | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip((), width, over)
        pointer = Piece(">" if here else " ", "strong")
        return self.strip([pointer, *self.pieces(item, width - 1, here=here)], width, over)

    def pieces(self, row: Row, width: int, *, here: bool) -> list[Piece]:
        id = row.stage.id
        if row.field is None:
            return head(self.form, row, width, opened=bool(self.words) or id in self.opened)
        if row.field.sort == "more":
            return others(row, opened=id in self.whole)
        if not row.stage.kind:
            return lost(row)
        typing = self.typing if here and not self.finding else None
        return setting(self.form, row, width, typing)

    def go(self, index: int) -> None:
        was, self.complaint = self.cursor, ""
        super().go(index)
        if self.cursor != was:
            self.redraw_about()

    # Cards ------------------------------------------------------------------------------------------

    def unfold(self, stage: str, opened: bool) -> None:
        self.opened = self.opened | {stage} if opened else self.opened - {stage}
        if not opened:
            self.stand(f"{stage}.enabled")
        self.lay_out()
        if opened:
            self.reveal(stage)

    def reveal(self, stage: str) -> None:
        """Scrolls to as much of the card as there is room for."""
        at = [at for at in range(self.pages.total) if (row := self.pages.get(at)) is not None and row.stage.id == stage]
        if at:
            self.scroll_to_row(at[-1])
            self.scroll_to_row(at[0])

    def unfold_all(self) -> None:
        """All cards shut; where they are, those of stages that run opened."""
        running = frozenset(stage.id for stage in self.form.stages if is_on(stage, self.form.changes))
        if self.opened and (row := self.item()) is not None:
            self.stand(f"{row.stage.id}.enabled")
        self.opened = frozenset() if self.opened else running
        self.lay_out()

    def stand(self, key: str) -> None:
        """On the line of this name, if it is here."""
        if (index := self.pages.find(key)) is not None:
            self.go(index)

    # Typing -----------------------------------------------------------------------------------------

    def type_into(self, text: str) -> None:
        self.typing = Typing(text, len(text), fresh=True)
        self.redraw_items(self.cursor, whole=True)
        self.redraw_about()

    def find(self) -> None:
        self.finding = True
        self.typing = Typing(self.words, len(self.words))
        self.redraw_about()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        if self.typing is None:
            return bool(character and character in DIGITS) and self.is_number
        return key in MOVES or key in ENDS or (character is not None and character.isprintable())

    @property
    def is_number(self) -> bool:
        """Of the line under the cursor: a digit begins to write it anew."""
        row = self.item()
        return row is not None and row.field is not None and row.field.sort == "number"

    def on_key(self, event: events.Key) -> None:
        if not self.check_consume_key(event.key, event.character):
            return
        event.stop()
        event.prevent_default()
        if self.typing is None:
            self.type_into("")
        assert self.typing is not None
        if event.key in ENDS:
            self.end_typing(event.key)
        elif event.key in MOVES:
            self.typed(self.typing.pressed(event.key))
        elif event.character is not None:
            self.typed(self.typing.put(event.character))

    def on_paste(self, event: events.Paste) -> None:
        if self.typing is not None:
            event.stop()
            self.typed(self.typing.put(plain(event.text)))

    def typed(self, typing: Typing) -> None:
        self.typing = typing
        if self.finding:
            self.words = typing.text.strip()
            self.cursor = 0
            self.lay_out()
            self.go(1)
        else:
            self.say("")
            self.redraw_items(self.cursor, whole=True)

    def end_typing(self, key: str) -> None:
        """Enter takes what is typed, escape drops it, an arrow takes it and moves on."""
        text, finding = (self.typing.text if self.typing else ""), self.finding
        if finding:
            self.words = "" if key == "escape" else text.strip()
        elif key != "escape" and not self.take_typed(text):
            return
        self.typing, self.finding, self.complaint = None, False, ""
        self.lay_out()
        if key in ("up", "down"):
            self.move(0, 1 if key == "down" else -1)

    def take_typed(self, text: str) -> bool:
        """Of the field under the cursor. False, after saying why: it cannot be that."""
        return True

    def on_blur(self) -> None:
        if self.typing is not None:
            self.end_typing("enter")
            self.typing, self.finding = None, False

    # Hands on the mouse -----------------------------------------------------------------------------

    def index_at(self, x: int, y: int) -> int | None:
        if y - self.inset >= self.room[1] - self.about_lines:
            return None
        return super().index_at(x, y)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        event.prevent_default()
        index = self.index_at(event.x, event.y)
        if index is None:
            return
        if self.typing is not None:
            self.end_typing("enter")
        self.go(index)
        row = self.item()
        if row is not None:
            self.clicked(row, event.x - self.inset - 1, twice=event.chain == 2)

    def clicked(self, row: Row, x: int, *, twice: bool) -> None:
        """`x`: cells from the beginning of the line."""
