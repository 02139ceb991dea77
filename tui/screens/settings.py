"""Every setting of every stage of the run that is being written: chosen from what there is, or typed."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from schema.errors import NoDaemon, Refused
from tui.background import begin, is_open
from tui.messages import CursorMoved, ItemOpened, PagesWanted
from tui.screens.doubts import doubt
from tui.screens.fields import Field
from tui.screens.ownpipe import ADDED, addable, pipeline_text, with_stage
from tui.screens.pictures import picture_named
from tui.screens.sheet import (
    MOST_UNITS,
    Row,
    StageSheet,
    changes_of,
    is_on,
    part_on,
    put,
    put_unit,
    rows,
    sets_of,
    units_of,
    with_units,
)
from tui.widgets.ink import plain
from tui.widgets.sheetlist import SheetList, may_be

if TYPE_CHECKING:
    from tui.app import StableNew


class Told(NamedTuple):
    """What the form of settings answers."""

    sets: tuple[str, ...]
    own: str
    """Text of a pipeline of its own; empty: stages were not added."""


class SettingsForm(ModalScreen[Told]):
    """Every stage with every field; stages can be added."""

    BINDINGS = [
        Binding("escape,q,ctrl+t", "leave", "back to the run"),
        Binding("j,down", "move(1)", "down"),
        Binding("k,up", "move(-1)", "up"),
        Binding("ctrl+d,pagedown", "half(1)", "page down"),
        Binding("ctrl+u,pageup", "half(-1)", "page up"),
        Binding("G,end", "go(99999)", "bottom"),
        Binding("home", "go(0)", "top"),
        Binding("enter,l,right", "change", "change"),
        Binding("space", "turn", "on or off"),
        Binding("h,left", "fold", "fold the stage"),
        Binding("d,backspace,delete", "drop", "as the pipeline has it"),
        Binding("slash", "find", "find a field"),
        Binding("a", "add", "add a stage"),
    ]

    def __init__(self, stages: Sequence[StageSheet], sets: Sequence[str], backend: str = "") -> None:
        super().__init__()
        self._backend = backend
        self.stages = tuple(stages)
        self._before = self.stages
        self.changes = changes_of(sets)
        self.words = ""
        """Only fields that are named so are shown."""
        self.sheet = SheetList()
        self.sheet.opened = frozenset(stage.id for stage in self.stages[:1])

    @property
    def home(self) -> "StableNew":
        from tui.app import StableNew

        assert isinstance(self.app, StableNew)
        return self.app

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog settings") as dialog:
            dialog.border_title = "Settings of the stages"
            dialog.border_subtitle = "⏎ change  space on/off  ⌫ as it was  a add  / find  esc back"
            yield self.sheet
            yield Static("", id="told", classes="quiet")

    def on_mount(self) -> None:
        self.set_focus(self.sheet)
        self.call_after_refresh(self.fill)
        begin(self, self._look_for_doubts, group="doubts", exclusive=True)

    def on_resize(self) -> None:
        self.call_after_refresh(self.fill)

    def fill(self) -> None:
        self.sheet.fill(rows(self.stages, self.changes, self.sheet.opened, self.words))
        self.tell()

    @on(PagesWanted)
    def _wanted(self, event: PagesWanted) -> None:
        event.stop()

    @on(CursorMoved)
    def tell(self) -> None:
        """What the line under the cursor may be."""
        row = self.sheet.item()
        words = f"find: {plain(self.words)}   " if self.words else ""
        if row is None:
            words += "nothing here is named so" if self.words else "this pipeline has no stages"
        elif row.field is not None:
            words += may_be(row, row.field, self.stages[0].id)
        else:
            words += f"{row.key}: space switches the stage on or off, enter shows what it can be told"
        self.query_one("#told", Static).update(Content(words), layout=False)

    # Changing ---------------------------------------------------------------------------------------

    def took(self, changes: dict[str, str]) -> None:
        self.changes = changes
        self.fill()
        begin(self, self._look_for_doubts, group="doubts", exclusive=True)

    def set_field(self, row: Row, value: str | None) -> None:
        assert row.field is not None
        if row.field.part == "controls":
            self.took(put_unit(row.stage, row.field.name, value, self.changes))
        else:
            self.took(put(self.changes, row.key, value))

    async def action_change(self) -> None:
        row = self.sheet.item()
        if row is None:
            return
        if row.field is None:
            self.fold(row.stage.id, row.stage.id not in self.sheet.opened)
            return
        match row.field.sort:
            case "flag" | "part":
                await self.action_turn()
            case "choice":
                await self._choose(row, row.field)
            case "name" | "names" | "units":
                await self._choose_name(row, row.field)
            case _:
                await self._type(row, row.field)

    async def action_turn(self) -> None:
        row = self.sheet.item()
        if row is None:
            return
        if row.field is None:
            self.took(put(self.changes, row.key, str(not is_on(row.stage, self.changes)).lower()))
        elif row.field.sort == "flag":
            self.set_field(row, str(not row.on).lower())
        elif row.field.sort == "part":
            await self._turn_part(row, row.field)
        else:
            await self.action_change()

    async def _turn_part(self, row: Row, one: Field) -> None:
        """hires, the refiner within txt2img, an own workflow."""
        if part_on(row.stage, one.name, self.changes):
            self.took(put(self.changes, row.key, "false"))
        elif one.name == "hires":
            self.took(put(self.changes, row.key, "true"))
        elif one.name == "refiner":
            await self._choose_name(row, Field("refiner", "name", "models"))
        else:
            await self._type(row, one)

    async def _choose(self, row: Row, one: Field) -> None:
        from tui.screens.ask import Choose

        def chosen(value: str | None) -> None:
            if value is not None:
                self.set_field(row, value)

        choices = [(choice, choice) for choice in one.choices]
        await self.app.push_screen(Choose(plain(row.key), choices, row.value), chosen)

    async def _choose_name(self, row: Row, one: Field) -> None:
        from tui.screens.chooser import Chooser

        if one.sort == "units" and len(units_of(row.stage, self.changes)) >= MOST_UNITS:
            self.home.say(f"a stage has at most {MOST_UNITS} ControlNet units")
            return

        def chosen(name: str | None) -> None:
            if name is None:
                return
            if one.sort == "units":
                more: list[dict[str, object]] = [{"model": name}]
                self.took(with_units(row.stage, units_of(row.stage, self.changes) + more, self.changes))
            elif one.sort == "names" and name and row.value:
                self.set_field(row, f"{row.value}, {name}")
            else:
                self.set_field(row, name or "null")

        current = "" if one.sort in ("units", "part") else row.value
        title = f"{plain(row.stage.id)} · {'another ControlNet unit' if one.sort == 'units' else one.name}"
        lists = (one.of or "controls",)
        await self.app.push_screen(Chooser(title, lists, current, empty=one.empty, backend=self._backend), chosen)

    async def _type(self, row: Row, one: Field) -> None:
        from tui.screens.ask import Type

        def typed(text: str | None) -> None:
            if text is None:
                return
            if one.sort == "picture" and text.strip():
                begin(self, partial(self._upload, row, text.strip()), group="upload", exclusive=True)
            else:
                self.set_field(row, text.strip() or "null")

        help = (
            "a picture's file, an image's id, or a hash"
            if one.sort == "picture"
            else may_be(row, one, self.stages[0].id)
        )
        await self.app.push_screen(Type(plain(row.key), help, row.value), typed)

    async def _upload(self, row: Row, text: str) -> None:
        try:
            sha = await picture_named(self.home.asker, text)
        except (Refused, NoDaemon) as e:
            self.home.say(str(e), bad=True)
            return
        if is_open(self):
            self.set_field(row, sha)

    def action_drop(self) -> None:
        """Takes a change back; of a ControlNet unit's name, the unit."""
        row = self.sheet.item()
        if row is None:
            return
        if row.field is not None and row.field.part == "controls":
            number, inner = row.field.name.split(".")[1:]
            if inner == "model":
                units = units_of(row.stage, self.changes)
                del units[int(number) - 1]
                self.took(with_units(row.stage, units, self.changes))
            else:
                self.took(put_unit(row.stage, row.field.name, None, self.changes))
        else:
            self.took(put(self.changes, row.key, None))

    async def action_add(self) -> None:
        """A stage more, at its place."""
        from tui.screens.ask import Choose

        async def chosen(kind: str | None) -> None:
            if kind == "post":
                await self._choose_processor()
            elif kind is not None:
                self.added(with_stage(self.stages, kind))

        kinds = [(kind, f"{kind:<13}{ADDED[kind]}") for kind in addable(self.stages)]
        await self.app.push_screen(Choose("Add a stage", kinds, "", wide=True), chosen)

    async def _choose_processor(self) -> None:
        from tui.screens.chooser import Chooser

        def chosen(name: str | None) -> None:
            if name:
                self.added(with_stage(self.stages, "post", {"processor": name}))

        names = Chooser("post-processor", ("processors",), empty=False, backend=self._backend)
        await self.app.push_screen(names, chosen)

    def added(self, stages: tuple[StageSheet, ...]) -> None:
        new = next(stage.id for stage in stages if stage not in self.stages)
        self.stages = stages
        self.sheet.opened = self.sheet.opened | {new}
        self.fill()
        index = self.sheet.pages.find(f"{new}.enabled")
        if index is not None:
            self.sheet.go(index)

    # Moving -----------------------------------------------------------------------------------------

    def fold(self, stage: str, opened: bool) -> None:
        self.sheet.opened = self.sheet.opened | {stage} if opened else self.sheet.opened - {stage}
        self.fill()

    def action_fold(self) -> None:
        row = self.sheet.item()
        if row is not None:
            self.fold(row.stage.id, False)
            index = self.sheet.pages.find(f"{row.stage.id}.enabled")
            self.sheet.go(index if index is not None else self.sheet.cursor)

    def action_move(self, by: int) -> None:
        self.sheet.move(0, by)

    def action_half(self, by: int) -> None:
        self.sheet.half(by)

    def action_go(self, index: int) -> None:
        self.sheet.go(index)

    async def action_find(self) -> None:
        from tui.screens.ask import Type

        def typed(words: str | None) -> None:
            if words is not None:
                self.words = words.strip()
                self.fill()

        await self.app.push_screen(Type("Find a setting", "words of its name; empty: all", self.words), typed)

    @on(ItemOpened)
    async def _opened(self, event: ItemOpened) -> None:
        event.stop()
        await self.action_change()

    async def _look_for_doubts(self) -> None:
        """Names that were written and that no node has."""
        found: dict[str, str] = {}
        every = rows(self.stages, self.changes, frozenset(stage.id for stage in self.stages))
        for row in every:
            if row.changed and row.field is not None and row.field.sort == "name" and row.stage.kind:
                of, nodes = row.field.of, self.home.live.scene.nodes
                words = await doubt(self.home.catalogue, of, row.value, nodes, self._backend)
                if words:
                    found[row.key] = words
        self.sheet.doubts = found
        self.sheet.redraw_all()

    def action_leave(self) -> None:
        if self.words:
            self.words = ""
            self.fill()
        else:
            own = pipeline_text(self.stages) if self.stages != self._before else ""
            self.dismiss(Told(sets_of(self.changes), own))
