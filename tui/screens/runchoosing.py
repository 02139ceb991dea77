"""What is chosen over the Run area: the fields of its head, the kind of work, presets, profiles, one's own editor."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

from textual import on
from textual.widgets import TextArea

from schema.errors import NoDaemon, Refused
from schema.plans import Learning
from tui.editor import edit_text
from tui.link.shelf import Noun
from tui.screens.draft import ENHANCING, Draft, preset_wishes
from tui.screens.rundraft import RunDraft
from tui.screens.runhead import LEARNING, MORE, WHOLE, WORKS, Work, backends_of, nodes_there, work_of
from tui.screens.variation import Variation
from tui.widgets.headline import HeadLine
from tui.widgets.ink import plain
from tui.widgets.promptarea import PromptArea

SHELVES: dict[str, Noun] = {"pack": "packs", "pipeline": "pipelines", "preset": "presets", "profile": "profiles"}

TYPED = {
    "count": ("How often", "Jobs of each variant, with seeds one after the other."),
    "seed": ("Seed", "A whole number. Empty: it is drawn."),
    "priority": ("Priority", "A whole number: higher ones run first within a lane. 0 is usual."),
    "window": ("Window", "Stages begin only in these hours, as in 22:00-07:00. Empty: at any time."),
    "deadline": ("Done by", "As in 07:00, or 8h from now. It goes before others where that is needed."),
    "max_images": ("Pictures of each pack", "At most so many. Empty: all."),
    "picture": ("Begin from a picture", "A file's path, an image's id, or a hash."),
}
"""Fields that are typed: title, and what may stand there."""

FLAGS = ("hold", "video", "last")


class RunChoosing(RunDraft):
    @on(HeadLine.Asked)
    async def _asked(self, event: HeadLine.Asked) -> None:
        event.stop()
        if isinstance(event, HeadLine.Nudged):
            self.nudge(event.field, event.by)
        elif isinstance(event, HeadLine.Cleared):
            self.put(event.field, "")
        elif event.field == MORE:
            self.unfolded = True
            self.show_head()
        elif event.field in FLAGS or event.field.startswith("through-"):
            self.turn(event.field)
        else:
            await self.choose(event.field)

    # Changing a field -------------------------------------------------------------------------------

    def put(self, field: str, value: str) -> None:
        """An empty value: as usual."""
        draft = self.draft
        match field:
            case "pack" if draft.batch and value and draft.pack:
                every = tuple(dict.fromkeys((draft.pack, *draft.packs, value)))
                draft = replace(draft, pack=every[0], packs=every[1:])
            case "pack" if draft.batch and not value and draft.packs:
                draft = replace(draft, packs=draft.packs[:-1])
            case "pack":
                draft = replace(draft, pack=value, packs=())
            case "pipeline":
                draft = replace(draft, pipeline=value, own=None)
            case "preset":
                draft = replace(draft, preset=value)
            case "profile":
                draft = replace(draft, varied=replace(draft.varied, profile=value))
            case "max_images":
                draft = replace(draft, varied=replace(draft.varied, max_images=value))
            case "varies":
                draft = replace(draft, varied=Variation(profile=draft.varied.profile))
            case "node":
                draft = replace(draft, node="" if value == WHOLE else value, whole=value == WHOLE)
            case "learning":
                modes: tuple[Learning, ...] = get_args(Learning)
                draft = replace(draft, learning=next((one for one in modes if one == value), None))
            case "count":
                draft = replace(draft, count=value or "1")
            case "backend":
                draft = replace(draft, backend=value)
            case "seed" | "priority" | "window" | "deadline":
                draft = self._typed(field, value)
            case "picture":
                draft = replace(draft, picture=value)
            case "hold" | "video" | "last" if getattr(draft, field):
                self.turn(field)
                return
        self.change(draft)

    def _typed(self, field: str, value: str) -> Draft:
        match field:
            case "seed":
                self._seed = value
                return replace(self.draft, seed=value)
            case "priority":
                return replace(self.draft, priority=value)
            case "window":
                return replace(self.draft, window=value)
            case _:
                return replace(self.draft, deadline=value)

    def turn(self, field: str) -> None:
        draft = self.draft
        match field:
            case "hold":
                draft = replace(draft, hold=not draft.hold)
            case "video":
                draft = replace(draft, video=not draft.video)
            case "last":
                draft = replace(draft, last=not draft.last)
            case _:
                kind = field.removeprefix("through-")
                through = tuple(one for one in ENHANCING if (one in draft.through) != (one == kind))
                draft = replace(draft, through=through)
        self.change(draft)

    def nudge(self, field: str, by: int) -> None:
        now = {"count": self.draft.count or "1", "priority": self.draft.priority or "0", "seed": self.draft.seed,
               "max_images": self.draft.varied.max_images}.get(field, "")  # fmt: skip
        least = {"count": 1, "priority": -99}.get(field, 0)
        try:
            self.put(field, str(max(least, int(now or 0) + by)))
        except ValueError:
            self.home.say(f"'{plain(now)}' is no whole number", bad=True)

    # Asking for one ---------------------------------------------------------------------------------

    async def choose(self, field: str) -> None:
        if field in SHELVES:
            await self._choose_saved(field, SHELVES[field])
        elif field in TYPED:
            await self._type(field)
        elif field == "varies":
            await self.action_vary()
        else:
            await self._choose_one(field)

    async def _choose_saved(self, field: str, noun: Noun) -> None:
        from tui.screens.shelved import Shelved

        draft = self.draft
        now = {"pack": draft.pack, "pipeline": draft.pipeline, "preset": draft.preset}.get(field, draft.varied.profile)
        await self.app.push_screen(Shelved(field, noun, now), self._taker(field))

    async def _type(self, field: str) -> None:
        from tui.screens.ask import Type

        title, help = TYPED[field]
        one = self.draft
        known = {"count": one.count, "seed": one.seed, "priority": one.priority, "window": one.window,
                 "deadline": one.deadline, "max_images": one.varied.max_images}  # fmt: skip
        await self.app.push_screen(Type(title, help, known.get(field, one.picture or "")), self._taker(field))

    async def _choose_one(self, field: str) -> None:
        from tui.screens.ask import Choose

        draft, nodes = self.draft, self.home.live.scene.nodes
        match field:
            case "backend":
                found = backends_of(nodes)
                if draft.backend:
                    found.setdefault(draft.backend, "no node has it now")
                choices = [("", "any that can"), *((kind, f"{kind} · {plain(words)}") for kind, words in found.items())]
                title, now = "Made by", draft.backend
            case "node":
                there = dict(nodes_there(nodes))
                if draft.node:
                    there.setdefault(draft.node, "lost")
                choices = [("", "any"), (WHOLE, "all of it on one node"),
                           *((name, f"{plain(name)} · {state}") for name, state in there.items())]  # fmt: skip
                title, now = "Made on", WHOLE if draft.whole else draft.node
            case _:
                choices, title, now = list(LEARNING), "Learning", draft.learning or ""
        await self.app.push_screen(Choose(title, choices, now, wide=True), self._taker(field))

    def _taker(self, field: str) -> Callable[[str | None], None]:
        def taken(value: str | None) -> None:
            if value is not None:
                self.put(field, value.strip())

        return taken

    # What it is made from ---------------------------------------------------------------------------

    def action_work(self, work: str = "") -> None:
        """The kind of work of this name, or the next one; what only another kind has is had back with it."""
        names: list[Work] = [name for name, _ in WORKS]
        now = work_of(self.draft)
        wanted = next((name for name in names if name == work), names[(names.index(now) + 1) % len(names)])
        if wanted == now:
            return
        sets, last = self.draft.set, self.draft.last
        if now == "enhance":
            last = self._as_last and not self.draft.origin
            of_picture = tuple(one for one in sets if one.startswith("img2img."))
            self._enhanced = self.draft.picture or "", of_picture
            sets = tuple(one for one in sets if one not in of_picture)
        picture, of_picture = self._enhanced if wanted == "enhance" else (None, ())
        if wanted == "enhance":
            self._as_last, last = last, False
        batch = wanted == "batch"
        self.change(replace(self.draft, picture=picture, batch=batch, last=last, set=(*sets, *of_picture)))
        self.begin_head()

    # Over it ----------------------------------------------------------------------------------------

    async def action_saved(self) -> None:
        """Presets and profiles: what was changed here can be saved as one."""
        from tui.screens.saved import Saved

        def chosen(told: str | None) -> None:
            noun, _, name = (told or "").partition(" ")
            if name:
                self.put(noun.removesuffix("s"), name)

        try:
            preset = await self._as_preset(self.draft)
        except Refused as e:
            self.home.say(e.told(), bad=True)
        except NoDaemon:
            self.home.say("The daemon does not answer.", bad=True)
        else:
            applied = {"presets": self.draft.preset, "profiles": self.varied.profile}
            await self.app.push_screen(Saved(preset, applied, self._follow), chosen)

    def _follow(self, noun: str, name: str, to: str) -> None:
        if name == (self.draft.preset if noun == "presets" else self.varied.profile):
            self.put(noun.removesuffix("s"), to)

    async def _as_preset(self, draft: Draft) -> str:
        """All that differs from what the pipeline says. Raises Refused or NoDaemon."""
        from tui.screens.saved import preset_text

        bare, changed = preset_wishes(draft, await self.home.hash_of(draft.picture))
        before, _ = await self.home.asker.plan(bare, keep=1)
        now, _ = await self.home.asker.plan(changed, keep=1)
        return preset_text(before[0].config if before else {}, now[0].config if now else {})

    def action_outside(self) -> None:
        """The words that have the focus, else the prompt, in the person's editor."""
        into = self.focused if isinstance(self.focused, PromptArea) else self.query_one("#prompt", TextArea)
        with tempfile.TemporaryDirectory(prefix="stablenew-") as folder:
            written, trouble = edit_text(self.app, into.text, Path(folder) / f"{into.id}.txt")
        if trouble:
            self.home.say(trouble, bad=True)
            return
        text = written.replace("\r\n", "\n").removesuffix("\n")
        if text != into.text:
            into.replace(text, into.document.start, into.document.end)
