"""A model that paints: its parts, loaded once, and every pipeline that can be made of them without loading again."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import diffusers
from torch import nn

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import Entry, Folder, has_tensors
from agent.backends.diffusers.inside.device import Device
from agent.backends.diffusers.samplers import Recipe

Pipeline: TypeAlias = diffusers.DiffusionPipeline

CLASSES: Mapping[str, Mapping[str, str]] = {
    "sd": {
        "txt": "StableDiffusionPipeline",
        "img": "StableDiffusionImg2ImgPipeline",
        "inpaint": "StableDiffusionInpaintPipeline",
        "txt control": "StableDiffusionControlNetPipeline",
        "img control": "StableDiffusionControlNetImg2ImgPipeline",
        "inpaint control": "StableDiffusionControlNetInpaintPipeline",
    },
    "sdxl": {
        "txt": "StableDiffusionXLPipeline",
        "img": "StableDiffusionXLImg2ImgPipeline",
        "inpaint": "StableDiffusionXLInpaintPipeline",
        "txt control": "StableDiffusionXLControlNetPipeline",
        "img control": "StableDiffusionXLControlNetImg2ImgPipeline",
        "inpaint control": "StableDiffusionXLControlNetInpaintPipeline",
    },
    "sdxl-refiner": {"img": "StableDiffusionXLImg2ImgPipeline", "inpaint": "StableDiffusionXLInpaintPipeline"},
}

SINGLE = {
    "sd1": "StableDiffusionPipeline", "sd2": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline",
    "sdxl-refiner": "StableDiffusionXLImg2ImgPipeline",
}  # fmt: skip


class Painter:
    def __init__(self, entry: Entry, base: Pipeline, configs: Path, device: Device, *, offload: bool) -> None:
        self.entry = entry
        self.family = entry.family
        self.base = base
        """The pipeline it was loaded as: adapters are put into its parts."""
        self.configs = configs
        """A diffusers folder of its kind."""
        self.device = device
        self.offload = offload
        self.adapters: dict[Path, str] = {}
        """Files of LoRAs in it, and the names they have there."""
        self.embeddings: dict[Path, str] = {}
        """Files of embeddings that it has learned, and the tokens that stand for them."""
        self.learned = 0
        self._options = {
            name: base.config[name]
            for name in ("requires_aesthetics_score", "force_zeros_for_empty_prompt")
            if name in base.config
        }
        self._scheduler = base.scheduler

    @property
    def is_xl(self) -> bool:
        return self.family.startswith("sdxl")

    @property
    def own_scheduler(self) -> str:
        """Class of the one that the model brings."""
        return type(self._scheduler).__name__

    @property
    def channels(self) -> int:
        return int(self.base.vae.config.latent_channels)

    @property
    def cell(self) -> int:
        """Pixels along a side that one latent stands for."""
        return int(2 ** (len(self.base.vae.config.block_out_channels) - 1))

    @property
    def grain(self) -> int:
        """Pixels of which both sides of a picture must be a multiple: diffusers asks for 8 in any case."""
        return max(8, self.cell)

    def modules(self) -> Iterator[nn.Module]:
        return (part for part in self.base.components.values() if isinstance(part, nn.Module))

    def pipeline(
        self, use: str, recipe: Recipe, *, vae: nn.Module | None = None, controls: Sequence[nn.Module] = ()
    ) -> Pipeline:
        """`use` is txt, img or inpaint. Shares all weights with every other. Raises BackendTrouble."""
        name = self._classes().get(f"{use} control" if controls else use)
        if name is None:
            raise BackendTrouble("bad-request", f"{self.entry.name} is a refiner; it cannot do {use} by itself")
        wanted = getattr(diffusers, name)
        parts = dict(self.base.components) | {"scheduler": self.scheduler(recipe)}
        if vae is not None:
            parts["vae"] = vae
        if controls:
            parts["controlnet"] = controls[0] if len(controls) == 1 else list(controls)
        takes = inspect.signature(wanted.__init__).parameters
        options = {name: value for name, value in self._options.items() if name in takes}
        if "requires_safety_checker" in takes:
            options["requires_safety_checker"] = parts.get("safety_checker") is not None
        if "add_watermarker" in takes:
            options["add_watermarker"] = False
        pipeline = wanted(**{name: part for name, part in parts.items() if name in takes}, **options)
        pipeline.set_progress_bar_config(disable=True)
        if self.offload:
            pipeline.enable_model_cpu_offload(device=self.device.torch)
        return pipeline

    def scheduler(self, recipe: Recipe) -> object:
        """A fresh one: schedulers remember the stage before."""
        wanted = getattr(diffusers, recipe.name) if recipe.name else type(self._scheduler)
        return wanted.from_config(self._scheduler.config, **recipe.options)

    def _classes(self) -> Mapping[str, str]:
        return CLASSES.get(self.family) or CLASSES["sd"]


def load_painter(entry: Entry, folder: Folder, device: Device, *, offload: bool) -> Painter:
    """Raises BackendTrouble where a checkpoint in one file lacks the settings of its kind, OSError, ValueError."""
    if entry.path.is_dir():
        configs = entry.path
        base = diffusers.DiffusionPipeline.from_pretrained(
            str(entry.path), dtype=device.dtype, **local(entry.path), **_variant(entry.path)
        )
    else:
        found = folder.configs(entry)
        if found is None:
            raise BackendTrouble(
                "bad-request",
                f"{entry.name} is a checkpoint in one file of the family {entry.family}, and the settings of that "
                f"family are not here; put a diffusers folder's JSON and tokenizer files into "
                f"{folder.root / 'configs' / entry.family}",
            )
        configs = found
        base = _from_file(entry, configs, device)
    if not offload:
        base = base.to(device.torch)
    base.set_progress_bar_config(disable=True)
    for part in base.components.values():
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    return Painter(entry, base, configs, device, offload=offload)


def local(path: Path) -> dict[str, bool]:
    """For every `from_pretrained`: no network, and no pickles beside safetensors. Where only pickles are, torch reads
    numbers out of them and runs nothing (`weights_only`).
    """
    return {"local_files_only": True} | ({"use_safetensors": True} if has_tensors(path) else {})


def _from_file(entry: Entry, configs: Path, device: Device) -> Pipeline:
    wanted = getattr(diffusers, SINGLE[entry.family])
    extra = {} if entry.family.startswith("sdxl") else {"safety_checker": None, "requires_safety_checker": False}
    try:
        return wanted.from_single_file(
            str(entry.path), config=str(configs), dtype=device.dtype, local_files_only=True, **extra
        )
    except RuntimeError as fault:
        raise BackendTrouble(
            "bad-request", f"{entry.name} does not fit the settings in {configs}: {str(fault)[:300]}"
        ) from fault


def _variant(path: Path) -> dict[str, str]:
    """`fp16` where only that lies there."""
    names = [file.name for file in (path / "unet").glob("*.safetensors")]
    return {"variant": "fp16"} if names and all(".fp16." in name for name in names) else {}
