"""The `parameters` text of a picture, exactly as A1111 and Forge write it, so that every gallery and server reads it.

Source of order and quoting: Forge `modules/infotext_utils.py` and `processing.py:create_infotext`, ADetailer `args.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from schema.plans import JobSpec, Scalar, StageStep

Config = Mapping[str, Scalar]
Field = tuple[str, Scalar]

RESTORERS = {"codeformer": "CodeFormer", "gfpgan": "GFPGAN"}
ORDINALS = ("", " 2nd", " 3rd")


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
    fields = [*_sampling(stages, width, height, seed), *_extras(job, stages), ("Version", f"stablenew {version}")]
    return text(job.prompt, job.negative, fields)


def text(prompt: str, negative: str, fields: Sequence[Field]) -> str:
    """The three parts joined: fields that are None are left out, a field that equals its key is its key alone."""
    line = ", ".join(key if key == value else f"{key}: {quoted(value)}" for key, value in fields if value is not None)
    negative_line = f"\nNegative prompt: {negative}" if negative else ""
    return f"{prompt}{negative_line}\n{line}".strip()


def quoted(value: Scalar) -> str:
    """By the rules of JSON strings where a reader would otherwise cut the value."""
    shown = _number(value) if isinstance(value, float) else str(value)
    if any(mark in shown for mark in ",:\n\r") or shown.startswith('"') or shown != shown.strip():
        return json.dumps(shown, ensure_ascii=False)
    return shown


def _sampling(stages: Sequence[tuple[StageStep, Config]], width: int, height: int, seed: int) -> Iterator[Field]:
    """The fixed fields in their order, from the stage that sampled the whole picture last."""
    config = _sampled(stages)
    painted_over = any(step.kind == "img2img" for step, _ in stages)
    restored = next((config for step, config in reversed(stages) if step.kind == "face_restore"), {})
    restorer = restored.get("restorer")
    clip_skip = config.get("clip_skip")
    yield "Steps", config.get("steps")
    yield "Sampler", config.get("sampler")
    yield "Schedule type", config.get("scheduler")
    yield "CFG scale", config.get("cfg")
    yield "Distilled CFG Scale", config.get("distilled_cfg")
    yield "Seed", seed
    yield "Face restoration", RESTORERS.get(str(restorer).lower(), restorer) if restorer else None
    yield "Size", f"{config.get('width') or width}x{config.get('height') or height}"
    yield "Model hash", config.get("model_hash") or None
    yield "Model", _stem(config.get("model"))
    yield "VAE hash", config.get("vae_hash") or None
    yield "VAE", _stem(config.get("vae"))
    yield "Denoising strength", config.get("denoise") if painted_over else config.get("hires.denoise")
    yield "Clip skip", clip_skip if isinstance(clip_skip, int) and clip_skip > 1 else None


def _sampled(stages: Sequence[tuple[StageStep, Config]]) -> Config:
    return next((config for step, config in reversed(stages) if step.kind in ("txt2img", "img2img")), {})


def _extras(job: JobSpec, stages: Sequence[tuple[StageStep, Config]]) -> Iterator[Field]:
    """What A1111's second pass, refiner and extensions add, in the order they add it."""
    details = 0
    for step, config in stages:
        match step.kind:
            case "txt2img" if config.get("hires.scale") is not None:
                yield "Hires upscale", config.get("hires.scale")
                yield "Hires steps", config.get("hires.steps") or None
                yield "Hires upscaler", config.get("hires.upscaler")
            case "refiner":
                yield "Refiner", _stem(config.get("model"))
                yield "Refiner switch at", config.get("switch_at")
    yield "Hypernet", next((_stem(c["hypernetwork"]) for _, c in stages if c.get("hypernetwork")), None)
    yield "Lora hashes", next((c["lora_hashes"] for _, c in stages if c.get("lora_hashes")), None)
    yield "TI hashes", next((c["ti_hashes"] for _, c in stages if c.get("ti_hashes")), None)
    for step, config in stages:
        if step.kind == "detail":
            ordinal = ORDINALS[details] if details < len(ORDINALS) else f" {details + 1}th"
            yield from ((key + ordinal, value) for key, value in _detail(config, job, _sampled(stages)))
            details += 1
    for step, config in stages:
        if step.kind == "upscale":
            asked = config.get("width") and config.get("height")
            yield "Postprocess upscale to", f"{config['width']}x{config['height']}" if asked else None
            yield "Postprocess upscale by", None if asked else config.get("factor")
            yield "Postprocess upscaler", config.get("upscaler")


def _detail(config: Config, job: JobSpec, sampled: Config) -> Iterator[Field]:
    """ADetailer's own fields; what is the picture's own prompt or setting is left out, as ADetailer does."""
    prompt, negative = config.get("prompt"), config.get("negative")
    yield "ADetailer model", config.get("detector")
    yield "ADetailer prompt", prompt if prompt and prompt != job.prompt else None
    yield "ADetailer negative prompt", negative if negative and negative != job.negative else None
    yield "ADetailer confidence", config.get("confidence")
    yield "ADetailer mask only top k", config.get("max_regions") or None
    yield "ADetailer dilate erode", config.get("dilate")
    yield "ADetailer mask blur", config.get("mask_blur")
    yield "ADetailer denoising strength", config.get("denoise")
    yield "ADetailer inpaint only masked", True if config.get("padding") is not None else None
    yield "ADetailer inpaint padding", config.get("padding")
    sized = config.get("width") and config.get("height")
    yield "ADetailer use inpaint width height", True if sized else None
    yield "ADetailer inpaint width", config.get("width") if sized else None
    yield "ADetailer inpaint height", config.get("height") if sized else None
    for key, field in (("steps", "steps"), ("CFG scale", "cfg"), ("checkpoint", "model"), ("sampler", "sampler")):
        value = config.get(field)
        value = None if value == sampled.get(field) else value
        yield f"ADetailer use separate {key}", True if value is not None else None
        yield f"ADetailer {key}", _stem(value) if field == "model" else value
    scheduler = config.get("scheduler")
    yield "ADetailer scheduler", None if scheduler == sampled.get("scheduler") else scheduler


def _stem(name: Scalar) -> Scalar:
    """A model's name as A1111 shows it: without folders and without the extension of a checkpoint."""
    if not isinstance(name, str) or not name:
        return None
    last = PurePosixPath(name.replace("\\", "/")).name or name
    for extension in (".safetensors", ".ckpt", ".pt", ".pth", ".gguf"):
        last = last.removesuffix(extension)
    return last


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
