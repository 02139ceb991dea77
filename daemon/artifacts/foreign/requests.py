"""What was read of a picture, as a run that would make such a one again."""

import msgspec
from pydantic import ValidationError

from daemon.artifacts.foreign.draft import KINDS
from schema.foreign import Foreign, Understood
from schema.ids import StageId
from schema.pipeline import PipelineConfig
from schema.plans import JobSpec, Scalar
from schema.requests import RunRequest, TextFile

SEEDS = 2**63
"""A run has a smaller seed."""

ORDER = ("txt2img", "detail", "detail2", "detail3", "upscale", "face_restore")
Settings = dict[str, object]


def understood(foreign: Foreign) -> Understood:
    """With a run of its prompt, negative, seed and the stages that were used; nothing in the prompt is expanded."""
    run, warnings = _request(foreign)
    return Understood(foreign=msgspec.structs.replace(foreign, warnings=(*foreign.warnings, *warnings)), run=run)


def prompt_of(foreign: Foreign) -> str:
    """With the LoRAs that the program told apart from its prompt."""
    loras = "".join(f" <lora:{lora.name}:{lora.weight:g}>" for lora in foreign.loras)
    return f"{foreign.prompt}{loras}".strip()


def pipeline_of(foreign: Foreign) -> tuple[PipelineConfig, tuple[str, ...]]:
    """The stages with their settings, and what had to be left out of them, in words."""
    stages, left = _stages(foreign.fields), list[str]()
    while True:
        try:
            return PipelineConfig.model_validate({"name": "like", "stages": list(stages.values())}), tuple(left)
        except ValidationError as fault:
            first = fault.errors(include_url=False)[0]
            loc = [part for part in first["loc"] if isinstance(part, str) and part not in ("stages", *TYPES)]
            number = next((part for part in first["loc"] if isinstance(part, int)), None)
            stage = list(stages)[number] if number is not None and number < len(stages) else ""
            left.append(f"{'.'.join([stage, *loc]).strip('.') or 'a setting'} is left out: {first['msg']}.")
            if not _drop(stages, stage, loc):
                return PipelineConfig.model_validate({"name": "like", "stages": [{"type": "txt2img"}]}), tuple(left)


TYPES = ("txt2img", "detail", "upscale", "face_restore")


def _drop(stages: dict[str, Settings], stage: str, loc: list[str]) -> bool:
    """Takes the field at fault out; its stage where the fault has no field. False: there is nothing to take."""
    settings = stages.get(stage)
    if settings is None:
        return False
    if loc and loc[0] in settings and loc[0] != "type":
        del settings[loc[0]]
        return True
    if stage != "txt2img":
        del stages[stage]
        return True
    if len(settings) > 2:
        stages[stage] = {"id": "txt2img", "type": "txt2img"}
        return True
    return False


def _stages(fields: dict[str, Scalar]) -> dict[str, Settings]:
    """Stage id to its settings, nested ones in objects of their own; always with a txt2img."""
    stages: dict[str, Settings] = {"txt2img": {"id": "txt2img", "type": "txt2img"}}
    for name in ORDER[1:]:
        if any(field.startswith(f"{name}.") for field in fields):
            stages[name] = {"id": name, "type": name.rstrip("0123456789")}
    for field, value in fields.items():
        stage, _, name = field.partition(".")
        if stage not in stages:
            continue
        outer, dot, inner = name.partition(".")
        if dot and f"{stage}.{outer}" in KINDS:
            part = stages[stage].setdefault(outer, {})
            if isinstance(part, dict):
                part[inner] = value
        else:
            stages[stage][name] = value
    refiner = stages["txt2img"].get("refiner")
    if isinstance(refiner, dict) and "model" not in refiner:
        del stages["txt2img"]["refiner"]
    return stages


def _request(foreign: Foreign) -> tuple[RunRequest, tuple[str, ...]]:
    pipeline, left = pipeline_of(foreign)
    seed = foreign.seed
    if seed is not None and seed >= SEEDS:
        seed, left = None, (*left, f"Its seed, {seed}, is larger than a run can have; another is drawn.")
    written = pipeline.model_dump(mode="json", exclude_unset=True)
    text = msgspec.json.format(msgspec.json.encode({"stages": written["stages"]})).decode()
    request = RunRequest(
        prompt=prompt_of(foreign),
        negative=foreign.negative,
        seed=seed,
        pipeline=TextFile(name=f"like {foreign.name}", text=text),
        literal=True,
    )
    return request, left


# Pictures that are kept --------------------------------------------------------------------------


def spec_of(foreign: Foreign, *, name: str, seed: int | None) -> JobSpec:
    """As a job that made it would have been planned, as far as the picture tells."""
    overlay = {field: value for field, value in foreign.fields.items() if field.startswith("txt2img.")}
    return JobSpec(
        name=name,
        prompt=prompt_of(foreign),
        template=prompt_of(foreign),
        negative=foreign.negative,
        negative_template=foreign.negative,
        seed=seed or 0,
        overlay=overlay,
        origins=dict.fromkeys(("prompt", *overlay), f"{foreign.program} {foreign.name}"),
    )


def effective_of(foreign: Foreign) -> dict[str, Scalar]:
    """The settings of the stage that drew it, by field."""
    return {
        field.removeprefix("txt2img."): value
        for field, value in foreign.fields.items()
        if field.startswith("txt2img.")
    }  # fmt: skip


STAGE = StageId("txt2img")
