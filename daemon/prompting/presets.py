"""Presets: settings worth reusing, by stage. Our own fields and the field names that StableNew and the WebUI write.

A preset fits any pipeline: a section is a stage's id or its kind; what the pipeline lacks or nobody here
understands is told, never guessed.
"""

from typing import NamedTuple

from daemon.prompting.fields import Setting, coerce, listed
from daemon.prompting.texts import told
from daemon.prompting.written import Json, read_json_or_yaml
from schema.errors import Refused
from schema.faults import KINDS
from schema.pipeline import PipelineConfig
from schema.plans import Scalar
from schema.stages import Stage

SECTIONS = {"adetailer": "detail", "hires_fix": "txt2img"}
"""Other programs' names of our stage kinds."""

ALIASES: dict[str, dict[str, str]] = {
    "": {
        "model_name": "model", "sd_model_checkpoint": "model", "vae_name": "vae", "sd_vae": "vae",
        "sampler_name": "sampler", "schedule_type": "scheduler", "scheduler_name": "scheduler",
        "cfg_scale": "cfg", "denoising_strength": "denoise", "CLIP_stop_at_last_layers": "clip_skip",
    },
    "txt2img": {
        "hr_scale": "hires.scale", "hr_upscaler": "hires.upscaler",
        "hr_second_pass_steps": "hires.steps", "denoising_strength": "hires.denoise",
        "refiner_checkpoint": "refiner.model", "refiner_switch_at": "refiner.switch_at",
        "refiner_model_name": "refiner.model", "refiner_model": "refiner.model",
        "hypernetwork_name": "hypernetwork", "batch_size": "batch", "subseed": "variation_seed",
        "subseed_strength": "variation", "distilled_cfg_scale": "guidance",
    },
    "upscale": {"upscaling_resize": "factor", "upscale_factor": "factor", "scale": "factor", "tile_size": "tile"},
    "img2img": {
        "inpainting_fill": "fill", "inpaint_full_res_padding": "mask_padding", "resize_mode": "resize",
        "distilled_cfg_scale": "guidance",
    },
    "refiner": {"refiner_checkpoint": "model", "refiner_switch_at": "switch_at"},
    "detail": {
        "model": "detector", "mask_feather": "mask_blur", "denoising_strength": "denoise", "cfg_scale": "cfg",
        "negative_prompt": "negative", "dilate_erode": "dilate", "inpaint_only_masked_padding": "padding",
        "mask_merge_invert": "merge", "mask_filter_method": "rank_by", "mask_k_largest": "max_regions",
        "mask_k": "max_regions", "checkpoint": "model", "inpaint_width": "width",
        "inpaint_height": "height", "inpaint_only_masked": "only_masked", "model_classes": "classes",
        "mask_min_ratio": "min_area", "mask_max_ratio": "max_area", "x_offset": "shift_x", "y_offset": "shift_y",
        "noise_multiplier": "noise", "controlnet_model": "control", "controlnet_module": "control_processor",
        "controlnet_weight": "control_weight", "controlnet_guidance_start": "control_start",
        "controlnet_guidance_end": "control_end",
    },
}  # fmt: skip
"""Kind of stage (empty: all that have the field) to other programs' field names and ours."""

VALUES: dict[str, dict[Scalar, Scalar]] = {
    "merge": {"Merge": "merge", "Merge and Invert": "invert"},
    "rank_by": {"Area": "area", "Confidence": "confidence"},
}
"""Our field to other programs' values and ours."""

SWITCHED: dict[str, tuple[str, ...]] = {
    "use_steps": ("steps",), "use_cfg_scale": ("cfg_scale",), "use_checkpoint": ("checkpoint",), "use_vae": ("vae",),
    "use_sampler": ("sampler", "scheduler"), "use_clip_skip": ("clip_skip",),
    "use_noise_multiplier": ("noise_multiplier",),
    "use_inpaint_width_height": ("inpaint_width", "inpaint_height"),
}  # fmt: skip
"""ADetailer's switches and the fields that it keeps beside them, also while they are off."""

REFINERS = ("refiner_checkpoint", "refiner_model_name", "refiner_model")

PASSED_OVER = {
    "prompt", "name", "description", "note", "schema_version", "version", "type", "id", "enable_hr", "use_refiner",
}  # fmt: skip
BLANK: tuple[Json, ...] = (None, "", "None", "inherit", "Automatic", "Use same checkpoint")
"""By these other programs say that a value is not set."""

NOTHING: tuple[Json, ...] = (*BLANK, "none", False, 0, -1, [], {})
"""What need not be told when it is not understood."""


class Fitted(NamedTuple):
    """What of a preset fits a pipeline."""

    settings: tuple[Setting, ...]
    """With values of the fields' own types."""
    unused: tuple[str, ...]
    """`section.field` of what was not understood or does not fit, in order."""


def read_preset(file: str, text: str) -> dict[str, Json]:
    """An object of sections, in JSON or YAML. Raises Refused."""
    written = read_json_or_yaml(file, text.removeprefix("\ufeff"))
    if not isinstance(written, dict):
        raise Refused("holds no preset.", where=told(file), remedy='Write {"txt2img": {"steps": 30}}.')
    inner = written.get("preset_data", written.get("params", written))
    return inner if isinstance(inner, dict) else written


