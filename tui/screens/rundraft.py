"""The draft of a run as the Run area holds it: every change comes through one door, is tried out, and can be sent."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from textual import on
from textual.widgets import TextArea

from schema.errors import NoDaemon, Refused
from schema.forecast import Foretold
from schema.ids import RunId
from schema.pages import RunRecord
from schema.requests import RunRequest, TextFile
from tui.background import begin, is_open
from tui.keys import pressed
from tui.messages import StagesEdited
from tui.promptlexer import lex
from tui.screens.area import AreaScreen
from tui.screens.draft import Draft, Last, draft_like
from tui.screens.pictures import gist, understood
from tui.screens.runhead import backends_of
from tui.screens.runplan import Plan
from tui.screens.stageform import StageForm, ground_of, stage_form
from tui.screens.trying import WAIT
from tui.screens.variants import Variants
from tui.screens.variation import Variation
from tui.widgets.ink import plain, unflagged
from tui.widgets.promptarea import PromptArea
from tui.widgets.stagecards import StageCards

MOST_FORETOLD = 5_000
"""Jobs of a run whose time is asked for while it is written."""

FRESH = 60.0
"""Seconds after which it is asked for again."""


class RunDraft(Variants[None], AreaScreen):
    """`draft` is what is written, also while the area is not in view: `home.draft` is the same."""

    def __init__(self) -> None:
        super().__init__(Draft())
        self.cards = StageCards()
        self.last: Last | None = None
        """What the last run used."""
        self.foretold: Foretold | None = None
        self._foretold_at = 0.0
        """When: the end that was told is as far from there as the run is long."""
        self.followed: RunId | None = None
        """The run that was last sent from here."""
        self.refusal = ""
        """Why the run was not taken."""
        self.doubt = ""
        """Why it would not be: what no node has, or a time that has passed."""
        self._form: StageForm | None = None
        self._staged: tuple[object, ...] | None = None
        """What the stages that are shown depend on."""
        self._sending = False
        self.unfolded = False
        """Also in a low terminal all fields of the head are shown."""
        self._enhanced: tuple[str, tuple[str, ...]] = ("", ())
        """The picture that it was begun from and what its first stage was told, while another kind is shown."""
        self._as_last = False
        """Whether it was as last time before it was from a picture."""

    def show_head(self) -> None:
        """The draft is another one."""

    def begin_head(self) -> None:
        """Of another kind of work the first field is the one that it needs."""

    def show_outcome(self) -> None:
        """What it comes to is another thing."""

    def show_tried(self) -> None:
        self.foretell()
        self.show_outcome()

    # Changing it ------------------------------------------------------------------------------------

    def change(self, draft: Draft, *, wait: float = 0.0) -> None:
        """The one door. `wait`: seconds before it is tried out, while a person types."""
        if draft == self.draft:
            return
        self.draft = self.home.draft = draft
        self.refusal = ""
        self.show_head()
        self.try_soon(wait)
        self.stage_soon()

    def vary_now(self, varied: Variation) -> None:
        self.change(replace(self.draft, varied=varied))

    def wrote(self) -> None:
        """In a field of words."""
        prompt, negative = self.words()
        self.change(replace(self.draft, prompt=prompt, negative=negative), wait=WAIT)

    def words(self) -> tuple[str, str]:
        """The prompt and what is not wanted, as they stand in their fields."""
        texts = {area.id or "": area.text.replace("\r\n", "\n").replace("\r", "\n") for area in self.query(PromptArea)}
        return texts.get("prompt", ""), texts.get("negative", "").replace("\n", " ")

    def put_words(self, prompt: str, negative: str) -> None:
        """Into their fields, where it can be undone."""
        for id, text in (("prompt", prompt), ("negative", negative)):
            area = self.query_one(f"#{id}", TextArea)
            if area.text != text:
                area.replace(text, area.document.start, area.document.end)
                area.move_cursor(area.document.end)

    def take(self, draft: Draft) -> None:
        """All of another draft, with what was written here kept as the draft before."""
        self.home.keep(draft)
        self.load()

    def load(self) -> None:
        """Shows the draft that was written elsewhere."""
        draft = self.home.draft or Draft()
        self._seed = draft.seed
        self.put_words(draft.prompt, draft.negative)
        self.change(draft)

    def action_before(self) -> None:
        before = self.home.draft_before
        if before is None:
            self.home.say("there is no draft before this one")
            return
        self.home.draft_before = None
        self.take(before)
        self.home.say(f"the draft before is back; {pressed('run.before')} changes them again")

    def action_anew(self) -> None:
        self.take(Draft())
        self.look_back()

    # The stages -------------------------------------------------------------------------------------

    def stage_soon(self, *, again: bool = False) -> None:
        """Has the stages told when they may be others than those that are shown."""
        draft = self.draft
        key = (ground_of(draft), draft.set, draft.backend)
        if again or key != self._staged:
            self._staged = key
            begin(self, self._stage, group="stages", exclusive=True)

    async def _stage(self) -> None:
        draft = self.draft
        try:
            image = await self.home.hash_of(draft.picture)
        except (Refused, NoDaemon):
            image = None  # the plan says what is wrong with it
        self._form = await stage_form(self.home, draft, self._form, image)
        self.cards.show(self._form)
        self.show_outcome()

    @on(StagesEdited)
    def _stages_edited(self, event: StagesEdited) -> None:
        """Of the draft that the cards made, what is theirs to say."""
        event.stop()
        made = event.draft
        self.change(
            replace(self.draft, set=made.set, own=made.own, video=made.video, pipeline=made.pipeline, last=made.last),
        )

    # What it comes to -------------------------------------------------------------------------------

    def lacking(self, draft: Draft) -> str:
        return "name a picture" if draft.picture is not None else "write a prompt or take a pack"

    def plan(self) -> Plan:
        return Plan(
            tried=self.tried,
            fault=self.fault,
            how=self.how(),
            foretold=self.foretold,
            lately=self.last.in_words() if self.last is not None and self.draft.picture is None else "",
            now=self._foretold_at or self.home.clock(),
        )

    def faults(self) -> Sequence[str]:
        """What keeps it from being run."""
        wrong = self.fault if self.fault and not self.draft.empty else ""
        stages = self._form.trouble if self._form is not None and not self.draft.empty else ""
        return tuple(dict.fromkeys(one for one in (self.refusal or self.doubt, wrong, stages) if one))

    @property
    def shows_problems(self) -> bool:
        """Whether what is wrong can be read where one is: a toast would say it twice, and lie over it."""
        return False

    def odd_signs(self) -> tuple[str, ...]:
        """Of the words as they stand: what is never closed, or closes nothing."""
        prompt, negative = self.draft.prompt, self.draft.negative
        return (*lex(prompt).told(prompt), *(f"negative, {told}" for told in lex(negative).told(negative)))

    def foretell(self) -> None:
        """By when it would be done, and what room it takes."""
        jobs = self.tried.jobs if self.tried is not None and not self.fault and not self.home.past else 0
        if 0 < jobs <= MOST_FORETOLD:
            begin(self, partial(self._foretell, self.read()), group="foretell", exclusive=True)
        else:
            self.foretold, self.doubt = None, ""

    def tick(self) -> None:
        """What else is under way has gone on meanwhile."""
        if self.foretold is not None and self.home.clock() - self._foretold_at > FRESH:
            self.foretell()

    async def _foretell(self, draft: Draft) -> None:
        try:
            wish = await self.wish(replace(draft, seed=draft.seed or self._seed))
            self.foretold, self.doubt = await self.home.asker.foretell(wish), ""
            self._foretold_at = self.home.clock()
        except Refused as e:
            self.foretold, self.doubt = None, unflagged(e.told())
        except NoDaemon:
            self.foretold = None  # the plan stands, whatever can be said of its time
        self.show_outcome()

    # Where the last run was -------------------------------------------------------------------------

    def look_back(self, *, begin_there: bool = True) -> None:
        """`begin_there`: an empty draft is sent to where that was sent."""
        begin(self, partial(self._look_back, begin_there and self.draft == Draft()), group="last", exclusive=True)

    async def _look_back(self, fresh: bool) -> None:
        """A draft that is begun afresh begins where the last run was, sent to where that was sent."""
        try:
            last = await self.home.asker.get("/v1/last", Last)
            run = f"/v1/runs/{last.run}"
            backend = (await self.home.asker.get(run, RunRecord)).spec.backend if last.run else None
        except (NoDaemon, Refused):
            return
        if not last.in_words():
            return
        self.last = last
        free = not self.draft.last and self.draft.picture is None and not self.draft.pipeline
        if fresh and free and not last.of_picture:
            there = backend if backend in backends_of(self.home.live.scene.nodes) else None
            self.change(replace(self.draft, last=True, backend=self.draft.backend or there or ""))
        self.show_head()
        self.show_outcome()

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
            if found.foreign.prompt or found.run.packs or found.run.prompt or found.run.set:
                self.take(self._like(found.run, found.foreign.name))
            self.home.say(gist(found.foreign), bad=bool(found.foreign.warnings))

    def _like(self, wish: RunRequest, name: str) -> Draft:
        """Everything that the request says; where it is made and when stays."""
        draft, here = draft_like(wish, name), self.draft
        draft = replace(
            draft, backend=here.backend, node=here.node, whole=here.whole, window=here.window, deadline=here.deadline,
            hold=here.hold, batch=here.batch, prompt=draft.prompt or here.prompt,
        )  # fmt: skip
        return draft.with_own(wish.pipeline.text) if isinstance(wish.pipeline, TextFile) else draft

    # Sending it -------------------------------------------------------------------------------------

    def action_queue(self) -> None:
        if not self._sending:
            self._sending = True
            begin(self, self._queue, group="queue")

    async def _queue(self) -> None:
        """The plan that was seen is the plan that is queued: its seed and hash go with it."""
        draft, tried = self.read(), self.tried
        try:
            if draft.empty:
                raise Refused(self.lacking(draft))
            wish = await self.wish(replace(draft, seed=draft.seed or self._seed))
            if tried is not None and tried.plan_hash and self.tried_draft == draft and not self.fault:
                wish = msgspec.structs.replace(wish, seed=tried.seed, plan_hash=tried.plan_hash)
            answer = await self.home.asker.command("/v1/runs", wish)
        except Refused as e:
            self.refusal = unflagged(e.told())
            self.home.say(self.refusal, bad=True)
        except NoDaemon:
            self.refusal = "the daemon does not answer; nothing was queued, nothing is lost"
            if not self.shows_problems:
                self.home.say(self.refusal, bad=True)
        else:
            self.sent(answer.run or "", answer.jobs, held=draft.hold)
        finally:
            self._sending = False
        if is_open(self):
            self.show_outcome()

    def sent(self, run: str, jobs: int, *, held: bool) -> None:
        """It is on its way; the next one draws a seed of its own."""
        self.refusal = ""
        self.followed = RunId(run) if run else None
        self._seed = self.draft.seed
        self.home.say(
            f"{plain(run) or 'run'}: {jobs:,} {'job' if jobs == 1 else 'jobs'} {'held' if held else 'queued'}"
        )
        self.try_soon(0.0)
