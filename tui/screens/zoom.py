"""One picture on the whole terminal: turned over, rated, tagged, compared and used again as in the gallery."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow
from tui.background import begin, leave
from tui.keys import bindings, of, pressed
from tui.screens.alone import Attention, cut, hints_of
from tui.screens.help import Keyed
from tui.widgets.imagegrid import stars_of
from tui.widgets.ink import Drawn, Line, Piece, fit_middle, measure, plain
from tui.widgets.judged import Judged

if TYPE_CHECKING:
    from tui.screens.gallery import GalleryScreen

NAME = 16
"""Cells of a picture's name in the last line, where there is little room."""

TAGS = 5
"""Its tags take a fifth of the last line at most."""


TOO_SOON = "that came before the picture could be seen: it has no verdict yet"


class Caption(Drawn):
    words: Line = ()

    def line(self, y: int) -> Line:
        return self.words

    def tell(self, words: Line) -> None:
        self.words = words
        self.redraw(0)


class Zoom(Keyed, ModalScreen[None]):
    where = "zoom"
    BINDINGS = bindings(of("zoom"))

    def __init__(self, gallery: "GalleryScreen") -> None:
        super().__init__()
        self._gallery = gallery
        self.picture = Judged(gallery.home.thumbs, gallery.home.sharp)
        self.attention = Attention(lambda: asyncio.get_running_loop().time())

    def compose(self) -> ComposeResult:
        yield self.picture
        yield Caption()

    def on_mount(self) -> None:
        self.show()

    @on(Judged.Seen)
    def _seen(self, event: Judged.Seen) -> None:
        event.stop()
        self.attention.seen()

    @property
    def image(self) -> ImageRow | None:
        """The one that is seen: a verdict is about it, whatever stands under the cursor by now."""
        return self.picture.image

    def show(self) -> None:
        """The picture under the cursor, as it is now."""
        listing = self._gallery.listing
        image, before = listing.item(), self.image
        if image is None or before is None or image.id != before.id:
            self.attention.lost()
        self.picture.tell_notice(
            "" if image is not None else f"There is no picture here any more; {pressed('zoom.back')} goes back."
        )
        self.picture.show(image)
        for beside in (listing.cursor + 1, listing.cursor - 1):
            if (one := listing.pages.get(beside)) is not None:
                self.picture.prefetch(one)
                begin(self, partial(self._ahead, one), group="ahead")
        self.tell()

    async def _ahead(self, image: ImageRow) -> None:
        """So that it is there when it is turned to, also where the terminal draws it."""
        with suppress(NoDaemon, Refused):
            await self.picture.fetch_sharp(image)

    def tell(self) -> None:
        """The last line: the verdict, which picture, and as many keys as there is room for."""
        image, listing, width = self.image, self._gallery.listing, self.size.width
        if image is None:
            self.query_one(Caption).tell([Piece(" "), *self._hints(width - 2)])
            return
        told: list[Piece] = [Piece(" "), *stars_of(image.stars)]
        wide = width >= 100
        job = plain(image.job)
        name = f"{job}  {image.width}x{image.height}" if wide else fit_middle(job, NAME).strip()
        told.append(Piece(f"  {name}  {listing.cursor + 1:,} of {listing.pages.total:,}  "))
        if image.tags:
            told.append(Piece(f"{cut(plain(', '.join(image.tags)), width // TAGS)}  ", "mark"))
        if self._gallery.onward:
            told.append(Piece("a rating goes on  ", "active"))
        self.query_one(Caption).tell([*told, *self._hints(width - measure(told) - 1)])

    def _hints(self, room: int) -> list[Piece]:
        return hints_of(self._gallery.home, self.where, room, wide=self.size.width >= 100)

    def on_resize(self) -> None:
        self.call_after_refresh(self.tell)

    # Turning over -----------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        self._gallery.listing.move(by, 0)
        self.show()

    def action_unrated(self, step: int) -> None:
        begin(self, partial(self._unrated, step), group="unrated")

    async def _unrated(self, step: int) -> None:
        await self._gallery.seek_unrated(step)
        if self.is_current:
            self.show()

    def action_onward(self) -> None:
        """Whether a rating goes on to the next picture without one: one key for each picture."""
        self._gallery.onward = not self._gallery.onward
        self.tell()

    # Verdicts ---------------------------------------------------------------------------------------

    async def action_rate(self, stars: int) -> None:
        image, gallery = self.image, self._gallery
        if image is None:
            return
        if gallery.onward and not self.attention.counts():
            gallery.home.say(TOO_SOON)
            return
        gallery.rate((image.id,), stars)
        if gallery.onward and stars:
            await self._unrated(1)
        else:
            self.show()

    async def action_tag(self) -> None:
        if self.image is not None:
            await self._gallery.tag_alone(self.image, self.show)

    def action_trash(self) -> None:
        if self.image is not None:
            self._gallery.trash_alone(self.image)

    # The picture elsewhere --------------------------------------------------------------------------

    async def action_again(self) -> None:
        leave(self, None)
        await self._gallery.action_again()

    async def action_enhance(self) -> None:
        leave(self, None)
        await self._gallery.action_enhance()

    async def action_details(self) -> None:
        await self._gallery.action_details()

    def action_copy(self, what: str) -> None:
        self._gallery.action_copy(what)

    async def action_copy_as(self) -> None:
        await self._gallery.action_copy_as()

    def action_outside(self) -> None:
        self._gallery.action_outside()

    def action_leave(self) -> None:
        leave(self, None)
