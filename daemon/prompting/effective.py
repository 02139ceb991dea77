"""A job's effective settings: base config, the job's overlay, and what later stages take over from the first.

Called for the preview, for every order that goes to an agent, and for `job edit`. Pure and cached.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
from pydantic import ValidationError

from daemon.prompting.fields import Flat, flat, flat_stage, read_assignment, settle, with_values
from daemon.prompting.heirs import inherited
from daemon.prompting.needs import words_need
from daemon.prompting.steps import steps_of
from daemon.prompting.texts import MAX_PROMPT, cleaned
from daemon.prompting.workflows import Find, no_workflows, with_workflows
from schema.errors import Refused
from schema.faults import sentence
from schema.ids import StageId
from schema.pipeline import PipelineConfig
from schema.plans import JobSpec, Pick, Scalar, Written
from schema.stages import Dispatch, ImageStage, Video, WordStage

MAX_SEED = 2**63 - 1

Config = dict[str, dict[str, Scalar]]
"""Stage id to its fields, `type` among them; only stages that run, the film's too."""


def stage_config(base: bytes, stage: StageId, overlay: Mapping[str, Scalar]) -> ImageStage | WordStage:
    """What an agent is told to run. `base` is `PipelineConfig.canonical()`. KeyError for a stage the job has not."""
    for one in effective(base, overlay).stages:
        if one.id == stage and not isinstance(one, Dispatch | Video):
            return one
    raise KeyError(stage)


def job_config(base: bytes, overlay: Mapping[str, Scalar]) -> Config:
    """Every running stage's effective settings, as the preview and the manifest show them."""
    return _config(base, tuple(sorted(overlay.items())))


def base_config(base: bytes) -> Config:
    """Every stage's settings as they were written, `enabled` among them; nothing is taken over from the first."""
    told = {stage.id: {"type": stage.type, **flat_stage(stage)} for stage in pipeline_of(base).stages}
    for fields in told.values():
        fields.pop("workflow.graph", None)
    return told


def effective(base: bytes, overlay: Mapping[str, Scalar], inherit: bool = True) -> PipelineConfig:
    """The job's pipeline; with `inherit` as an agent gets it, without as the person wrote it."""
    if not inherit:
        return with_values(pipeline_of(base), overlay)
    return _effective(base, tuple(sorted(overlay.items())))


def edit(
    spec: JobSpec,
    base: bytes,
    *,
    sets: Sequence[str] = (),
    prompt: str | None = None,
    negative: str | None = None,
    seed: int | None = None,
    backend: str | None = None,
    workflow: Find = no_workflows,
    now: Written | None = None,
) -> JobSpec:
    """The job with a person's changes. Raises Refused with the flag that was wrong.

    `backend` names who is to make it, empty: whoever can. Another seed is told by the name
    (`harbour-01-v1-s42-now7`), so that files of both never collide. `now`: the words as the job's stages have made
    them, if they have by now; then these are written over.
    """
    before = effective(base, spec.overlay, inherit=False)
    values = settle(before, [read_assignment(text, f"--set {text.partition('=')[0]}") for text in sets])
    after = with_workflows(apply_values(before, values, "--set"), workflow)
    worded = reworded(spec, prompt, negative, now)
    if seed is not None:
        check_seed(seed, 1)
    given = {"prompt": prompt, "negative": negative, "seed": seed}
    edited = (*values, *(name for name, value in given.items() if value is not None))
    steps = steps_of(after)
    return msgspec.structs.replace(
        worded,
        name=spec.name if seed is None else renamed(spec.name, seed),
        seed=spec.seed if seed is None else seed,
        overlay=difference(after, pipeline_of(base)),
        origins=spec.origins | dict.fromkeys(edited, "edited"),
        stages=None if steps == steps_of(pipeline_of(base)) else steps,
        backend=spec.backend if backend is None else backend,
    )


def reworded(spec: JobSpec, prompt: str | None, negative: str | None, now: Written | None) -> JobSpec:
    """With other words, or over those that its stages have made of them. None: they stay."""
    for flag, text in (("--prompt", prompt), ("--negative", negative)):
        if text is not None:
            check_prompt(text, flag)
    same = prompt is None and negative is None
    was = now or spec
    positive = was.prompt if prompt is None else cleaned(prompt)
    unwanted = was.negative if negative is None else cleaned(negative)
    written = spec.written
    if now is not None:
        written = written if same else Written(after=now.after, prompt=positive, negative=unwanted)
        positive, unwanted = spec.prompt, spec.negative
    return msgspec.structs.replace(
        spec,
        prompt=positive,
        negative=unwanted,
        needs=words_need(positive, unwanted),
        written=written,
        picks=spec.picks if same else picks_in(spec.picks, positive, unwanted),
    )


def picks_in(picks: Sequence[Pick], prompt: str, negative: str) -> tuple[Pick, ...]:
    """Those whose value still stands in words that a person wrote over."""
    return tuple(pick for pick in picks if pick.value in f"{prompt}\n{negative}")


def renamed(name: str, seed: int) -> str:
    root = name.partition("-now")[0]
    return root if root.endswith(f"-s{seed}") else f"{root}-now{seed}"


def check_seed(seed: int, count: int) -> None:
    if seed < 0:
        raise Refused(
            f"{seed} is no seed.", where="--seed", remedy="Give 0 or more, or leave it out to have one drawn."
        )
    if seed + count - 1 > MAX_SEED:
        raise Refused(f"seeds end at {MAX_SEED}.", where="--seed", remedy="Give a smaller one, or a smaller --count.")


def check_prompt(text: str, where: str) -> None:
    if len(text) > MAX_PROMPT:
        raise Refused(f"is longer than {MAX_PROMPT} characters.", where=where, remedy="Shorten it.")


def apply_values(pipeline: PipelineConfig, values: Mapping[str, Scalar], where: str) -> PipelineConfig:
    """With the flat values; a combination that makes no sense is refused under `where`."""
    try:
        return with_values(pipeline, values)
    except ValidationError as fault:
        raise Refused(sentence(fault, pipeline.model_dump(mode="json")), where=where) from None


def difference(pipeline: PipelineConfig, base: PipelineConfig) -> Flat:
    """The overlay that makes `pipeline` of `base`."""
    if pipeline is base:
        return {}
    there = flat(base)
    return {key: value for key, value in flat(pipeline).items() if key not in there or _differ(there[key], value)}


def _differ(one: Scalar, other: Scalar) -> bool:
    return one != other or type(one) is not type(other)


@lru_cache(maxsize=64)
def pipeline_of(base: bytes) -> PipelineConfig:
    """A run's base config from the artifact store. Bytes that are none raise pydantic's ValidationError."""
    return PipelineConfig.model_validate_json(base)


@lru_cache(maxsize=512)
def _effective(base: bytes, overlay: tuple[tuple[str, Scalar], ...]) -> PipelineConfig:
    return inherited(with_values(pipeline_of(base), dict(overlay)))


@lru_cache(maxsize=512)
def _config(base: bytes, overlay: tuple[tuple[str, Scalar], ...]) -> Config:
    config = config_of(_effective(base, overlay))
    for fields in config.values():
        fields.pop("workflow.graph", None)  # its name says enough to a person, and it is long
    return config


def config_of(pipeline: PipelineConfig) -> Config:
    """All that decides how the pictures come out."""
    film = pipeline.film()
    return {
        stage.id: {"type": stage.type, **{k: v for k, v in flat_stage(stage).items() if k != "enabled"}}
        for stage in (*pipeline.running(), *((film,) if film else ()))
    }
