"""The gallery: pictures as they come, rated with one key each, compared two by two."""

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow, JobRecord, Page
from schema.requests import ImageSelection
from schema.words import words_in
from tui.background import begin
from tui.keys import bindings, of
from tui.live import Change
from tui.screens.trash import TrashScreen
from tui.widgets.imagecard import rating, whole
from tui.widgets.imagegrid import ImageGrid
from tui.widgets.ink import Piece
from tui.widgets.pages import PAGE
from tui.widgets.panel import Panel
from tui.widgets.preview import Preview
from tui.widgets.thumbs import Thumbs

if TYPE_CHECKING:
    from tui.widgets.preview import SharpClass

LOOKED_THROUGH = 20
"""Pages at most that are searched for the next unrated picture."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/images/{id}`."""

    image: ImageRow
    job: JobRecord


class GalleryScreen(TrashScreen):
    area = "gallery"
    BINDINGS = bindings(of("gallery"))
    route = "/v1/images"
    orders = (("newest", "newest"), ("stars", "stars"), ("name", "name"), ("oldest", "oldest"))

    def __init__(self, thumbs: Thumbs, sharp: "SharpClass | None") -> None:
        super().__init__()
        self.record: JobRecord | None = None
        """Of the job that made the picture under the cursor."""
        self.grid = ImageGrid(thumbs)
        self.preview = Preview(thumbs, sharp, id="preview")
        self.panel = Panel(id="rating")

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

    # The picture under the cursor -------------------------------------------------------------------

    def look(self) -> None:
        image = self.listing.item()
        if self.record is not None and (image is None or image.job != self.record.id):
            self.record = None
        self.preview.show(image)
        self.draw_rating()
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
        lines = rating(image, self.record, panel.room[0], wide=wide, still=still) if image else []
        panel.fill(lines, (Piece("Stars & tags" if still else "Rate & tag", "title"),), keep_place=False)

    def on_resize(self) -> None:
        self.call_after_refresh(self.look)

    # Verdicts ---------------------------------------------------------------------------------------

    def verb(self, name: str, selection: ImageSelection, told: str = "") -> None:
        if selection.select:
            self.home.command(f"/v1/images/{name}", selection, told)

    def action_rate(self, stars: int) -> None:
        targets = self.targets()
        self.rate(targets, stars)
        if self.listing.marked:
            self.home.say(f"{self.listing.marked:,} pictures: {'★' * stars or 'no stars'}")

    def rate(self, targets: tuple[str, ...], stars: int) -> None:
        """Shown at once, and sent; what the daemon says of it comes with the feed."""
        listing = self.listing
        self.verb("rate", ImageSelection(select=targets, stars=stars))
        for name in targets:
            index = listing.pages.find(name)
            item = listing.pages.get(index) if index is not None else None
            if index is not None and item is not None:
                listing.pages.replace(index, msgspec.structs.replace(item, stars=stars))
                listing.redraw_items(index)
        self.draw_rating()

    async def action_tag(self) -> None:
        """Of the picture under the cursor; of many at once, what differs from it is added or taken away."""
        from tui.screens.tagging import Tags, tagging

        image, targets = self.listing.item(), self.targets()
        if image is None:
            return
        like = image if not self.listing.marked else msgspec.structs.replace(image, tags=())

        def told(tags: tuple[str, ...] | None) -> None:
            wish = tagging(like, tags) if tags is not None else None
            if wish is not None and isinstance(wish.body, ImageSelection):
                self.verb("tag", msgspec.structs.replace(wish.body, select=targets), "tagged")

        await self.app.push_screen(Tags(like.tags), told)

    def action_unrated(self, step: int) -> None:
        begin(self, partial(self.seek_unrated, step), group="unrated", exclusive=True)

    async def seek_unrated(self, step: int) -> None:
        """Looks at rows that are not here yet, too, some pages far."""
        listing, pages = self.listing, self.listing.pages
        index = listing.cursor + step
        while 0 <= index < pages.total:
            item = pages.get(index)
            if item is None:
                if abs(index - listing.cursor) > LOOKED_THROUGH * PAGE:
                    break
                await self._fetch(index // PAGE)
                item = pages.get(index)
                if item is None:
                    return
            if item.stars == 0:
                listing.go(index)
                return
            index += step
        self.home.say("no picture without a rating further " + ("down" if step > 0 else "up"))

    # Looking closer ---------------------------------------------------------------------------------

    async def action_open(self) -> None:
        from tui.screens.zoom import Zoom

        if self.listing.item() is not None:
            await self.app.push_screen(Zoom(self))

    async def action_compare(self) -> None:
        from tui.screens.compare import Compare

        marks = self.listing.marks
        found = [self.listing.pages.find(name) for name in sorted(marks)]
        images = [item for item in (self.listing.pages.get(i) for i in found if i is not None) if item is not None]
        if len(images) != 2:
            self.home.say("mark two pictures with space, then c")
            return
        await self.app.push_screen(Compare(images[0], images[1]), self._compared)

    async def _compared(self, better: str | None) -> None:
        if better is not None:
            pair = tuple(sorted(self.listing.marks))
            self.verb("compare", ImageSelection(select=pair, better=better), "noted which is better")
            self.listing.unmark()

    async def action_inbox(self) -> None:
        from tui.screens.inbox import InboxScreen

        await self.app.push_screen(InboxScreen(self.home))

    async def action_whole(self) -> None:
        from tui.screens.stars import rate_whole

        image = self.listing.item()
        if image is not None:
            await rate_whole(self.home, image.run)

    async def action_duel(self) -> None:
        from tui.screens.duel import DuelScreen

        await self.app.push_screen(DuelScreen(self.home))

    async def action_details(self) -> None:
        from tui.screens.details import Details

        image = self.listing.item()
        if image is not None:
            record, now = self.record, self.home.clock()
            title = [Piece(image.job, "title")]
            await self.app.push_screen(Details(title, lambda width: whole(image, record, width, now)))

    async def action_enhance(self) -> None:
        from tui.screens.draft import enhancement
        from tui.screens.newrun import NewRun

        image = self.listing.item()
        if image is not None:
            record = self.record if self.record is not None and self.record.id == image.job else None
            await self.app.push_screen(NewRun(enhancement(image, record)))

    async def action_again(self) -> None:
        image = self.listing.item()
        if image is not None:
            await self.home.clone(image.job)

    def action_copy(self, what: str) -> None:
        image = self.listing.item()
        if image is not None and what == "id":
            self.home.copy(image.path or image.id, "path" if image.path else "id")
        elif self.record is not None:
            self.home.copy(words_in(self.record).prompt, "prompt")

    def action_outside(self) -> None:
        from pathlib import Path

        image = self.listing.item()
        if image is not None and image.path:
            self.home.open_outside(Path(image.path))
