"""The graphs of txt2img, img2img and refiner: what is sampled, from which latent, in how many passes.

`steps` are the steps that run: ComfyUI does all of them whatever `denoise` is, where SD WebUI does that part of them.
"""

from agent.backends import BackendTrouble
from agent.backends.comfyui.controls import controlled
from agent.backends.comfyui.desk import Canvas, Desk, Size
from agent.backends.comfyui.graph import Link
from agent.backends.comfyui.loading import Primed, Sampled, prime
from agent.backends.comfyui.names import Method, method, upscaler
from schema.stages import Img2Img, Refiner, Txt2Img

GRAIN = 8
"""Sides of a latent's picture are multiples of it."""


def txt2img(desk: Desk, config: Txt2Img) -> Canvas:
    size = (config.width, config.height)
    _check_grain(size)
    if config.variation:
        raise BackendTrouble(
            "bad-request", "ComfyUI's own nodes cannot mix the noise of two seeds; leave `variation` at 0"
        )
    primed = _tiled(desk, prime(desk, config, hypernetwork=config.hypernetwork), config)
    primed = controlled(desk, config.controls, primed, size, None)
    kind = "EmptySD3LatentImage" if primed.wide and desk.lists.has("EmptySD3LatentImage") else "EmptyLatentImage"
    latent = desk.add(kind, "empty", width=size[0], height=size[1], batch_size=1)
    sampled = (
        _switched(desk, config, primed, latent)
        if config.refiner
        else sample(desk, config, primed, latent, steps=config.steps)
    )
    if config.hires is None:
        return Canvas(_decoded(desk, config, primed, sampled), size)
    return _again(desk, config, primed, sampled)


def img2img(desk: Desk, config: Img2Img, source: Canvas) -> Canvas:
    """Without a mask; with one see `inpaint`."""
    size = (config.width or source.size[0], config.height or source.size[1])
    if config.width or config.height:
        _check_grain((config.width or GRAIN, config.height or GRAIN))
    desk.used |= {"width": size[0], "height": size[1]}
    return repainted(desk, config, desk.fitted(source, size, config.resize), config.denoise)


def refiner(desk: Desk, config: Refiner, source: Canvas) -> Canvas:
    return repainted(desk, config, source, round(1 - config.switch_at, 4))


def repainted(desk: Desk, config: Img2Img | Refiner, source: Canvas, denoise: float) -> Canvas:
    """The whole picture. A size no latent has is sampled at the next one that has it, and scaled back."""
    worked = desk.scaled(source, rounded(source.size))
    primed = prime(desk, config)
    if isinstance(config, Img2Img):
        primed = controlled(desk, config.controls, primed, worked.size, worked)
    latent = desk.encoded(worked.image, primed.vae)
    sampled = sample(desk, config, primed, latent, steps=config.steps, denoise=denoise)
    image = desk.decoded(sampled, primed.vae)
    return desk.scaled(Canvas(image, worked.size), source.size)


def sample(
    desk: Desk, config: Sampled, primed: Primed, latent: Link, *, steps: int, denoise: float = 1.0, title: str = ""
) -> Link:
    """Notes sampler and scheduler as used."""
    how = used_method(desk, config)
    link = desk.add("KSampler", title or "sampler", model=primed.model, positive=primed.positive,
                    negative=primed.negative, latent_image=latent, seed=desk.seed, steps=steps, cfg=config.cfg,
                    sampler_name=how.sampler, scheduler=how.scheduler, denoise=denoise)  # fmt: skip
    desk.steps[link.node] = steps
    return link


def used_method(desk: Desk, config: Sampled) -> Method:
    how = method(config.sampler, config.scheduler, desk.lists)
    desk.used |= {"sampler": how.sampler_label, "scheduler": how.scheduler_label}
    return how


