"""What lies in memory: painters, VAEs, ControlNets, detectors, upscalers and the two that look, by LRU.

All from local files. Every `from_pretrained` here is told so, and the process runs offline besides.
"""

import time
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel
from torch import nn

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import Entry, Folder
from agent.backends.diffusers.inside.cache import Cache
from agent.backends.diffusers.inside.device import Device
from agent.backends.diffusers.inside.looking import Captioner, Detector, Scorer
from agent.backends.diffusers.inside.painter import Painter, load_painter, local
from agent.backends.diffusers.process import Teller
from schema.errors import why

Thing = object


class Models:
    def __init__(self, device: Device, limit_bytes: int = 0) -> None:
        """`limit_bytes`: for models, at most; 0: what is free, less a reserve."""
        self.device = device
        self._limit = limit_bytes
        self.cache: Cache[Thing] = Cache(self._room, device.give_back)
        self.loaded_s = 0.0
        """Spent loading since the stage began."""

    def _room(self) -> int:
        if self._limit:
            return self._limit
        reserve = int(self.device.total_bytes() * 0.25)
        return self.cache.bytes + max(0, self.device.free_bytes() - reserve)

    def fits(self, need: int) -> bool:
        """Also beside nothing else?"""
        if self._limit:
            return need <= self._limit
        return need <= self.device.total_bytes() * 0.75

    # Each kind --------------------------------------------------------------------------------

    def painter(self, entry: Entry, folder: Folder, teller: Teller, *, reduced: bool = False) -> Painter:
        need = weights_bytes(entry.path)
        offload = self.device.kind == "cuda" and (reduced or not self.fits(need))
        if not offload and not self.fits(need):
            raise BackendTrouble(
                "out-of-memory",
                f"{entry.name} needs {need / 1e9:.1f} GB and {self._limit / 1e9:g} GB may be used for models",
            )

        def make() -> Painter:
            return load_painter(entry, folder, self.device, offload=offload)

        painter = self._taken(("painter", entry.path, offload), entry, 0 if offload else need, make, teller)
        assert isinstance(painter, Painter)
        return painter

    def resident_painter(self) -> Entry | None:
        """The one used last."""
        painter = self.cache.newest(lambda thing: isinstance(thing, Painter))
        return painter.entry if isinstance(painter, Painter) else None

    def vae(self, entry: Entry, painter: Painter, teller: Teller) -> nn.Module:
        def make() -> nn.Module:
            wanted = {"dtype": self.device.dtype, "local_files_only": True}
            if entry.path.is_dir():
                vae = AutoencoderKL.from_pretrained(str(entry.path), **(wanted | local(entry.path)))
            else:
                configs = {"config": str(painter.configs), "subfolder": "vae"}
                vae = AutoencoderKL.from_single_file(str(entry.path), **configs, **wanted)
            return vae.to(self.device.torch).eval()

        return _module(self._taken(("vae", entry.path), entry, weights_bytes(entry.path), make, teller))

    def control(self, entry: Entry, folder: Folder, teller: Teller) -> nn.Module:
        def make() -> nn.Module:
            wanted = {"dtype": self.device.dtype, "local_files_only": True}
            if entry.path.is_dir():
                control = ControlNetModel.from_pretrained(str(entry.path), **(wanted | local(entry.path)))
            else:
                config = next((c for c in _control_configs(entry, folder) if (c / "config.json").is_file()), None)
                if config is None:
                    raise BackendTrouble(
                        "bad-request",
                        f"the ControlNet {entry.name} is one file and its settings are not here; put its config.json "
                        f"into {_control_configs(entry, folder)[0]}",
                    )
                control = ControlNetModel.from_single_file(str(entry.path), config=str(config), **wanted)
            return control.to(self.device.torch).eval()

        return _module(self._taken(("control", entry.path), entry, weights_bytes(entry.path), make, teller))

    def detector(self, entry: Entry, teller: Teller) -> Detector:
        made = self._simple("detector", entry, lambda: Detector(entry.path, self.device), teller)
        assert isinstance(made, Detector)
        return made

    def scorer(self, entry: Entry, teller: Teller) -> Scorer:
        made = self._simple("scorer", entry, lambda: Scorer(entry.path, self.device), teller)
        assert isinstance(made, Scorer)
        return made

    def captioner(self, entry: Entry, teller: Teller) -> Captioner:
        made = self._simple("captioner", entry, lambda: Captioner(entry.path, self.device), teller)
        assert isinstance(made, Captioner)
        return made

    def enlarger(self, entry: Entry, teller: Teller) -> "Enlarger":
        made = self._simple("enlarger", entry, lambda: Enlarger(entry, self.device), teller)
        assert isinstance(made, Enlarger)
        return made

    # ------------------------------------------------------------------------------------------

    def _simple(self, kind: str, entry: Entry, make: Callable[[], Thing], teller: Teller) -> Thing:
        return self._taken((kind, entry.path), entry, weights_bytes(entry.path), make, teller)

    def _taken(self, key: Hashable, entry: Entry, need: int, make: Callable[[], Thing], teller: Teller) -> Thing:
        """Its loading is told and timed. Raises BackendTrouble for files that are not what they seem."""
        began = time.monotonic()

        def told() -> Thing:
            teller.step(0, 1, f"loading model {entry.name}")
            thing = _loaded(entry, make)
            teller.step(1, 1, f"loading model {entry.name}")
            return thing

        thing = self.cache.take(key, entry.name, need, told, bytes_of)
        self.loaded_s += time.monotonic() - began
        return thing


