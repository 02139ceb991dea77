"""Settings as a person says and writes them: `steps`, `denoising in detail`, `LoRA glow`.

Programs call the same `txt2img.steps`, `detail.denoise` and `lora:glow`; wherever somebody reads, it is said like this.
"""

from schema.plans import Scalar

_FIRST = frozenset({"txt2img", "base", "generate"})
"""Stages that a person means when no stage is named."""

_NAMES = {
    "cfg": "CFG", "cfg_scale": "CFG", "clip_skip": "clip skip", "denoise": "denoising", "denoising": "denoising",
    "hires": "hires fix", "vae": "VAE", "model": "model", "checkpoint": "model",
}  # fmt: skip


def named(param: str) -> str:
    """The knob alone: `steps`, `denoising in detail`, `LoRA glow`, `weather`."""
    kind, _, name = param.partition(":")
    if kind == "lora" and name:
        return f"LoRA {name}"
    if kind == "pick" and name:
        return name
    field, place = parts(param)
    return f"{field}{place}"


def parts(param: str) -> tuple[str, str]:
    """What is set, and in which stage unless that goes without saying: `denoising`, ` in detail`."""
    stage, dot, field = param.partition(".")
    if not dot:
        stage, field = "", param
    short = _NAMES.get(field, field.replace("_", " "))
    if stage == "randomizer":  # which is no stage
        return f"the randomizer's {short}", ""
    return short, "" if not stage or stage in _FIRST else f" in {stage}"


def begun(words: str) -> str:
    """With a capital, as a sentence or a title begins."""
    return words[:1].upper() + words[1:]


def written(value: Scalar) -> str:
    """A value as `--set` reads it: `none`, `true`, `5.5`."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)
