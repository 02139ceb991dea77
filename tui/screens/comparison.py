"""A learning run side by side: all levels of one prompt and seed, judged before their values are told.

The levels of each prompt and seed stand in an order of their own, so that no place belongs to a value.
"""

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Grid
from textual.strip import Strip

from schema.errors import NoDaemon, Refused
from schema.experiments import LearningRunResult
from schema.pages import ImageRow, Page
from schema.requests import ImageSelection
from tui.background import begin, is_open
from tui.groups import Group, Seen, groups_of
from tui.keys import bindings, of, pressed
from tui.link import learn
from tui.outbox import Parcel, Wish
from tui.screens.alone import Alone, Shown, Told, cut
from tui.widgets.imagegrid import stars_of
from tui.widgets.ink import Line, Piece, plain
from tui.widgets.judged import Judged
from tui.widgets.reveal import asked_for

if TYPE_CHECKING:
    from tui.app import StableNew

NARROWEST = 24
"""Columns of a picture at least, where there is room for more than two."""

MOST = 8
"""Pictures side by side."""

BELOW = 4
"""Lines below the pictures."""

ROOMY = 26
"""Lines from which on there may be two rows."""

PAGE = 200
LARGEST = 1000
"""Pictures of a run that are looked at, the oldest first."""


class Slot(Judged):
    """A picture with a line below it."""

    caption: Line = ()

    @property
    def room(self) -> tuple[int, int]:
        width, lines = super().room
        return width, max(0, lines - 1)

    def drawn(self, y: int) -> Strip:
        return self.strip(self.caption, self.size.width) if y == self.size.height - 1 else super().drawn(y)

    def write(self, caption: Line) -> None:
        if tuple(caption) != tuple(self.caption):
            self.caption = tuple(caption)
            self.redraw(self.size.height - 1)


