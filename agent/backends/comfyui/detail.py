"""Finding things and painting them anew, through the nodes of the Impact Pack where they are installed.

Its nodes change from version to version: what a version does not know is left out, and what it wants besides
gets its default. A setting that would silently not act is refused.
"""

from agent.backends import BackendTrouble
from agent.backends.comfyui.desk import Canvas, Desk
from agent.backends.comfyui.graph import Link
from agent.backends.comfyui.lists import Lists
from agent.backends.comfyui.loading import prime
from agent.backends.comfyui.names import unknown
from agent.backends.comfyui.sampling import used_method
from schema.names import found, plain
from schema.stages import Detail

GUIDE = 512
"""Pixels a find is enlarged to where nobody says."""

CROP = 1.5
"""A find is painted with its surroundings, so many times its own size; Impact counts so, not in pixels."""


def detectors(lists: Lists) -> tuple[str, ...]:
    if not lists.has("UltralyticsDetectorProvider"):
        return ()
    return lists.names("detectors")


def detector(lists: Lists, asked: str) -> str:
    """`face` is the first that has it in its name."""
    names = lists.names("detectors")
    own = found(asked, names) or next((name for name in names if asked.lower() in plain(name)), None)
    if own is None:
        raise unknown("detector", asked, names)
    return own


def detail(desk: Desk, config: Detail, source: Canvas) -> Canvas:
    _check(config)
    primed = prime(desk, config)
    segments = _filtered(desk, config, _found(desk, config, source), source)
    how = used_method(desk, config)
    side = max(config.width or GUIDE, config.height or GUIDE)
    painted = desk.complete(
        "DetailerForEach", "paint", image=source.image, segs=segments, model=primed.model, clip=primed.clip,
        vae=primed.vae, positive=primed.positive, negative=primed.negative, seed=desk.seed, steps=config.steps,
        cfg=config.cfg, sampler_name=how.sampler, scheduler=how.scheduler, denoise=config.denoise,
        guide_size=side, max_size=max(side, 1024), feather=config.mask_blur,
    )  # fmt: skip
    desk.steps[painted.node] = config.steps
    desk.used |= {
        "prompt": config.prompt or desk.prompt,
        "negative": config.negative or desk.negative,
        "width": side,
        "height": side,
        "padding": None,
    }
    desk.reported["crop_factor"] = CROP
    return Canvas(painted, source.size)


def find_mask(desk: Desk, asked: str, confidence: float, image: Link) -> Link:
    """What a detector finds, as a picture: white on black."""
    own = detector(desk.lists, asked)
    provider = desk.add("UltralyticsDetectorProvider", "detector", model_name=own)
    mask = desk.complete("BboxDetectorCombined_v2", "find", bbox_detector=provider, image=image, threshold=confidence,
                         dilation=0)  # fmt: skip
    desk.used["mask_detector"] = own
    return desk.add("MaskToImage", "mask", mask=mask)


def _found(desk: Desk, config: Detail, source: Canvas) -> Link:
    own = detector(desk.lists, config.detector)
    desk.used["detector"] = own
    provider = desk.add("UltralyticsDetectorProvider", "detector", model_name=own)
    labels = ", ".join(config.classes) or "all"
    by_shape = own.startswith("segm/")
    kind = "SegmDetectorSEGS" if by_shape else "BboxDetectorSEGS"
    given = {"segm_detector": Link(provider.node, 1)} if by_shape else {"bbox_detector": provider}
    return desk.complete(kind, "find", image=source.image, threshold=config.confidence, dilation=config.dilate,
                         crop_factor=CROP, labels=labels, **given)  # fmt: skip


def _filtered(desk: Desk, config: Detail, segments: Link, source: Canvas) -> Link:
    area = source.size[0] * source.size[1]
    if config.min_area > 0 or config.max_area < 1:
        segments = desk.complete(
            "ImpactSEGSRangeFilter", "size", segs=segments, target="area(=w*h)", mode=True,
            min_value=round(config.min_area * area), max_value=round(config.max_area * area),
        )  # fmt: skip
    if config.max_regions:
        target = "confidence" if config.rank_by == "confidence" else "area(=w*h)"
        segments = desk.complete("ImpactSEGSOrderedFilter", "most", segs=segments, target=target, order=True,
                                 take_start=0, take_count=config.max_regions)  # fmt: skip
    return segments


def _check(config: Detail) -> None:
    asked = {
        "shift_x": config.shift_x, "shift_y": config.shift_y, "merge": config.merge != "none",
        "only_masked": not config.only_masked, "noise": config.noise is not None, "control": config.control,
        "restore_face": config.restore_face,
    }  # fmt: skip
    told = [name for name, there in asked.items() if there]
    if told:
        raise BackendTrouble(
            "bad-request",
            f"ComfyUI's Impact Pack has no way to honour {', '.join(told)}; leave it as it is by default, "
            "or send the stage to SD WebUI with --backend webui",
        )
