"""The base of a plan: which pipeline, with which preset and settings, decided once for all its jobs.

Later ones win: pipeline (or the last run's), a pack's own settings, `--preset`, a prompt's overrides, `--set`.
Packs and prompts differ from job to job and so are overlays; the rest is the base.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from daemon.prompting.effective import apply_values, effective
from daemon.prompting.fields import Flat, Setting, decided, read_assignment, settle
from daemon.prompting.pipelines import (
    begin_from,
    checked,
    read_pipeline,
    with_film,
    with_pictures,
    with_refinement,
)
from daemon.prompting.presets import fit, read_preset
from daemon.prompting.styles import Style
from daemon.prompting.templates import Template
from daemon.prompting.texts import told
from daemon.prompting.variation.tables import Tables
from daemon.prompting.workflows import Find, with_workflows
from schema.errors import Refused
from schema.pipeline import STANDARD, PipelineConfig
from schema.plans import Scalar
from schema.requests import RunRequest, TextFile
from schema.settings import Settings

USUAL = frozenset(stage.id for stage in STANDARD.running())
"""Stages of the standard pipeline."""


class LastRun(NamedTuple):
    """What the last run that ended well was made with."""

    base: bytes
    overlay: Mapping[str, Scalar]
    """Of its last job."""
    pipeline: str = ""
    """The name it was submitted under."""


class Shelf(Protocol):
    """The library's texts, already read; nothing here opens a file. Each raises Refused for a name it has not."""

    def pack(self, name: str) -> tuple[TextFile, ...]:
        """One file; or the packs of a list, in order."""

    def pipeline(self, name: str) -> TextFile: ...
    def preset(self, name: str) -> TextFile: ...
    def profile(self, name: str) -> TextFile: ...
    def workflow(self, name: str) -> TextFile: ...
    def tables(self) -> Tables:
        """Every wildcard of the library."""

    def styles(self) -> Sequence[Style]: ...
    def template(self, name: str) -> Template: ...
    def overlay(self, name: str) -> TextFile: ...
    def last(self) -> LastRun | None: ...


class Recipe(NamedTuple):
    open: PipelineConfig
    """Before refine presets and workflows were filled in: what overlays are put on."""
    base: PipelineConfig
    name: str
    """Of the pipeline, as the person named it."""
    origins: dict[str, str]
    """`stage.field` to where it came from, for all that the pipeline itself does not say."""
    preset: frozenset[str]
    """Keys that a preset decided: a pack's own settings do not change them."""
    fixed: frozenset[str]
    """Keys that `--set` decided: nothing changes them."""
    takes_packs: bool
    """False with `--last`: what the last run had is not overridden by the pack's own settings."""
    repeated: frozenset[str]
    """Ids of the stages that the last run ran, with `--last`."""
    settings: Settings
    workflow: Find
    warnings: tuple[str, ...]


def make_recipe(request: RunRequest, library: Shelf, settings: Settings, template: Template | None = None) -> Recipe:
    """`template` brings settings that stand above the pipeline's and below everything else. Raises Refused."""
    name, pipeline = _pipeline(request, library, settings)
    pipeline = with_film(with_pictures(pipeline), request.video, settings.run.video, settings.video)
    warnings: list[str] = []
    origins: dict[str, str] = {}
    framed, preset = Flat(), Flat()
    if template is not None:
        framed, missing = _there(pipeline, template.set, f"template {told(template.name)}")
        origins.update(dict.fromkeys(framed, f"template {told(template.name)}"))
        warnings += _unused(f"template {told(template.name)}", missing)
    if request.preset is not None:
        file = library.preset(request.preset)
        fitted = fit(read_preset(file.name, file.text), pipeline, f"preset {told(request.preset)}")
        preset = settle(pipeline, list(fitted.settings))
        origins.update(dict.fromkeys(preset, f"preset {told(request.preset)}"))
        warnings += _unused(f"preset {told(request.preset)}", fitted.unused)
    sets = [read_assignment(text, f"--set {told(text.partition('=')[0], 60)}") for text in request.set]
    fixed = settle(pipeline, sets)
    origins.update(dict.fromkeys(fixed, "--set"))
    where = " ".join(f"--set {told(text, 60)}" for text in request.set[:3]) or f"preset {told(request.preset or '')}"
    pipeline = apply_values(pipeline, {**framed, **preset, **fixed}, where)
    _check_film(pipeline)
    if request.last:
        warnings += _still_out(name, pipeline, fixed)
    return Recipe(
        open=pipeline,
        base=with_workflows(with_refinement(pipeline, settings.refine), library.workflow),
        name=name,
        origins=origins,
        preset=frozenset(preset),
        fixed=frozenset(fixed),
        takes_packs=not request.last,
        repeated=frozenset(stage.id for stage in pipeline.running()) if request.last else frozenset(),
        settings=settings,
        workflow=library.workflow,
        warnings=tuple(warnings),
    )


