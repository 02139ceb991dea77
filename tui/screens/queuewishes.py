"""What a person wishes of jobs: cancelled, again, sooner, elsewhere, with other words. All of it z takes back."""

from functools import partial
from typing import TypeVar

import msgspec

from schema.errors import NoDaemon, Refused
from schema.ids import run_of
from schema.pages import JobRecord, RunRow
from schema.requests import ImageSelection, Selection
from schema.scenes import Row
from schema.words import words_in
from tui.background import begin
from tui.keys import pressed
from tui.screens.beside import BesideScreen
from tui.screens.browsing import MANY, Browsing, back
from tui.screens.lanes import choose_mode, pause_or_resume
from tui.widgets.ink import plain

LONG_RUNNING = 60.0
"""Seconds after which a running job is not cancelled unasked."""

WAITING = {"queued", "active", "paused"}
"""States of jobs and runs that could be held."""

ENDED = ("finished", "failed", "cancelled")

LOST = "brings cancelled jobs back; a running stage is lost."

Item = TypeVar("Item")


class JobWishes(Browsing[Item], BesideScreen[Item]):
    """Verbs that lists of jobs and of runs share: both stand for jobs in a `Selection`."""

    def verb(self, name: str, selection: Selection, told: str = "") -> None:
        """Does it to the targets, in the order of the keys; what it did is told when it is done."""
        if selection.select:
            self.home.command(f"/v1/jobs/{name}", selection, told)

    async def action_cancel(self) -> None:
        targets = self.targets()
        question = self.question(targets)

        def cancel() -> None:
            self.verb("cancel", Selection(select=targets), "cancelled")
            self.listing.unmark()

        if question:
            await self.ask(question, f"{pressed('app.undo')} {LOST}", cancel)
        else:
            cancel()

    def question(self, targets: tuple[str, ...]) -> str:
        """What to ask before cancelling these; empty: nothing, it is small and can be taken back."""
        many, words = self.at_stake()
        if many > MANY:
            return f"Cancel {words}?"
        now, listing = self.home.clock(), self.listing
        for name, job in self.home.live.running.items():
            here = listing.all_marked and listing.pages.find(name) is not None
            if (here or name in targets or run_of(name) in targets) and job.since and now - job.since > LONG_RUNNING:
                return f"Cancel {name}? It has been running for {round(now - job.since) // 60} min."
        return ""

    async def action_retry(self) -> None:
        targets = self.targets()
        wish = Selection(select=targets)
        await self.sure("Try again", lambda: self.verb("retry", wish, "tried again"), ended=True)

    async def action_hold(self) -> None:
        """Releases what is held, where nothing else that is meant waits."""
        found, targets = self.meant(), self.targets()
        states = {one.state for one in found if isinstance(one, Row | RunRow)}
        held = "held" in states and not states & WAITING
        verb, told = ("release", "released") if held else ("hold", "held")
        await self.sure(verb.capitalize(), lambda: self.verb(verb, Selection(select=targets), told))

    async def action_place(self, to: str) -> None:
        """Before or behind all other jobs of its lane."""
        words = "before all others" if to == "top" else "behind all others"
        wish = Selection(select=self.targets(), to=to)
        await self.sure("Move", lambda: self.verb("move", wish, f"moved {words}"))

    async def action_mode(self) -> None:
        await choose_mode(self.home)


