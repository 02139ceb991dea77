"""The question for a pairing code, and how far the new node is: asked, paired, proving itself, ready or why not.

Escape leaves the question; what was begun goes on, and the list of nodes tells its end.
"""

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from schema.errors import NoDaemon, Refused
from schema.ids import NodeId
from schema.pairing import CODE_DIGITS
from schema.requests import AddRequest, PairRequest
from schema.scenes import NodeScene
from tui.athome import AtHome
from tui.background import begin, leave
from tui.keys import bound, pressed
from tui.widgets.field import Field
from tui.widgets.ink import plain
from tui.widgets.nodeline import name_of

if TYPE_CHECKING:
    from tui.app import StableNew

PATIENCE = 300.0
"""Seconds: the probe may have to load a model first."""

LOOK = 0.2
"""Seconds between two looks at how far it is."""


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /v1/nodes/pair` and `add`."""

    node: NodeId
    name: str
    address: str = ""
    paired: bool = False
    ready: bool = False
    reason: str = ""


class PairNode(AtHome, ModalScreen[None]):
    """Of an agent that is seen, or of one at an address."""

    BINDINGS = bound("dialog.back")

    def __init__(self, agent: NodeScene | str) -> None:
        super().__init__()
        self._agent = agent
        self._name = plain(agent) if isinstance(agent, str) else name_of(agent)
        self._asking = False
        self._over = False
        self._others: frozenset[NodeId] = frozenset()
        """Nodes that were proving themselves before."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog pair") as dialog:
            dialog.border_title = Content(f"Pair {self._name}")
            at = self._agent.address if isinstance(self._agent, NodeScene) else ""
            where = f" at {plain(at)}" if at else ""
            yield Static(Content(f"{self._name}{where} shows a code of {CODE_DIGITS} digits. Type it here."))
            yield Field("", id="code", compact=True, restrict=r"[0-9 -]*", max_length=11, placeholder="0000-0000")
            yield Static("", id="course")
            yield Static(Content(f"enter pairs   {pressed('dialog.back')} back"), id="how", classes="quiet")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))
        self.set_interval(LOOK, self._look)

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        if self._over:
            leave(self, None)
            return
        code = "".join(filter(str.isdigit, event.value))
        if len(code) != CODE_DIGITS:
            self.tell(f"a code has {CODE_DIGITS} digits; this has {len(code)}", "wrong")
        elif not self._asking:
            self._asking = True
            self._others = frozenset(self._proving())
            self.tell(f"asking {self._name} ...")
            begin(self.home, partial(self._pair, code), group="pairing")

    async def _pair(self, code: str) -> None:
        """A worker of the app's: it outlives this question."""
        home = self.home
        try:
            if isinstance(self._agent, str):
                done = await home.asker.long(
                    "/v1/nodes/add", AddRequest(address=self._agent, code=code), Paired, PATIENCE
                )
            else:
                done = await home.asker.long(
                    "/v1/nodes/pair", PairRequest(name=self._agent.node, code=code), Paired, PATIENCE
                )
        except Refused as fault:
            self._ended(home, fault.told(), bad=True)
        except NoDaemon:
            self._ended(home, "The daemon does not answer; whether it was paired is seen when it is back.", bad=True)
        else:
            name, reason = plain(done.name) or self._name, plain(done.reason).rstrip(".")
            state = "is paired and ready" if done.ready else "is paired, but not ready" if done.paired else "waits"
            self._over = done.paired
            words = f"{name} {state}{': ' if reason else ''}{reason}."
            self._ended(home, f"{words} Its key is {plain(done.node)}." if done.paired else words, bad=not done.ready)

    def _ended(self, home: "StableNew", words: str, *, bad: bool) -> None:
        self._asking = False
        if not self.is_attached:
            home.say(words, bad=bad)
            return
        self.tell(words, "wrong" if bad else "right")
        field = self.query_one(Input)
        field.value = ""
        if self._over:
            field.placeholder = ""
            self.query_one("#how", Static).update(Content(f"enter or {pressed('dialog.back')}: back"))

    def _proving(self) -> dict[NodeId, NodeScene]:
        return {node.node: node for node in self.home.live.scene.nodes if node.state == "proving"}

    def _look(self) -> None:
        """How far it is, as the list of nodes tells."""
        if not self._asking:
            return
        new = next((node for name, node in self._proving().items() if name not in self._others), None)
        if new is not None:
            self.tell(f"paired; its key is {plain(new.node)}. It draws a small picture to prove itself ...")

    def tell(self, words: str, how: str = "") -> None:
        line = self.query_one("#course", Static)
        line.set_classes(how)
        line.update(Content(words))

    def action_leave(self) -> None:
        leave(self, None)
