"""Cards of stages whose values are chosen over them: names that the nodes have, pictures, words, stages to add.

Holds the form that is shown, and what it was before each change.
"""

from functools import partial
from typing import NamedTuple

from schema.errors import NoDaemon, Refused
from schema.plans import Scalar
from tui.athome import AtHome
from tui.background import begin
from tui.messages import StagesEdited
from tui.screens.draft import Draft
from tui.screens.fields import WORKFLOWS, Field
from tui.screens.ownpipe import ADDED, addable
from tui.screens.pictures import picture_named
from tui.screens.sheet import MOST_UNITS, Row, is_on, units_of
from tui.screens.stageform import StageForm
from tui.widgets.ink import plain
from tui.widgets.stagelist import StageList

MOST_UNDONE = 200
"""Changes that can be taken back."""


class Mine(NamedTuple):
    """What of a draft is changed here."""

    own: tuple[Draft, str] | None
    pipeline: str
    last: bool
    video: bool
    set: tuple[str, ...]


def mine_of(draft: Draft) -> Mine:
    return Mine(draft.own, draft.pipeline, draft.last, draft.video, draft.set)


class StageChoosing(AtHome, StageList):
    def __init__(self, *, id: str = "stages") -> None:
        super().__init__(id=id)
        self._before: list[StageForm] = []
        """What the form was before each change, the newest last."""
        self._told: list[Mine] = []
        """What was told upward and not yet shown again, and before it what was shown last."""

    def show(self, form: StageForm) -> None:
        """Another form. One that is older than what was changed here since is not taken."""
        said = mine_of(form.draft)
        if said in self._told and said != self._told[-1]:
            return
        if said != mine_of(self.form.draft):
            self._before = []  # of another draft: nothing of it is to come back into this one
        self._told = []
        known = {stage.id for stage in self.form.pipeline}
        self.form = form
        if form.stages and not any(stage.id in known for stage in form.pipeline):
            self.opened = self._first_open(form)
        self.lay_out()

    def _first_open(self, form: StageForm) -> frozenset[str]:
        """The first stage that runs, and those behind it as long as all is in view."""
        opened: frozenset[str] = frozenset()
        for stage in form.stages:
            more = opened | {stage.id}
            if is_on(stage, form.changes):
                if opened and len(form.lines(more, whole=self.whole)) > self.rows_in_view:
                    break
                opened = more
        return opened

    def edit(self, form: StageForm) -> None:
        """The person wants it so."""
        if form.draft != self.form.draft:
            self._before = [*self._before[1 - MOST_UNDONE :], self.form]
            self._become(form)

    def _become(self, form: StageForm) -> None:
        self._told = [*(self._told or [mine_of(self.form.draft)]), mine_of(form.draft)]
        self.form, self.complaint = form, ""
        self.lay_out()
        self.post_message(StagesEdited(form.draft))

    def put(self, row: Row, value: str | None) -> None:
        self.edit(self.form.put(row, value))

    # Over the cards ---------------------------------------------------------------------------------

    async def choose(self, row: Row, one: Field) -> None:
        from tui.screens.ask import Choose

        def chosen(value: str | None) -> None:
            if value is not None:
                self.put(row, value)

        choices = [(choice, choice) for choice in one.choices]
        await self.app.push_screen(Choose(plain(row.key), choices, row.value), chosen)

    async def choose_name(self, row: Row, one: Field) -> None:
        from tui.screens.chooser import Chooser
        from tui.screens.shelved import Shelved

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
        if one.of == WORKFLOWS:
            await self.app.push_screen(Shelved(title, WORKFLOWS, current, empty=one.empty), chosen)
            return
        lists, backend = (one.of or "controls",), self.form.draft.backend
        await self.app.push_screen(Chooser(title, lists, current, empty=one.empty, backend=backend), chosen)

    async def write(self, row: Row, one: Field) -> None:
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

    async def choose_stage(self) -> None:
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

    def _add(self, kind: str, base: dict[str, Scalar] | None = None) -> None:
        form, id = self.form.added(kind, base)
        self.opened |= {id}
        self.words = ""
        self.edit(form)
        self.stand(f"{id}.enabled")
        self.reveal(id)
