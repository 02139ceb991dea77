"""The words of a run as they are written, and the variants they make: coloured, listed, held and copied."""

from textual import on
from textual.widgets import TextArea

from schema.prompts import Tried
from tui.messages import CursorMoved, PagesWanted
from tui.screens.draft import Draft
from tui.screens.numbers import many
from tui.screens.trying import MOST, Answer, TryingOut, variant_of
from tui.screens.variation import Variation, picked
from tui.widgets.ink import Piece
from tui.widgets.promptarea import PromptArea
from tui.widgets.samplelist import SampleList


class Variants(TryingOut[Answer]):
    """`samples` are the variants; the screen shows them, and its words in `PromptArea`s."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self.samples = SampleList()

    def show_variant(self) -> None:
        """The one under the cursor is another."""

    def wrote(self) -> None:
        """The words are others."""
        self.try_soon()

    def list_variants(self, tried: Tried) -> None:
        self.samples.fill(self.numbered(), min(tried.jobs, MOST))
        shown = f"  {len(tried.samples):,} of {many(tried.jobs)}" if tried.jobs else ""
        self.samples.retitle((Piece("Variants", "title"), Piece(shown, "dim")))

    def colour(self) -> None:
        """Places of the words as they stand, moved along with what was typed since they were told."""
        for area in self.query(PromptArea):
            area.colour(self.segments_in(area.text, negative=area.id == "negative"))

    @on(TextArea.Changed)
    def _wrote(self) -> None:
        if self.is_mounted:
            self.colour()
            self.wrote()

    @on(CursorMoved)
    def _looked_at(self, event: CursorMoved) -> None:
        event.stop()
        self.show_variant()

    @on(PagesWanted)
    def _more_wanted(self, event: PagesWanted) -> None:
        """The next page of variants: more of them are asked for."""
        event.stop()
        if not event.pages:
            self.more()

    # Keys -------------------------------------------------------------------------------------------

    def action_drop_edit(self) -> None:
        if (one := self.samples.item()) is not None and one.edited:
            self.vary_now(self.varied.edited(None, variant_of(one.name)))

    def action_hold_all(self) -> None:
        if (one := self.samples.item()) is not None and one.picks:
            self.vary_now(self.varied.held(picked(one.picks)))

    def action_copy_sample(self) -> None:
        if (one := self.samples.item()) is not None:
            self.home.copy(one.prompt, "prompt")

    async def action_vary(self) -> None:
        """How many, in which way, and what is held."""
        from tui.screens.varying import VaryForm

        def told(varied: Variation | None) -> None:
            if varied is not None:
                self.vary_now(varied)

        await self.app.push_screen(VaryForm(self.varied), told)

    async def action_lora(self) -> None:
        """A name that the nodes have, put where one writes."""
        from tui.screens.wordpick import WordPick

        into = self.focused if isinstance(self.focused, PromptArea) else self.query_one("#prompt", PromptArea)

        def chosen(words: str | None) -> None:
            if words is not None:
                before = into.text[: into.at]
                comma = ", " if into.id == "negative" and before.strip() else " "
                into.insert(f"{comma}{words}" if before and not before[-1].isspace() else words)
            self.set_focus(into)

        await self.app.push_screen(WordPick(self.draft.backend), chosen)
