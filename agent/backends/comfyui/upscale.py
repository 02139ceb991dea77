"""The graphs that enlarge a picture and that restore faces in it.

A model's own scale is not known before it runs, so what it gives is always brought to the exact size afterwards.
"""

from agent.backends import BackendTrouble
from agent.backends.comfyui.desk import Canvas, Desk, Size
from agent.backends.comfyui.graph import Link
from agent.backends.comfyui.lists import FACE_NODE, RESTORERS
from agent.backends.comfyui.loading import prime
from agent.backends.comfyui.names import unknown, upscaler
from agent.backends.comfyui.sampling import enlarged, rounded, sample, used_method
from schema.stages import MAX_SIDE, FaceRestore, Upscale

DEFAULT = "Lanczos"
MODEL_TILE, MODEL_OVERLAP = 512, 32
"""ImageUpscaleWithModel's own, in pixels; nobody can set them."""


def upscale(desk: Desk, config: Upscale, source: Canvas) -> Canvas:
    size = target(config, source.size)
    first, kind, name = _single(desk, config.upscaler or DEFAULT, source, size)
    desk.used["upscaler"] = name
    if config.upscaler2 and config.blend:
        second, _, desk.used["upscaler2"] = _single(desk, config.upscaler2, source, size)
        mixed = desk.add("ImageBlend", "blend", image1=first.image, image2=second.image, blend_factor=config.blend,
                         blend_mode="normal")  # fmt: skip
        first = Canvas(mixed, size)
    if config.denoise > 0:
        return _repainted(desk, config, first)
    by_model = kind == "model"
    desk.used |= {"tile": MODEL_TILE if by_model else 0, "overlap": MODEL_OVERLAP if by_model else 0}
    return first


def target(config: Upscale, size: Size) -> Size:
    if config.width and config.height:
        return config.width, config.height
    width, height = (max(1, round(side * config.factor)) for side in size)
    if max(width, height) > MAX_SIDE:
        raise BackendTrouble(
            "bad-request", f"{width}x{height} is larger than {MAX_SIDE} pixels; make the factor smaller"
        )
    return width, height


def _single(desk: Desk, name: str, source: Canvas, size: Size) -> tuple[Canvas, str, str]:
    """The picture, `pixel` or `model`, and the name it is recorded by."""
    kind, method = upscaler(name, desk.lists, latent=False)
    if kind == "pixel":
        return desk.scaled(source, size, method), kind, name
    image = enlarged(desk, source.image, method)
    scaled = desk.add("ImageScale", "size", image=image, upscale_method="lanczos", width=size[0], height=size[1],
                      crop="disabled")  # fmt: skip
    return Canvas(scaled, size), kind, method


def _repainted(desk: Desk, config: Upscale, large: Canvas) -> Canvas:
    worked = desk.scaled(large, rounded(large.size))
    primed = prime(desk, config)
    if config.tile and desk.lists.has("UltimateSDUpscaleNoUpscale"):
        how = used_method(desk, config)
        image = desk.complete(
            "UltimateSDUpscaleNoUpscale", "tiles", upscaled_image=worked.image, model=primed.model,
            positive=primed.positive, negative=primed.negative, vae=primed.vae, seed=desk.seed, steps=config.steps,
            cfg=config.cfg, sampler_name=how.sampler, scheduler=how.scheduler, denoise=config.denoise,
            tile_width=config.tile, tile_height=config.tile, tile_padding=config.overlap,
        )  # fmt: skip
        desk.steps[image.node] = config.steps
    else:
        desk.reported["sampled"] = "in one piece: UltimateSDUpscale is not installed there"
        latent = desk.encoded(worked.image, primed.vae, config.tile)
        sampled = sample(desk, config, primed, latent, steps=config.steps, denoise=config.denoise)
        image = desk.decoded(sampled, primed.vae, config.tile)
    return desk.scaled(Canvas(image, worked.size), large.size)


def face_restore(desk: Desk, config: FaceRestore, source: Canvas) -> Canvas:
    offered = desk.lists.restorers()
    label = next((label for label in offered if label.lower() == config.restorer.lower()), None)
    if label is None:
        raise unknown("face restorer", config.restorer, offered)
    file = next(name for name in desk.lists.names("face_models") if RESTORERS[label] in name.lower())
    loaded = desk.add("FaceRestoreModelLoader", "restorer", model_name=file)
    restored = desk.complete(FACE_NODE, "restore faces", facerestore_model=loaded, image=source.image,
                             codeformer_fidelity=config.fidelity)  # fmt: skip
    desk.used["restorer"] = label
    return Canvas(_mixed(desk, source.image, restored, config.strength), source.size)


def _mixed(desk: Desk, before: Link, after: Link, strength: float) -> Link:
    if strength >= 1.0:
        return after
    return desk.add("ImageBlend", "strength", image1=before, image2=after, blend_factor=strength, blend_mode="normal")
