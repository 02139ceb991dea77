"""The inbox of the morning after: one picture that nobody has judged, one key, and the next one is there.

Blind: how a picture was made is told once it has its stars. Verdicts are sent beside the looking (`Outbox`), pictures
fetched before they are wanted; what is refused is told, and its picture comes back.
"""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult

from schema.errors import NoDaemon, Refused
from schema.pages import ImageRow
from schema.requests import ImageSelection
from tui.background import begin, is_open
from tui.deck import Deck, Step
from tui.keys import bindings, of, pressed
from tui.link import learn
from tui.outbox import Parcel, Wish
from tui.screens.alone import Alone, Told
from tui.screens.tagging import tagging
from tui.widgets.imagegrid import stars_of
from tui.widgets.ink import Piece, plain
from tui.widgets.judged import Judged
from tui.widgets.reveal import asked_for, revealed

if TYPE_CHECKING:
    from tui.app import StableNew

PAGE = 50
NEAR = 12
"""Pictures left here when more are asked for."""

BEFORE = 3
"""Pictures that are made ready before they are shown."""

AGAIN = 1.0
"""Seconds between two looks for more while there is nothing to show."""


class InboxScreen(Alone):
    """Of one pack or one run only, where they are named."""

    where = "inbox"
    BINDINGS = bindings(of("inbox"))

    def __init__(self, home: "StableNew", pack: str | None = None, run: str | None = None) -> None:
        super().__init__(home)
        self.deck: Deck[ImageRow] = Deck()
        self.picture = Judged(home.thumbs, home.sharp, id="judged")
        self.told = Told()
        self._pack, self._run = pack or "", run or ""
        self._verdicts: dict[Step[ImageRow], Parcel] = {}
        self._tagged: dict[str, list[tuple[Parcel, Wish]]] = {}
        """Tags given here by a picture's id, each with what takes them away again."""
        self._tags_before: dict[str, tuple[str, ...]] = {}
        self._came: set[str] = set()
        """Pictures that came back once: a second time they do not."""
        self._reading = False
        self._offset = 0
        self._trouble = "…"
        """Why no picture is shown."""

    def compose(self) -> ComposeResult:
        yield self.picture
        yield self.told

    def on_mount(self) -> None:
        self.set_interval(AGAIN, self._look_for_more)
        self.call_after_refresh(self.read_more)

    # What waits -------------------------------------------------------------------------------------

    def _look_for_more(self) -> None:
        if self.deck.item is None and self.may_be_more(bool(self._trouble)):
            self._offset = 0
            self.read_more()

    def read_more(self) -> None:
        if not self._reading:
            self._reading = True
            begin(self, self._read_more, group="inbox")

    async def _read_more(self) -> None:
        try:
            fresh = 0
            while not fresh:
                judged = sum(verdict.done for verdict in self._verdicts.values())
                got = await learn.inbox(
                    self.home.asker, pack=self._pack, run=self._run, limit=PAGE, offset=self._offset
                )
                fresh = self.deck.take(((image.id, image) for image in got.items), got.total, judged)
                if self._offset + len(got.items) >= got.total or not got.items:
                    break
                self._offset += 0 if fresh else PAGE
            self._trouble = ""
        except Refused as e:
            self._trouble = e.told()
        except NoDaemon:
            self._trouble = "the daemon does not answer; its pictures come when it does"
        finally:
            self._reading = False
        if not is_open(self):
            return
        if self.picture.image is None and self.deck.item is not None:
            self.show()
            return
        if self.deck.item is None:
            self.picture.tell_notice(self._nothing())
        self.make_ready()
        self.draw()

    # What is shown ----------------------------------------------------------------------------------

    def show(self) -> None:
        """The next picture; what comes behind it is made ready."""
        self.attention.lost()
        image = self.deck.item
        self.picture.notice = "" if image is not None else self._nothing()
        self.picture.show(image)
        self.make_ready()
        self.draw()
        if len(self.deck.ahead) < NEAR and self.deck.waiting > len(self.deck.ahead):
            self.read_more()

    def make_ready(self) -> None:
        coming = self.deck.next(BEFORE)
        for image in [*([self.deck.item] if self.deck.item is not None else []), *coming]:
            self.picture.prefetch(image)
            self.look_up(image)
        if coming:
            begin(self, partial(self._make_sharp_ready, coming[0]), group="sharp-ready", exclusive=True)

    async def _make_sharp_ready(self, image: ImageRow) -> None:
        with suppress(NoDaemon, Refused):  # told when it is to be shown
            await self.picture.fetch_sharp(image)

    def _nothing(self) -> str:
        if self._trouble:
            return self._trouble
        if self.deck.skipped:
            return f"All others are rated. {self.deck.skipped:,} skipped: {pressed('inbox.skip')} shows them again"
        return "Nothing waits for a rating." if not self.deck.judged else f"All {self.deck.judged:,} are rated."

    def looked_up(self, image: str) -> None:
        if self.deck.item is not None and self.deck.item.id == image:
            self.draw()

    def draw(self) -> None:
        if not is_open(self):
            return
        width, image, deck = self.size.width, self.deck.item, self.deck
        prompt = asked_for(self.records.get(image.id), width) if image is not None else ()
        where = f" {min(len(deck.behind) + 1, deck.all):,} of {deck.all:,}  " if deck.all else " "
        left = [Piece(where, "strong")]
        if image is not None and image.tags:
            left.append(Piece(", ".join(map(plain, image.tags)) + "  ", "mark"))
        if self.size.height < 30:  # no room for both: what was just done, then the words again
            self.told.tell(self.just or prompt, self.bottom(left))
        else:
            self.told.tell(prompt, self.just, self.bottom(left))

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    # Verdicts ---------------------------------------------------------------------------------------

    def action_rate(self, stars: int) -> None:
        image = self.deck.item
        if image is not None and self.counts(f"{stars}"):
            words = f"stablenew image rate {image.id} {stars}"
            wish = Wish("/v1/images/rate", ImageSelection(select=(image.id,), stars=stars), words)
            self._done(self.deck.done("rated", stars), wish)
            told = [Piece(" just now  ", "dim"), *stars_of(stars), Piece("  ")]
            self.tell_now([*told, *revealed(image, self.records.get(image.id), self.size.width - 19)])

    def action_trash(self) -> None:
        image = self.deck.item
        if image is not None and self.counts("d"):
            wish = Wish("/v1/images/trash", ImageSelection(select=(image.id,)), f"stablenew image trash {image.id}")
            self._done(self.deck.done("trashed"), wish)
            self.tell_now([Piece(" just now  ", "dim"), Piece(f"to the trash; {pressed('inbox.back')} brings it back")])

    def _done(self, step: Step[ImageRow], wish: Wish) -> None:
        self._verdicts[step] = self.home.outbox.put(wish, partial(self._came_back, step))
        self.show()

    def action_skip(self) -> None:
        if self.deck.item is not None:
            self.deck.done("skipped")
            self.show()
        elif self.deck.again(lambda image: image.id):
            self.show()

    def action_back(self) -> None:
        """The tags of the picture that is shown, else the verdict before; with that its picture is shown again."""
        image = self.deck.item
        if image is not None and self._tagged.get(image.id):
            for parcel, other_way in reversed(self._tagged.pop(image.id)):
                self.home.outbox.take_back(parcel, other_way, self._not_taken_back)
            self._show_tags(image, self._tags_before.pop(image.id, ()))
            self.tell_now([Piece(" its tags are taken back", "dim")])
        elif self.deck.behind:
            step = self.deck.back(self.deck.behind[-1].item.id)
            verdict = self._verdicts.pop(step, None)
            if verdict is not None:
                self.home.outbox.take_back(verdict, self._other_way(step), self._not_taken_back)
            self.show()
            words = "" if step.done == "skipped" else " is taken back"
            stars = stars_of(step.stars) if step.done == "rated" else [Piece(step.done)]
            self.tell_now([Piece(" "), *stars, Piece(words, "dim")])
        else:
            self.tell_now([Piece(" nothing was done here that could be taken back", "dim")])

    def _other_way(self, step: Step[ImageRow]) -> Wish:
        """What makes up for a step after something else was done."""
        select = (step.item.id,)
        if step.done == "trashed":
            return Wish("/v1/images/restore", ImageSelection(select=select), f"stablenew image restore {select[0]}")
        return Wish("/v1/images/rate", ImageSelection(select=select, stars=0), f"stablenew image rate {select[0]} 0")

    def _came_back(self, step: Step[ImageRow], parcel: Parcel) -> None:
        """The daemon will not have it: its picture is shown next, once."""
        image = step.item.id
        self.home.say(f"{image} is not {step.done}: {parcel.refused}", bad=True)
        self._verdicts.pop(step, None)
        if not is_open(self) or image in self._came:
            return
        self._came.add(image)
        empty = self.deck.item is None
        self.deck.bring_back(step, image)
        if empty:
            self.show()
        else:
            self.draw()

    def _not_taken_back(self, parcel: Parcel) -> None:
        self.home.say(f"not taken back: {parcel.refused}", bad=True)

    # Tags -------------------------------------------------------------------------------------------

    async def action_tag(self) -> None:
        from tui.screens.tagging import Tags

        image = self.deck.item
        if image is None:
            return

        def told(tags: tuple[str, ...] | None) -> None:
            if tags is not None and self.deck.item is not None and self.deck.item.id == image.id:
                self._tag(self.deck.item, tags)

        await self.app.push_screen(Tags(image.tags), told)

    def _tag(self, image: ImageRow, tags: tuple[str, ...]) -> None:
        wish, other_way = tagging(image, tags), tagging(msgspec.structs.replace(image, tags=tags), image.tags)
        if wish is None or other_way is None:
            return
        sent = self.home.outbox.put(wish, lambda parcel: self.home.say(f"not tagged: {parcel.refused}", bad=True))
        self._tagged.setdefault(image.id, []).append((sent, other_way))
        self._tags_before.setdefault(image.id, image.tags)
        self._show_tags(image, tags)

    def _show_tags(self, image: ImageRow, tags: tuple[str, ...]) -> None:
        self.deck.change(image.id, msgspec.structs.replace(image, tags=tags))
        self.draw()

    # Others -----------------------------------------------------------------------------------------

    def action_outside(self) -> None:
        self.open_outside(self.deck.item)
