"""Two pictures side by side: which is better? The answer is their id, or None."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen

from schema.pages import ImageRow
from tui.keys import bindings, first_shown, of
from tui.screens.zoom import Caption
from tui.widgets.ink import Piece
from tui.widgets.preview import Preview

if TYPE_CHECKING:
    from tui.app import StableNew


class Compare(ModalScreen[str | None]):
    BINDINGS = bindings(of("compare"))

    def __init__(self, left: ImageRow, right: ImageRow) -> None:
        super().__init__()
        self._pair = (left, right)

    @property
    def home(self) -> "StableNew":
        from tui.app import StableNew

        assert isinstance(self.app, StableNew)
        return self.app

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Preview(self.home.thumbs, self.home.sharp, id="left")
            yield Preview(self.home.thumbs, self.home.sharp, id="right")
        yield Caption()

    def on_mount(self) -> None:
        for name, image in zip(("#left", "#right"), self._pair, strict=True):
            self.query_one(name, Preview).show(image)
        hints = [
            piece
            for key in of("compare")
            for piece in (
                Piece(first_shown(key, self.home.keymap_of_user), "key"),
                Piece(f" {key.hint}   ", "dim"),
            )
        ]
        self.query_one(Caption).tell([Piece(" which is better?   ", "title"), *hints])

    def action_better(self, which: int) -> None:
        self.dismiss(self._pair[which].id)

    def action_leave(self) -> None:
        self.dismiss(None)
