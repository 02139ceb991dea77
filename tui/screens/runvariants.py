"""The words of a run as they are written, and the variants that they make: coloured, told, held and written over."""

import msgspec
from textual import on
from textual.widgets import TextArea

from tui.messages import CursorMoved, ItemOpened, PagesWanted
from tui.screens.runchoosing import RunChoosing
from tui.screens.trying import MOST, variant_of
from tui.screens.variation import picked
from tui.widgets.ink import Piece
from tui.widgets.promptarea import PromptArea
from tui.widgets.variantpane import VariantPane


class RunVariants(RunChoosing):
    """`samples` are the variants, `variant` tells one of them whole."""

    def __init__(self) -> None:
        super().__init__()
        self.variant = VariantPane()

    def show_variants(self) -> None:
        tried = self.tried
        if tried is None:
            return
        self.colour()
        self.samples.fill(self.numbered(), min(tried.jobs, MOST))
        shown = f"  {len(tried.samples):,} of {tried.jobs:,}" if tried.jobs else ""
        self.samples.retitle((Piece("Variants", "title"), Piece(shown, "dim")))
        self.show_variant()

    def show_variant(self) -> None:
        """Without the warnings: they stand among the problems."""
        tried = msgspec.structs.replace(self.tried, warnings=()) if self.tried is not None else None
        self.variant.show(self.samples.item(), tried)

    @on(TextArea.Changed)
    def _wrote(self) -> None:
        if self.is_mounted:
            self.colour()
            self.wrote()

    def colour(self) -> None:
        """Places of the words as they stand, moved along with what was typed since they were told."""
        for area in self.query(PromptArea):
            area.colour(self.segments_in(area.text, negative=area.id == "negative"))

    @on(CursorMoved)
    def _looked_at(self, event: CursorMoved) -> None:
        event.stop()
        self.show_variant()

    @on(ItemOpened)
    async def _opened(self, event: ItemOpened) -> None:
        if self.focused is self.samples:
            event.stop()
            await self.action_edit_sample()

    @on(PagesWanted)
    def _more_wanted(self, event: PagesWanted) -> None:
        event.stop()
        if not event.pages:
            self.more()

    def action_drop_edit(self) -> None:
        if (one := self.samples.item()) is not None and one.edited:
            self.vary_now(self.varied.edited(None, variant_of(one.name)))

    def action_hold_all(self) -> None:
        if (one := self.samples.item()) is not None and one.picks:
            self.vary_now(self.varied.held(picked(one.picks)))

    def action_copy_sample(self) -> None:
        if (one := self.samples.item()) is not None:
            self.home.copy(one.prompt, "prompt")

    def action_reroll(self) -> None:
        """Another seed, and of places that are drawn others."""
        self._seed = self.draft.seed
        if places := [place.key for place in self.places_now()]:
            self.reroll(places)
        else:
            self.try_soon(0.0)
