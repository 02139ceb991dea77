"""The stages of a run as cards: each with its switch and everything that it can be told, changed in place.

State down: `show(form)`. Messages up: `StagesEdited` with the draft as it is now. A change is seen at once; what it
means is asked for by whoever shows the cards.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from textual import on

from schema.errors import Refused
from tui.background import begin
from tui.keys import bindings, of, pressed
from tui.messages import CursorMoved, ItemOpened
from tui.messages import StagesEdited as StagesEdited
from tui.screens.fields import WORKFLOWS, Field
from tui.screens.nudging import complaint, nudged, typed
from tui.screens.sheet import Row, part_on
from tui.screens.stageform import StageForm
from tui.widgets.stagechoosing import StageChoosing, mine_of
from tui.widgets.stagewords import slid


class StageCards(StageChoosing):
    BINDINGS = bindings(of("stages"))
    own_keys = "stages"

    async def action_undo(self) -> None:
        """Only what was changed here: whatever else the draft has by now stays."""
        if not self._before:
            await self.app.run_action("app.undo")
            return
        was = self._before.pop()
        own, pipeline, last, video, sets = mine_of(was.draft)
        draft = replace(self.form.draft, own=own, pipeline=pipeline, last=last, video=video, set=sets)
        self._become(replace(was, draft=draft))

    # Fields -----------------------------------------------------------------------------------------

    def row(self) -> Row | None:
        """The line under the cursor, if it can be changed."""
        row = self.item()
        return row if row is not None and (row.field is None or row.stage.kind) else None

    async def action_change(self) -> None:
        if self.typing is not None:  # the digit that began it was still on its way when enter was looked at
            self.end_typing("enter")
            return
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
                await self.choose(row, one)
            case "name" | "names" | "units":
                await self.choose_name(row, one)
            case "number":
                self.type_into(row.value)
            case _:
                await self.write(row, one)

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
        else:
            await self.choose_name(row, Field(one.name, "name", "models" if one.name == "refiner" else WORKFLOWS))

    def action_step(self, by: int) -> None:
        if self.typing is not None:
            self.end_typing("down" if by > 0 else "up")
        else:
            super().action_step(by)

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
            self.say(f"{pressed('stages.change')} chooses it")

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
        if self.typing is not None:  # as above
            self.typed(self.typing.pressed("backspace"))
        elif (row := self.item()) is not None and (row.field is None or row.field.sort != "more"):
            self.edit(self.form.back(row))

    def action_learned(self) -> None:
        row = self.row()
        lesson = self.form.lessons.get(row.key) if row is not None else None
        if row is None or lesson is None:
            self.say("nothing was learned of this yet")
        else:
            self.put(row, lesson.value)

    def action_swap(self) -> None:
        if (row := self.row()) is not None:
            self.edit(self.form.swapped(row.stage))

    # Stages -----------------------------------------------------------------------------------------

    async def action_add(self) -> None:
        await self.choose_stage()

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

    def _followed(self, noun: str, name: str, to: str) -> None:
        """The pipeline was renamed, or, with an empty name, deleted. That is what `z` takes back next."""
        if self.form.draft.pipeline == name:
            self._before = []
            self._become(self.form.followed(to))

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
        elif (value := slid(self.form, row, self.room[0] - 1, x)) is not None:
            self.put(row, value)
        elif twice or (row.field is not None and row.field.sort in ("more", "flag", "part")):
            begin(self, self.action_change, group="click")
