"""A new run, quickly: what to make, how often, and what that comes to before it is queued."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Select, Static, TextArea
from textual.widgets.select import InvalidSelectValueError

from schema.errors import NoDaemon, Refused
from schema.pages import Resource, RunRecord
from schema.requests import RunRequest, TextFile
from tui.background import begin, is_open
from tui.keys import bindings, of
from tui.link.ask import PlanLine
from tui.link.favoured import STAR
from tui.screens.draft import ENHANCING, Draft, Last, draft_like, request
from tui.screens.picks import backends_of
from tui.screens.pictures import gist, understood
from tui.screens.varied import Varied
from tui.widgets.ink import plain, unflagged
from tui.widgets.promptarea import PromptArea
from tui.widgets.tick import Tick

WAIT = 0.35
"""Seconds after the last change before the plan is asked for."""

IN_WORDS = {"img2img": "paint over", "detail": "faces", "upscale": "upscale", "face_restore": "restore faces"}
"""What a picture can be sent through."""


class Names(msgspec.Struct, frozen=True):
    items: tuple[str, ...]


class NewRun(Varied):
    """Nothing written here is lost: escape keeps it for the next time, queueing clears it once it is queued."""

    BINDINGS = bindings(of("form"))

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self.plan: PlanLine | None = None
        """Of the draft as it stands; None while it is being made."""
        self._planning = 0

    def compose(self) -> ComposeResult:
        draft = self.draft
        with VerticalScroll(classes="dialog form", can_focus=False) as dialog:
            dialog.border_title = Content(self.title_words())
            dialog.border_subtitle = "^j queue  ^e editor  ^o varies  ^t settings  ^l LoRA  ^n saved  esc keep"
            if draft.picture is not None:
                yield from self.compose_picture(draft.picture)
            yield Static("prompt", classes="field")
            yield PromptArea(draft.prompt, id="prompt", ask=self.home.names_at)
            with Horizontal(classes="row"):
                yield Static("negative", classes="field")
                yield Input(draft.negative, id="negative", compact=True)
            with Horizontal(classes="row"):
                yield Static("pack", classes="field")
                yield Select[str]([], id="pack", compact=True, prompt="none")
                yield Static("pipeline", classes="field")
                other = "standard" if draft.picture is None else "what is ticked"
                yield Select[str]([], id="pipeline", compact=True, prompt=other)
            with Horizontal(classes="row"):
                yield Static("count", classes="field")
                yield Input(draft.count, id="count", compact=True, restrict=r"[0-9]*", max_length=6)
                yield Static("seed", classes="field")
                yield Input(draft.seed, id="seed", compact=True, placeholder="drawn", restrict=r"[0-9]*", max_length=19)
            yield from self.compose_picks()
            yield from self.compose_varied()
            with Horizontal(classes="row close"):
                yield Static("node", classes="field")
                yield Select[str](self.nodes(), id="node", compact=True, prompt="any")
                yield Static("window", classes="field")
                yield Input(draft.window, id="window", compact=True, placeholder="22:00-07:00", max_length=40)
                yield Static("done by", classes="field")
                yield Input(draft.deadline, id="deadline", compact=True, placeholder="07:00, or 8h", max_length=40)
            with Horizontal(classes="row"):
                yield Static("", classes="field")
                yield Tick("film of the run", draft.video, id="video")
                yield Tick("hold it back", draft.hold, id="hold")
                yield Tick("as last time", draft.last, id="last")
            lately = Static("", id="lately", classes="quiet")
            lately.display = False
            yield lately
            yield Static("", id="plan", classes="quiet")

    def title_words(self) -> str:
        if self.draft.packs:
            return f"New run of {', '.join(map(plain, (self.draft.pack, *self.draft.packs)))}"
        what = "New run" if self.draft.picture is None else "New picture from one that is there"
        like = " like " if self.draft.picture is None else ", of "
        return f"{what}{like}{plain(self.draft.origin)}" if self.draft.origin else what

    def compose_picture(self, picture: str) -> ComposeResult:
        with Horizontal(classes="row first"):
            yield Static("picture", classes="field")
            yield Input(picture, id="picture", compact=True, placeholder="a file's path, or an image's id")
        with Horizontal(classes="row through"):
            yield Static("through", classes="field")
            for kind in ENHANCING:
                yield Tick(IN_WORDS[kind], kind in self.draft.through, id=f"through-{kind}")

    def on_mount(self) -> None:
        blink = self.app.animation_level != "none"
        self.query_one(TextArea).cursor_blink = blink
        for field in self.query(Input):
            field.cursor_blink = blink
        self.set_focus(self.query_one("#picture" if self.draft.picture == "" else "#prompt"))
        self.begin_picks()
        begin(self, self._fill_lists, group="lists")
        begin(self, self._look_back, group="last")
        self.preview()

    async def _fill_lists(self) -> None:
        for id, list_, value in (("pack", "packs", self.draft.pack), ("pipeline", "pipelines", self.draft.pipeline)):
            try:
                names = (await self.home.asker.get(f"/v1/{list_}", Names)).items
            except (NoDaemon, Refused):
                continue
            every = [Resource(list=list_, name=name) for name in names]
            found, starred = await self.home.favoured.first(list_, every)
            if not is_open(self):
                return
            select = self.query_one(f"#{id}", Select)
            signs = {name: f"{STAR} " if name in starred else "" for name in names}
            select.set_options([(Content(signs[one.name] + plain(one.name)), one.name) for one in found])
            if value in names:
                select.value = value

    async def _look_back(self) -> None:
        """A form that is opened afresh begins where the last run was."""
        try:
            last = await self.home.asker.get("/v1/last", Last)
        except (NoDaemon, Refused):
            return
        if not is_open(self) or not (words := last.in_words()):
            return
        lately = self.query_one("#lately", Static)
        lately.update(Content(f"last run  {plain(words)}"))
        lately.display = self.draft.picture is None
        self.query_one("#seed", Input).placeholder = f"drawn; last {last.seed}"
        if self.draft == Draft():
            tick = self.query_one("#last", Tick)
            if not tick.value:
                tick.action_turn()
            await self._as_sent(last.run or "")

    async def _as_sent(self, run: str) -> None:
        """Again by the backend that the last run was sent to, if it was sent to one."""
        try:
            backend = (await self.home.asker.get(f"/v1/runs/{run}", RunRecord)).spec.backend if run else None
        except (NoDaemon, Refused):
            return
        if not is_open(self):
            return
        chosen = self.query_one("#backend", Select)
        if backend in backends_of(self.home.live.scene.nodes) and not isinstance(chosen.value, str):
            chosen.value = backend

    # The draft and its plan -------------------------------------------------------------------------

    def read(self) -> Draft:
        """The form as it stands."""
        pack, pipeline = self.query_one("#pack", Select).value, self.query_one("#pipeline", Select).value
        picture = self.draft.picture
        if picture is not None:
            picture = self.query_one("#picture", Input).value.strip()
        return replace(
            self.draft,
            prompt=self.query_one(TextArea).text.replace("\r\n", "\n").replace("\r", "\n"),
            negative=self.query_one("#negative", Input).value,
            pack=pack if isinstance(pack, str) else "",
            pipeline=pipeline if isinstance(pipeline, str) else self.draft.pipeline,
            count=self.query_one("#count", Input).value,
            seed=self.query_one("#seed", Input).value,
            backend=self.backend,
            node=self.node,
            whole=self.is_whole,
            window=self.query_one("#window", Input).value,
            deadline=self.query_one("#deadline", Input).value,
            set=self.sets,
            own=self.own,
            preset=self.preset,
            varied=self.varied,
            video=self.query_one("#video", Tick).value,
            hold=self.query_one("#hold", Tick).value,
            last=self.query_one("#last", Tick).value,
            picture=picture,
            through=tuple(kind for kind in ENHANCING if self.query_one(f"#through-{kind}", Tick).value)
            if picture is not None
            else self.draft.through,
        )

    @on(TextArea.Changed)
    @on(Input.Changed)
    @on(Select.Changed)
    @on(Tick.Changed)
    def preview(self) -> None:
        if not self.is_mounted:
            return
        self.plan = None
        self._planning += 1
        begin(self, partial(self._preview, self._planning), group="plan", exclusive=True)

    async def _preview(self, number: int) -> None:
        if self.stages is not None:
            await asyncio.sleep(WAIT)
        if not is_open(self):
            return
        draft = self.read()
        try:
            await self.learn_stages(draft)
            if draft.empty:
                self.tell("name a picture" if draft.picture is not None else "write a prompt or take a pack")
                return
            wish = request(draft, await self.image_of(draft))
            first, last = await self.home.asker.plan(wish, keep=2)
        except Refused as e:
            self.tell(unflagged(e.told()), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer; the plan comes when it does", bad=True)
        else:
            if number == self._planning:
                self.plan = last
                self.tell_plan(first, last)

    def tell_plan(self, first: tuple[PlanLine, ...], last: PlanLine) -> None:
        jobs = last.jobs or 0
        lines = [f"{jobs:,} {'job' if jobs == 1 else 'jobs'} · seed {last.seed}"]
        lines += [f"{number}  {plain(job.prompt)[:200]}" for number, job in enumerate(first, 1)]
        lines += [f"! {plain(unflagged(warning))}" for warning in last.warnings[:3]]
        self.tell("\n".join(lines))

    def tell(self, words: str, *, bad: bool = False) -> None:
        for line in self.query("#plan").results(Static):
            line.set_class(bad, "wrong")
            line.update(Content(words))

    def action_refresh(self) -> None:
        begin(self, self._refresh, group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        await self.home.refresh_nodes()
        if is_open(self):
            self.show_picks()

    # A file that was dropped ------------------------------------------------------------------------

    def take_file(self, path: Path) -> None:
        begin(self, partial(self._take_file, path), group="file", exclusive=True)

    async def _take_file(self, path: Path) -> None:
        try:
            found = await understood(self.home.asker, path)
        except Refused as e:
            self.home.say(e.told(), bad=True)
        except NoDaemon:
            self.home.say("The daemon does not answer.", bad=True)
        else:
            if is_open(self) and (found.foreign.prompt or found.run.packs or found.run.prompt or found.run.set):
                self.take(draft_like(found.run, found.foreign.name), found.run)
                self.query_one(".dialog").border_title = Content(f"New run like {plain(found.foreign.name)}")
            self.home.say(gist(found.foreign), bad=bool(found.foreign.warnings))

    def take(self, draft: Draft, wish: RunRequest) -> None:
        """Everything that the request says; what it does not say stays. The words can be undone in their field."""
        self.put_words(draft.prompt or self.query_one(TextArea).text, draft.negative)
        self.query_one("#seed", Input).value = draft.seed
        self.query_one("#count", Input).value = draft.count
        if (last := self.query_one("#last", Tick)).value:
            last.action_turn()
        for id, value in (("pack", draft.pack), ("pipeline", draft.pipeline)):
            select = self.query_one(f"#{id}", Select)
            if value:
                with suppress(InvalidSelectValueError):
                    select.value = value
        if isinstance(wish.pipeline, TextFile):
            self.own = self.read().with_own(wish.pipeline.text).own
        self.preset, self.varied, self.sets = draft.preset, draft.varied, draft.set
        self.show_varied()
        self.show_picks()
        self.preview()

    # Leaving ----------------------------------------------------------------------------------------

    def action_queue(self) -> None:
        begin(self, partial(self._queue, self.read()), group="queue", exclusive=True)

    async def _queue(self, draft: Draft) -> None:
        """The plan that was seen is the plan that is queued: its seed and hash go with it."""
        if draft.empty:
            self.tell("name a picture" if draft.picture is not None else "write a prompt or take a pack", bad=True)
            return
        self.home.draft = draft
        try:
            wish = request(draft, await self.image_of(draft))
            if self.plan is not None and self.plan.plan_hash:
                wish = msgspec.structs.replace(wish, seed=self.plan.seed, plan_hash=self.plan.plan_hash)
            answer = await self.home.asker.command("/v1/runs", wish)
        except Refused as e:
            self.tell(e.told(), bad=True)
        except NoDaemon:
            self.tell("the daemon does not answer; nothing was queued, nothing is lost", bad=True)
        else:
            self.home.draft = None
            word = "job" if answer.jobs == 1 else "jobs"
            self.home.say(f"{answer.run or 'run'}: {answer.jobs:,} {word} {'held' if draft.hold else 'queued'}")
            if self.is_current:
                self.dismiss()

    def action_leave(self) -> None:
        draft = self.read()
        self.home.draft = None if draft.empty else draft
        self.dismiss()
