"""The terminal UI: keeps what the feed tells, dispatches keys in their order.

Screens draw and ask; only here frames are folded and commands sent. Textual writes to stderr: log elsewhere.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from schema.errors import NoDaemon, Refused
from tui import outside
from tui.areas import modes_of, screen_of
from tui.background import begin, caught_up
from tui.drawing import Drawing
from tui.going import Going
from tui.greeting import greet, meet
from tui.history import LoadHistory
from tui.keys import AREAS, EVERYWHERE, LEADER_TOP, TITLES, bindings, doer, face, pressed, rebind, shown, unknown
from tui.link.ask import Asker
from tui.link.catalogue import Catalogue
from tui.link.feed import Silence, news
from tui.live import Change, heard, silent
from tui.messages import FrameArrived, WentSilent
from tui.pace import Pace
from tui.palette import commands
from tui.preferences import Preferences
from tui.screens.area import AreaScreen
from tui.thenkeys import THEN
from tui.wearing import wear
from tui.widgets.foot import STARTING
from tui.widgets.ink import plain
from tui.widgets.thumbs import Thumbs

if TYPE_CHECKING:
    from tui.widgets.preview import SharpClass

RATE, RATE_REMOTE = 10, 4
"""Frames a second at most, here and over SSH."""


class StableNew(Drawing, Going):
    """`find` names the daemon's socket; `ensure` starts a daemon where none runs; `clock` gives Unix seconds."""

    TITLE = "stablenew"
    CSS_PATH = "styles.tcss"
    DEFAULT_MODE = "queue.jobs"
    BINDINGS = bindings(EVERYWHERE)
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (15, "-short"), (30, "-tall")]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = {commands}
    NOTIFICATION_TIMEOUT: ClassVar[float] = 4.0

    def __init__(
        self,
        find: Callable[[], Path],
        *,
        ensure: Callable[[], None] | None = None,
        ui: Preferences | None = None,
        env: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        complaint: str = "",
        sharp: "SharpClass | None" = None,
        as_of: str = "",
        settings_file: Path | None = None,
    ) -> None:
        """`as_of`: the moment to begin at; empty: now."""
        super().__init__()
        self.sharp = sharp
        self.ui = ui or Preferences()
        self.settings_file = settings_file
        """Where they are changed; None: nowhere."""
        self.env = env if env is not None else {}
        self.wall = clock
        self.asker = Asker(find, fresh_key=lambda: os.urandom(8).hex())
        self.asker.heard = self.changes.heard
        self.catalogue = Catalogue(self.asker)
        self.thumbs = self.thumbs_of(self.asker.picture)
        self._last_tab: dict[str, str] = {}
        """Of areas with tabs: where one was last."""
        self.history = LoadHistory()
        self.pace = Pace(lambda seconds, act: self.set_timer(seconds, act), self.tell_screens)
        self.keymap_of_user = dict(self.ui.keymap)
        rebind(self.keymap_of_user)
        self.remote = outside.is_remote(self.env)
        self._ensure = ensure
        self._as_of = as_of
        self._complaint = complaint
        self._leading = False
        self._again_at = 0.0
        self._met = bool(as_of)
        """It was seen whether somebody comes for the first time."""

    def thumbs_of(self, fetch: Callable[[str, int], Awaitable[bytes]]) -> Thumbs:
        """`fetch`: the bytes of a picture by its id, and its size in pixels."""
        return Thumbs(
            fetch,
            lambda work: begin(self, work, group="pictures"),
            true=lambda: self.console.color_system == "truecolor",
            off=self.ui.images == "none",
        )

    def get_default_screen(self) -> Screen[None]:
        """The first one. Gone to as a mode it would be styled twice before it is seen: modes are there from then on."""
        return screen_of(self.DEFAULT_MODE, self)

    async def on_mount(self) -> None:
        await caught_up(self.screen)  # told of another size before that, it would take in the two by turns for ever
        for mode in (mode for area in AREAS for mode in modes_of(area.id)):
            self.add_mode(mode, partial(screen_of, mode, self))
        if self.remote:
            self.animation_level = "none"
        theme_fault = wear(self, self.ui.theme, self.settings_file)
        self._complaint = self._complaint or theme_fault
        if strangers := unknown(self.keymap_of_user):
            self._complaint = self._complaint or f"The keymap names no key of ours: {', '.join(strangers)}."
        self.set_keymap(self.keymap_of_user)
        if self._complaint:
            self.notify(plain(self._complaint), severity="warning", markup=False, timeout=12)
        self.set_interval(5.0, self._tick)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())  # `fg` finds an empty screen
        self.call_after_refresh(self._begin)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if hasattr(event.widget, "cursor_blink"):
            event.widget.cursor_blink = False  # an idle screen sends nothing

    def _begin(self) -> None:
        self.listen()
        if self._as_of:
            self.go_to(self._as_of)

    def listen(self) -> None:
        begin(self, self._listen, group="feed", exclusive=True)

    # What the daemon tells --------------------------------------------------------------------------

    async def _listen(self) -> None:
        if self._ensure is not None:
            await self._start_daemon(self._ensure)
        rate = RATE_REMOTE if self.remote else RATE
        async for one in news(self.asker, rate):
            if isinstance(one, Silence):
                self.post_message(WentSilent(one.reason, one.again_in))
            else:
                self.post_message(FrameArrived(one))

    async def _start_daemon(self, ensure: Callable[[], None]) -> None:
        self.see(silent(self.live, STARTING))
        self.tell_screens(Change())
        try:
            await asyncio.to_thread(ensure)
        except (Refused, NoDaemon) as e:
            self.absence = str(e)
            self.tell_screens(Change())

    @on(FrameArrived)
    async def _heard(self, message: FrameArrived) -> None:
        if self.past:
            return
        if not self.live.linked:
            self.thumbs.forget_broken()
            self.absence = ""
        known = {node.node for node in self.live.scene.nodes} if self.live.linked else None
        live, change = heard(self.live, message.frame)
        self.see(live)
        if change.scene:
            self.history.take(live.scene.nodes, self.wall())
            greet(self, known)
        self.pace.draw(change, len(live.running))
        await self.announce()
        if not self._met and self.live.scene.head:
            self._met = True
            begin(self, partial(meet, self), group="meeting")

    @on(WentSilent)
    def _silent(self, message: WentSilent) -> None:
        if self.past:
            return
        self._again_at = self.wall() + message.again_in
        self.see(silent(self.live, message.reason))
        self.tell_screens(Change())
        self.tell_page()

    def _tick(self) -> None:
        if (screen := self.area_screen) is not None and screen.ready:
            screen.top_bar.show(self.live, self.time())
            screen.tick()

    def tell_screens(self, change: Change) -> None:
        """Only the area in view; the others look for themselves when they come into view."""
        if (screen := self.area_screen) is not None and screen.ready and not self.covered:
            screen.told(self.live, change)

    @property
    def area_screen(self) -> AreaScreen | None:
        """The area in view, also below a question."""
        return next((screen for screen in self.screen_stack if isinstance(screen, AreaScreen)), None)

    def event_here(self) -> int | None:
        return screen.event_here() if (screen := self.area_screen) is not None else None

    def moment_here(self) -> str:
        return screen.moment_here() if (screen := self.area_screen) is not None else ""

    def time(self) -> str:
        return f"{datetime.fromtimestamp(self.wall()):%H:%M}"

    def again(self) -> str:
        return "trying again" if self._again_at else "looking for it"

    # Keys -------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys with a binding are run here, one done before the next is looked at.

        Textual forwards a key to the focused widget's own queue and runs its binding once it has bubbled up. Of `/x`
        typed fast, or sent in one burst by a slow line, `x` would cancel a job before the filter line has the focus,
        and of backspace and `8` the `8` would be deleted.
        """
        if isinstance(event, events.Key) and self._exit:
            return  # typed for the shell: a dialog would be opened that is never filled
        if isinstance(event, events.Key) and not event.is_forwarded and await self._own_key(event):
            return
        if isinstance(event, events.Paste) and not event.is_forwarded and await self.dropped(event.text):
            return
        await super().on_event(event)

    async def _own_key(self, event: events.Key) -> bool:
        screen, focused = self.screen, self.focused
        if focused is not None and focused.check_consume_key(event.key, event.character):
            return False
        if not isinstance(screen, AreaScreen):
            self._leading = False
        elif self._leading:
            await self._led(screen, event)
            return True
        elif await self.travel_key(event):
            return True
        active = screen.active_bindings
        for key in event.aliases:
            if (found := active.get(key)) is not None and found.enabled:
                if not self.may(found.binding.id or "app."):
                    self.refuse_wish()
                    return True
                if focused is not None or screen.is_modal:
                    await caught_up(focused or screen)
                return await self.run_action(found.binding.action, default_namespace=found.node)
        return False

    def action_leader(self) -> None:
        self._lead(True)

    def _lead(self, pending: bool) -> None:
        self._leading = pending
        if self.area_screen is not None:
            self.area_screen.lead(pending)

    async def _led(self, screen: AreaScreen, event: events.Key) -> None:
        self._lead(False)
        area = next((a for a in AREAS if event.character == a.letter), None)
        if area is not None:
            await self.action_go(area.id)
        elif event.character == LEADER_TOP:
            screen.action_top()
        elif event.key != "escape":
            self.say(f"{pressed('app.leader')} and {event.character or event.key}: no such area")

    async def action_go(self, area: str) -> None:
        """To an area, at the tab where one was last; or to a tab, `library.styles`."""
        whole, dot, _ = area.partition(".")
        if dot:
            self._last_tab[whole] = area
        await self.switch_mode(self._last_tab.get(whole) or modes_of(area)[0])

    async def action_keys_help(self) -> None:
        from tui.screens.help import Keyed, KeysHelp, OwnKeys

        screen: object = self.screen
        if isinstance(screen, AreaScreen):
            place = screen.place or screen.area
            await self.push_screen(KeysHelp(place, self.focused, self.keymap_of_user, past=self.past))
        elif isinstance(screen, Keyed):
            await self.push_screen(OwnKeys(screen.where, self.keymap_of_user))

    async def action_back(self) -> None:
        screen = self.area_screen
        if screen is not None and screen.step_back():
            return
        from tui.screens.ask import Confirm

        async def answered(yes: bool | None) -> None:
            if yes:
                self.exit()

        await self.push_screen(Confirm("Leave? The daemon keeps running."), answered)

    def action_redraw(self) -> None:
        if self._driver is not None:
            self._driver.write("\x1b[2J")
        self.screen.refresh(layout=True)

    def drawn_otherwise(self) -> None:
        self.tell_screens(Change())
        self.action_redraw()

    def told_how(self, words: str) -> None:
        self.say(words)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every key of this area by what it does, with the key itself, then what has no key."""
        if isinstance(screen, AreaScreen):
            for key in (*(THEN if self.past else ()), *screen.hinted()):
                if self.may(key.id) and key.id not in ("app.palette", "app.leader"):
                    pressed = shown(self.keymap_of_user.get(key.id, key.keys))
                    told = f"{pressed}   {TITLES[key.where]} · {key.id}"
                    yield SystemCommand(key.does, told, self._doing(key.action, doer(screen, key)))
        if self.may("queue.cancel"):
            back = f"{face('app.undo')} brings it back"
            clear = partial(self.command, "/v1/queue/clear", None, f"cancelled; {back}")
            yield SystemCommand("clear the queue", f"cancels all that waits; {back}", clear)
        yield SystemCommand("theme", "other colours, seen before they are taken", self._doing("app.themes", self))
        if not self.live.linked and self._ensure is not None:
            yield SystemCommand("start the daemon", "none answers", self._begin)

    def _doing(self, action: str, who: DOMNode) -> Callable[[], None]:
        def do() -> None:
            who.call_later(self.run_action, action, who)

        return do

    async def on_unmount(self) -> None:
        await self.asker.drop()
