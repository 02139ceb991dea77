"""The stages of a run as a person sees and changes them: what they depend on is asked for once, the rest is pure.

A change is made here at once; what the daemon makes of it is asked for by whoever shows the cards.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from schema.errors import NoDaemon, Refused
from schema.insights import PackInsight
from schema.plans import Scalar
from schema.records import LOOSE
from schema.requests import RunRequest
from tui.link import learn
from tui.link.ask import PlanLine
from tui.link.ffmpeg import makes_films
from tui.screens.doubts import doubt
from tui.screens.draft import Draft, request
from tui.screens.fields import WORKFLOWS
from tui.screens.ownpipe import as_it_stands, moved, pipeline_text, with_stage, without
from tui.screens.pictures import picture_named
from tui.screens.sheet import (
    Row,
    StageSheet,
    changes_of,
    is_on,
    put,
    put_unit,
    rows,
    sets_of,
    shown,
    units_of,
    value_at,
    with_units,
)
from tui.screens.variation import Variation
from tui.widgets.ink import unflagged

if TYPE_CHECKING:
    from tui.app import StableNew

Config = Mapping[str, Mapping[str, Scalar]]

NOTHING = Draft()

NO_FFMPEG = "no ffmpeg; the pictures are made, but no film of them until ffmpeg is installed on the daemon's machine"


class Lesson(NamedTuple):
    """What verdicts say of a field."""

    value: str
    """As `--set` writes it."""
    text: str


@dataclass(frozen=True)
class StageForm:
    """What the cards show: `draft` over `stages`. Every change is another form with another draft."""

    draft: Draft = NOTHING
    stages: tuple[StageSheet, ...] = ()
    film: str = ""
    """The stage that is there because this run is to have a film, or to offer one: no part of the pipeline."""
    doubts: Mapping[str, str] = field(default_factory=dict)
    """`stage.field` to why its value may not work: `no node has it`."""
    lessons: Mapping[str, Lesson] = field(default_factory=dict)
    """`stage.field` to what its pack does best with."""
    trouble: str = ""
    """Why the stages are not those of this draft."""
    ground: Draft | None = None
    """What the stages were asked for with; None: they were changed since."""

    @property
    def changes(self) -> dict[str, str]:
        return changes_of(self.draft.set)

    @property
    def pipeline(self) -> tuple[StageSheet, ...]:
        """The stages without a film that the pipeline does not have."""
        return tuple(stage for stage in self.stages if stage.id != self.film)

    def lines(self, opened: frozenset[str], words: str = "", whole: frozenset[str] | None = None) -> list[Row]:
        return rows(self.stages, self.changes, opened, words, whole)

    # Fields -----------------------------------------------------------------------------------------

    def told(self, changes: Mapping[str, str]) -> "StageForm":
        return replace(self, draft=replace(self.draft, set=sets_of(changes)))

    def put(self, row: Row, value: str | None) -> "StageForm":
        """Another value for this field; None: what it was. What is said of a film that is off switches it on."""
        assert row.field is not None
        if row.field.part == "controls":
            return self.told(put_unit(row.stage, row.field.name, value, self.changes))
        form = self.with_film(True) if row.stage.id == self.film and value is not None else self
        return form.told(put(self.changes, row.key, value))

    def back(self, row: Row) -> "StageForm":
        """The line as it was before this person changed it; of a stage all its lines, of a unit's model the unit."""
        if row.field is None:
            rest = {name: text for name, text in self.changes.items() if name.partition(".")[0] != row.stage.id}
            return self.told(rest)
        if row.field.part != "controls":
            return self.told(put(self.changes, row.key, None))
        number, inner = row.field.name.split(".")[1:]
        if inner != "model":
            return self.told(put_unit(row.stage, row.field.name, None, self.changes))
        units = units_of(row.stage, self.changes)
        del units[int(number) - 1]
        return self.told(with_units(row.stage, units, self.changes))

    def one_unit_more(self, stage: StageSheet, model: str) -> "StageForm":
        more: list[dict[str, object]] = [*units_of(stage, self.changes), {"model": model}]
        return self.told(with_units(stage, more, self.changes))

    def swapped(self, stage: StageSheet) -> "StageForm":
        """Its width for its height, where it has both."""
        width, height = (value_at(stage, name, self.changes) for name in ("width", "height"))
        if not (width and height):
            return self
        return self.told({**self.changes, f"{stage.id}.width": height, f"{stage.id}.height": width})

    # Stages -----------------------------------------------------------------------------------------

    def turned(self, row: Row) -> "StageForm":
        """The stage on instead of off, or the other way round."""
        on = not is_on(row.stage, self.changes)
        if row.stage.id == self.film:
            return self.with_film(on)
        plainly = on == row.stage.on
        return self.told(put(self.changes, f"{row.stage.id}.enabled", None if plainly else str(on).lower()))

    def with_film(self, on: bool) -> "StageForm":
        """A film that the pipeline does not have: off, nothing that was said of it is left."""
        stages = tuple(
            replace(stage, base={**stage.base, "enabled": on}) if stage.id == self.film else stage
            for stage in self.stages
        )
        rest = {name: text for name, text in self.changes.items() if on or name.partition(".")[0] != self.film}
        draft = replace(self.draft, video=on, set=sets_of(rest))
        return replace(self, stages=stages, draft=draft, ground=None)

    def added(self, kind: str, base: Mapping[str, Scalar] | None = None) -> tuple["StageForm", str]:
        """With one more at its place, and its id."""
        known = {stage.id for stage in self.stages}
        form = self._with(with_stage(self.pipeline, kind, base))
        return form, next(stage.id for stage in form.stages if stage.id not in known)

    def taken_out(self, id: str) -> "StageForm":
        """Raises Refused where nothing would be left."""
        if id == self.film:
            return self.with_film(False)
        rest = {name: text for name, text in self.changes.items() if name.partition(".")[0] != id}
        return self._with(without(self.pipeline, id)).told(rest)

    def moved(self, id: str, by: int) -> "StageForm":
        """Raises Refused where it would stand where its kind cannot."""
        if id == self.film:
            raise Refused("the film is made last.")
        return self._with(moved(self.pipeline, id, by))

    def _with(self, stages: tuple[StageSheet, ...]) -> "StageForm":
        film = tuple(stage for stage in self.stages if stage.id == self.film)
        draft = self.draft.with_own(pipeline_text(stages))
        return replace(self, stages=(*stages, *film), draft=draft, ground=None)

    # Pipelines by name ------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """All of it as a pipeline of this name, what was changed included."""
        return pipeline_text(as_it_stands(self.pipeline, self.draft.set), name)

    def named(self, name: str, *, saved: bool = False) -> "StageForm":
        """With the pipeline of this name; `saved`: what was changed is in it by now."""
        kept = tuple(one for one in self.draft.set if not saved or one.startswith(f"{self.film}."))
        draft = replace(self.draft, pipeline=name, own=None, last=False, set=kept)
        return replace(self, draft=draft, ground=None)

    def followed(self, name: str) -> "StageForm":
        """The pipeline is called otherwise by now; empty: it is gone, and its stages stay as the run's own."""
        draft = replace(self.draft, pipeline=name)
        if not name or self.draft.ground.own is not None:
            draft = draft.with_own(pipeline_text(self.pipeline))
        return replace(self, draft=draft, ground=None)


