"""Travel through the log: the same screens as of a moment of the past, where nothing can be changed.

Every question carries the moment; the feed of now is silent until one comes back. Steps that come faster than the
daemon answers are one jump to where they lead.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from textual import events

from schema.errors import NoDaemon, Refused
from schema.scenes import Welcome
from schema.then import Moment
from tui.background import begin
from tui.keys import pressed
from tui.link.then import Happening, difference, happening, standing, then, when
from tui.live import Change, Live, heard, silent
from tui.picturekeys import Key
from tui.thenkeys import THEN, only_looks, travelling
from tui.widgets.banner import of_absence, of_past, of_standing
from tui.widgets.eventlist import named, who
from tui.widgets.ink import Line
from tui.widgets.nodeline import name_of
from tui.wishes import Wishing

LOOK_SECONDS = 5.0
"""Between two looks whether the daemon still answers about the moment that is shown."""

HOUR = 3600.0


class Travelling(Wishing):
    """What an app needs besides: `wall` gives Unix seconds of now, `listen` begins to hear of now again."""

    wall: Callable[[], float]

    def __init__(self) -> None:
        super().__init__()
        self.moment: Moment | None = None
        """The one that is shown; None: now."""
        self.happening: Happening | None = None
        """What happened there last."""
        self.marked: Moment | None = None
        self.absence = ""
        """Why the daemon could not be started, with what to do."""
        self._way: str | None = None
        """Where to go next, while one is on the way."""
        self._seq = 0
        """Where the steps pressed so far lead."""
        self._returns = 0
        """How often one went back to now: what was asked for before that is dropped when it comes."""
        self._going = False
        self._there = asyncio.Event()
        """Set while no step is under way."""
        self._there.set()
        self._announced = ""
        """The trouble that was last shown whole."""

    def listen(self) -> None:
        """Hears of now, from the beginning."""

    @property
    def past(self) -> bool:
        return self.moment is not None

    def clock(self) -> float:
        """Unix seconds: of now, or of the moment that is shown."""
        moment = self.moment or self.live.standing.moment
        return self.wall() if moment is None or moment.at is None else moment.at

    def event_here(self) -> int | None:
        """The event of the log that the cursor stands on, where it stands on one."""
        return None

    def moment_here(self) -> str:
        """The moment that the cursor stands on; empty: on none."""
        return ""

    @property
    def node_names(self) -> dict[str, str]:
        """What people call the nodes, by their ids."""
        return {str(node.node): name_of(node) for node in self.live.scene.nodes if node.name}

    # What may be done -------------------------------------------------------------------------------

    @property
    def readonly(self) -> bool:
        """Nobody may change anything: it is the past, or the daemon only shows."""
        return self.past or (self.live.linked and self.live.standing.state == "read-only")

    def may(self, key: str) -> bool:
        """Whether the binding with this id does anything now."""
        return not self.readonly or only_looks(key)

    def refuse_wish(self) -> None:
        if self.past:
            self.say(f"this is the past: nothing can be changed here. {pressed('then.now')} goes back to now", bad=True)
        else:
            self.say(
                f"read-only: nothing can be changed now. {pressed('app.standing')} tells why, and what to do", bad=True
            )

    def hints(self, keys: Sequence[Key]) -> tuple[Key, ...]:
        """What the last line tells of them, with the keys of travel first in the past."""
        allowed = tuple(key for key in keys if self.may(key.id))
        return (*THEN, *(key for key in allowed if not key.hint or key.hint in ("go", "help", "open"))) if (
            self.past) else allowed  # fmt: skip

    async def travel_key(self, event: events.Key) -> bool:
        """Runs what a key means in the past alone."""
        for name in event.aliases if self.past else ():
            if (key := travelling(name, self.keymap_of_user)) is not None:
                await self.run_action(key.action, default_namespace=self)
                return True
        return False

    keymap_of_user: dict[str, str]

    def banner(self, width: int) -> list[Line]:
        if self.moment is not None:
            words = named(self.happening.words, self.node_names) if self.happening else ""
            return of_past(self.moment, words, self.marked, width)
        return of_standing(self.live.standing, width) if self.live.linked else of_absence(self.absence, width)

    # Going ------------------------------------------------------------------------------------------

    def go_to(self, text: str) -> None:
        """To a WHEN as a person writes it; empty or `now`: back to now."""
        wanted = when(text, self.wall)
        if wanted.lower() in ("", "now"):
            self.action_now()
            return
        self._go(wanted)

    def _go(self, wanted: str) -> None:
        self._way = wanted
        if not self._going:
            self._going = True
            self._there.clear()
            begin(self, self._on_the_way, group="travel")

    async def _on_the_way(self) -> None:
        try:
            while (wanted := self._way) is not None:
                self._way = None
                await self._arrive(wanted)
        finally:
            self._going = False
            self._there.set()

    async def _arrive(self, wanted: str) -> None:
        returns = self._returns
        try:
            found = await then(self.asker, wanted)
        except Refused as fault:
            self._seq = self.moment.seq if self.moment is not None else 0
            self.say(fault.told(), bad=True)
            return
        except NoDaemon:
            self.say("The daemon does not answer; nobody can tell what was.", bad=True)
            return
        if returns != self._returns:
            return
        if self._way is None:
            self._seq = int(found.moment.seq)
        if not self.past:
            begin(self, self._stay, group="feed", exclusive=True)
        self.moment, self.happening = found.moment, found.happening
        self.asker.as_of = int(found.moment.seq)
        self.catalogue.forget()
        frame = Welcome(protocol=1, version=found.version, scene=found.scene, standing=standing(found.moment))
        self._show(heard(self.live, frame))

    def _show(self, shown: tuple[Live, Change]) -> None:
        live, change = shown
        self.see(live)
        self.tell_screens(change)

    async def _stay(self) -> None:
        """Instead of the feed: asks now and then, so that a daemon that went away is seen, and its return too."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.moment is None:
                return
            try:
                await then(self.asker, str(self.moment.seq))
            except NoDaemon as gone:
                self._show((silent(self.live, str(gone)), Change()))
            except Refused as fault:
                self.say(fault.told(), bad=True)
            else:
                if not self.live.linked and not self._going:
                    self._go(str(self.moment.seq))

    # Keys -------------------------------------------------------------------------------------------

    async def action_then(self) -> None:
        from tui.screens.ask import Type

        def typed(text: str | None) -> None:
            if text is not None:
                self.go_to(text)

        help = "An event's number, a time (2026-11-20 22:00, or 22:00), or an age (2h, 3d). Empty: now."
        await self.push_screen(Type("Go to", help, self.moment_here(), instead=True), typed)

    def action_travel(self, by: int) -> None:
        moment = self.moment
        if moment is None:
            return
        at = min(max(0, (self._seq if self._going else int(moment.seq)) + by), int(moment.newest))
        if at == (self._seq if self._going else int(moment.seq)):
            self.say(
                f"this is the newest event; {pressed('then.now')} goes back to now"
                if by > 0
                else "there is nothing before"
            )
            return
        self._seq = at
        self._go(str(at))

    def action_travel_hours(self, by: int) -> None:
        if self.moment is not None and not self._going:
            begin(self, partial(self._hours, self.moment, by), group="hours", exclusive=True)

    async def _hours(self, moment: Moment, by: int) -> None:
        """Where nothing happened in that hour, forward to what happened next."""
        if moment.at is None:
            self.action_travel(1 if by > 0 else -1)
            return
        at = datetime.fromtimestamp(min(moment.at + by * HOUR, self.wall()), UTC).isoformat()
        try:
            found = (await then(self.asker, at)).moment
        except (Refused, NoDaemon) as fault:
            self.say(str(fault), bad=True)
            return
        if self.moment is not moment:
            return  # one has gone elsewhere meanwhile
        if found.seq != moment.seq:
            self._go(str(found.seq))
        elif moment.seq < found.newest and by > 0:
            self.say("nothing happened within the hour; this is what came next")
            self._go(str(moment.seq + 1))
        else:
            self.action_travel(by)

    def action_mark_moment(self) -> None:
        self.marked = self.moment
        if self.moment is not None:
            self.say(
                f"event {self.moment.seq:,} is marked: {pressed('then.diff')} tells from anywhere what is different"
            )
            self.tell_screens(Change())

    def action_now(self) -> None:
        """Back from wherever one is."""
        self._way = None
        self._returns += 1
        if not self.past:
            return
        self.moment = self.happening = None
        self.asker.as_of = None
        self.catalogue.forget()
        self.listen()
        self.say("back to now")

    def action_difference(self) -> None:
        if self.moment is not None:
            begin(self, partial(self._difference, int(self.moment.seq)), group="difference", exclusive=True)

    async def _difference(self, seq: int) -> None:
        from tui.screens.then import differs

        other = int(self.marked.seq) if self.marked is not None and self.marked.seq != seq else None
        try:
            found = await difference(self.asker, seq, other)
        except (Refused, NoDaemon) as fault:
            self.say(str(fault), bad=True)
        else:
            await self.push_screen(differs(found, "the mark" if other is not None else "now"))

    def action_happening(self) -> None:
        if (seq := self.event_here()) is not None:
            self.tell_event(seq)
        elif self.moment is not None:
            begin(self, self._happening, group="difference", exclusive=True)

    def tell_event(self, seq: int) -> None:
        """What it was, and what it changed."""
        begin(self, partial(self._tell_event, seq), group="difference", exclusive=True)

    async def _happening(self) -> None:
        """Of the event where the steps pressed so far lead."""
        await self._there.wait()
        if self.happening is not None:
            await self._tell_event(self.happening.seq)
        elif self.past:
            self.say("nothing had happened yet")

    async def _tell_event(self, seq: int) -> None:
        from tui.screens.then import happened

        try:
            event = await happening(self.asker, seq)
            found = await difference(self.asker, seq - 1, seq)
        except (Refused, NoDaemon) as fault:
            self.say(str(fault), bad=True)
        else:
            asked = who(event.actor, f"uid:{os.getuid()}", self.node_names)
            await self.push_screen(happened(event, found, asked, self.node_names))

    # How the daemon stands --------------------------------------------------------------------------

    async def action_standing(self) -> None:
        from tui.screens.then import Stands

        await self.push_screen(Stands(lambda: self.live, absence=lambda: self.absence, past=self.past))

    async def announce(self) -> None:
        """Trouble that is new is shown whole, once, wherever one is; that it is over, in a word."""
        standing = self.live.standing
        trouble = standing.trouble if standing.state == "read-only" else ""
        was, self._announced = self._announced, trouble
        if not self.tell_page() and trouble and trouble != was:
            await self.action_standing()
        if was and not trouble:
            self.say("the daemon goes on: wishes are granted again")

    def tell_page(self) -> bool:
        """Has the page on how the daemon stands say how it stands now; whether it is open."""
        from tui.screens.then import Stands

        pages = [screen for screen in self.screen_stack if isinstance(screen, Stands)]
        for page in pages:
            page.told()
        return bool(pages)