class QueueWishes(JobWishes[Row]):
    record: JobRecord | None = None
    """The job in the details, whole."""

    # Away -------------------------------------------------------------------------------------------

    async def action_away(self) -> None:
        """What waits or runs is cancelled; the pictures of what has ended go to the trash. A job itself stays told."""
        found = self.meant()
        if not found or any(row.state not in ENDED for row in found):
            await self.action_cancel()
            return
        targets = self.targets()

        def trash() -> None:
            whose = "their pictures go" if len(targets) > 1 or self.listing.all_marked else "its picture goes"
            self.home.command("/v1/images/trash", ImageSelection(select=targets), f"{whose} to the trash; {back()}")
            self.listing.unmark()

        await self.sure("Put into the trash the pictures of", trash)

    # Again ------------------------------------------------------------------------------------------

    async def action_rerun(self) -> None:
        """From a stage of its choice on, or that stage alone; what stood before it is kept."""
        from tui.screens.ask import Choose

        found, targets = self.meant(), self.targets()
        if not found:
            return
        row = found[0]
        names = [plain(name) for name in row.stages]
        choices = [
            (f"from {stage}", f"from {names[at]} on" + (f": {' → '.join(names[at:])}" if at + 1 < len(names) else ""))
            for at, stage in enumerate(row.stages)
        ]
        choices += [(f"only {stage}", f"{name} alone") for stage, name in zip(row.stages[:-1], names, strict=False)]

        async def chosen(what: str | None) -> None:
            if what is not None:
                how, _, stage = what.partition(" ")
                wish = Selection(select=targets, stage=stage, only=how == "only")
                await self.sure("Run again", lambda: self.verb("rerun", wish, "run again"))

        many = self.at_stake()[1] if self.listing.marked else row.id
        await self.app.push_screen(Choose(f"Run again {many}", choices, choices[0][0], wide=True), chosen)

    # Sooner or later --------------------------------------------------------------------------------

    def action_pause(self) -> None:
        pause_or_resume(self.home)

    async def action_skip(self) -> None:
        wish = Selection(select=self.targets())
        await self.sure("Skip the stage of", lambda: self.verb("skip", wish, "told to go on without its stage"))

    async def action_priority(self, by: int) -> None:
        """Of several all get that of the first, and one more or less."""
        found, targets = [row for row in self.meant() if row.state not in ENDED], self.targets()
        if not found:
            self.home.say("it has ended: a priority is for what waits")
            return
        row, pages = found[0], self.listing.pages
        priority = row.priority + by

        def give() -> None:
            self.verb("priority", Selection(select=targets, priority=priority), f"at priority {priority:+d}")
            if (index := pages.find(row.id)) is not None:
                pages.replace(index, msgspec.structs.replace(row, priority=priority))

        await self.sure(f"Give priority {priority:+d} to", give)

    async def action_shift(self, by: int) -> None:
        """One place up or down; shown at once, and as the daemon has it a moment later. What is marked goes here."""
        listing = self.listing
        if listing.marked:
            await self.move_here("after" if by > 0 else "before")
            return
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

    async def move_here(self, to: str) -> None:
        """What is marked goes before or behind the job under the cursor."""
        row, where = self.listing.item(), "behind" if to == "after" else "before"
        if row is None or self.listing.is_marked(row):
            self.home.say(f"put the cursor on the job that the marked ones are to stand {where}")
            return
        wish = Selection(select=self.targets(), to=to, anchor=row.id)
        await self.sure("Move", lambda: self.verb("move", wish, f"moved {where} {row.id}"))

    # Otherwise --------------------------------------------------------------------------------------

    async def action_send(self) -> None:
        """Who is to make the waiting jobs among the targets."""
        from tui.screens.ask import Choose
        from tui.screens.runhead import backends_of

        targets, row = self.targets(), self.listing.item()
        if not targets:
            return
        if row is not None and targets == (row.id,) and row.state not in ("queued", "held"):
            self.home.say(f"{row.id} does not wait: {pressed('queue.clone')} makes a new run like it")
            return
        found = backends_of(self.home.live.scene.nodes)
        choices = [("", "any that can"), *((kind, f"{kind} · {plain(words)}") for kind, words in found.items())]

        async def chosen(kind: str | None) -> None:
            if kind is not None:
                told = f"sent to {kind}" if kind else "sent to any backend that can"

                def send() -> None:
                    self.verb("edit", Selection(select=targets, backend=kind), told)
                    self.listing.unmark()

                await self.sure("Send elsewhere", send)

        await self.app.push_screen(Choose("Send to", choices, "", wide=True), chosen)

    def action_write(self) -> None:
        """Over the words of a job that waits, before its pictures are begun."""
        row = self.listing.item()
        if row is not None and row.state not in ("queued", "held"):
            self.home.say(f"{row.id} does not wait: {pressed('queue.clone')} makes a new run like it")
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