# What the daemon says of it -------------------------------------------------------------------------


class Planned(NamedTuple):
    """Of a preview of one job."""

    base: Config
    overlay: Mapping[str, Scalar] = {}
    origins: Mapping[str, str] = {}


def form_of(draft: Draft, bare: Planned, full: Planned | None = None) -> StageForm:
    """`bare`: of the pipeline alone; `full`: with preset, template, pack and film, where there are any."""
    full = full or bare
    stages = [_sheet(id, told, bare.base.get(id), full) for id, told in full.base.items()]
    film = next((stage.id for stage in stages if stage.kind == "video" and stage.id not in bare.base), "")
    if not any(stage.kind == "video" for stage in stages):
        film = next(name for name in ("video", "film", "the-film") if name not in full.base)
        stages.append(StageSheet(film, "video", {"enabled": False}))
    return StageForm(draft, tuple(stages), film)


def _sheet(id: str, told: Mapping[str, Scalar], bare: Mapping[str, Scalar] | None, full: Planned) -> StageSheet:
    said = {key.partition(".")[2]: key for key in full.origins if key.partition(".")[0] == id and "." in key}
    over = {name: full.overlay.get(key, told.get(name)) for name, key in said.items()}
    origins = {name: full.origins[key] for name, key in said.items()}
    base = {name: value for name, value in (told if bare is None else bare).items() if name != "type"}
    return StageSheet(id, str(told.get("type", "")), base, over, origins)


