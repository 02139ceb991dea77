"""ControlNet units: the picture that steers, its preprocessor, and how it is put between prompts and sampler."""

import json

from agent.backends import BackendTrouble
from agent.backends.comfyui.desk import Canvas, Desk, Size
from agent.backends.comfyui.graph import Link
from agent.backends.comfyui.lists import PREPROCESSORS
from agent.backends.comfyui.loading import Primed
from agent.backends.comfyui.names import known, unknown
from schema.parts import Control


def controlled(desk: Desk, controls: tuple[Control, ...], primed: Primed, size: Size, source: Canvas | None) -> Primed:
    """`source` is what a unit without a picture of its own sees."""
    used: list[Control] = []
    for number, control in enumerate(controls, 1):
        picture = desk.pictures.get(control.image or "") or source
        if picture is None:
            raise BackendTrouble(
                "bad-request", f"ControlNet unit {number} names no picture and the stage has none; give it an `image`"
            )
        if control.mode != "balanced":
            raise BackendTrouble(
                "bad-request", f"ComfyUI's ControlNet knows no mode '{control.mode}'; take `balanced` and a `weight`"
            )
        if control.end <= control.start:
            raise BackendTrouble(
                "bad-request", f"ControlNet unit {number} ends at {control.end:g}, before it starts; make `end` larger"
            )
        primed = _applied(desk, control, primed, _map(desk, control, desk.fitted(picture, size, control.resize)))
        model = known("ControlNet model", control.model, desk.lists.names("controls"))
        used.append(control.model_copy(update={"model": model}))
    if used:
        desk.used["controls"] = json.dumps([control.model_dump(mode="json") for control in used])
    return primed


def _applied(desk: Desk, control: Control, primed: Primed, image: Link) -> Primed:
    model = known("ControlNet model", control.model, desk.lists.names("controls"))
    net = desk.add("ControlNetLoader", "ControlNet", control_net_name=model)
    extra = {"vae": primed.vae} if primed.wide else {}
    link = desk.add("ControlNetApplyAdvanced", "ControlNet", positive=primed.positive, negative=primed.negative,
                    control_net=net, image=image, strength=control.weight, start_percent=control.start,
                    end_percent=control.end, **extra)  # fmt: skip
    return primed._replace(positive=link, negative=Link(link.node, 1))


def _map(desk: Desk, control: Control, picture: Canvas) -> Link:
    """What the preprocessor makes of the picture, at the picture's size."""
    if control.processor is None or control.processor.lower() == "none":
        return picture.image
    if control.processor == "canny":
        # thresholds are written from 0 to 255, as in WebUI
        low, high = control.threshold_a, control.threshold_b
        return desk.add("Canny", "canny", image=picture.image, low_threshold=_part(low, 0.4),
                        high_threshold=_part(high, 0.8))  # fmt: skip
    kind = PREPROCESSORS.get(control.processor, control.processor)
    offered = desk.lists.processors()
    if control.processor not in offered and kind not in offered:
        raise unknown("preprocessor", control.processor, offered)
    at = min(picture.size) if control.pixel_perfect else control.resolution
    made = desk.complete(kind, control.processor, image=picture.image, resolution=at)
    width, height = picture.size
    return desk.add("ImageScale", "size", image=made, upscale_method="lanczos", width=width, height=height,
                    crop="disabled")  # fmt: skip


def _part(written: float | None, otherwise: float) -> float:
    if written is None:
        return otherwise
    return min(0.99, max(0.01, round(written / 255 if written > 1 else written, 4)))
