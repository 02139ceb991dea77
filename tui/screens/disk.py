"""The disk: what takes room, run by run, and what may be deleted for good. Lies over an area."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult
from textual.screen import ModalScreen

from schema.diskuse import CheckLine, CheckRequest, Deleted, DiskUse, EmptyRequest, PruneRequest, RunUse
from schema.errors import NoDaemon, Refused
from schema.pages import Page
from schema.sizes import size
from tui.background import begin, leave
from tui.keys import bindings, of
from tui.link.ask import reply
from tui.screens.alone import hints_of
from tui.screens.ask import Choose, Confirm
from tui.screens.help import Keyed
from tui.screens.zoom import Caption
from tui.widgets.diskwords import head, heads, nothing, of_run, question
from tui.widgets.ink import Line, Piece
from tui.widgets.panel import Panel
from tui.wishes import COVERS

if TYPE_CHECKING:
    from tui.app import StableNew

MOST = 1000
"""Runs that are listed."""

PATIENCE = 300.0
"""Seconds that measuring or deleting may take."""

CHECK_PATIENCE = 24 * 3600.0

ORDERS = (
    ("size", "size"), ("stages", "room of earlier stages"), ("trash", "room of the trash"), ("newest", "newest"),
    ("oldest", "oldest"), ("name", "name"),
)  # fmt: skip


class DiskScreen(Keyed, ModalScreen[str | None]):
    """Dismissed with the run whose pictures one wants to see, or None."""

    where = "disk"
    BINDINGS = bindings(of("disk"))

    def __init__(self, home: "StableNew") -> None:
        super().__init__(classes=COVERS)
        self.home = home
        self.panel = Panel(id="disk")
        self.use: DiskUse | None = None
        self.runs: tuple[RunUse, ...] = ()
        self.cursor = 0
        self._order = "size"
        self._trouble = "measuring …"
        self._checking = False

    def compose(self) -> ComposeResult:
        yield self.panel
        yield Caption()

    def on_mount(self) -> None:
        self.set_focus(self.panel)
        self.action_reread()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    # What is there ----------------------------------------------------------------------------------

    def action_reread(self) -> None:
        begin(self, self._read, group="disk", exclusive=True)

    async def _read(self) -> None:
        try:
            raw = await self.home.asker.raw("GET", "/v1/disk", patience=PATIENCE)
            self.use = reply(raw, DiskUse)
            page = await self.home.asker.get("/v1/disk/runs", Page[RunUse], {"sort": self._order, "limit": MOST})
            self.runs = page.items
        except (NoDaemon, Refused) as e:
            self._trouble = str(e)
        self.cursor = max(0, min(self.cursor, len(self.runs) - 1))
        self.draw()

    @property
    def run_here(self) -> RunUse | None:
        return self.runs[self.cursor] if self.runs else None

    def draw(self) -> None:
        panel = self.panel
        width, height = panel.room
        if not self.is_mounted or width < 20:
            return
        above: list[Line] = head(self.use, width) if self.use else [[Piece(f" {self._trouble}", "dim")]]
        lines = [*above, heads(width), *(of_run(run, width, here=n == self.cursor) for n, run in enumerate(self.runs))]
        at = len(above) + 1 + self.cursor
        if self.cursor == 0:
            panel.top = 0
        elif not panel.top <= at < panel.top + height:
            panel.top = max(0, min(at - height // 2, len(lines) - height))
        panel.fill(lines, [Piece("Disk", "title")], keep_place=True)
        whole = self.size.width
        self.query_one(Caption).tell([Piece(" "), *hints_of(self.home, self.where, whole, wide=whole >= 100)])

    def action_move(self, by: int) -> None:
        self.cursor = max(0, min(len(self.runs) - 1, self.cursor + by))
        self.draw()

    def action_open(self) -> None:
        if self.run_here is not None:
            leave(self, self.run_here.run)

    def action_leave(self) -> None:
        leave(self, None)

    async def action_order(self) -> None:
        def sorted_by(order: str | None) -> None:
            if order is not None:
                self._order = order
                self.action_reread()

        await self.app.push_screen(Choose("Order", ORDERS, self._order), sorted_by)

    # Deleting for good: asked first, with what it would be ----------------------------------------------

    def action_stages(self) -> None:
        if (run := self.run_here) is not None:
            self._ask("prune", PruneRequest(filter=f"run:{run.run}", stages=True), f"of earlier stages of {run.run}")

    def action_all_stages(self) -> None:
        self._ask("prune", PruneRequest(stages=True), "of earlier stages of all runs")

    def action_run(self) -> None:
        if (run := self.run_here) is not None:
            self._ask("prune", PruneRequest(filter=f"run:{run.run}"), f"of {run.run}")

    def action_empty(self) -> None:
        self._ask("empty", EmptyRequest(), "in the trash")

    def _ask(self, verb: str, wish: PruneRequest | EmptyRequest, what: str) -> None:
        begin(self, partial(delete_asked, self.home, verb, wish, what, self.action_reread), group="disk")

    # Looking at every file ----------------------------------------------------------------------------

    def action_check(self) -> None:
        if not self._checking:
            self._checking = True
            self.home.say("reading every file …")
            begin(self, self._check, group="check")

    async def _check(self) -> None:
        try:
            raw = await self.home.asker.raw("POST", "/v1/disk/check", body=CheckRequest(), patience=CHECK_PATIENCE)
            done = msgspec.json.decode(raw.splitlines()[-1], type=CheckLine).done
        except (NoDaemon, Refused) as e:
            self.home.say(str(e), bad=True)
            return
        finally:
            self._checking = False
        if done is None:
            return
        read = f"{done.files:,} files read, {size(done.bytes)}"
        mended = f", {len(done.mended):,} mended" if done.mended else ""
        if not done.damaged:
            self.home.say(f"{read}{mended}: all as they were stored")
        else:
            names = ", ".join(image for one in done.damaged[:5] for image in one.images) or "no picture's"
            self.home.say(f"{read}{mended}; {len(done.damaged):,} damaged or gone, no good copy: {names}", bad=True)
        self.action_reread()


async def delete_asked(
    home: "StableNew", verb: str, wish: PruneRequest | EmptyRequest, what: str, done: Callable[[], None] | None = None
) -> None:
    """Looks what it would be, asks, and does it. `verb`: `prune` or `empty`; `what`: behind "Delete 3 pictures"."""
    try:
        found = await home.asker.long(
            f"/v1/disk/{verb}", msgspec.structs.replace(wish, dry_run=True), Deleted, PATIENCE
        )  # fmt: skip
    except (NoDaemon, Refused) as e:
        home.say(str(e), bad=True)
        return
    if found.cut is None or not found.changed:
        home.say(nothing(found.cut) if found.cut else "nothing to delete")
        return
    if not await home.push_screen_wait(Confirm(*question(found.cut, found.bytes, what))):
        return
    try:
        gone = await home.asker.long(f"/v1/disk/{verb}", wish, Deleted, PATIENCE)
    except (NoDaemon, Refused) as e:
        home.say(str(e), bad=True)
        return
    home.say(f"{gone.changed:,} deleted for good, {size(gone.bytes)} free again")
    if done is not None:
        done()
