"""The stages of a run as cards: each with its switch and everything that it can be told, changed in place.

State down: `show(form)`. Messages up: `StagesEdited` with the draft as it is now. A change is seen at once; what it
means is asked for by whoever shows the cards.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual import on

from schema.errors import NoDaemon, Refused
from tui.background import begin
from tui.keys import bindings, of
from tui.messages import CursorMoved, ItemOpened
from tui.messages import StagesEdited as StagesEdited
from tui.screens.draft import Draft
from tui.screens.fields import Field
from tui.screens.nudging import complaint, nudged, typed
from tui.screens.ownpipe import ADDED, addable
from tui.screens.pictures import picture_named
from tui.screens.sheet import MOST_UNITS, Row, is_on, part_on, units_of
from tui.screens.stageform import StageForm
from tui.widgets.ink import plain
from tui.widgets.stagelist import StageList

if TYPE_CHECKING:
    from tui.app import StableNew

KEPT = 200
"""Changes that can be taken back."""


class Mine(NamedTuple):
    """What of a draft is changed here."""

    own: tuple[Draft, str] | None
    pipeline: str
    last: bool
    video: bool
    set: tuple[str, ...]


def _mine(draft: Draft) -> Mine:
    return Mine(draft.own, draft.pipeline, draft.last, draft.video, draft.set)


class StageCards(StageList):
    BINDINGS = bindings(of("stages"))

    def __init__(self, *, id: str = "stages") -> None:
        super().__init__(id=id)
        self._before: list[StageForm] = []
        """What the form was before each change, the newest last."""
        self._told: list[Mine] = []
        """What was told upward and not yet shown again, and before it what was shown last."""

    @property
    def home(self) -> "StableNew":
        from tui.app import StableNew

        assert isinstance(self.app, StableNew)
        return self.app

    def show(self, form: StageForm) -> None:
        """Another form. One that is older than what was changed here since is not taken."""
        said = _mine(form.draft)
        if said in self._told and said != self._told[-1]:
            return
        self._told = []
        known = {stage.id for stage in self.form.stages}
        self.form = form
        if form.stages and not known:
            self.opened = frozenset([next((one.id for one in form.stages if is_on(one, form.changes)), "")])
        self.lay_out()

    def edit(self, form: StageForm) -> None:
        """The person wants it so."""
        if form.draft != self.form.draft:
            self._before = [*self._before[1 - KEPT :], self.form]
            self._become(form)

    def _become(self, form: StageForm) -> None:
        self._told = [*(self._told or [_mine(self.form.draft)]), _mine(form.draft)]
        self.form = form
        self.lay_out()
        self.post_message(StagesEdited(form.draft))

    async def action_undo(self) -> None:
        """Only what was changed here: whatever else the draft has by now stays."""
        if not self._before:
            await self.app.run_action("app.undo")
            return
        was = self._before.pop()
        own, pipeline, last, video, sets = _mine(was.draft)
        draft = replace(self.form.draft, own=own, pipeline=pipeline, last=last, video=video, set=sets)
        self._become(replace(was, draft=draft))

    # Fields -----------------------------------------------------------------------------------------

    def row(self) -> Row | None:
        """The line under the cursor, if it can be changed."""
        row = self.item()
        return row if row is not None and (row.field is None or row.stage.kind) else None

    def put(self, row: Row, value: str | None) -> None:
        self.edit(self.form.put(row, value))

    async def action_change(self) -> None:
        row = self.row()
        if row is None:
            return
        one = row.field
        if one is None:
            self.unfold(row.stage.id, row.stage.id not in self.opened)
            return
        match one.sort:
            case "more":
                self.whole ^= {row.stage.id}
                self.lay_out()
            case "flag" | "part":
                await self.action_turn()
            case "choice":
                await self._choose(row, one)
            case "name" | "names" | "units":
                await self._choose_name(row, one)
            case "number":
                self.type_into(row.value)
            case _:
                await self._write(row, one)

    async def action_turn(self) -> None:
        row = self.row()
        if row is None:
            return
        one = row.field
        if one is None:
            self.edit(self.form.turned(row))
        elif one.sort == "flag":
            self.put(row, str(not row.on).lower())
        elif one.sort == "part":
            await self._turn_part(row, one)
        else:
            await self.action_change()

    async def _turn_part(self, row: Row, one: Field) -> None:
        """hires, the refiner within txt2img, an own workflow."""
        if part_on(row.stage, one.name, self.form.changes):
            self.put(row, "false")
        elif one.name == "hires":
            self.put(row, "true")
        elif one.name == "refiner":
            await self._choose_name(row, Field("refiner", "name", "models"))
        else:
            await self._write(row, one)

    def action_nudge(self, by: int) -> None:
        row = self.row()
        if row is None or (one := row.field) is None:
            return
        if one.sort == "number":
            self.put(row, nudged(one, row.value, by))
        elif one.sort == "flag":
            self.put(row, str(by > 0).lower())
        elif one.sort == "choice":
            at = one.choices.index(row.value) + by if row.value in one.choices else 0
            self.put(row, one.choices[at % len(one.choices)])
        else:
            self.say("enter chooses it")

    def take_typed(self, text: str) -> bool:
        row = self.row()
        if row is None or row.field is None:
            return True
        if why := complaint(row.field, text):
            self.say(why)
            return False
        value = typed(row.field, text)
        if value != (row.value or "null"):
            self.put(row, value)
        return True

    def action_back(self) -> None:
        if (row := self.item()) is not None and (row.field is None or row.field.sort != "more"):
            self.edit(self.form.back(row))

    def action_learned(self) -> None:
        row = self.row()
        lesson = self.form.lessons.get(row.key) if row is not None else None
        if row is None or lesson is None:
            self.say("nothing was learned of this yet")
        else:
            self.put(row, lesson.value)

    # Over the cards ---------------------------------------------------------------------------------

    async def _choose(self, row: Row, one: Field) -> None:
        from tui.screens.ask import Choose

        def chosen(value: str | None) -> None:
            if value is not None:
                self.put(row, value)

        choices = [(choice, choice) for choice in one.choices]
        await self.app.push_screen(Choose(plain(row.key), choices, row.value), chosen)

    async def _choose_name(self, row: Row, one: Field) -> None:
        from tui.screens.chooser import Chooser

        if one.sort == "units" and len(units_of(row.stage, self.form.changes)) >= MOST_UNITS:
            self.say(f"a stage has at most {MOST_UNITS} ControlNet units")
            return

        def chosen(name: str | None) -> None:
            if name is None:
                return
            if one.sort == "units":
                self.edit(self.form.one_unit_more(row.stage, name))
            elif one.sort == "names" and name and row.value:
                self.put(row, f"{row.value}, {name}")
            else:
                self.put(row, name or "null")

        current = "" if one.sort in ("units", "part") else row.value
        title = f"{plain(row.stage.id)} · {'another ControlNet unit' if one.sort == 'units' else one.name}"
        lists, backend = (one.of or "controls",), self.form.draft.backend
        await self.app.push_screen(Chooser(title, lists, current, empty=one.empty, backend=backend), chosen)

    async def _write(self, row: Row, one: Field) -> None:
        """Words, or a picture's name."""
        from tui.screens.ask import Type

        def written(text: str | None) -> None:
            if text is None:
                return
            if one.sort == "picture" and text.strip():
                begin(self, partial(self._upload, row, text.strip()), group="upload", exclusive=True)
            else:
                self.put(row, text.strip() or "null")

        help = "a picture's file, an image's id, or a hash" if one.sort == "picture" else f"{one.name}; empty: none"
        await self.app.push_screen(Type(plain(row.key), help, "" if one.sort == "part" else row.value), written)

    async def _upload(self, row: Row, text: str) -> None:
        try:
            sha = await picture_named(self.home.asker, text)
        except (Refused, NoDaemon) as e:
            self.home.say(str(e), bad=True)
        else:
            self.put(row, sha)

    # Stages -----------------------------------------------------------------------------------------

    async def action_add(self) -> None:
        from tui.screens.ask import Choose

        async def chosen(kind: str | None) -> None:
            if kind == "post":
                await self._choose_processor()
            elif kind is not None:
                self._add(kind)

        kinds = [(kind, f"{kind:<15}{ADDED[kind]}") for kind in addable(self.form.pipeline)]
        await self.app.push_screen(Choose("Add a stage", kinds, "", wide=True), chosen)

    async def _choose_processor(self) -> None:
        from tui.screens.chooser import Chooser

        def chosen(name: str | None) -> None:
            if name:
                self._add("post", {"processor": name})

        backend = self.form.draft.backend
        await self.app.push_screen(Chooser("post-processor", ("processors",), empty=False, backend=backend), chosen)

    def _add(self, kind: str, base: dict[str, str | int | float | bool | None] | None = None) -> None:
        form, id = self.form.added(kind, base)
        self.opened |= {id}
        self.words = ""
        self.edit(form)
        self.stand(f"{id}.enabled")

    def action_out(self) -> None:
        if (row := self.row()) is not None:
            self._try(partial(self.form.taken_out, row.stage.id))

    def action_shift(self, by: int) -> None:
        if (row := self.row()) is not None:
            self.stand(f"{row.stage.id}.enabled")
            self._try(partial(self.form.moved, row.stage.id, by))

    def _try(self, change: Callable[[], StageForm]) -> None:
        try:
            self.edit(change())
        except Refused as e:
            self.say(e.told())

    def action_fold(self) -> None:
        if (row := self.item()) is not None and row.stage.id in self.opened:
            self.unfold(row.stage.id, False)

    def action_fold_all(self) -> None:
        self.unfold_all()

    def action_find(self) -> None:
        self.find()

    def action_clear(self) -> None:
        self.words, self.complaint = "", ""
        self.lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the screen's own where there is nothing to clear."""
        return bool(self.words or self.complaint) if action == "clear" else True

    # Pipelines --------------------------------------------------------------------------------------

    async def action_save(self) -> None:
        from tui.screens.pipelines import save_as

        await save_as(self.home, self.form.text(""), self.form.draft.pipeline, self._saved)

    async def action_load(self) -> None:
        from tui.screens.pipelines import Pipelines

        def chosen(name: str | None) -> None:
            if name:
                self.edit(self.form.named(name))

        shelf = Pipelines(self.form.text(""), self.form.draft.pipeline, self._followed)
        await self.app.push_screen(shelf, chosen)

    def _saved(self, name: str) -> None:
        self.edit(self.form.named(name, saved=True))

    def _followed(self, noun: str, name: str) -> None:
        """The pipeline was renamed, or, with an empty name, deleted: then its stages stay as the run's own."""
        self.edit(self.form.named(name) if name else self.form.as_own())

    # Hands ------------------------------------------------------------------------------------------

    @on(CursorMoved)
    def _moved(self, event: CursorMoved) -> None:
        event.stop()

    @on(ItemOpened)
    def _opened(self, event: ItemOpened) -> None:
        event.stop()

    def clicked(self, row: Row, x: int, *, twice: bool) -> None:
        if row.field is None and x < 2:
            self.unfold(row.stage.id, row.stage.id not in self.opened)
        elif row.field is None and x < 6:
            self.edit(self.form.turned(row))
        elif twice or (row.field is not None and row.field.sort in ("more", "flag", "part")):
            begin(self, self.action_change, group="click")
