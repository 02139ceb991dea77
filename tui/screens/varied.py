"""The part of the form about words: preset, profile, how it varies, and the prompt editor over it."""

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static, TextArea

from schema.errors import NoDaemon, Refused
from schema.requests import RunRequest
from tui.screens.draft import Draft, request
from tui.screens.picks import Picking
from tui.screens.variation import Variation
from tui.widgets.pick import Pick


class Varied(Picking):
    """`preset` and `varied` are what was chosen."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self.preset = draft.preset
        self.varied = draft.varied

    def compose_varied(self) -> ComposeResult:
        with Horizontal(classes="row close"):
            yield Static("settings", classes="field")
            yield Pick("settings", otherwise="as the pipeline says")
        with Horizontal(classes="row close"):
            yield Static("varies", classes="field")
            yield Pick("varies", otherwise="every combination of what varies")
        with Horizontal(classes="row close"):
            yield Static("preset", classes="field")
            yield Pick("preset", otherwise="none")
            yield Static("profile", classes="field")
            yield Pick("profile", otherwise="none")

    def show_varied(self) -> None:
        varied = self.varied
        self.query_one("#preset", Pick).show(self.preset, changed=bool(self.preset))
        self.query_one("#profile", Pick).show(varied.profile, changed=bool(varied.profile))
        told = varied.told()
        self.query_one("#varies", Pick).show(told, changed=bool(told))

    def begin_picks(self) -> None:
        super().begin_picks()
        self.show_varied()

    def vary(self, varied: Variation) -> None:
        if varied != self.varied:
            self.varied = varied
            self.show_varied()
            self.preview()

    async def asked_other(self, event: Pick.Asked) -> None:
        cleared = isinstance(event, Pick.Cleared)
        match event.pick.id:
            case "varies" if cleared:
                self.vary(replace(Variation(), profile=self.varied.profile))
            case "varies":
                await self.action_vary()
            case "preset" | "profile" if cleared:
                self.apply(event.pick.id, "")
            case "preset" | "profile":
                await self._choose_saved(event.pick.id)

    def apply(self, what: str, name: str) -> None:
        """A preset or a profile, by name; an empty one takes it back."""
        if what == "profile":
            self.vary(replace(self.varied, profile=name))
        elif name != self.preset:
            self.preset = name
            self.show_varied()
            self.preview()

    async def _choose_saved(self, what: str) -> None:
        from tui.screens.shelved import Shelved

        def chosen(name: str | None) -> None:
            if name is not None:
                self.apply(what, name)

        now = self.preset if what == "preset" else self.varied.profile
        noun = "presets" if what == "preset" else "profiles"
        await self.app.push_screen(Shelved(what, "presets" if noun == "presets" else "profiles", now), chosen)

    # Over the form ----------------------------------------------------------------------------------

    async def action_vary(self) -> None:
        from tui.screens.varying import VaryForm

        def told(varied: Variation | None) -> None:
            if varied is not None:
                self.vary(varied)

        await self.app.push_screen(VaryForm(self.varied), told)

    async def action_editor(self) -> None:
        """The form's words and all that varies are loaded into the editor, and pushed back from it."""
        from tui.screens.prompt import PromptEditor

        await self.app.push_screen(PromptEditor(self.read(), self.wish), self._pushed_back)

    async def action_saved(self) -> None:
        """Presets and profiles: what was changed here can be saved as one."""
        from tui.screens.saved import Saved

        def chosen(told: str | None) -> None:
            noun, _, name = (told or "").partition(" ")
            if name:
                self.apply(noun.removesuffix("s"), name)

        try:
            preset = await self._as_preset(self.read())
        except Refused as e:
            self.home.say(e.told(), bad=True)
        except NoDaemon:
            self.home.say("The daemon does not answer.", bad=True)
        else:
            applied = {"presets": self.preset, "profiles": self.varied.profile}
            await self.app.push_screen(Saved(preset, applied, self._follow), chosen)

    def _follow(self, noun: str, name: str) -> None:
        self.apply(noun.removesuffix("s"), name)

    async def _as_preset(self, draft: Draft) -> str:
        """All that differs from what the pipeline says. Raises Refused or NoDaemon."""
        from tui.screens.saved import preset_text

        image = await self.image_of(draft)
        bare = replace(draft, prompt="a picture", pack="", packs=(), varied=Variation(), count="1", seed="")
        before, _ = await self.home.asker.plan(request(replace(bare, preset="", set=(), last=False), image), keep=1)
        now, _ = await self.home.asker.plan(request(bare, image), keep=1)
        return preset_text(before[0].config if before else {}, now[0].config if now else {})

    async def wish(self, draft: Draft) -> RunRequest:
        """Raises Refused or NoDaemon."""
        return request(draft, await self.image_of(draft))

    def _pushed_back(self, draft: Draft | None) -> None:
        if draft is not None:
            self.put_words(draft.prompt, draft.negative)
            self.varied = draft.varied
            self.query_one("#seed", Input).value = draft.seed
            self.show_varied()
            self.preview()
        self.set_focus(self.query_one("#prompt"))

    def put_words(self, prompt: str, negative: str) -> None:
        area = self.query_one("#prompt", TextArea)
        if area.text != prompt:
            area.replace(prompt, area.document.start, area.document.end)
        self.query_one("#negative", Input).value = negative
