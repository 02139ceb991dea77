"""The nodes: what drives pictures on each and in which state, its memory, what it does; and what can be asked of it."""

from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal

from schema.pages import Page
from schema.scenes import NodeScene
from tui.background import begin
from tui.keys import bindings, of
from tui.live import Change, Live
from tui.screens.beside import BesideScreen
from tui.widgets.ink import plain
from tui.widgets.nodecard import card, doing, title
from tui.widgets.nodetable import NodeTable
from tui.widgets.pages import PAGE


class NodesScreen(BesideScreen[NodeScene]):
    """The list is the scene's: nothing is asked for."""

    area = "nodes"
    BINDINGS = bindings(of("nodes"))
    route = "/v1/nodes"
    orders = (("name", "name"), ("state", "state"), ("memory", "memory ▼"))

    def __init__(self) -> None:
        super().__init__()
        self.table = NodeTable()

    def body(self) -> ComposeResult:
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.table
            yield from self.compose_beside()

    @property
    def listing(self) -> NodeTable:
        return self.table

    def noun(self, many: int) -> str:
        return " node" if many == 1 else " nodes"

    # What is shown ----------------------------------------------------------------------------------

    def concerns(self, change: Change) -> bool:
        return change.everything or change.scene

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        if change.scene or change.steps:
            self.draw_card()

    async def _fetch(self, page: int) -> None:
        nodes = self.shown()
        part = tuple(nodes[page * PAGE : (page + 1) * PAGE])
        self._take(page, Page(items=part, total=len(nodes), head=self.home.live.scene.head))
        self.tally()

    def shown(self) -> list[NodeScene]:
        """Those in the filter, in the chosen order."""
        words = self.filter.lower().split()
        nodes = [node for node in self.home.live.scene.nodes if all(word in told_of(node) for word in words)]
        match self.order:
            case "state":
                return sorted(
                    nodes, key=lambda node: (("busy", "ready", "drained", "lost").index(node.state), node.name)
                )
            case "memory":
                return sorted(nodes, key=lambda node: -node.vram_gb)
        return sorted(nodes, key=lambda node: (node.name, node.node))

    def look(self) -> None:
        self.draw_card(keep_place=False)

    def draw_card(self, *, keep_place: bool = True) -> None:
        item = self.listing.item()
        node = next((one for one in self.home.live.scene.nodes if item and one.node == item.node), None)
        if node is None:
            self.card.fill((), (), keep_place=False)
            return
        running = self.home.live.running.get(node.running) if node.running else None
        self.card.fill(card(node, running, self.card.room[0]), title(node), keep_place=keep_place)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw_card)

    # Verbs ------------------------------------------------------------------------------------------

    def chosen(self) -> list[NodeScene]:
        """The marked nodes, or the one under the cursor."""
        names = {node.node for node in self.shown()} if self.listing.all_marked else set(self.targets())
        return [node for node in self.home.live.scene.nodes if node.node in names]

    def action_refresh(self) -> None:
        begin(self, partial(self.home.refresh_nodes, self.chosen()), group="nodes")

    def action_free(self) -> None:
        begin(self, partial(self._free, self.chosen()), group="nodes")

    async def _free(self, nodes: list[NodeScene]) -> None:
        for node in nodes:
            if await self.home.done_at(node, "free"):
                self.home.say(f"{node.name or node.node} gives its memory back")

    def action_drain(self) -> None:
        """Those that are drained get work again."""
        for node in self.chosen():
            verb, words = ("resume", "gets work again") if node.state == "drained" else (
                "drain", "gets nothing new; what runs there ends")  # fmt: skip
            self.home.command(f"/v1/nodes/{node.node}/{verb}", None, f"{node.name or node.node} {words}")

    async def action_forget(self) -> None:
        from tui.screens.ask import Confirm

        lost = [node for node in self.chosen() if node.state == "lost"]
        if not lost:
            self.home.say("only a node that is lost can be forgotten; D gives it nothing new")
            return
        names = ", ".join(plain(node.name or node.node) for node in lost)

        async def answered(yes: bool | None) -> None:
            for node in lost if yes else ():
                self.home.command(f"/v1/nodes/{node.node}/forget", None, f"{node.name or node.node} is forgotten")

        detail = "What waits for it goes elsewhere. When it comes back, it is a new node."
        await self.app.push_screen(Confirm(f"Forget {names}?", detail), answered)

    def action_copy(self, what: str) -> None:
        node = self.listing.item()
        if node is not None and what == "id":
            self.home.copy(node.node, "id")
        elif node is not None:
            urls = " ".join(server.url for server in node.servers if server.url)
            self.home.copy(urls or node.node, "address" if urls else "id")

    def action_outside(self) -> None:
        self.home.say("a node has no file to open; Y copies the address of its server")


def told_of(node: NodeScene) -> str:
    """What the filter looks into."""
    servers = " ".join(f"{server.kind} {server.state} {server.release}" for server in node.servers)
    return f"{node.node} {node.name} {node.state} {' '.join(node.backends)} {servers} {doing(node)}".lower()
