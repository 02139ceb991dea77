"""The gallery: pictures as they come, rated with one key each, compared two by two."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow, Page
from schema.requests import ImageSelection
from tui.background import begin, is_open
from tui.keys import bindings, face, first_shown, of, pressed
from tui.live import Change, Live
from tui.screens.alone import Shown
from tui.screens.picturewishes import PictureWishes
from tui.widgets.imagecard import rating, says_nothing, whole
from tui.widgets.imagegrid import NO_PICTURE, ImageGrid
from tui.widgets.ink import Piece
from tui.widgets.panel import Panel
from tui.widgets.preview import Preview
from tui.widgets.thumbs import Thumbs

if TYPE_CHECKING:
    from tui.screens.zoom import Zoom
    from tui.widgets.preview import SharpClass


VERDICTS = {"gallery.rate1": "rate", "gallery.unrate": "clear", "gallery.next": "next unrated"}
"""Keys that are told beside the stars."""


class GalleryScreen(PictureWishes):
    area = "gallery"
    BINDINGS = bindings(of("gallery"))
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-narrow"), (100, "-wide"), (160, "-vast")]
    route = "/v1/images"
    orders = (
        ("newest", "newest"), ("stars", "stars"), ("run", "by run"), ("pack", "by pack"), ("model", "by model"),
        ("name", "name"), ("oldest", "oldest"), ("size", "size of the file"),
    )  # fmt: skip

    def __init__(self, thumbs: Thumbs, sharp: "SharpClass | None") -> None:
        super().__init__()
        self.grid = ImageGrid(thumbs)
        self.preview = Preview(thumbs, sharp, id="preview")
        self.panel = Panel(id="rating")
        self.zoom: Zoom | None = None
        """The picture alone, while it lies over the list."""

    def body(self) -> ComposeResult:
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.grid
            with Vertical(id="side"):
                yield self.preview
                yield self.panel

    @property
    def listing(self) -> ImageGrid:
        return self.grid

    def shape(self) -> type[Page[ImageRow]]:
        return Page[ImageRow]

    def concerns(self, change: Change) -> bool:
        return change.everything or bool(change.images)

    def on_mount(self) -> None:
        self.panel.can_focus = False

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        self.preview.use(self.home.sharp)
        self.grid.look_again()

    def anew(self) -> None:
        self.grid.group = self.grouped
        self.grid.nothing = nothing(self.filter, trash=self.trash)
        super().anew()

    def models_seen(self) -> Iterable[str]:
        return (image.model for image in self._in_view() if image.model)

    def tags_seen(self) -> Iterable[str]:
        return (tag for image in self._in_view() for tag in image.tags)

    def _in_view(self) -> Iterable[ImageRow]:
        first, last = self.listing.in_view()
        return (image for image in map(self.listing.pages.get, range(first, last + 1)) if image is not None)

    # The picture under the cursor -------------------------------------------------------------------

    def look(self) -> None:
        image = self.listing.item()
        if self.record is not None and (image is None or image.job != self.record.id):
            self.record = None
        self.preview.show(image)
        self.draw_rating()
        if self.zoom is not None and is_open(self.zoom):
            self.zoom.show()
        if image is not None and self.record is None:
            begin(self, partial(self._look, image), group="look", exclusive=True)

    async def _look(self, image: ImageRow) -> None:
        try:
            shown = await self.home.asker.get(f"/v1/images/{image.id}", Shown)
        except (NoDaemon, Refused):
            return
        self.record = shown.job
        self.draw_rating()

    def draw_rating(self) -> None:
        panel, image = self.panel, self.listing.item()
        wide = self.app.size.width >= 100
        panel.bare = not wide
        still = self.home.readonly
        lines = rating(image, self.record, panel.room[0], wide=wide, keys=self._verdict_keys()) if image else []
        panel.fill(lines, (Piece("Stars & tags" if still else "Rate & tag", "title"),), keep_place=False)

    def _verdict_keys(self) -> str:
        told = [key for key in of("gallery") if key.id in VERDICTS and self.home.may(key.id)]
        return "  ".join(f"{first_shown(key, self.home.keymap_of_user)} {VERDICTS[key.id]}" for key in told)

    def on_resize(self) -> None:
        self.call_after_refresh(self.look)

    # Looking closer ---------------------------------------------------------------------------------

    async def action_open(self) -> None:
        from tui.screens.zoom import Zoom

        def closed(_: None) -> None:
            self.zoom = None

        if self.listing.item() is not None:
            zoom = Zoom(self)
            await self.app.push_screen(zoom, closed)
            self.zoom = zoom

    async def action_compare(self) -> None:
        """The two that are marked, or the one that is and the one under the cursor; the first in the list is left."""
        from tui.screens.compare import EQUAL, Compare

        listing = self.listing
        names = set(listing.marks)
        if len(names) == 1 and (here := listing.item()) is not None:
            names.add(here.id)
        found = sorted(at for at in map(listing.pages.find, names) if at is not None)
        images = [item for item in map(listing.pages.get, found) if item is not None]
        if len(images) != 2:
            self.home.say(f"mark two pictures with {pressed('list.mark')}, then {pressed('gallery.compare')}")
            return
        pair = tuple(image.id for image in images)

        def compared(better: str | None) -> None:
            if better is not None:
                told = "noted that neither is better" if better == EQUAL else "noted which is better"
                self.verb("compare", ImageSelection(select=pair, better=better), told)
                listing.unmark()

        await self.app.push_screen(Compare(images[0], images[1]), compared)

    async def action_inbox(self) -> None:
        from tui.screens.inbox import InboxScreen

        await self.app.push_screen(InboxScreen(self.home))

    async def action_duel(self) -> None:
        from tui.screens.duel import DuelScreen

        await self.app.push_screen(DuelScreen(self.home))

    async def action_details(self) -> None:
        from tui.screens.details import Details

        image = self.listing.item()
        if image is not None:
            record, now = self.record, self.home.clock()
            title = [Piece(image.job, "title"), Piece(f"  {face('page.leave')} back", "dim")]
            await self.app.push_screen(Details(title, lambda width: whole(image, record, width, now)))

    async def action_enhance(self) -> None:
        from tui.screens.draft import enhancement

        image = self.listing.item()
        if image is not None:
            record = self.record if self.record is not None and self.record.id == image.job else None
            await self.home.write(enhancement(image, record))

    async def action_job(self) -> None:
        if (image := self.listing.item()) is not None:
            await self.home.show_job(image.job)

    async def action_again(self) -> None:
        image = self.listing.item()
        if image is None:
            return
        if self.record is None or self.record.id != image.job:
            await self._look(image)
        if self.record is not None and says_nothing(self.record):
            self.home.say(
                f"nothing is known of how it was made; {pressed('gallery.enhance')} makes a new picture from this one"
            )
        else:
            await self.home.clone(image.job)


def nothing(words: str, *, trash: bool) -> str:
    """What is said where the list is empty; `words`: its filter."""
    if words:
        return f"No picture {'in the trash ' if trash else ''}fits the filter; {pressed('list.clear')} clears it."
    return f"The trash is empty; {pressed('gallery.trash_view')} goes back to the pictures." if trash else NO_PICTURE