def fit(preset: dict[str, Json], pipeline: PipelineConfig, origin: str) -> Fitted:
    """Puts every value where the pipeline has its stage. Never raises for a value: it is named as unused."""
    settings: list[Setting] = []
    unused: list[str] = []
    for section, fields in _sections(preset):
        stage = _stage(pipeline, section)
        for field, value in _flat(fields):
            taken = _taken(stage, section, field, value)
            settings += [Setting(stage.id, name, item, origin) for name, item in taken.items()] if stage else []
            if not taken and _worth_telling(field, value):
                unused.append(f"{told(section, 40)}.{told(field, 40)}")
    for kind, on in _switches(preset):
        stage = _stage(pipeline, kind)
        if stage is not None:
            settings.append(Setting(stage.id, "enabled", on, origin))
        elif on:
            unused.append(f"{kind} (the pipeline has no such stage)")
    return Fitted(tuple(settings), tuple(unused))


def _sections(preset: dict[str, Json]) -> list[tuple[str, dict[str, Json]]]:
    """Stage name to its fields, from nested sections, flat `stage.field` keys, or a pipeline's list of stages."""
    found: dict[str, dict[str, Json]] = {}
    stages = preset.get("stages")
    for stage in stages if isinstance(stages, list) else []:
        if isinstance(stage, dict):
            found[str(stage.get("id") or stage.get("type"))] = dict(stage)
    for key, value in preset.items():
        section, dot, field = key.partition(".")
        if isinstance(value, dict) and key not in ("pipeline", "randomization", "api", "aesthetic"):
            found.setdefault(key, {}).update(_without_idle(_without_idle_passes(key, value)))
        elif dot:
            found.setdefault(section, {})[field] = value
    return list(found.items())


def _without_idle_passes(name: str, section: dict[str, Json]) -> dict[str, Json]:
    """Other programs write the second pass's and the refiner's settings even while these are switched off."""
    if name != "txt2img":
        return section
    idle = () if section.get("enable_hr") else ("hr_", "denoising_strength")
    named = [section[key] for key in REFINERS if key in section]
    if section.get("use_refiner") is False or (named and all(name in BLANK for name in named)):
        idle = (*idle, "refiner_", "use_refiner")
    return {key: value for key, value in section.items() if not key.startswith(idle)} if idle else section


def _without_idle(section: dict[str, Json]) -> dict[str, Json]:
    """ADetailer writes what a pass may have of its own even while it has nothing of its own."""
    for prefix in ("ad_", "adetailer_"):
        for switch, fields in SWITCHED.items():
            if (on := section.get(f"{prefix}{switch}")) is not None:
                idle = {f"{prefix}{switch}", *(f"{prefix}{field}" for field in fields if not on)}
                section = {key: value for key, value in section.items() if key not in idle}
    return section


def _switches(preset: dict[str, Json]) -> list[tuple[str, bool]]:
    """Stage kind to whether it runs, from `{"pipeline": {"upscale_enabled": false}}`."""
    table = preset.get("pipeline")
    found: list[tuple[str, bool]] = []
    for key, value in (table if isinstance(table, dict) else {}).items():
        kind = key.removesuffix("_enabled")
        if key.endswith("_enabled") and isinstance(value, bool) and SECTIONS.get(kind, kind) in KINDS:
            found.append((SECTIONS.get(kind, kind), value))
    return found


def _stage(pipeline: PipelineConfig, section: str) -> Stage | None:
    """By id, else the first of that kind."""
    by_id = next((stage for stage in pipeline.stages if stage.id == section), None)
    kind = SECTIONS.get(section, section)
    return by_id or next((stage for stage in pipeline.stages if stage.type == kind), None)


def _flat(fields: dict[str, Json]) -> list[tuple[str, Json]]:
    """`{"hires": {"scale": 2}}` -> `hires.scale`."""
    found: list[tuple[str, Json]] = []
    for field, value in fields.items():
        if isinstance(value, dict) and value:
            found += [(f"{field}.{inner}", item) for inner, item in value.items()]
        else:
            found.append((field, value))
    return found


def _taken(stage: Stage | None, section: str, field: str, value: Json) -> dict[str, Scalar]:
    """The stage's own fields that the value sets; empty when there are none."""
    if stage is None or field in PASSED_OVER or value in BLANK or isinstance(value, dict):
        return {}
    if isinstance(value, list):
        value = listed(value)
    spelt = (
        _coerced(stage, name, VALUES.get(name, {}).get(value, value)) for name in _spellings(stage, section, field)
    )
    return next((values for values in spelt if values), {})


def _worth_telling(field: str, value: Json) -> bool:
    return field not in PASSED_OVER and value not in NOTHING


def _spellings(stage: Stage, section: str, field: str) -> list[str]:
    """Our names that `field` may mean for this stage, likeliest first."""
    plain = field
    for prefix in ("adetailer_", "ad_"):
        plain = plain.removeprefix(prefix) if stage.type == "detail" else plain
    own = ALIASES.get(stage.type, {})
    meant = [own[plain]] if plain in own and (section in SECTIONS or plain != field or plain != "model") else []
    return [*meant, *([ALIASES[""][plain]] if plain in ALIASES[""] else []), plain]


def _coerced(stage: Stage, field: str, value: Scalar) -> dict[str, Scalar]:
    """Empty when the stage has no such field or the value is outside its range."""
    try:
        return coerce(stage, field, value, "")
    except Refused:
        return {}
