"""The variants of the Run area, told beside the words, and the prompt editor over them."""

from dataclasses import replace

import msgspec
from textual import on

from tui.messages import ItemOpened
from tui.screens.draft import Draft
from tui.screens.runchoosing import RunChoosing
from tui.widgets.variantpane import VariantPane


class RunVariants(RunChoosing):
    """`samples` are the variants, `variant` tells one of them whole."""

    def __init__(self) -> None:
        super().__init__()
        self.variant = VariantPane()

    def show_variants(self) -> None:
        if self.tried is not None:
            self.colour()
            self.list_variants(self.tried)
            self.show_variant()

    def show_variant(self) -> None:
        """Without the warnings: they stand among the problems."""
        tried = msgspec.structs.replace(self.tried, warnings=()) if self.tried is not None else None
        self.variant.show(self.samples.item(), tried)

    def action_reroll(self) -> None:
        """Another seed, and of places that are drawn others."""
        self._seed = self.draft.seed
        if places := [place.key for place in self.places_now()]:
            self.reroll(places)
        else:
            self.try_soon(0.0)

    # The prompt editor ------------------------------------------------------------------------------

    async def action_editor(self) -> None:
        """The words and all that varies are loaded into the editor, and pushed back from it."""
        await self._edit_at(0)

    async def action_edit_sample(self) -> None:
        """The editor, at the variant under the cursor."""
        one = self.samples.item()
        await self._edit_at(one.number if one is not None else 0)

    @on(ItemOpened)
    async def _opened(self, event: ItemOpened) -> None:
        if self.focused is self.samples:
            event.stop()
            await self.action_edit_sample()

    async def _edit_at(self, number: int) -> None:
        from tui.screens.prompt import PromptEditor

        await self.app.push_screen(PromptEditor(self.draft, at=number, seed=self._seed), self._pushed_back)

    def _pushed_back(self, draft: Draft | None) -> None:
        if draft is not None:
            self._seed = draft.seed or self._seed
            self.put_words(draft.prompt, draft.negative)
            self.change(replace(self.draft, prompt=draft.prompt, negative=draft.negative, varied=draft.varied,
                                seed=draft.seed))  # fmt: skip
