"""The `parameters` text of a picture, exactly as A1111 and Forge write it, so that every gallery and server reads it.

Source of order and quoting: Forge `modules/infotext_utils.py` and `processing.py:create_infotext`, ADetailer `args.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

from schema.plans import JobSpec, Plain, Scalar, StageStep

Config = Mapping[str, Scalar]
Field = tuple[str, Scalar]

RESTORERS = {"codeformer": "CodeFormer", "gfpgan": "GFPGAN"}
ORDINALS = ("", " 2nd", " 3rd")
HASH = re.compile(r"\s*\[([0-9a-fA-F]{6,64})\]$")

SEPARATE = (
    ("steps", "steps"), ("CFG scale", "cfg"), ("checkpoint", "model"), ("VAE", "vae"), ("sampler", "sampler"),
    ("CLIP skip", "clip_skip"),
)  # fmt: skip
"""ADetailer's names of what a pass may have of its own, and ours, in its order."""

NO_VAE = frozenset({"built in", "automatic", "none"})
"""What records say of a checkpoint's own VAE; the text then says nothing."""

MERGES = {"merge": "Merge", "invert": "Merge and Invert"}
FILLS = {"fill": "fill", "noise": "latent noise", "nothing": "latent nothing"}
RESIZES = {"stretch": "Just Resize", "crop": "Crop and Resize", "pad": "Resize and Fill"}
MODES = {"balanced": "Balanced", "prompt": "My prompt is more important", "control": "ControlNet is more important"}
"""Our words and those of the WebUI and its extensions."""


def parameters(
    job: JobSpec,
    stages: Sequence[tuple[StageStep, Config]],
    width: int,
    height: int,
    seed: int,
    version: str,
) -> str:
    """What stands in the picture that the last of `stages` made.

    `stages` are those done so far with the configs their backends really used, flattened as `schema.stages` names
    them (`hires.scale`). `width` and `height` are this picture's, `seed` is its own.
    """
    made = _from_last_sampled(stages)
    fields = [*_sampling(made, width, height, seed), *_extras(job, made, stages), ("Version", f"stablenew {version}")]
    return text(job.prompt, job.negative, fields)


def text(prompt: str, negative: str, fields: Sequence[Field]) -> str:
    """The three parts joined: fields that are None are left out, a field that equals its key is its key alone."""
    line = ", ".join(key if key == value else f"{key}: {quoted(value)}" for key, value in fields if value is not None)
    negative_line = f"\nNegative prompt: {negative}" if negative else ""
    return f"{prompt}{negative_line}\n{line}".strip()


def quoted(value: Scalar) -> str:
    """By the rules of JSON strings where a reader would otherwise cut the value."""
    shown = _shown(value)
    if any(mark in shown for mark in ",:\n\r") or shown.startswith('"') or shown != shown.strip():
        return json.dumps(shown, ensure_ascii=False)
    return shown


def _sampling(stages: Sequence[tuple[StageStep, Config]], width: int, height: int, seed: int) -> Iterator[Field]:
    """The fixed fields in their order, of the first of `stages`: the one that sampled the picture."""
    config = _sampled(stages)
    painted_over = any(_samples(step, config) for step, config in stages if step.kind == "img2img")
    restored = next((config for step, config in reversed(stages) if step.kind == "face_restore"), {})
    restorer = restored.get("restorer")
    clip_skip = config.get("clip_skip")
    yield "Steps", config.get("steps")
    yield "Sampler", config.get("sampler")
    yield "Schedule type", config.get("scheduler")
    yield "CFG scale", config.get("cfg")
    yield "Distilled CFG Scale", config.get("guidance")
    yield "Seed", seed
    yield "Face restoration", RESTORERS.get(str(restorer).lower(), restorer) if restorer else None
    yield "Size", f"{config.get('width') or width}x{config.get('height') or height}"
    yield "Model hash", config.get("model_hash") or _hash(config.get("model"))
    yield "Model", _stem(config.get("model"))
    yield "VAE hash", config.get("vae_hash") or None
    vae = config.get("vae")
    yield "VAE", None if str(vae).lower() in NO_VAE else _stem(vae)
    yield "Variation seed", config.get("variation_seed") if config.get("variation") else None
    yield "Variation seed strength", config.get("variation") or None
    yield "Denoising strength", config.get("denoise") if painted_over else config.get("hires.denoise")
    yield "Clip skip", clip_skip if isinstance(clip_skip, int) and clip_skip > 1 else None
    yield "Tiling", config.get("tiling") or None