def ground_of(draft: Draft) -> Draft:
    """What the stages and their values depend on, and nothing else."""
    words = Variation(template=draft.varied.template)
    return replace(draft.ground, pack=draft.pack, video=draft.video, varied=words)


async def stage_form(
    home: "StableNew", draft: Draft, before: StageForm | None = None, image: str | None = None
) -> StageForm:
    """The form of this draft; `before`: the one that is shown, of which all is kept that is still true.

    `image`: the hash of the draft's picture, where it is known. What cannot be had is told by the form: `trouble`.
    """
    ground = ground_of(draft)
    before = before or StageForm()
    if before.ground == ground and not before.trouble:
        form = replace(before, draft=draft)
    else:
        try:
            form, trouble = await _asked(home, draft, ground, image)
            lessons = (
                before.lessons
                if before.stages and before.draft.pack == draft.pack
                else await _lessons(home, draft.pack)
            )
            form = replace(form, ground=ground, lessons=lessons, trouble=trouble)
        except Refused as e:
            form = replace(before, draft=draft, trouble=unflagged(e.told()), ground=None)
        except NoDaemon:
            form = replace(before, draft=draft, trouble="the daemon does not answer", ground=None)
    return replace(form, doubts=await _doubts(home, form))


async def _asked(home: "StableNew", draft: Draft, ground: Draft, image: str | None) -> tuple[StageForm, str]:
    """The form, and why it does not show all of it. Raises Refused or NoDaemon."""
    if image is None and draft.picture and draft.picture.strip():
        image = await picture_named(home.asker, draft.picture)
    plainly = replace(ground, pack="", preset="", video=False, varied=Variation(), prompt="a picture")
    bare = await _planned(home, request(plainly, image))
    full, trouble = None, ""
    if ground.pack or ground.preset or ground.video or ground.varied.template:
        wish = request(ground if ground.pack else replace(ground, prompt="a picture"), image)
        if ground.pack:
            wish = msgspec.structs.replace(wish, max_images=1, max_prompts=1)
        try:
            full = await _planned(home, wish)
        except Refused as e:
            trouble = unflagged(e.told())
    return await asyncio.to_thread(form_of, draft, bare, full), trouble


async def _planned(home: "StableNew", wish: RunRequest) -> Planned:
    first, last = await home.asker.plan(wish, keep=1)
    job = first[0] if first else PlanLine()
    return Planned(last.base, job.overlay, job.origins)


async def _lessons(home: "StableNew", pack: str) -> dict[str, Lesson]:
    """Of the pack, or of pictures without one; nothing where nothing was learned."""
    try:
        found = (await learn.insights(home.asker, pack or LOOSE)).packs
    except (Refused, NoDaemon):
        return {}
    told: dict[str, Lesson] = {}
    for one in sorted(found, key=lambda one: one.backend == "sketch"):
        if one.pack == (pack or LOOSE):
            told = {**lessons_of(one), **told}
    return told


def lessons_of(pack: PackInsight) -> dict[str, Lesson]:
    """Field to the value that its claim speaks for."""
    params = pack.preset.params if pack.preset is not None else {}
    told: dict[str, Lesson] = {}
    for claim in pack.claims:
        if claim.better:
            value = params.get(claim.param)
            told[claim.param] = Lesson(shown(value if value in claim.better else claim.better[0]), claim.text)
    return told


async def _doubts(home: "StableNew", form: StageForm) -> dict[str, str]:
    """Of all that runs: names that no node has, and films where nothing makes films."""
    found: dict[str, str] = {}
    films = [stage.id for stage in form.stages if stage.kind == "video" and is_on(stage, form.changes)]
    if films and not await asyncio.to_thread(makes_films, home.env):
        found |= {f"{film}.enabled": NO_FFMPEG for film in films}
    for row in form.lines(frozenset(stage.id for stage in form.stages)):
        one = row.field
        if one is None or one.sort != "name" or not row.value or row.inherited or not row.stage.kind:
            continue
        if one.of == WORKFLOWS:  # whether there is one of this name says the plan
            continue
        stands_in = not row.changed and row.value == one.default  # every backend finds its own for it
        if not stands_in and is_on(row.stage, form.changes):
            nodes, backend = home.live.scene.nodes, form.draft.backend
            if words := await doubt(home.catalogue, one.of, row.value, nodes, backend):
                found[row.key] = words
    return found
