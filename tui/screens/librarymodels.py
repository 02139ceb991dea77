"""The models and the LoRAs: what lies in folders here and what nodes have, found, tagged, starred, fetched.

New files come by themselves.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal

from schema.errors import NoDaemon, Refused
from schema.models import Fetching, ModelRecord, ModelRow, ModelScan, ModelSelection
from schema.pages import Page
from schema.shelf import Use
from tui.background import begin
from tui.keys import bindings, of
from tui.link.query import quoted
from tui.link.shelf import uses_of
from tui.live import Change
from tui.screens.beside import BesideScreen
from tui.screens.library import CLOSELY, LibraryTab, in_quotes
from tui.screens.librarydrafts import joined
from tui.widgets.librarytabs import TABS
from tui.widgets.modelline import SHORT, card, title
from tui.widgets.modelpicture import ModelPicture
from tui.widgets.modeltable import ModelTable
from tui.widgets.shelfwords import named
from tui.widgets.thumbs import Thumbs

NAMED = ("models", "loras", "embeddings")
"""Of these the library's texts are asked who names them."""

SCAN_PATIENCE = 300.0
"""Seconds: twenty thousand files take a while the first time."""

WORDS = {"models": "checkpoints", "vaes": "VAEs", "loras": "LoRAs", "": "all of them"}
IN_PROMPTS = ("loras", "embeddings", "hypernetworks")
"""Kinds that a prompt names; they have a tab of their own."""


class ModelPage(Page[ModelRow], frozen=True, kw_only=True):
    """`GET /v1/models`: of the library, which has no head."""

    head: int = 0


