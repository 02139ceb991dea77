"""The head of every sampled graph: checkpoint or its parts, VAE, LoRAs, clip skip, and the prompts encoded.

Families: a checkpoint brings model, text encoders and VAE (SD1.5, SDXL, all-in-one Flux and SD3); a file of the
`diffusion_models` folder brings the model alone, and `encoders` and `vae` name the rest.
"""

from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.comfyui.desk import Desk
from agent.backends.comfyui.graph import Link, Loaded
from agent.backends.comfyui.names import known
from agent.backends.comfyui.prompt import Words, read
from schema.names import plain
from schema.stages import Detail, Img2Img, Refiner, Txt2Img, Upscale

Sampled = Txt2Img | Img2Img | Refiner | Detail | Upscale

BUILT_IN = "built in"
"""What is recorded as VAE where the checkpoint's own is used."""


class Primed(NamedTuple):
    """Ready to be sampled."""

    model: Link
    clip: Link
    vae: Link
    positive: Link
    negative: Link
    wide: bool
    """The latent has 16 channels (Flux, SD3)."""


def prime(desk: Desk, config: Sampled, *, model: str | None = None, hypernetwork: str | None = None) -> Primed:
    """`model` instead of the stage's own. Notes `model` and `vae` as used."""
    name = model_name(desk, model or config.model)
    encoders = () if isinstance(config, Upscale) or model else config.encoders
    vae = None if isinstance(config, Upscale) or model else config.vae
    guidance = None if isinstance(config, Upscale) else config.guidance
    loaded = parts(desk, name, encoders, vae)
    if model is None:
        desk.used["model"] = name
        if not isinstance(config, Upscale):
            desk.used["vae"] = desk.used.get("vae") or BUILT_IN
    positive, negative = words(desk, config)
    loaded = _adapted(desk, loaded, positive, negative, hypernetwork)
    clip = loaded.clip
    if not isinstance(config, Upscale) and config.clip_skip > 1:
        clip = desk.add("CLIPSetLastLayer", "clip skip", clip=clip, stop_at_clip_layer=-config.clip_skip)
    good, bad = _encoded(desk, clip, positive, "prompt"), _encoded(desk, clip, negative, "negative")
    if guidance is not None:
        good = desk.add("FluxGuidance", "guidance", conditioning=good, guidance=guidance)
    wide = guidance is not None or any(part in plain(name) for part in ("flux", "sd3"))
    return Primed(loaded.model, clip, loaded.vae, good, bad, wide)


def model_name(desk: Desk, name: str | None) -> str:
    models = desk.lists.names("models")
    wanted = name or desk.default_model or next(iter(models), None)
    if wanted is None:
        raise BackendTrouble("bad-request", "this ComfyUI has no model at all; put one into its models/checkpoints")
    return known("model", wanted, models)


def parts(desk: Desk, name: str, encoders: tuple[str, ...], vae: str | None) -> Loaded:
    lists = desk.lists
    if name in lists.nodes["CheckpointLoaderSimple"].choices("ckpt_name"):
        whole = desk.add("CheckpointLoaderSimple", "model", ckpt_name=name)
        loaded = Loaded(whole, Link(whole.node, 1), Link(whole.node, 2))
    elif not encoders or not vae:
        raise BackendTrouble(
            "bad-request",
            f"'{name}' is a diffusion model without text encoders and VAE; name them with `encoders` and `vae`",
        )
    else:
        model = desk.add("UNETLoader", "model", unet_name=name, weight_dtype="default")
        loaded = Loaded(model, model, model)
    if encoders:
        loaded = loaded._replace(clip=_encoders(desk, name, encoders))
    if vae:
        spelled = known("VAE", vae, lists.names("vaes"))
        desk.used["vae"] = spelled
        loaded = loaded._replace(vae=desk.add("VAELoader", "vae", vae_name=spelled))
    return loaded


def _encoders(desk: Desk, model: str, encoders: tuple[str, ...]) -> Link:
    names = [known("text encoder", name, desk.lists.names("encoders")) for name in encoders]
    desk.used["encoders"] = ", ".join(names)
    match names:
        case [one]:
            kind = _family(desk, "CLIPLoader", model, "stable_diffusion")
            return desk.add("CLIPLoader", "text encoder", clip_name=one, type=kind)
        case [one, two]:
            wide = any("t5" in plain(name) for name in names)
            kind = _family(desk, "DualCLIPLoader", model, "flux" if wide else "sdxl")
            return desk.add("DualCLIPLoader", "text encoders", clip_name1=one, clip_name2=two, type=kind)
        case [one, two, three]:
            return desk.add("TripleCLIPLoader", "text encoders", clip_name1=one, clip_name2=two, clip_name3=three)
        case _:
            raise BackendTrouble("bad-request", f"ComfyUI loads at most three text encoders, not {len(names)}")


def _family(desk: Desk, node: str, model: str, otherwise: str) -> str:
    """The family that stands in the model's name, of those the loader knows."""
    kinds = desk.lists.nodes[node].choices("type") if desk.lists.has(node) else ()
    bare = plain(model).replace("-", "_").replace(".", "_")
    named = sorted((kind for kind in kinds if kind in bare), key=len, reverse=True)
    return named[0] if named else otherwise


def words(desk: Desk, config: Sampled) -> tuple[Words, Words]:
    """A detail stage may have its own."""
    own, against = (config.prompt, config.negative) if isinstance(config, Detail) else ("", "")
    lists = desk.lists
    loras, hypers = lists.names("loras"), lists.names("hypernetworks")
    good, bad = (
        read(text, loras=loras, embeddings=lists.embeddings, hypernetworks=hypers)
        for text in (own or desk.prompt, against or desk.negative)
    )
    if named := dict.fromkeys((*good.loras, *bad.loras)):
        desk.reported["loras"] = ", ".join(f"{lora.name}:{lora.model:g}" for lora in named)
    if embedded := dict.fromkeys((*good.embeddings, *bad.embeddings)):
        desk.reported["embeddings"] = ", ".join(embedded)
    return good, bad


def _adapted(desk: Desk, loaded: Loaded, positive: Words, negative: Words, hypernetwork: str | None) -> Loaded:
    for lora in dict.fromkeys((*positive.loras, *negative.loras)):
        link = desk.add("LoraLoader", f"LoRA {lora.name}", model=loaded.model, clip=loaded.clip, lora_name=lora.name,
                        strength_model=lora.model, strength_clip=lora.clip)  # fmt: skip
        loaded = loaded._replace(model=link, clip=Link(link.node, 1))
    hypers = [(hyper.name, hyper.model) for hyper in (*positive.hypernetworks, *negative.hypernetworks)]
    if hypernetwork:
        spelled = known("hypernetwork", hypernetwork, desk.lists.names("hypernetworks"))
        desk.used["hypernetwork"] = spelled
        hypers.append((spelled, 1.0))
    for name, strength in dict.fromkeys(hypers):
        model = desk.add("HypernetworkLoader", "hypernetwork", model=loaded.model, hypernetwork_name=name,
                         strength=strength)  # fmt: skip
        loaded = loaded._replace(model=model)
    return loaded


def _encoded(desk: Desk, clip: Link, said: Words, title: str) -> Link:
    link = desk.add("CLIPTextEncode", title, text=said.chunks[0], clip=clip)
    for chunk in said.chunks[1:]:
        more = desk.add("CLIPTextEncode", title, text=chunk, clip=clip)
        link = desk.add("ConditioningConcat", title, conditioning_to=link, conditioning_from=more)
    return link