def rounded(size: Size) -> Size:
    """The nearest that a latent has, from below where it is as near."""
    width, height = (max(GRAIN, (side + GRAIN // 2 - 1) // GRAIN * GRAIN) for side in size)
    return width, height


def _switched(desk: Desk, config: Txt2Img, primed: Primed, latent: Link) -> Link:
    """Two models on one schedule: the first hands its noise over."""
    assert config.refiner is not None
    other = prime(desk, config, model=config.refiner.model)
    how = used_method(desk, config)
    turn = min(config.steps, max(1, round(config.steps * config.refiner.switch_at)))
    link, passes = latent, ((primed, 0, turn), (other, turn, 10_000))
    for number, (each, start, end) in enumerate(passes):
        first = number == 0
        link = desk.add("KSamplerAdvanced", "base" if first else "refiner", model=each.model, positive=each.positive,
                        negative=each.negative, latent_image=link, noise_seed=desk.seed, steps=config.steps,
                        cfg=config.cfg, sampler_name=how.sampler, scheduler=how.scheduler, start_at_step=start,
                        end_at_step=end, add_noise="enable" if first else "disable",
                        return_with_leftover_noise="enable" if first else "disable")  # fmt: skip
        desk.steps[link.node] = turn if first else config.steps - turn
    desk.used["refiner.model"] = desk.graph.input(other.model, "ckpt_name") or config.refiner.model
    return link


def _again(desk: Desk, config: Txt2Img, primed: Primed, sampled: Link) -> Canvas:
    """The second pass, larger: the latent itself is enlarged, or the picture and encoded anew."""
    assert config.hires is not None
    hires = config.hires
    width, height = (int(side * hires.scale) // GRAIN * GRAIN for side in (config.width, config.height))
    steps = hires.steps or config.steps
    kind, name = upscaler(hires.upscaler, desk.lists, latent=True)
    desk.used |= {"hires.steps": steps, "hires.upscaler": hires.upscaler if kind != "model" else name}
    if kind == "latent":
        larger = desk.add("LatentUpscale", "larger", samples=sampled, upscale_method=name, width=width, height=height,
                          crop="disabled")  # fmt: skip
    else:
        image = _decoded(desk, config, primed, sampled)
        if kind == "model":
            image = enlarged(desk, image, name)
            name = "lanczos"
        image = desk.add("ImageScale", "larger", image=image, upscale_method=name, width=width, height=height,
                         crop="disabled")  # fmt: skip
        larger = desk.encoded(image, primed.vae)
    second = sample(desk, config, primed, larger, steps=steps, denoise=hires.denoise, title="second pass")
    return Canvas(_decoded(desk, config, primed, second), (width, height))


def enlarged(desk: Desk, image: Link, model: str) -> Link:
    loaded = desk.add("UpscaleModelLoader", "upscaler", model_name=model)
    return desk.add("ImageUpscaleWithModel", "upscale", upscale_model=loaded, image=image)


def _decoded(desk: Desk, config: Txt2Img, primed: Primed, samples: Link) -> Link:
    if config.tiling:
        return desk.add("CircularVAEDecode", "decode", samples=samples, vae=primed.vae, tiling="enable")
    return desk.decoded(samples, primed.vae)


def _tiled(desk: Desk, primed: Primed, config: Txt2Img) -> Primed:
    """Through the nodes of ComfyUI-seamless-tiling, where they are."""
    if not config.tiling:
        return primed
    if not desk.lists.has("SeamlessTile", "CircularVAEDecode"):
        raise BackendTrouble(
            "bad-request",
            "this ComfyUI cannot make a picture that tiles; install ComfyUI-seamless-tiling, or leave `tiling` off",
        )
    model = desk.add("SeamlessTile", "tiling", model=primed.model, tiling="enable", copy_model="Make a copy")
    return primed._replace(model=model)


def _check_grain(size: Size) -> None:
    for side, word in zip(size, ("width", "height"), strict=True):
        if side % GRAIN:
            low = side // GRAIN * GRAIN
            raise BackendTrouble(
                "bad-request", f"{word} {side} is not divisible by {GRAIN}; take {low or GRAIN} or {low + GRAIN}"
            )
