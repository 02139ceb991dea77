"""Tags on pictures: those that advice is known for, one key each, and a person's own."""

from collections.abc import Iterable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from schema.pages import ImageRow
from schema.requests import ImageSelection
from tui.background import leave
from tui.dialogkeys import KNOWN_TAGS
from tui.keys import bindings, bound, face, of
from tui.outbox import Wish
from tui.widgets.field import Field
from tui.widgets.ink import Drawn, Line, Piece, plain


def tagging(image: ImageRow, tags: Iterable[str]) -> Wish | None:
    """The wish that gives a picture these tags instead of those it has; None: it has them."""
    tags = tuple(dict.fromkeys(tags))
    add = tuple(tag for tag in tags if tag not in image.tags)
    away = tuple(tag for tag in image.tags if tag not in tags)
    if not add and not away:
        return None
    words = [f"--add '{tag}'" for tag in add] + [f"--remove '{tag}'" for tag in away]
    selection = ImageSelection(select=(image.id,), add=add, remove=away)
    return Wish("/v1/images/tag", selection, " ".join(("stablenew image tag", image.id, *words)))


class Ticks(Drawn):
    """The known tags, one a line."""

    def __init__(self, on: set[str]) -> None:
        super().__init__(id="ticks")
        self.on = on

    def line(self, y: int) -> Line:
        tag = KNOWN_TAGS[y]
        return [Piece(f"{face(f'tags.known{y + 1}')} ", "key"), Piece("[x] " if tag in self.on else "[ ] ", "text"),
                Piece(tag, "strong" if tag in self.on else "text")]  # fmt: skip


class Tags(ModalScreen[tuple[str, ...] | None]):
    """All tags it is to have then, the known ones first; None: as they were."""

    BINDINGS = [*bindings(of("tags")), *bound("dialog.back")]

    def __init__(self, have: Iterable[str]) -> None:
        super().__init__()
        self._have = tuple(have)
        self.ticks = Ticks({tag for tag in self._have if tag in KNOWN_TAGS})

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tags") as dialog:
            dialog.border_title = "Tags"
            dialog.border_subtitle = (
                f"{face('tags.known1')}-{face('tags.known6')} on or off, or type your own  {face('tags.done')} done  "
                f"{face('dialog.back')} back"
            )
            yield self.ticks
            own = ", ".join(plain(tag) for tag in self._have if tag not in KNOWN_TAGS)
            yield Field(own, compact=True, select_on_focus=False, placeholder="your own, a comma between two", id="own")
            yield Static(Content(""), id="said", classes="quiet")

    AUTO_FOCUS = ""

    def on_mount(self) -> None:
        self.set_focus(None)

    def action_turn(self, number: int) -> None:
        tag = KNOWN_TAGS[number]
        self.ticks.on ^= {tag}
        self.ticks.redraw(number)

    def action_own(self) -> None:
        own = self.query_one(Input)
        self.set_focus(None if self.focused is own else own)
        own.cursor_position = len(own.value)

    def on_key(self, event: Key) -> None:
        """Who begins to write means a tag of their own; of a burst, letters come here after it has the focus."""
        own, letter = self.query_one(Input), event.character or ""
        if letter.isalpha() or (self.focused is own and letter.isprintable() and letter):
            event.stop()
            if self.focused is not own:
                self.action_own()
            own.insert_text_at_cursor(letter)

    @on(Input.Submitted)
    def _typed(self) -> None:
        self.action_done()

    def action_done(self) -> None:
        had = {plain(tag).strip(): tag for tag in self._have}  # what stands there is shown plain, and stays as it is
        own = [had.get(tag, tag) for tag in (plain(one).strip() for one in self.query_one(Input).value.split(","))]
        known = [tag for tag in KNOWN_TAGS if tag in self.ticks.on]
        leave(self, tuple(dict.fromkeys((*known, *filter(None, own)))))

    def action_leave(self) -> None:
        leave(self, None)