def pack_values(recipe: Recipe, preset_text: str, file: str) -> tuple[Flat, tuple[str, ...]]:
    """A pack's own settings (`preset_data`) as far as they fit the pipeline, and what is told about the rest."""
    if not preset_text:
        return {}, ()
    if not recipe.takes_packs:
        return {}, (f"{file}: its own settings are left aside, because --last was asked for.",)
    fitted = fit(read_preset(f"{file} preset_data", preset_text), recipe.open, f"pack {file}")
    values = settle(recipe.open, list(fitted.settings))
    above = recipe.preset | recipe.fixed
    return {key: value for key, value in values.items() if not decided(key, above)}, _unused(file, fitted.unused)


def prompt_values(recipe: Recipe, overrides: Mapping[str, str], where: str) -> tuple[Flat, tuple[str, ...]]:
    """One prompt's overrides. A stage that this pipeline has not is told, not refused: packs fit many pipelines."""
    values, missing = _there(recipe.open, overrides, where)
    warnings = (f"{where}: not used, the pipeline has no such stage: {', '.join(missing)}.",) if missing else ()
    return {key: value for key, value in values.items() if not decided(key, recipe.fixed)}, warnings


def _there(pipeline: PipelineConfig, wanted: Mapping[str, str], where: str) -> tuple[Flat, tuple[str, ...]]:
    """The settings of stages that the pipeline has, and the keys of those that it has not."""
    there = {stage.id for stage in pipeline.stages}
    cut = [(key, *key.partition(".")[::2], value) for key, value in wanted.items()]
    values = settle(pipeline, [Setting(stage, field, value, where) for _, stage, field, value in cut if stage in there])
    return values, tuple(key for key, stage, _, _ in cut if stage not in there)


def vary(recipe: Recipe, values: Flat, where: str) -> PipelineConfig:
    """The whole pipeline of a job: the base with `values`, refine presets chosen anew for its model."""
    if not values:
        return recipe.base
    pipeline = apply_values(recipe.open, values, where)
    return with_workflows(with_refinement(pipeline, recipe.settings.refine), recipe.workflow)


def _pipeline(request: RunRequest, library: Shelf, settings: Settings) -> tuple[str, PipelineConfig]:
    if request.last:
        return _last(request, library)
    wanted = request.pipeline if request.pipeline is not None else settings.run.pipeline
    if isinstance(wanted, str) and not _is_text(wanted):
        file = library.pipeline(wanted)
        return told(wanted, 80), read_pipeline(file.name, file.text, request.image)
    file = wanted if isinstance(wanted, TextFile) else TextFile(name="pipeline", text=wanted)
    pipeline = read_pipeline(file.name, file.text, request.image)
    return told(pipeline.name, 80), pipeline


def _last(request: RunRequest, library: Shelf) -> tuple[str, PipelineConfig]:
    if request.pipeline is not None:
        raise Refused("--last brings its own pipeline.", where="--pipeline", remedy="Give one of the two.")
    last = library.last()
    if last is None:
        raise Refused(
            "no run has ended well yet, so there is no last configuration.",
            where="--last",
            remedy="Leave --last out this time.",
        )
    pipeline = effective(last.base, last.overlay, inherit=False)
    if request.image:
        pipeline = checked(begin_from(msgspec.json.decode(pipeline.canonical()), request.image), "the last run")
    return last.pipeline or pipeline.name, pipeline


def _still_out(name: str, pipeline: PipelineConfig, fixed: Flat) -> list[str]:
    """The standard pipeline may have been fitted to nodes that had less than there is now."""
    if name != STANDARD.name:
        return []
    spoken = {key.partition(".")[0] for key in fixed}
    out = [stage.id for stage in pipeline.stages if not stage.enabled and stage.id not in spoken and stage.id in USUAL]
    return [f"{one} is left out, as in the last run. --set {one}.enabled=true brings it back." for one in out]


def _is_text(wanted: str) -> bool:
    """A name, or a pipeline's text? Names hold neither line ends nor brackets."""
    return "\n" in wanted or wanted.lstrip()[:1] in ("{", "[")


def _check_film(pipeline: PipelineConfig) -> None:
    film = pipeline.film()
    if film is None:
        return
    names = [stage.id for stage in pipeline.running()]
    if film.frames not in ("finals", "all", *names):
        raise Refused(
            f"the film's frames '{told(film.frames, 40)}' are no stage that runs.",
            where=f"{film.id}.frames",
            remedy=f"Give finals, all, or one of {', '.join(names)}.",
        )


def _unused(what: str, names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (f"{what}: not used here: {', '.join(names[:8])}{more}.",)
