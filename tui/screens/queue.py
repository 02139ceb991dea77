"""The queue: every job there is and ever was, what is being made now, and one job in full."""

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal

from schema.errors import NoDaemon, Refused
from schema.pages import JobRecord, Page
from schema.requests import Selection
from schema.scenes import Row
from schema.words import words_in
from tui.background import begin
from tui.keys import bindings, of
from tui.live import Change, Live
from tui.screens.beside import BesideScreen
from tui.screens.lanes import choose_mode, pause_or_resume
from tui.widgets.ink import plain
from tui.widgets.jobcard import card, title
from tui.widgets.jobtable import JobTable
from tui.widgets.livepicture import LivePicture

if TYPE_CHECKING:
    from textual.timer import Timer

    from tui.widgets.preview import SharpClass

LONG_RUNNING = 60.0
"""Seconds after which a running job is not cancelled unasked."""

MANY = 100
"""More items than this are not cancelled unasked."""

LOOK_PAUSE = 0.5
"""Seconds between two looks at a job that changes."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""


class QueueScreen(BesideScreen[Row]):
    area = "queue"
    BINDINGS = bindings(of("queue"))
    route = "/v1/jobs"
    orders = (("position", "position ▲"), ("newest", "newest"), ("name", "name"), ("state", "state"), ("node", "node"))

    def __init__(self, *, pause: float = 1.0, sharp: "SharpClass | None" = None) -> None:
        """`pause`: seconds between two unfinished pictures; `sharp`: as in `Preview`."""
        super().__init__()
        self.table = JobTable()
        self.picture = LivePicture(
            lambda job: self.home.asker.preview(job),
            true=lambda: self.home.console.color_system == "truecolor",
            pause=pause,
            sharp=sharp,
        )
        self.record: JobRecord | None = None
        """The job in the details, whole."""
        self._why = ""
        self._again: Timer | None = None

    def body(self) -> ComposeResult:
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.table
            with self.beside:
                yield self.picture
                yield self.card

    @property
    def listing(self) -> JobTable:
        return self.table

    def shape(self) -> type[Page[Row]]:
        return Page[Row]

    def noun(self, many: int) -> str:
        return " job" if many == 1 else " jobs"

    # What is shown ----------------------------------------------------------------------------------

    def concerns(self, change: Change) -> bool:
        return change.everything or bool(change.jobs)

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        nodes, still = len(live.scene.nodes), self.home.readonly
        if (nodes, still) != (self.listing.nodes, self.listing.still):
            self.listing.nodes, self.listing.still = nodes, still
            self.listing.redraw_all()
        if change.steps or change.everything or change.jobs:
            self.listing.progressed(live.running, frozenset((*live.running, *change.steps, *change.jobs)))
        if self.record is None:
            return
        if self.record.id in change.jobs or change.everything:
            self.look_soon()
        elif self.record.id in change.steps:
            self.draw_card(keep_place=True)
            self.show_picture()

    def look_soon(self) -> None:
        if self._again is None:
            self._again = self.set_timer(LOOK_PAUSE, self.look)

    def look(self) -> None:
        self._again = None
        row = self.listing.item()
        if row is None:
            self.record = None
            self.card.fill((), (), keep_place=False)
            self.show_picture()
        elif self.beside.display:
            begin(self, partial(self._look, row), group="look", exclusive=True)

    async def _look(self, row: Row) -> None:
        try:
            record = await self.home.asker.get(f"/v1/jobs/{row.id}", JobRecord)
            why = ""
            if record.state in ("queued", "held") and not record.reason:
                why = (await self.home.asker.get(f"/v1/jobs/{row.id}/explain", Explanation)).text
        except (NoDaemon, Refused):
            return
        same = self.record is not None and self.record.id == record.id
        self.record, self._why = record, why
        self.draw_card(keep_place=same)
        self.show_picture()

    def show_picture(self) -> None:
        """What is being made of the job that is looked at, as far as it can be seen."""
        running = self.home.live.running.get(self.record.id) if self.record is not None else None
        seen = running is not None and self.beside.display and not self.home.thumbs.off
        self.picture.show(running.job if running and seen else None, running.preview if running else 0)

    def draw_card(self, *, keep_place: bool) -> None:
        if self.record is not None:
            running = self.home.live.running.get(self.record.id)
            run = next((one for one in self.home.live.scene.runs if self.record and one.run == self.record.run), None)
            lines = card(self.record, running, self._why, self.card.room[0], self.home.clock(), run)
            self.card.fill(lines, title(self.record), keep_place=keep_place)

    def action_list(self) -> None:
        super().action_list()
        self.call_after_refresh(self.show_picture)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw_card, keep_place=True)
        self.call_after_refresh(self.show_picture)
        self.settle()

    # Verbs ------------------------------------------------------------------------------------------

    def verb(self, name: str, selection: Selection, told: str = "") -> None:
        """Does it to the targets, in the order of the keys; what it did is told when it is done."""
        if selection.select:
            self.home.command(f"/v1/jobs/{name}", selection, told)

    async def action_cancel(self) -> None:
        targets = self.targets()
        question = self.question(targets)

        async def answered(yes: bool | None) -> None:
            if yes:
                self.verb("cancel", Selection(select=targets), "cancelled")
                self.listing.unmark()

        if question:
            from tui.screens.ask import Confirm

            await self.app.push_screen(
                Confirm(question, "z brings cancelled jobs back; a running stage is lost."), answered
            )
        else:
            await answered(True)

    def question(self, targets: tuple[str, ...]) -> str:
        """What to ask before cancelling these; empty: nothing, it is small and can be taken back."""
        many = self.listing.marked or len(targets)
        if many > MANY:
            return f"Cancel {many:,} jobs?"
        now = self.home.clock()
        for name, job in self.home.live.running.items():
            if name in targets and job.since and now - job.since > LONG_RUNNING:
                return f"Cancel {name}? It has been running for {round(now - job.since) // 60} min."
        return ""

    def action_pause(self) -> None:
        pause_or_resume(self.home)

    async def action_mode(self) -> None:
        await choose_mode(self.home)

    def action_retry(self) -> None:
        self.verb("retry", Selection(select=self.targets()), "tried again")

    def action_hold(self) -> None:
        row = self.listing.item()
        held = row is not None and row.state == "held"
        self.verb("release" if held else "hold", Selection(select=self.targets()), "released" if held else "held")

    def action_skip(self) -> None:
        self.verb("skip", Selection(select=self.targets()), "goes on without its stage")

    def action_priority(self, by: int) -> None:
        row = self.listing.item()
        if row is not None:
            self.verb(
                "priority",
                Selection(select=self.targets(), priority=row.priority + by),
                f"priority {row.priority + by:+d}",
            )
            self.listing.pages.replace(self.listing.cursor, msgspec.structs.replace(row, priority=row.priority + by))

    def action_shift(self, by: int) -> None:
        """One place up or down; shown at once, and as the daemon has it a moment later."""
        listing = self.listing
        row, beside = listing.item(), listing.pages.get(listing.cursor + by)
        if row is None or beside is None:
            return
        if self.order != "position" or self.filter:
            self.home.say("jobs are moved in the whole list, sorted by position")
            return
        self.verb("move", Selection(select=(row.id,), to="after" if by > 0 else "before", anchor=beside.id))
        listing.pages.swap(listing.cursor, listing.cursor + by)
        listing.redraw_items(listing.cursor, listing.cursor + by)
        listing.go(listing.cursor + by)

    async def action_new(self) -> None:
        from tui.screens.draft import Draft
        from tui.screens.newrun import NewRun

        await self.app.push_screen(NewRun(self.home.draft or Draft()))

    async def action_enhance(self) -> None:
        from tui.screens.draft import Draft
        from tui.screens.newrun import NewRun

        kept = self.home.draft
        await self.app.push_screen(NewRun(kept if kept and kept.picture is not None else Draft(picture="")))

    async def action_send(self) -> None:
        """Who is to make the waiting jobs among the targets."""
        from tui.screens.ask import Choose
        from tui.screens.picks import backends_of

        targets, row = self.targets(), self.listing.item()
        if not targets:
            return
        if row is not None and targets == (row.id,) and row.state not in ("queued", "held"):
            self.home.say(f"{row.id} does not wait: c makes a new run like it")
            return
        found = backends_of(self.home.live.scene.nodes)
        choices = [("", "any that can"), *((kind, f"{kind} · {plain(words)}") for kind, words in found.items())]

        def chosen(kind: str | None) -> None:
            if kind is not None:
                told = f"for {kind}" if kind else "for any backend that can"
                self.verb("edit", Selection(select=targets, backend=kind), told)
                self.listing.unmark()

        await self.app.push_screen(Choose("Send to", choices, "", wide=True), chosen)

    def action_write(self) -> None:
        """Over the words of a job that waits, before its pictures are begun."""
        row = self.listing.item()
        if row is not None and row.state not in ("queued", "held"):
            self.home.say(f"{row.id} does not wait: c makes a new run like it")
        elif row is not None:
            begin(self, partial(self._write, row), group="write", exclusive=True)

    async def _write(self, row: Row) -> None:
        from tui.screens.overwrite import Overwrite
        from tui.widgets.samplelist import Numbered

        try:
            record = await self.home.asker.get(f"/v1/jobs/{row.id}", JobRecord)
        except (NoDaemon, Refused) as fault:
            self.home.say(str(fault))
            return
        was, spec = words_in(record), record.spec
        shown = Numbered(number=spec.variant, name=spec.name, seed=spec.seed, prompt=was.prompt, negative=was.negative)

        def written(words: tuple[str, str] | None) -> None:
            if words is not None and words != was:
                prompt, negative = (new if new != old else None for new, old in zip(words, was, strict=True))
                self.verb("edit", Selection(select=(row.id,), prompt=prompt, negative=negative), "has other words")

        await self.app.push_screen(Overwrite(shown, self.home.names_at), written)

    async def action_whole(self) -> None:
        from tui.screens.stars import rate_whole

        if (row := self.listing.item()) is not None:
            await rate_whole(self.home, row.run)

    async def action_clone(self) -> None:
        row = self.listing.item()
        if row is not None:
            await self.home.clone(row.id)

    def action_copy(self, what: str) -> None:
        row = self.listing.item()
        if row is None:
            return
        if what == "id":
            self.home.copy("\n".join(self.targets()), "id")
        elif self.record is not None and self.record.id == row.id:
            self.home.copy(words_in(self.record).prompt, "prompt")

    def action_outside(self) -> None:
        row = self.listing.item()
        if row is not None:
            begin(self, partial(self._outside, row), group="outside")

    async def _outside(self, row: Row) -> None:
        folder = await self.home.folder_of(row.run)
        if folder:
            self.home.open_outside(folder)