def _from_last_sampled(stages: Sequence[tuple[StageStep, Config]]) -> Sequence[tuple[StageStep, Config]]:
    """What was done before (a second pass, a repainted face) a server that reads the text would do behind it."""
    last = max((at for at, (step, config) in enumerate(stages) if _samples(step, config)), default=0)
    return stages[last:]


def _samples(step: StageStep, config: Config) -> bool:
    """Whether it made the whole picture anew; img2img without any strength passes it on as it is."""
    return step.kind == "txt2img" or (step.kind == "img2img" and config.get("denoise") != 0)


def _sampled(stages: Sequence[tuple[StageStep, Config]]) -> Config:
    return next((config for step, config in stages if _samples(step, config)), {})


def _extras(
    job: JobSpec, stages: Sequence[tuple[StageStep, Config]], before: Sequence[tuple[StageStep, Config]]
) -> Iterator[Field]:
    """What A1111's second pass, refiner and extensions add, in the order they add it. The files that the prompt names
    are the same in all stages: their hashes may be told by any of them.
    """
    details = 0
    for step, config in stages:
        match step.kind:
            case "txt2img" if config.get("hires.scale") is not None:
                yield "Hires upscale", config.get("hires.scale")
                yield "Hires steps", config.get("hires.steps") or None
                yield "Hires upscaler", config.get("hires.upscaler")
            case "img2img" if _samples(step, config):
                yield from _masked(config)
            case _:
                pass
    for step, config in stages:
        match step.kind:
            case "txt2img" if config.get("refiner.model"):
                yield "Refiner", _named(config.get("refiner.model"))
                yield "Refiner switch at", config.get("refiner.switch_at")
            case "refiner":
                yield "Refiner", _named(config.get("model"))
                yield "Refiner switch at", config.get("switch_at")
            case _:
                pass
    yield "Hypernet", next((_stem(c["hypernetwork"]) for _, c in stages if c.get("hypernetwork")), None)
    yield "Lora hashes", next((c["lora_hashes"] for _, c in before if c.get("lora_hashes")), None)
    yield "TI hashes", next((c["ti_hashes"] for _, c in before if c.get("ti_hashes")), None)
    for step, config in stages:
        if step.kind == "detail":
            ordinal = ORDINALS[details] if details < len(ORDINALS) else f" {details + 1}th"
            yield from ((key + ordinal, value) for key, value in _detail(config, job, _sampled(stages)))
            details += 1
    for number, unit in enumerate(_units(stages)):
        yield f"ControlNet {number}", unit
    for step, config in stages:
        if step.kind == "upscale":
            asked = config.get("width") and config.get("height")
            yield "Postprocess upscale to", f"{config['width']}x{config['height']}" if asked else None
            yield "Postprocess upscale by", None if asked else config.get("factor")
            yield "Postprocess upscaler", config.get("upscaler")


