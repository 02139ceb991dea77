"""The part of the form that is chosen from what the nodes have: models, samplers, LoRAs, the backend, all settings."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Select, Static, TextArea

from schema.scenes import NodeScene
from tui.background import begin, is_open
from tui.link.ask import PlanLine
from tui.screens.doubts import doubt
from tui.screens.draft import Draft, ground_request
from tui.widgets.ink import plain
from tui.widgets.pick import Pick

if TYPE_CHECKING:
    from tui.app import StableNew
    from tui.screens.sheet import StageSheet


class Chosen(NamedTuple):
    id: str
    field: str
    of: str


PICKS = (
    Chosen("model", "model", "models"), Chosen("vae", "vae", "vaes"),
    Chosen("sampler", "sampler", "samplers"), Chosen("scheduler", "scheduler", "schedulers"),
    Chosen("upscaler", "upscaler", "upscalers"), Chosen("detector", "detector", "detectors"),
)  # fmt: skip
"""The names that are changed most; the others are among all settings."""

WHOLE = "/"
"""Chosen instead of a node, of which none is called so: all jobs on one, whichever."""

STAND_INS = {"detector": "face"}
"""What a pipeline says where nobody chose: every backend finds its own for it."""


class Picking(ModalScreen[None]):
    """A form over `draft`. `stages` are those of its pipeline, None until they are known."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft
        self.sets = draft.set
        self.own = draft.own
        self.stages: tuple[StageSheet, ...] | None = None
        self._ground: Draft | None = None
        """What `stages` were made from."""
        self._written = "#prompt"
        """Where a LoRA goes: what was last written in."""

    @property
    def home(self) -> "StableNew":
        from tui.app import StableNew

        assert isinstance(self.app, StableNew)
        return self.app

    def read(self) -> Draft:
        """The form as it stands."""
        return replace(self.draft, set=self.sets, own=self.own)

    def preview(self) -> None:
        """Something was changed."""

    def compose_picks(self) -> ComposeResult:
        for left, right in zip(PICKS[::2], PICKS[1::2], strict=True):
            with Horizontal(classes="row"):
                for one in (left, right):
                    yield Static(one.id, classes="field")
                    yield Pick(one.id, otherwise="backend's own")
        with Horizontal(classes="row close"):
            yield Static("backend", classes="field")
            yield Select[str](self.backends(), id="backend", compact=True, prompt="any that can")

    def backends(self) -> list[tuple[Content, str]]:
        """Of the fleet, with their state in words; also one that was asked for and is not there now."""
        found = backends_of(self.home.live.scene.nodes)
        if self.draft.backend and self.draft.backend not in found:
            found[self.draft.backend] = "no node has it now"
        return [(Content(f"{plain(kind)} · {plain(words)}" if words else plain(kind)), kind)
                for kind, words in found.items()]  # fmt: skip

    @property
    def backend(self) -> str:
        """Who was chosen to make it; empty: whoever can."""
        chosen = self.query_one("#backend", Select).value
        return chosen if isinstance(chosen, str) else ""

    def nodes(self) -> list[tuple[Content, str]]:
        """Of the fleet, with their state; also one that was asked for and is gone."""
        found = {node.name: node.state for node in self.home.live.scene.nodes if node.state not in ("new", "taken")}
        if self.draft.node:
            found.setdefault(self.draft.node, "lost")
        return [(Content("all of it on one node"), WHOLE)] + [
            (Content(f"{plain(name)} · {state}"), name) for name, state in found.items()
        ]

    @property
    def node(self) -> str:
        """The only one that is to make it; empty: any."""
        chosen = self.query_one("#node", Select).value
        return chosen if isinstance(chosen, str) and chosen != WHOLE else ""

    @property
    def is_whole(self) -> bool:
        return self.query_one("#node", Select).value == WHOLE

    @on(Select.Changed, "#backend")
    def _sent_elsewhere(self) -> None:
        if self.stages is not None:
            self.show_picks()

    def begin_picks(self) -> None:
        self.home.catalogue.forget()
        self.home.favoured.forget()
        chosen = self.query_one("#backend", Select)
        if self.draft.backend:
            chosen.value = self.draft.backend
        if where := WHOLE if self.draft.whole else self.draft.node:
            self.query_one("#node", Select).value = where
        self.show_picks()

    # The stages and what is chosen for them ---------------------------------------------------------

    async def learn_stages(self, draft: Draft) -> None:
        """Asks for the stages when they may be others than before. Raises Refused or NoDaemon."""
        ground = draft.ground
        if ground == self._ground and self.stages is not None:
            return
        image = await self.image_of(draft)
        first, _ = await self.home.asker.plan(ground_request(draft, image), keep=1)
        self.stages = await asyncio.to_thread(sheets_of, first[0] if first else PlanLine())
        self._ground = ground
        self.show_picks()

    async def image_of(self, draft: Draft) -> str | None:
        """The hash of the picture it begins from. Raises Refused for one that is none, or NoDaemon."""
        return await self.home.hash_of(draft.picture)

    def show_picks(self) -> None:
        if not is_open(self):
            return
        more = ("own stages",) if self.read().ground.own is not None else ()
        told = " · ".join(plain(text) for text in (*more, *self.sets))
        self.query_one("#settings", Pick).show(told, changed=bool(told), off="" if self.stages is not None else "…")
        for one in PICKS:
            self._show_pick(one)

    def _show_pick(self, one: Chosen) -> None:
        pick = self.query_one(f"#{one.id}", Pick)
        if self.stages is None:
            pick.show("", changed=False, off="…")
            return
        from tui.screens.sheet import changes_of, first_with, value_at

        changes = changes_of(self.sets)
        stage = first_with(self.stages, one.field, changes)
        if stage is None:
            pick.show("", changed=False, off="no stage needs one")
            return
        value = value_at(stage, one.field, changes)
        changed = f"{stage.id}.{one.field}" in changes
        pick.show(value, changed=changed)
        if changed or value != STAND_INS.get(one.id):
            begin(self, partial(self._doubt, pick, one.of, value), group=f"doubt-{one.id}", exclusive=True)

    async def _doubt(self, pick: Pick, of: str, value: str) -> None:
        words = await doubt(self.home.catalogue, of, value, self.home.live.scene.nodes, self.backend)
        if pick.is_attached and pick.value == value:
            pick.doubt(words.partition(";")[0])
            pick.tooltip = words or None

    @on(Pick.Asked)
    async def _asked(self, event: Pick.Asked) -> None:
        event.stop()
        known = event.pick.id == "settings" or any(one.id == event.pick.id for one in PICKS)
        if not known:
            await self.asked_other(event)
        elif isinstance(event, Pick.Cleared):
            self._take_back(event.pick)
        elif event.pick.id == "settings":
            await self.action_settings()
        else:
            await self._choose(next(one for one in PICKS if one.id == event.pick.id))

    async def asked_other(self, event: Pick.Asked) -> None:
        """Of a field that is none of the names here."""

    async def _choose(self, one: Chosen) -> None:
        from tui.screens.chooser import Chooser

        def chosen(name: str | None) -> None:
            if name is not None:
                self._set(one, name or "null")

        value = self.query_one(f"#{one.id}", Pick).value
        await self.app.push_screen(Chooser(one.id, (one.of,), value, backend=self.backend), chosen)

    def _take_back(self, pick: Pick) -> None:
        if pick.id == "settings":
            self.took(())
        else:
            self._set(next(one for one in PICKS if one.id == pick.id), None)

    def _set(self, one: Chosen, value: str | None) -> None:
        from tui.screens.sheet import changes_of, first_with, put, sets_of

        changes = changes_of(self.sets)
        stage = first_with(self.stages or (), one.field, changes)
        if stage is not None:
            self.took(sets_of(put(changes, f"{stage.id}.{one.field}", value)))

    def took(self, sets: tuple[str, ...]) -> None:
        if sets != self.sets:
            self.sets = sets
            self.show_picks()
            self.preview()

    async def action_settings(self) -> None:
        if self.stages is None:
            self.home.say("the stages are not known yet")
            return
        from tui.screens.settings import SettingsForm, Told

        def told(answer: Told | None) -> None:
            if answer is not None:
                if answer.own:
                    self.own = self.read().with_own(answer.own).own
                    self.preview()
                self.took(answer.sets)

        await self.app.push_screen(SettingsForm(self.stages, self.sets, self.backend), told)

    # LoRAs and embeddings in the prompt -------------------------------------------------------------

    @on(TextArea.Changed)
    @on(Input.Changed, "#negative")
    def _wrote(self, event: TextArea.Changed | Input.Changed) -> None:
        self._written = f"#{event.control.id}"

    async def action_lora(self) -> None:
        from tui.screens.wordpick import WordPick

        into = self._written
        if self.focused is not None and self.focused.id in ("prompt", "negative"):
            into = f"#{self.focused.id}"
        await self.app.push_screen(WordPick(self.backend), partial(self._insert, into))

    def _insert(self, into: str, words: str | None) -> None:
        if words is None:
            return
        field = self.query_one(into)
        if isinstance(field, TextArea):
            before = field.get_text_range((field.cursor_location[0], 0), field.cursor_location)
            field.insert(f" {words}" if before and not before[-1].isspace() else words)
        elif isinstance(field, Input):
            head = field.value[: field.cursor_position]
            field.insert_text_at_cursor(f", {words}" if head.strip() else words)
        self.set_focus(field)


def sheets_of(line: PlanLine) -> "tuple[StageSheet, ...]":
    """In a thread: the stages' models take a moment to be loaded."""
    from tui.screens.sheet import sheets

    return sheets(line.config)


def backends_of(nodes: Iterable[NodeScene]) -> dict[str, str]:
    """Kinds that pictures can be sent to, each with its state on the nodes, in words."""
    found: dict[str, dict[str, list[str]]] = {}
    for node in nodes:
        states = {server.kind: server.state for server in node.servers}
        for kind in node.backends:
            if kind != "llm":
                state = "lost" if node.state == "lost" else states.get(kind, "ready")
                found.setdefault(kind, {}).setdefault(state, []).append(node.name or node.node)
    return {kind: "; ".join(f"{state} on {', '.join(names)}" for state, names in where.items())
            for kind, where in found.items()}  # fmt: skip
