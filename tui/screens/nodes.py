"""The nodes: who is there and who asks to join, each one's card, memory and load; and what can be asked of it."""

import asyncio
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from schema.errors import NoDaemon, Refused
from schema.ids import NodeId
from schema.pages import NodeDay, Page
from schema.scenes import NodeScene
from tui.background import begin
from tui.keys import bindings, of, pressed, shown
from tui.live import Change, Live
from tui.screens.beside import BesideScreen
from tui.widgets.ink import Drawn, Line, Piece, fit
from tui.widgets.loadchart import Course, chart, columns_of
from tui.widgets.nodecard import card, title
from tui.widgets.nodeline import ORDER, STRANGERS, doing, name_of, notices, place, summary
from tui.widgets.nodetable import NodeTable
from tui.widgets.pages import PAGE
from tui.widgets.panel import Panel

MOST_NOTICES = 5
"""Lines; of a low screen four."""

DAY_SECONDS = 60.0
"""What a node did in the last 24 hours is asked for again so long after it was; of a moment in the past once."""


class Notices(Drawn):
    """Between the list and the details: who asks to join, and what is wrong."""

    ALLOW_SELECT = False
    lines: list[Piece] = []

    def tell(self, lines: list[Piece]) -> None:
        if lines != self.lines:
            self.lines = lines
            self.styles.height = len(lines)
            self.display = bool(lines)
            self.refresh()

    def line(self, y: int) -> Line:
        return [Piece(fit(piece.text, self.size.width), piece.ink) for piece in self.lines[y : y + 1]]