def _detail(config: Config, job: JobSpec, sampled: Config) -> Iterator[Field]:
    """ADetailer's own fields; what is its default or the picture's own prompt or setting is left out, as it does."""
    prompt, negative = config.get("prompt"), config.get("negative")
    merge = config.get("merge")
    yield "ADetailer model", config.get("detector")
    yield "ADetailer model classes", config.get("classes") or None
    yield "ADetailer prompt", prompt if prompt and prompt != job.prompt else None
    yield "ADetailer negative prompt", negative if negative and negative != job.negative else None
    yield "ADetailer confidence", config.get("confidence")
    yield "ADetailer method to decide top k masks", "Confidence" if config.get("rank_by") == "confidence" else None
    yield "ADetailer mask only top k", config.get("max_regions") or None
    yield "ADetailer mask min ratio", config.get("min_area") or None
    yield "ADetailer mask max ratio", None if config.get("max_area") == 1.0 else config.get("max_area")
    yield "ADetailer x offset", config.get("shift_x") or None
    yield "ADetailer y offset", config.get("shift_y") or None
    yield "ADetailer dilate erode", config.get("dilate")
    yield "ADetailer mask merge invert", MERGES.get(str(merge))
    yield "ADetailer mask blur", config.get("mask_blur")
    yield "ADetailer denoising strength", config.get("denoise")
    padding = None if config.get("only_masked") is False else config.get("padding")
    yield "ADetailer inpaint only masked", True if padding is not None else None
    yield "ADetailer inpaint padding", padding
    sized = config.get("width") and config.get("height")
    yield "ADetailer use inpaint width height", True if sized else None
    yield "ADetailer inpaint width", config.get("width") if sized else None
    yield "ADetailer inpaint height", config.get("height") if sized else None
    for key, field in SEPARATE:
        value = config.get(field)
        value = None if value == sampled.get(field) else value
        yield f"ADetailer use separate {key}", True if value is not None else None
        yield f"ADetailer {key}", _stem(value) if field in ("model", "vae") else value
    scheduler = config.get("scheduler")
    yield "ADetailer scheduler", None if scheduler == sampled.get("scheduler") else scheduler
    yield "ADetailer use separate noise multiplier", True if config.get("noise") is not None else None
    yield "ADetailer noise multiplier", config.get("noise")
    yield "ADetailer restore face", config.get("restore_face") or None
    if config.get("control"):
        yield "ADetailer ControlNet model", config.get("control")
        yield "ADetailer ControlNet module", config.get("control_processor")
        yield "ADetailer ControlNet weight", config.get("control_weight")
        yield "ADetailer ControlNet guidance start", config.get("control_start")
        yield "ADetailer ControlNet guidance end", config.get("control_end")


def _masked(config: Config) -> Iterator[Field]:
    """Of img2img inside a mask."""
    if not any(config.get(name) for name in ("mask", "mask_shapes", "mask_detector")):
        return
    yield "Mask blur", config.get("mask_blur")
    yield "Masked content", FILLS.get(str(config.get("fill")))
    yield "Inpaint area", "Only masked" if config.get("mask_padding") is not None else None
    yield "Masked area padding", config.get("mask_padding")
    yield "Mask mode", "Inpaint not masked" if config.get("mask_invert") else None


def _units(stages: Sequence[tuple[StageStep, Config]]) -> Iterator[str]:
    """The ControlNet units of the stage that sampled the whole picture last, each as its extension writes it."""
    try:
        units = msgspec.json.decode(str(_sampled(stages).get("controls") or "[]"), type=tuple[_Unit, ...])
    except msgspec.DecodeError:
        return
    for unit in units:
        fields: tuple[Field, ...] = (
            ("Module", unit.processor or "none"), ("Model", unit.model), ("Weight", unit.weight),
            ("Resize Mode", RESIZES.get(unit.resize)), ("Processor Res", unit.resolution if unit.processor else None),
            ("Threshold A", unit.threshold_a), ("Threshold B", unit.threshold_b), ("Guidance Start", unit.start),
            ("Guidance End", unit.end), ("Pixel Perfect", unit.pixel_perfect), ("Control Mode", MODES.get(unit.mode)),
        )  # fmt: skip
        yield ", ".join(f"{key}: {_shown(value)}" for key, value in fields if value is not None)


class _Unit(Plain, frozen=True, kw_only=True):
    """Of `schema.parts.Control`, as a record's `controls` holds it."""

    model: str
    processor: str | None = None
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mode: str = "balanced"
    resize: str = "crop"
    resolution: int = 512
    threshold_a: float | None = None
    threshold_b: float | None = None
    pixel_perfect: bool = False


def _stem(name: Scalar) -> Scalar:
    """A model's name as A1111 shows it: without folders, hash and the extension of a checkpoint."""
    if not isinstance(name, str) or not name:
        return None
    last = PurePosixPath(HASH.sub("", name).replace("\\", "/")).name or name
    for extension in (".safetensors", ".ckpt", ".pt", ".pth", ".gguf"):
        last = last.removesuffix(extension)
    return last


def _hash(name: Scalar) -> Scalar:
    """What a server that hashes writes behind a model's name: `toy.safetensors [ab12cd34ef]`."""
    found = HASH.search(name) if isinstance(name, str) else None
    return found[1] if found else None


def _named(name: Scalar) -> Scalar:
    """As A1111 names a refiner: the hash stays with it."""
    hashed = _hash(name)
    return f"{_stem(name)} [{hashed}]" if hashed else _stem(name)


def _shown(value: Scalar) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