class ComparisonScreen(Alone):
    where = "comparison"
    BINDINGS = bindings(of("comparison"))

    def __init__(self, home: "StableNew", run: str) -> None:
        super().__init__(home)
        self.slots = [Slot(home.thumbs, home.sharp, id=f"slot{n}") for n in range(MOST)]
        self.told = Told()
        self.groups: list[Group] = []
        self.at = 0
        """The group that is shown."""
        self.cursor = 0
        """The picture in it that the next key is about."""
        self.first = 0
        """The picture at the left."""
        self.in_view = 0
        """Pictures that are seen together."""
        self.result: LearningRunResult | None = None
        self._run = run
        self._shown = False
        """Values are told though not all is rated."""
        self._steps: list[tuple[int, int, int, Parcel]] = []
        """Group, picture, stars before, and the verdict: what z takes back."""

    def compose(self) -> ComposeResult:
        yield Grid(*self.slots, id="slots")
        yield self.told

    def on_mount(self) -> None:
        self.slots[0].notice = "…"
        self.call_after_refresh(self.read)

    # The run ----------------------------------------------------------------------------------------

    def read(self) -> None:
        begin(self, self._read, group="comparison", exclusive=True)

    async def _read(self) -> None:
        trouble = "No picture of it is made yet."
        try:
            self.result = await learn.result(self.home.asker, self._run)
            self.groups = groups_of(await self._pictures(), self.result.row.plan, self._place)
        except Refused as e:
            trouble = e.told()
        except NoDaemon:
            keys = f"{pressed('comparison.leave')}, and {pressed('learn.compare')} again"
            trouble = f"The daemon does not answer. {keys} when it does."
        if not is_open(self):
            return
        self.slots[0].notice = "" if self.groups else trouble
        self.at = next((n for n, group in enumerate(self.groups) if not group.rated), 0)
        self.show_group()

    async def _pictures(self) -> list[Seen]:
        found: list[ImageRow] = []
        asked: dict[str, str | int] = {"filter": f"run:{self._run}", "final": 1, "sort": "oldest", "limit": PAGE}
        while len(found) < LARGEST:
            page = await self.home.asker.get("/v1/images", Page[ImageRow], {**asked, "offset": len(found)})
            found += page.items
            if len(found) >= page.total or not page.items:
                break
        told = [await self.home.asker.get(f"/v1/images/{image.id}", Shown) for image in found if not image.suspect]
        return [Seen(one.image, one.job) for one in told]

    def _place(self, image: ImageRow) -> bytes:
        return sha256(f"{self._run}\n{image.id}".encode()).digest()

    # What is shown ----------------------------------------------------------------------------------

    @property
    def group(self) -> Group | None:
        return self.groups[self.at] if self.groups else None

    @property
    def shape(self) -> tuple[int, int]:
        """Pictures in a row, and rows: as large as they can be and still be seen together."""
        if self.group is None:
            return 1, 1
        many, image = min(len(self.group.seen), MOST), self.group.seen[0].image
        if self.size.width < 100:
            return min(2, many), 1
        return arranged(many, self.size.width, self.size.height - BELOW, image.width / max(1, image.height))

    def show_group(self) -> None:
        """Another prompt and seed: from the first that has no stars."""
        group = self.group
        self.first, self._shown = 0, False
        unrated = group.unrated() if group is not None else []
        self.cursor = unrated[0] if unrated else 0
        self.show()

    def show(self) -> None:
        self.attention.lost()
        group, (across, rows) = self.group, self.shape
        self.in_view = many = min(across * rows, len(group.seen)) if group is not None else 0
        first = max(min(self.first, self.cursor), self.cursor - many + 1)
        self.first = min(first, len(group.seen) - many) if group is not None else 0
        for n, slot in enumerate(self.slots):
            seen = group.seen[self.first + n] if group is not None and n < many else None
            slot.display = seen is not None or (group is None and n == 0)
            slot.show(seen.image if seen is not None else None)
        grid = self.query_one("#slots", Grid)
        grid.styles.grid_size_columns, grid.styles.grid_size_rows = across, rows
        if all(one.seen for one in self.pictures()):
            self.attention.seen()
        self.make_ready()
        self.draw()
        self.call_after_refresh(self.draw)  # pictures that were not in view have their width only then

    def pictures(self) -> list[Judged]:
        """The one under the cursor."""
        return [self.slots[self.cursor - self.first]] if self.group is not None else []

    def make_ready(self) -> None:
        """What lies outside of the view, then the next group."""
        more = self.groups[self.at + 1 : self.at + 2]
        for group in [*([self.group] if self.group is not None else []), *more]:
            for seen in group.seen:
                self.slots[0].prefetch(seen.image)

    def draw(self) -> None:
        if not is_open(self):
            return
        group, width = self.group, self.size.width
        if group is None:
            self.told.tell((), (), self.bottom([Piece(" ")]))
            return
        prompt = asked_for(group.seen[0].job, width)
        rated = sum(one.rated for one in self.groups)
        left = [Piece(f" {self.at + 1} of {len(self.groups)}  ", "strong")]
        if self.size.width >= 100:
            left.append(Piece(f"{rated} rated  ", "dim"))
        if len(group.seen) > self.in_view:
            left.append(Piece(f"picture {self.cursor + 1}/{len(group.seen)}  ", "dim"))
        for n in range(self.in_view):
            self.slots[n].write(self._caption(group, self.first + n))
        here = group.seen[self.cursor]
        whole = [Piece(" " + cut(plain(here.level), width - 1))] if self._told and len(here.job.spec.axes) > 1 else ()
        if self.size.height < 30:
            self.told.tell(self.just or whole or prompt, self.bottom(left))
        else:
            self.told.tell(prompt, self.just or whole, self.bottom(left))

    @property
    def _told(self) -> bool:
        """Values may be told."""
        return self._shown or (self.group is not None and self.group.rated)

    def _caption(self, group: Group, index: int) -> Line:
        """Below a picture its stars, and its value once that may be told."""
        seen, here = group.seen[index], index == self.cursor
        value = f"  {plain(seen.level)}" if self._told else ""
        tags = f"  {', '.join(map(plain, seen.image.tags))}" if seen.image.tags else ""
        room = self.slots[index - self.first].size.width - 8
        head = Piece(" > " if here else "   ", "strong")
        return [head, *stars_of(seen.image.stars), Piece(cut(value + tags, room), "strong" if here else "text")]

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def tell_now(self, words: Line) -> None:
        """Until something else is done."""
        self.just = words
        self.draw()

    # Verdicts ---------------------------------------------------------------------------------------

    def action_rate(self, stars: int) -> None:
        group = self.group
        if group is None or not self.counts(str(stars)):
            return
        image = group.seen[self.cursor].image
        wish = Wish("/v1/images/rate", ImageSelection(select=(image.id,), stars=stars),
                    f"stablenew image rate {image.id} {stars}")  # fmt: skip
        sent = self.home.outbox.put(wish, partial(self._came_back, self.at, self.cursor, image.stars))
        self._steps.append((self.at, self.cursor, image.stars, sent))
        group.give(self.cursor, stars)
        self.just = ()
        unrated = group.unrated()
        after = [index for index in unrated if index > self.cursor]
        if unrated:
            self.cursor = (after or unrated)[0]
        elif all(one.rated for one in self.groups):
            self.tell_now([Piece(" All are rated. ", "strong"), Piece(cut(self._lesson(), self.size.width - 18))])
        self.show()

    def _lesson(self) -> str:
        """What the stars of this run say, plainly: what they teach is told among the insights."""
        found: dict[str, list[int]] = {}
        for group in self.groups:
            for seen in group.seen:
                found.setdefault(seen.level, []).append(seen.image.stars)
        means = sorted(((sum(stars) / len(stars), level) for level, stars in found.items()), reverse=True)
        return "On average " + ", ".join(f"{plain(level)} {mean:.1f}" for mean, level in means)

    def _came_back(self, at: int, index: int, was: int, parcel: Parcel) -> None:
        self.home.say(f"not rated: {parcel.refused}", bad=True)
        self._steps = [step for step in self._steps if step[3] is not parcel]
        self.groups[at].give(index, was)
        self.draw()

    def action_back(self) -> None:
        if not self._steps:
            self.tell_now([Piece(" nothing was done here that could be taken back", "dim")])
            return
        self.at, self.cursor, was, sent = self._steps.pop()
        group = self.groups[self.at]
        image = group.seen[self.cursor].image
        other_way = Wish("/v1/images/rate", ImageSelection(select=(image.id,), stars=was),
                         f"stablenew image rate {image.id} {was}")  # fmt: skip
        self.home.outbox.take_back(sent, other_way, lambda p: self.home.say(f"not taken back: {p.refused}", bad=True))
        group.give(self.cursor, was)
        self.just, self._shown = (), False
        self.show()

    async def action_tag(self) -> None:
        from tui.screens.tagging import Tags, tagging

        group, at, index = self.group, self.at, self.cursor
        if group is None:
            return
        image = group.seen[index].image

        def told(tags: tuple[str, ...] | None) -> None:
            wish = tagging(image, tags) if tags is not None else None
            if wish is not None and tags is not None:
                self.home.outbox.put(wish, lambda p: self.home.say(f"not tagged: {p.refused}", bad=True))
                self.groups[at].tag(index, tags)
                self.draw()

        await self.app.push_screen(Tags(image.tags), told)

    # Moving -----------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        if self.group is not None:
            self.cursor = max(0, min(len(self.group.seen) - 1, self.cursor + by))
            self.show()

    def action_turn(self, by: int) -> None:
        if 0 <= self.at + by < len(self.groups):
            self.at += by
            self.just = ()
            self.show_group()
        else:
            self.tell_now([Piece(" that was the last one" if by > 0 else " that was the first one", "dim")])

    def action_reveal(self) -> None:
        self._shown = not self._shown
        self.draw()

    def action_outside(self) -> None:
        if self.group is not None:
            self.open_outside(self.group.seen[self.cursor].image)


def arranged(many: int, width: int, lines: int, aspect: float) -> tuple[int, int]:
    """In a row, and rows: as many of them as can be told apart, and of that the way in which they are largest."""
    found = []
    for rows in (1, 2) if lines >= ROOMY and many > 1 else (1,):
        across = min(-(-many // rows), width // NARROWEST)
        high = min(2 * (lines // rows - 1), width // across / aspect)
        found.append((min(many, across * rows), high, across, rows))
    *_, across, rows = max(found)
    return across, rows
