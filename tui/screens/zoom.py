"""One picture on the whole terminal, rated and turned over as in the gallery."""

from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import ModalScreen

from tui.background import begin
from tui.keys import bindings, first_shown, of
from tui.widgets.imagegrid import stars_of
from tui.widgets.ink import Drawn, Line, Piece, plain
from tui.widgets.preview import Preview

if TYPE_CHECKING:
    from tui.screens.gallery import GalleryScreen


class Caption(Drawn):
    words: Line = ()

    def line(self, y: int) -> Line:
        return self.words

    def tell(self, words: Line) -> None:
        self.words = words
        self.redraw(0)


class BarePreview(Preview):
    bare = True


class Zoom(ModalScreen[None]):
    BINDINGS = bindings(of("zoom"))

    def __init__(self, gallery: "GalleryScreen") -> None:
        super().__init__()
        self._gallery = gallery

    def compose(self) -> ComposeResult:
        home = self._gallery.home
        yield BarePreview(home.thumbs, home.sharp)
        yield Caption()

    def on_mount(self) -> None:
        self.show()

    def show(self) -> None:
        listing = self._gallery.listing
        image = listing.item()
        self.query_one(Preview).show(image)
        if image is None:
            return
        where = f"{listing.cursor + 1:,} of {listing.pages.total:,}"
        hints = [
            piece
            for key in of("zoom")
            if key.hint
            for piece in (
                Piece(first_shown(key, self._gallery.home.keymap_of_user), "key"),
                Piece(f" {key.hint}  ", "dim"),
            )
        ]
        name = Piece(f"  {plain(image.job)}  {image.width}x{image.height}  {where}   ")
        self.query_one(Caption).tell([Piece(" "), *stars_of(image.stars), name, *hints])

    def action_step(self, by: int) -> None:
        self._gallery.listing.move(by, 0)
        self.show()

    def action_unrated(self, step: int) -> None:
        begin(self, partial(self._unrated, step), group="unrated")

    async def _unrated(self, step: int) -> None:
        await self._gallery.seek_unrated(step)
        if self.is_current:
            self.show()

    def action_rate(self, stars: int) -> None:
        image = self._gallery.listing.item()
        if image is not None:
            self._gallery.rate((image.id,), stars)
        self.show()

    def action_outside(self) -> None:
        self._gallery.action_outside()

    def action_leave(self) -> None:
        self.dismiss()
