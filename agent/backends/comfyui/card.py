"""What a ComfyUI can do, as its card says it; and the card of one that is not there, with the reason and a remedy."""

from pathlib import Path

from agent.backends.comfyui.detail import detectors
from agent.backends.comfyui.lists import PIXEL_UPSCALERS, Lists
from agent.backends.comfyui.server import Denied, Stats
from agent.http import NoServer
from agent.listing import listed
from agent.pictures.finish import PROCESSORS
from schema.names import FILES
from schema.orders import BackendCard

NOTE = "ComfyUI: pictures of a diffusion model, made by a workflow that is built for every stage."

FOLDERS = {
    "models": ("checkpoints", "diffusion_models", "unet"), "vaes": ("vae",), "loras": ("loras",),
    "embeddings": ("embeddings",), "upscalers": ("upscale_models",), "controls": ("controlnet",),
    "hypernetworks": ("hypernetworks",), "encoders": ("text_encoders", "clip"),
}  # fmt: skip
"""List of the card to the folders below `models` that fill it."""


def card_of(url: str, stats: Stats, lists: Lists, finish: tuple[str, ...]) -> BackendCard:
    kinds = lists.kinds()
    return BackendCard(
        kind="comfyui",
        kinds=(*kinds, *finish),
        models=lists.names("models"),
        vaes=lists.names("vaes"),
        samplers=lists.samplers(),
        schedulers=lists.schedulers(),
        upscalers=lists.upscalers(),
        detectors=detectors(lists),
        restorers=lists.restorers(),
        processors=tuple(PROCESSORS),
        loras=lists.names("loras"),
        embeddings=lists.embeddings,
        hypernetworks=lists.names("hypernetworks"),
        encoders=lists.names("encoders"),
        controls=lists.names("controls"),
        control_processors=lists.processors(),
        workflows=True,
        note=NOTE,
        state="ready" if kinds else "starting",
        trouble=_missing(kinds, lists),
        url=url,
        release=stats.system.comfyui_version,
    )


def no_card(url: str, fault: Exception, kinds: tuple[str, ...], models: Path | None) -> BackendCard:
    """Lists come from the folder of models, where one is known."""
    found = {name: _files(models, folders) if models else () for name, folders in FOLDERS.items()}
    return BackendCard(
        kind="comfyui",
        kinds=kinds,
        processors=tuple(PROCESSORS),
        workflows=True,
        note=NOTE,
        state="disconnected",
        trouble=_why(url, fault),
        url=url,
        models=found["models"],
        vaes=found["vaes"],
        loras=found["loras"],
        embeddings=tuple(name.rpartition(".")[0] for name in found["embeddings"]),
        hypernetworks=found["hypernetworks"],
        encoders=found["encoders"],
        controls=found["controls"],
        upscalers=(*PIXEL_UPSCALERS, *found["upscalers"]),
    )


def _missing(kinds: tuple[str, ...], lists: Lists) -> str:
    if not kinds:
        return "this ComfyUI lacks nodes that every workflow needs; update it"
    if not lists.names("models"):
        return "this ComfyUI has no model; put one into its folder models/checkpoints, then refresh"
    return ""


def _why(url: str, fault: Exception) -> str:
    match fault:
        case Denied():
            return str(fault)
        case NoServer():
            return f"{fault}; start ComfyUI with `python main.py --listen`, or give its address with --url"
        case _:
            return f"{url} is no ComfyUI: {fault}; give the address of one with --url"


def _files(root: Path, folders: tuple[str, ...]) -> tuple[str, ...]:
    """As ComfyUI would spell them: relative to their folder."""
    return tuple(sorted({found.name for folder in folders for found in listed(root / folder, FILES).found}))
