"""What a person wishes of pictures: rated, tagged, put away, compared, copied, brought in, made again."""

from collections.abc import Callable
from functools import partial

import msgspec

from schema.pages import ImageRow, JobRecord
from schema.requests import ImageSelection
from schema.words import words_in
from tui.background import begin
from tui.filterwords import in_quotes
from tui.keys import pressed
from tui.screens.trash import TrashScreen, out_of_it
from tui.widgets.grouping import GROUPS, Group, group_of, named
from tui.widgets.imagegrid import ImageGrid
from tui.widgets.ink import fit_middle, plain
from tui.widgets.pages import PAGE

LOOKED_THROUGH = 20
"""Pages at most that are searched for the next picture of a kind."""

ROOM = 52
"""Cells of a choice, behind what it is called."""


class PictureWishes(TrashScreen):
    record: JobRecord | None = None
    """Of the job that made the picture under the cursor."""
    onward = False
    """A rating of a picture alone goes on to the next one without."""

    @property
    def listing(self) -> ImageGrid:
        raise TypeError("the gallery has a grid")

    # Verdicts ---------------------------------------------------------------------------------------

    def verb(self, name: str, selection: ImageSelection, told: str = "") -> None:
        if selection.select:
            self.home.command(f"/v1/images/{name}", selection, told)

    async def action_rate(self, stars: int) -> None:
        targets = self.targets()

        def rate() -> None:
            self.rate(targets, stars)
            if self.listing.marked:
                self.home.say(f"{self.listing.marked:,} pictures: {'★' * stars or 'no stars'}")

        await self.sure(f"Give {stars} stars to" if stars else "Take the rating away from", rate)

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

    def draw_rating(self) -> None:
        """What is told of the picture under the cursor, anew."""

    async def action_tag(self) -> None:
        """Of the picture under the cursor; of many at once, what differs from it is added or taken away."""
        image = self.listing.item()
        if image is not None:
            like = image if not self.listing.marked else msgspec.structs.replace(image, tags=())
            await self._tag(like, self.targets(), lambda: None)

    async def tag_alone(self, image: ImageRow, then: Callable[[], None]) -> None:
        """This one, whatever is marked; `then` is called when it has its tags."""
        await self._tag(image, (image.id,), then)

    async def _tag(self, like: ImageRow, targets: tuple[str, ...], then: Callable[[], None]) -> None:
        from tui.screens.tagging import Tags, tagging

        async def told(tags: tuple[str, ...] | None) -> None:
            wish = tagging(like, tags) if tags is not None else None
            if wish is None or not isinstance(wish.body, ImageSelection):
                return
            body = msgspec.structs.replace(wish.body, select=targets)
            if targets == (like.id,) and tags is not None:
                self._tagged(like.id, tags)
                then()
                self.verb("tag", body, "tagged")
            else:
                await self.sure("Tag", lambda: self.verb("tag", body, "tagged"))

        await self.app.push_screen(Tags(like.tags), told)

    def _tagged(self, name: str, tags: tuple[str, ...]) -> None:
        index = self.listing.pages.find(name)
        item = self.listing.pages.get(index) if index is not None else None
        if index is not None and item is not None:
            self.listing.pages.replace(index, msgspec.structs.replace(item, tags=tags))
            self.draw_rating()

    def trash_alone(self, image: ImageRow) -> None:
        """This one, whatever is marked."""
        if self.trash:
            self.home.say(f"it is in the trash; back in the list {out_of_it()}")
        else:
            self.verb("trash", ImageSelection(select=(image.id,)), f"in the trash; {pressed('app.undo')} takes it back")

    async def action_whole(self) -> None:
        from tui.screens.stars import rate_whole

        image = self.listing.item()
        if image is not None:
            await rate_whole(self.home, image.run)

    # Looking for others -----------------------------------------------------------------------------

    def action_unrated(self, step: int) -> None:
        begin(self, partial(self.seek_unrated, step), group="unrated", exclusive=True)

    async def seek_unrated(self, step: int) -> None:
        await self.seek(step, lambda image: image.stars == 0, "no picture without a rating further")

    async def seek(self, step: int, fits: Callable[[ImageRow], bool], nothing: str) -> None:
        """To the next picture that fits. Looks at rows that are not here yet, too, some pages far."""
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
            if fits(item):
                listing.go(index)
                return
            index += step
        self.home.say(f"{nothing} {'down' if step > 0 else 'up'}")

    @property
    def grouped(self) -> Group | None:
        """What neighbours have in common in this order; None: nothing in particular."""
        return next((by for by in GROUPS if by == self.order), None)

    def action_group(self, step: int) -> None:
        """To the next run, pack or model: by what the list is ordered, else by run."""
        image, by = self.listing.item(), self.grouped or "run"
        if image is not None:
            here = group_of(image, by)
            work = partial(self.seek, step, lambda one: group_of(one, by) != here, f"no other {by} further")
            begin(self, work, group="unrated", exclusive=True)

    async def action_like(self) -> None:
        """Only those of the same run, pack, model, tag or stars."""
        from tui.screens.ask import Choose

        image = self.listing.item()
        if image is None:
            return
        found: list[tuple[str, str, str]] = [(by, group_of(image, by), named(image, by)) for by in GROUPS]
        found += [("tag", tag, tag) for tag in image.tags]
        found += [("stars", str(image.stars), str(image.stars) if image.stars else "none yet")]
        choices = [
            (f"{key}:{in_quotes(value)}", f"{key:<6} {fit_middle(plain(words), ROOM).rstrip()}")
            for key, value, words in found
            if value
        ]

        def chosen(pair: str | None) -> None:
            if pair is not None:  # where one is, also in the trash
                self.filter_line.input.value = f"{self.filter} {pair}".strip()
                self.apply_filter(self.filter_line.input.value)

        await self.app.push_screen(Choose("Only those of the same", choices, choices[0][0], wide=True), chosen)

    # The picture elsewhere --------------------------------------------------------------------------

    def action_copy(self, what: str) -> None:
        image = self.listing.item()
        if image is not None and what == "id":
            self.home.copy(image.path or image.id, "path" if image.path else "id")
        elif self.record is not None:
            self.home.copy(words_in(self.record).prompt, "prompt")

    async def action_copy_as(self) -> None:
        from tui.screens.ask import Choose
        from tui.screens.copying import copies

        image = self.listing.item()
        if image is None:
            return
        found = copies(image, self.record if self.record is not None and self.record.id == image.job else None)
        choices = [(one.name, f"{one.name:<16}{fit_middle(plain(one.text), ROOM).rstrip()}") for one in found]

        def chosen(name: str | None) -> None:
            if (one := next((one for one in found if one.name == name), None)) is not None:
                self.home.copy(one.text, one.name)

        await self.app.push_screen(Choose("Copy", choices, "link", wide=True), chosen)

    async def action_bring(self) -> None:
        """Pictures of other programs, from this machine's disk."""
        from tui.screens.ask import Type
        from tui.screens.bringing import HELP, bring_in

        async def brought(named: str) -> None:
            if (run := await bring_in(self.home, named)) and not self.filter:
                self.show_only(f"run:{run}")

        def typed(named: str | None) -> None:
            if named and named.strip():
                begin(self, partial(brought, named.strip()), group="bring", exclusive=False)

        await self.app.push_screen(Type("Bring in pictures", HELP), typed)

    def action_outside(self) -> None:
        from pathlib import Path

        image = self.listing.item()
        if image is not None and image.path:
            self.home.open_outside(Path(image.path))