class Enlarger:
    """An upscaler or face restorer of spandrel's. Its pictures are N x 3 x H x W, 0 to 1."""

    def __init__(self, entry: Entry, device: Device) -> None:
        from spandrel import ImageModelDescriptor, ModelLoader

        model = ModelLoader(device=device.torch).load_from_file(entry.path)
        if not isinstance(model, ImageModelDescriptor):
            raise BackendTrouble("bad-request", f"{entry.name} needs a mask beside the picture; it is no upscaler")
        self.scale = int(model.scale)
        self.architecture = str(model.architecture.id)
        self.model = model.eval()
        self._device = device

    def modules(self) -> Iterator[nn.Module]:
        yield self.model.model

    def run(self, pictures: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return self.model(pictures.to(self._device.torch)).float().clamp(0, 1).cpu()


def _loaded(entry: Entry, make: Callable[[], Thing]) -> Thing:
    try:
        return make()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BackendTrouble("bad-request", f"{entry.name} cannot be loaded: {why(fault)[:500]}") from fault


def bytes_of(thing: Thing) -> int:
    """Of all its weights."""
    if isinstance(thing, nn.Module):
        return sum(t.numel() * t.element_size() for t in (*thing.parameters(), *thing.buffers()))
    modules = getattr(thing, "modules", None)
    return sum(bytes_of(module) for module in modules()) if modules else 0


def weights_bytes(path: Path) -> int:
    """On disk; of a folder the safetensors, and of these one variant in each of its folders."""
    if path.is_file():
        return path.stat().st_size
    return sum(
        max(sum(f.stat().st_size for f in files) for files in _variants(place))
        for place in (path, *(child for child in path.iterdir() if child.is_dir()))
        if any(_variants(place))
    )


def _variants(place: Path) -> list[list[Path]]:
    weights = [file for file in place.iterdir() if file.suffix in (".safetensors", ".bin")]
    tensors = [file for file in weights if file.suffix == ".safetensors"] or weights
    half = [file for file in tensors if ".fp16." in file.name]
    return [files for files in (half, [file for file in tensors if file not in half]) if files]


def _control_configs(entry: Entry, folder: Folder) -> tuple[Path, ...]:
    stem = entry.path.with_suffix("")
    return stem, folder.root / "configs" / stem.name, folder.root / "configs" / "controlnet"


def _module(thing: Thing) -> nn.Module:
    assert isinstance(thing, nn.Module)
    return thing
