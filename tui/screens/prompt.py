"""The prompt editor over Run: what varies in colour, every place, every variant, and what will be sent.

Loads the words of Run and pushes them back; what is made of them is told by the function that plans the run.
"""

from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from schema.requests import Edit
from tui.background import leave
from tui.keys import bindings, hints, of, pressed
from tui.messages import ItemOpened
from tui.screens.draft import Draft
from tui.screens.runhead import what_for
from tui.screens.trying import variant_of
from tui.screens.variants import Variants
from tui.screens.variation import picked
from tui.widgets.ink import Piece, plain
from tui.widgets.placelist import PlaceList
from tui.widgets.promptarea import PromptArea
from tui.widgets.samplelist import Numbered
from tui.widgets.variantpane import VariantPane


class PromptEditor(Variants[Draft | None], ModalScreen[Draft | None]):
    """Answers the draft as it is to stand in Run, or None."""

    BINDINGS = bindings(of("prompt"))

    def __init__(self, draft: Draft, *, at: int = 0, seed: str = "") -> None:
        """`at`: the variant to begin with, from 1; 0: the words. `seed`: what Run has drawn: the same variants."""
        super().__init__(draft)
        self._seed = self._seed or seed
        self.began = draft
        """What Run had."""
        self._at = at
        self.places = PlaceList()
        self.pane = VariantPane()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog editor") as dialog:
            dialog.border_title = Content(f"Prompt{f' like {plain(self.draft.origin)}' if self.draft.origin else ''}")
            dialog.border_subtitle = hints(
                "prompt.into into the run",
                "prompt.reroll randomize",
                "prompt.vary how many",
                "prompt.payload payload",
                "prompt.leave back",
            )
            with Horizontal(classes="words"):
                yield Static("prompt", classes="field")
                yield PromptArea(self.draft.prompt, id="prompt", ask=self.home.names_at)
            with Horizontal(classes="words"):
                yield Static("negative", classes="field")
                yield PromptArea(self.draft.negative, id="negative", ask=self.home.names_at)
            yield Static("", id="count")
            yield Static("", id="tabs")
            with Horizontal(id="below"):
                yield self.places
                yield self.samples
                yield self.pane

    def on_mount(self) -> None:
        self.query_one("#prompt", PromptArea).placeholder = what_for(self.draft)
        self.look_into("samples")
        self.set_focus(self.query_one("#prompt"))
        self.try_soon(0.0)

    def on_descendant_focus(self) -> None:
        """Of the lists below, a narrow screen shows the one that was last looked into."""
        for name in ("places", "samples", "pane"):
            if self.focused is not None and self.focused.id == name:
                self.look_into(name)

    def look_into(self, name: str) -> None:
        self.query_one("#below").set_classes(f"-{name}")
        names = {"places": "Places", "samples": "Variants", "pane": "Payload" if self.pane.payload else "Whole"}
        told = "  ".join(f"[{word}]" if name == one else f" {word} " for one, word in names.items())
        self.query_one("#tabs", Static).update(Content(f"{told}  tab goes through them"), layout=False)

    # What it comes to -------------------------------------------------------------------------------

    def read(self) -> Draft:
        words = {area.id: area.text.replace("\r\n", "\n").replace("\r", "\n") for area in self.query(PromptArea)}
        negative = words.get("negative", "").replace("\n", " ")
        return replace(self.draft, prompt=words.get("prompt", ""), negative=negative)

    @on(ItemOpened)
    async def _opened(self, event: ItemOpened) -> None:
        event.stop()
        await self.run_action("edit_sample" if self.focused is self.samples else "choose_value")

    def show_tried(self) -> None:
        tried = self.tried
        self.query_one("#count", Static).update(Content.assemble(*self.count_words()))
        if tried is None:
            return
        self.colour()
        places = self.places_now()
        self.places.fill(places)
        self.places.retitle((Piece("Places", "title"), Piece(f"  {len(places)}" if places else "", "dim")))
        self.list_variants(tried)
        if 0 < self._at <= len(tried.samples):
            self.set_focus(self.samples)
            self.samples.go(self._at - 1)
        self._at = 0
        self.show_variant()

    def show_variant(self) -> None:
        one = self.samples.item()
        self.places.now = picked(one.picks) if one is not None else {}
        self.places.redraw_all()
        self.pane.show(one, self.tried)

    # Places -----------------------------------------------------------------------------------------

    def action_lock(self) -> None:
        place = self.places.item()
        if place is None:
            return
        if place.locked is not None:
            self.vary_now(self.varied.locked(place.key, None))
        elif (now := self.places.now.get(place.key, place.values[0] if place.values else None)) is not None:
            self.vary_now(self.varied.locked(place.key, now))

    async def action_choose_value(self) -> None:
        from tui.screens.ask import Choose

        place = self.places.item()
        if place is None or not place.values:
            return
        free = ("", "free: it varies")
        values = [(f"={value}", plain(value) or "nothing") for value in dict.fromkeys(place.values)]

        def chosen(value: str | None) -> None:
            if value is not None:
                self.vary_now(self.varied.locked(place.key, value[1:] if value else None))

        now = f"={place.locked}" if place.locked is not None else ""
        await self.app.push_screen(Choose(plain(place.key), [free, *values], now), chosen)

    def action_unlock(self) -> None:
        self.vary_now(replace(self.varied, locks=()))

    def action_reroll_one(self) -> None:
        if (place := self.places.item()) is not None:
            self.reroll([place.key])

    def action_reroll_others(self) -> None:
        here = self.places.item()
        self.reroll([one.key for one in self.places_now() if here is None or one.key != here.key])

    def action_reroll(self) -> None:
        self.reroll([one.key for one in self.places_now()])

    # Variants ---------------------------------------------------------------------------------------

    async def action_edit_sample(self) -> None:
        from tui.screens.overwrite import Overwrite

        one = self.samples.item()
        if one is None or not one.name:
            return

        def written(words: tuple[str, str] | None) -> None:
            if words is not None:
                self.edit(one, *words)

        await self.app.push_screen(Overwrite(one, self.home.names_at), written)

    def edit(self, one: Numbered, prompt: str, negative: str) -> None:
        name = variant_of(one.name)
        was = next((edit for edit in self.varied.edits if edit.name == name), None)
        if (prompt, negative) != (one.prompt, one.negative):
            edit = Edit(
                name=name,
                prompt=prompt if prompt != one.prompt else was.prompt if was else None,
                negative=negative if negative != one.negative else was.negative if was else None,
            )
            self.vary_now(self.varied.edited(edit, name))

    def action_payload(self) -> None:
        self.pane.turn(self.samples.item(), self.tried)
        self.look_into("pane")
        if self.size.width < 100:
            self.set_focus(self.pane)

    # To Run and back ---------------------------------------------------------------------------

    def action_load(self) -> None:
        """All that was changed here is dropped."""
        self.draft = self.began
        for area in self.query(PromptArea):
            area.text = self.began.prompt if area.id == "prompt" else self.began.negative
        self.try_soon(0.0)

    def pushed(self) -> Draft:
        """For Run; with the seed where something is drawn, so that what was seen is what runs."""
        draft, varied = self.read(), self.varied
        drawn = varied.matrix == "random" or varied.rerolls or varied.limit or varied.variants
        return replace(draft, seed=self._seed) if drawn and not draft.seed else draft

    def action_into(self) -> None:
        leave(self, self.pushed())

    async def action_leave(self) -> None:
        from tui.screens.ask import Confirm

        def answered(yes: bool | None) -> None:
            if yes is not None:
                leave(self, self.pushed() if yes else None)

        if self.read() == self.began:
            leave(self, None)
        else:
            question = Confirm(
                "Put the changes into the run?",
                f"{pressed('dialog.no')} drops them, {pressed('dialog.leave')} goes on writing.",
            )
            await self.app.push_screen(question, answered)