class ModelsScreen(LibraryTab[ModelRow], BesideScreen[ModelRow]):
    tab = place = "models"
    kinds: ClassVar[tuple[str, ...]] = (*(name for name in SHORT if name not in IN_PROMPTS), "")
    """What can be listed; the first is the usual one."""
    BINDINGS = bindings(of("models"))
    route = "/v1/models"
    orders = (("favourites", "favourites"), ("name", "name"), ("newest", "newest ▼"), ("stars", "stars ▼"),
              ("uses", "used ▼"), ("size", "size ▼"))  # fmt: skip

    def __init__(self, thumbs: Thumbs) -> None:
        """`thumbs`: of previews."""
        super().__init__()
        self.table = ModelTable(dict(TABS)[self.tab])
        self.record: ModelRecord | None = None
        """Of the model under the cursor, once it is here."""
        self.uses: tuple[Use, ...] = ()
        """Who of the library's texts names it."""
        self.kind = self.kinds[0]
        self.fetchings: dict[str, Fetching] = {}
        """Downloads that were begun here, by the offer's id."""
        self.picture = ModelPicture(thumbs)

    def body(self) -> ComposeResult:
        yield self.tabs
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.table
            yield from self.compose_beside()

    def above_card(self) -> ComposeResult:
        yield self.picture

    @property
    def listing(self) -> ModelTable:
        return self.table

    def shape(self) -> type[Page[ModelRow]]:
        return ModelPage

    def asked_for(self) -> Mapping[str, str | int]:
        return {**super().asked_for(), **({"list": self.kind} if self.kind else {})}

    def noun(self, many: int) -> str:
        return " name" if many == 1 else " names"

    def targets(self) -> tuple[str, ...]:
        """All that are marked are those of the kind that is listed, and no others."""
        if not self.listing.all_marked:
            return super().targets()
        words = (self.filter, f"list:{self.kind}" if self.kind else "")
        return (" ".join(word for word in words if word) or self.everything(),)

    def everything(self) -> str:
        return "uses:>=0"

    def concerns(self, change: Change) -> bool:
        return change.everything or change.library

    # The one under the cursor -----------------------------------------------------------------------

    def look(self) -> None:
        item = self.listing.item()
        if self.record is not None and (item is None or (item.key, item.name) != (self.record.key, self.record.name)):
            self.record, self.uses = None, ()
        self.draw_card(keep_place=False)
        if item is not None:
            begin(self, partial(self._look, item), group="look", exclusive=True)

    async def _look(self, item: ModelRow) -> None:
        try:
            self.record = await self.home.asker.get(f"/v1/models/{quoted(item.key)}", ModelRecord)
            self.draw_card()
            if item.list in NAMED:
                await asyncio.sleep(CLOSELY)
                self.uses = await uses_of(self.home.asker, item.list, item.name)
        except (NoDaemon, Refused):
            return
        self.draw_card()

    def draw_card(self, *, keep_place: bool = True) -> None:
        item = self.listing.item()
        self.picture.show(item)
        if item is None:
            self.card.fill((), (), keep_place=False)
        else:
            width = self.card.room[0]
            lines = card(item, self.record, width)
            lines += [[], *named(self.uses, width - 2)] if self.uses else []
            self.card.fill(lines, title(item), keep_place=keep_place)

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self.draw_card)

    # Verdicts ---------------------------------------------------------------------------------------

    def verdict(self, verb: str, selection: ModelSelection, told: str) -> None:
        if selection.select:
            self.home.command(f"/v1/models/{verb}", selection, told)

    def action_rate(self, stars: int) -> None:
        self.verdict("rate", ModelSelection(select=self.targets(), stars=stars), "★" * stars or "no stars")
        self.shown_at_once(stars=stars)

    def action_favourite(self) -> None:
        item = self.listing.item()
        on = item is None or not item.favourite
        told = "favourites" if self.listing.marked else "a favourite" if on else "no favourite any more"
        self.verdict("favourite", ModelSelection(select=self.targets(), favourite=on), told)
        self.shown_at_once(favourite=on)

    def shown_at_once(self, *, stars: int | None = None, favourite: bool | None = None) -> None:
        """What the daemon says of it comes with the feed."""
        listing = self.listing
        for name in self.targets():
            index = listing.pages.find(name)
            item = listing.pages.get(index) if index is not None else None
            if index is not None and item is not None:
                item = msgspec.structs.replace(
                    item,
                    stars=item.stars if stars is None else stars,
                    favourite=item.favourite if favourite is None else favourite,
                )
                listing.pages.replace(index, item)
                listing.redraw_items(index, whole=True)
        self.draw_card()

    async def action_tag(self) -> None:
        from tui.screens.ask import Type

        targets, item = self.targets(), self.listing.item()
        had = item.tags if item is not None and not self.listing.marked else ()

        def typed(text: str | None) -> None:
            if text is None:
                return
            words = tuple(dict.fromkeys(text.split()))
            add = tuple(word.removeprefix("+") for word in words if not word.startswith("-") and word not in had)
            gone = tuple(tag for tag in had if tag not in words) + tuple(w[1:] for w in words if w[0] == "-" and w[1:])
            if add or gone:
                self.verdict("tag", ModelSelection(select=targets, add=add, remove=gone), "tagged")

        help = "Words with spaces between; -WORD takes one away. They stay with the file when it is moved or renamed."
        await self.app.push_screen(Type("Tags", help, " ".join(had)), typed)

    # What is shown, and what comes of it ------------------------------------------------------------

    def action_lacking(self) -> None:
        """Only those whose sidecar or header leaves something out, and back."""
        words = self.filter.split()
        wanted = [word for word in words if word != "missing:any"]
        text = " ".join(wanted if "missing:any" in words else [*wanted, "missing:any"])
        self.filter_line.input.value = text
        self.apply_filter(text)

    async def action_kind(self) -> None:
        from tui.screens.ask import Choose

        kinds = tuple((kind, WORDS.get(kind, kind)) for kind in self.kinds)

        def chosen(kind: str | None) -> None:
            if kind is not None and kind != self.kind:
                self.kind = kind
                self.table.headed(dict(TABS)[self.tab], dict(kinds)[kind] if kind != self.kinds[0] else "")
                self.listing.unmark()
                self.anew()
                self.tally()

        await self.app.push_screen(Choose("Which", kinds, self.kind), chosen)

    def action_scan(self) -> None:
        self.home.say("looking through the folders")
        begin(self, self._scan, group="scan", exclusive=True)

    async def _scan(self) -> None:
        try:
            found = await self.home.asker.long("/v1/models/scan", None, ModelScan, SCAN_PATIENCE)
        except Refused as e:
            self.home.say(e.told(), bad=True)
        except NoDaemon:
            self.home.say("The daemon does not answer.", bad=True)
        else:
            told = {"new": found.added, "changed": found.changed, "moved": found.moved, "gone": found.gone}
            words = ", ".join(f"{many:,} {word}" for word, many in told.items() if many) or "nothing new"
            self.home.say(f"{found.files:,} files: {words}" + (f". {found.troubles[0]}" if found.troubles else ""))
            self.reread()

    async def action_use(self) -> None:
        """A new run with it: the model of the first stage, or words of the prompt."""
        from tui.screens.draft import Draft

        item = self.listing.item()
        if item is None:
            return
        draft = self.home.draft or Draft()
        words = ", ".join(item.triggers[:3])
        if item.list == "models":
            others = tuple(one for one in draft.set if not one.startswith("txt2img.model="))
            draft = replace(draft, set=(*others, f"txt2img.model={item.name}"))
        elif item.list == "loras":
            weight = 1.0 if item.weight is None else item.weight
            draft = replace(draft, prompt=joined(draft.prompt, f"<lora:{item.name}:{weight:g}>", words))
        elif item.list == "embeddings":
            draft = replace(draft, prompt=joined(draft.prompt, item.name.rpartition("/")[2]))
        else:
            self.home.say(f"a field of its stage chooses {WORDS.get(item.list, item.list)}")
        await self.home.write(draft)

    def made_with(self) -> str:
        item = self.listing.item()
        if item is None:
            return ""
        if item.list == "models":
            return in_quotes("model:", item.name)
        return f'"{item.name.rpartition("/")[2]}"' if item.list in IN_PROMPTS else ""

    async def action_search(self) -> None:
        from tui.screens.libraryoffers import Offers

        words = " ".join(word for word in self.filter.split() if ":" not in word)
        await self.app.push_screen(Offers(self.kind, words, self.fetchings))

    def action_copy(self, what: str) -> None:
        item = self.listing.item()
        if item is not None:
            text = (item.path or item.name) if what == "id" else ", ".join(item.triggers) or item.name
            self.home.copy(text, "path" if what == "id" and item.path else "words")

    def action_outside(self) -> None:
        from pathlib import Path

        item = self.listing.item()
        if item is not None and item.path:
            self.home.open_outside(Path(item.path).parent)


class LorasScreen(ModelsScreen):
    tab = "loras"
    kinds = IN_PROMPTS
