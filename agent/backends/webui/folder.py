"""The lists while the server is down, from its folder of models: names as the server will spell them.

Samplers and the like are no files; they stay unknown until it answers.
"""

from collections.abc import Iterable
from pathlib import Path

from agent.backends.webui.stock import Checkpoint, Lora, Stock
from agent.listing import listed

_MODELS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
_CHECKPOINTS = (".safetensors", ".ckpt", ".gguf")


def stock_of(models: Path) -> Stock:
    """`models` is the WebUI's `models` folder, or the WebUI's own that holds it. Nothing there: empty lists."""
    root = models / "models" if (models / "models").is_dir() else models
    above = root.parent
    return Stock(
        checkpoints=tuple(Checkpoint(name, name) for name in _relative(root / "Stable-diffusion", _CHECKPOINTS)),
        vaes=tuple(dict.fromkeys(path.name for path in _files(root / "VAE", _MODELS))),
        encoders=tuple(dict.fromkeys(path.name for path in _files(root / "text_encoder", _MODELS))),
        loras=tuple(Lora(name, "") for name in _stems(root / "Lora", root / "LyCORIS")),
        embeddings=_stems(above / "embeddings", root / "embeddings"),
        hypernetworks=_stems(root / "hypernetworks"),
        upscalers=_stems(*(root / name for name in ("ESRGAN", "RealESRGAN", "SwinIR", "DAT", "ScuNET", "LDSR"))),
        controls=_stems(root / "ControlNet"),
        detectors=tuple(dict.fromkeys(path.name for path in _files(root / "adetailer", (".pt",)))),
    )


def _stems(*folders: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path.stem for folder in folders for path in _files(folder, _MODELS)))


def _relative(folder: Path, endings: tuple[str, ...]) -> Iterable[str]:
    return (path.relative_to(folder).as_posix() for path in _files(folder, endings))


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Sorted. A folder that is not there, or may not be read, has none."""
    return sorted(Path(found.path) for found in listed(folder, endings).found)