class NodesScreen(BesideScreen[NodeScene]):
    """The list is the scene's: nothing is asked for."""

    area = "nodes"
    BINDINGS = bindings(of("nodes"))
    route = "/v1/nodes"
    orders = (("name", "name"), ("state", "state"), ("memory", "memory ▼"), ("load", "load ▼"))

    def __init__(self) -> None:
        super().__init__()
        self.table = NodeTable(lambda node, columns: self.home.history.course(node.node, columns, self.home.clock()))
        self.notices = Notices()
        self.load_panel = Panel(id="load")
        self._days: dict[NodeId, NodeDay] = {}
        self._days_asked: dict[NodeId, float] = {}
        self._days_as_of: int | None = None

    def body(self) -> ComposeResult:
        yield self.filter_line
        with Vertical(classes="body"):
            yield self.table
            yield self.notices
            with Horizontal(id="below"):
                yield from self.compose_beside()
                yield self.load_panel

    @property
    def listing(self) -> NodeTable:
        return self.table

    def noun(self, many: int) -> str:
        return " node" if many == 1 else " nodes"

    # What is shown ----------------------------------------------------------------------------------

    def log_filter(self) -> str:
        node = self.listing.item()
        return f"node:{node.node}" if node is not None else ""

    def concerns(self, change: Change) -> bool:
        return change.everything or change.scene

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        if change.scene or change.steps:
            self.draw_card()
        if change.scene:
            self.draw_chart()

    def tick(self) -> None:
        self.draw_chart()
        if (node := self.under_cursor()) is not None:
            self._want_day(node)

    async def _fetch(self, page: int) -> None:
        nodes = self.shown()
        part = tuple(nodes[page * PAGE : (page + 1) * PAGE])
        self._take(page, Page(items=part, total=len(nodes), head=self.home.live.scene.head))
        self.tally()

    def shown(self) -> list[NodeScene]:
        """Those in the filter, in the chosen order; who only asks to join comes last, but for the order of states."""
        words = self.filter.lower().split()
        nodes = [node for node in self.home.live.scene.nodes if all(word in told_of(node) for word in words)]
        nodes.sort(key=lambda node: (node.state in STRANGERS, node.state == "taken", node.name, node.node))
        match self.order:
            case "state":
                nodes.sort(key=lambda node: ORDER.index(node.state))
            case "memory":
                nodes.sort(key=lambda node: -node.vram_gb)
            case "load":
                nodes.sort(key=lambda node: -(node.gpu_percent or 0.0))
        return nodes

    def tally(self) -> None:
        super().tally()
        words = summary(self.home.live.scene.nodes)
        self.table.sum_up(words)
        if self.table.bare and not (self.filter or self._fault or self.listing.marked):
            self.filter_line.tally.tell([Piece(words, "dim")])
        self._share_room()

    def _share_room(self) -> None:
        """The list is as high as it needs, up to half of what there is; the details have the rest."""
        room = self.size.height - 4
        wanted = max(2, self.table.pages.total) + self.table.header_lines + 2 * self.table.inset
        high = max(5, min(wanted, room // 2))
        if self.table.styles.height is None or self.table.styles.height.value != high:
            self.table.styles.height = high

    def look(self) -> None:
        self.draw_card(keep_place=False)

    def under_cursor(self) -> NodeScene | None:
        """As the scene has it now."""
        item = self.listing.item()
        return next((one for one in self.home.live.scene.nodes if item and one.node == item.node), None)

    def draw_card(self, *, keep_place: bool = True) -> None:
        node = self.under_cursor()
        if node is None:
            self.card.fill((), (), keep_place=False)
            return
        self._want_day(node)
        running = self.home.live.running.get(node.running) if node.running else None
        lines = card(node, running, self.card.room[0], self._days.get(node.node))
        self.card.fill(lines, title(node), keep_place=keep_place)

    def _want_day(self, node: NodeScene) -> None:
        """What it did in the last 24 hours, unless that was asked not long ago."""
        as_of, now = self.home.asker.as_of, asyncio.get_running_loop().time()
        if as_of != self._days_as_of:
            self._days, self._days_asked, self._days_as_of = {}, {}, as_of
        asked = self._days_asked.get(node.node)
        if node.state in STRANGERS or (asked is not None and (as_of is not None or now - asked < DAY_SECONDS)):
            return
        self._days_asked[node.node] = now
        begin(self, partial(self._read_day, node.node, as_of), group="days")

    async def _read_day(self, node: NodeId, as_of: int | None) -> None:
        try:
            day = await self.home.asker.get(f"/v1/nodes/{node}/day", NodeDay)
        except (NoDaemon, Refused):  # the card does without
            return
        if as_of == self._days_as_of and day != self._days.get(node):
            self._days[node] = day
            self.draw_card()

    def draw_chart(self) -> None:
        nodes = self.home.live.scene.nodes
        key = shown(self.home.keymap_of_user.get("nodes.pair", "P"))
        lines = notices(nodes, key, self.size.width)
        most = MOST_NOTICES if self.size.height >= 30 else 4
        more = [Piece(f" and {len(lines) - most + 1} more", "dim")]
        self.notices.tell(lines if len(lines) <= most else [*lines[: most - 1], *more])
        width, height = self.load_panel.room
        if not self.load_panel.display or width <= 0:
            return
        now, columns = self.home.clock(), columns_of(width)
        ours = [node for node in self.shown() if node.state not in STRANGERS]
        courses = [Course(node, self.home.history.course(node.node, columns, now)) for node in ours]
        self.load_panel.fill(chart(courses, width, height), (Piece("load, last 60 min", "title"),), keep_place=True)

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self.draw_card)
        self.call_after_refresh(self.draw_chart)

    # Verbs ------------------------------------------------------------------------------------------

    def chosen(self) -> list[NodeScene]:
        """The marked nodes, or the one under the cursor."""
        names = {node.node for node in self.shown()} if self.listing.all_marked else set(self.targets())
        return [node for node in self.home.live.scene.nodes if node.node in names]

    def ours(self) -> list[NodeScene]:
        """Those of them that are in the fleet; says so where none is."""
        chosen = self.chosen()
        found = [node for node in chosen if node.state not in STRANGERS]
        if chosen and not found:
            self.home.say(f"{name_of(chosen[0])} is not in the fleet yet: {pressed('nodes.pair')} pairs it")
        return found

    def action_refresh(self) -> None:
        if nodes := self.ours():
            begin(self, partial(self.home.refresh_nodes, nodes), group="nodes")

    def action_free(self) -> None:
        begin(self, partial(self._free, self.ours()), group="nodes")

    async def _free(self, nodes: list[NodeScene]) -> None:
        for node in nodes:
            if await self.home.done_at(node, "free"):
                self.home.say(f"{node.name or node.node} gives its memory back")

    def action_drain(self) -> None:
        """Those that are drained get work again."""
        for node in self.ours():
            verb, words = ("resume", "gets work again") if node.state == "drained" else (
                "drain", "gets nothing new; what runs there ends")  # fmt: skip
            self.home.command(f"/v1/nodes/{node.node}/{verb}", None, f"{node.name or node.node} {words}")

    def action_probe(self) -> None:
        for node in self.ours():
            self.home.say(f"{name_of(node)} draws a small picture")
            begin(self, partial(self.home.probe_node, node), group="probes")

    async def action_pair(self) -> None:
        """The agent under the cursor, or the only one that waits."""
        from tui.screens.pair import PairNode

        node, waiting = self.under_cursor(), [one for one in self.home.live.scene.nodes if one.state == "new"]
        if node is None or node.state not in ("new", "lost", "untrusted", "conflicted"):
            node = waiting[0] if len(waiting) == 1 else None
        if node is not None:
            await self.app.push_screen(PairNode(node))
        elif waiting:
            self.home.say("several wait: go to the one you mean, then P")
        else:
            self.home.say(f"nobody asks to join. {pressed('nodes.add')} brings in one at an address that you type.")

    async def action_add(self) -> None:
        from tui.screens.ask import Type
        from tui.screens.pair import PairNode

        async def typed(address: str | None) -> None:
            if address and address.strip():
                await self.app.push_screen(PairNode(address.strip()))

        help = "HOST:PORT of an agent that is not seen here: another subnet, Tailscale, a VPN. Without a port: 7801."
        await self.app.push_screen(Type("Add a machine", help), typed)

    async def action_unpair(self) -> None:
        from tui.screens.ask import Confirm

        nodes = [node for node in self.ours() if node.link == "lan"]
        if not nodes:
            self.home.say(
                f"only a node on the network is unpaired; {pressed('nodes.drain')} gives this one nothing new"
            )
            return

        async def answered(yes: bool | None) -> None:
            for node in nodes if yes else ():
                keys = f"{pressed('nodes.pair')} pairs it anew, {pressed('nodes.forget')} takes it off the list"
                told = f"{name_of(node)} is trusted no more: {keys}"
                self.home.command(f"/v1/nodes/{node.node}/unpair", None, told)

        detail = "What it is at goes elsewhere. It comes back only with a new code."
        await self.app.push_screen(Confirm(f"Unpair {', '.join(map(name_of, nodes))}?", detail), answered)

    async def action_forget(self) -> None:
        from tui.screens.ask import Confirm

        lost = [node for node in self.chosen() if node.state == "lost"]
        if not lost:
            self.home.say(f"only a node that is lost can be forgotten; {pressed('nodes.drain')} gives it nothing new")
            return

        async def answered(yes: bool | None) -> None:
            for node in lost if yes else ():
                self.home.command(f"/v1/nodes/{node.node}/forget", None, f"{node.name or node.node} is forgotten")

        detail = "What waits for it goes elsewhere. When it comes back, it is a new node."
        await self.app.push_screen(Confirm(f"Forget {', '.join(map(name_of, lost))}?", detail), answered)

    def action_copy(self, what: str) -> None:
        node = self.under_cursor()
        if node is None:
            return
        urls = " ".join(server.url for server in node.servers if server.url)
        address = node.address or urls
        if what == "id" and address:
            self.home.copy(address, "address")
        else:
            self.home.copy(node.node, "id")

    def action_outside(self) -> None:
        self.home.say("a node has no file to open; y copies its address")


def told_of(node: NodeScene) -> str:
    """What the filter looks into."""
    servers = " ".join(f"{server.kind} {server.state} {server.release}" for server in node.servers)
    gpus = " ".join(gpu.name for gpu in node.gpus)
    said = f"{node.node} {node.name} {node.state} {place(node)} {gpus} {' '.join(node.backends)} {servers}"
    return f"{said} {' '.join(node.resident)} {doing(node)}".lower()
