"""The folder of models: what lies where, by the names that the card lists. Reads headers only, never weights.

    MODELS/*.safetensors, MODELS/checkpoints/   checkpoints in one file; a folder with model_index.json is diffusers'
    vae/ loras/ embeddings/ controlnet/ upscalers/ restorers/ detectors/ clip/ blip/ configs/

The folders of SD WebUI (`Stable-diffusion`, `VAE`, `Lora`, ...) are known too, in any spelling of case.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.diffusers.header import Family, NotSafetensors, Traits, traits
from schema.names import found, nearest

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "models": ("checkpoints", "stable-diffusion", "unet"),
    "vaes": ("vae", "vaes"),
    "loras": ("loras", "lora"),
    "embeddings": ("embeddings",),
    "controls": ("controlnet",),
    "upscalers": ("upscalers", "upscale_models", "esrgan", "realesrgan"),
    "restorers": ("restorers", "face_restore", "facerestore_models", "gfpgan", "codeformer"),
    "detectors": ("detectors",),
    "scorers": ("clip", "scorers"),
    "interrogators": ("blip", "interrogators"),
    "configs": ("configs",),
}
"""List of the card to the folders, in lower case, in which its files lie."""

WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")

DEPTH = 4
FILES = 5000
"""A folder is searched no deeper and no longer than this."""

PAINTERS: Mapping[str, Family] = {
    "StableDiffusionPipeline": "sd1",
    "StableDiffusionImg2ImgPipeline": "sd1",
    "StableDiffusionInpaintPipeline": "sd1",
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusionXLInpaintPipeline": "sdxl",
    "StableDiffusionXLImg2ImgPipeline": "sdxl-refiner",
}
"""What `model_index.json` may name; others are left out of the card."""

PAINTED: tuple[Family, ...] = ("sd1", "sd2", "sdxl", "sdxl-refiner")


class Entry(NamedTuple):
    name: str
    path: Path
    family: Family = ""


@dataclass(frozen=True)
class Folder:
    """One look at it."""

    root: Path
    lists: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    """What lies there and is not offered, each with its reason."""

    def names(self, section: str) -> tuple[str, ...]:
        return tuple(self.lists.get(section, {}))

    def entry(self, section: str, name: str, what: str) -> Entry:
        """Raises BackendTrouble bad-request, naming the nearest that are there."""
        names = self.names(section)
        spelled = found(name, names)
        if spelled is not None:
            return self.lists[section][spelled]
        near = nearest(name, names) or names[:3]
        have = f"the nearest are {', '.join(near)}" if near else f"there is none in {self.root}"
        raise BackendTrouble("bad-request", f"there is no {what} {name!r} here; {have}")

    def model(self, name: str | None) -> Entry:
        """The first one, where nobody says which."""
        if name is None:
            if not self.names("models"):
                raise BackendTrouble("bad-request", f"there is no model in {self.root}; put one there")
            name = next((entry.name for entry in self.lists["models"].values() if entry.family != "sdxl-refiner"),
                        self.names("models")[0])  # fmt: skip
        return self.entry("models", name, "model")

    def configs(self, model: Entry) -> Path | None:
        """The diffusers folder whose JSON and tokenizer files fit a checkpoint in one file; weights are not needed."""
        stem = model.path.with_suffix("")
        own = (stem, stem.with_name(f"{stem.name}.config"), self.root / "configs" / stem.name,
               self.root / "configs" / (model.family or "?"))  # fmt: skip
        for place in own:
            if (place / "model_index.json").is_file():
                return place
        alike = (entry for entry in self.lists.get("models", {}).values() if entry.path.is_dir())
        return next((entry.path for entry in alike if entry.family == model.family), None)


def scan(root: Path) -> Folder:
    """Cheap enough for every card: names, and headers of what has changed. A root that is not there is empty."""
    lists: dict[str, dict[str, Entry]] = {section: {} for section in SECTIONS if section != "configs"}
    passed: list[str] = []
    if not root.is_dir():
        return Folder(root, lists, (f"{root} is no folder",))
    known = {folder: section for section, folders in SECTIONS.items() for folder in folders}
    for child in sorted(root.iterdir()):
        section = known.get(child.name.lower()) if child.is_dir() else None
        if section == "configs":
            continue
        base = child if section else root
        for path in _things(child):
            entry = _entry(section or "models", path, path.relative_to(base).as_posix())
            if isinstance(entry, str):
                passed.append(f"{path.relative_to(root).as_posix()}: {entry}")
            elif entry.name in lists[section or "models"]:
                longer = path.relative_to(root).as_posix()
                lists[section or "models"][longer] = entry._replace(name=longer)
            else:
                lists[section or "models"][entry.name] = entry
    return Folder(root, lists, tuple(passed))


def _things(top: Path) -> Iterator[Path]:
    """Files of weights, and folders that are one model; nothing inside the latter, nothing hidden."""
    left = FILES
    stack = [(top, 0)]
    while stack and left:
        path, depth = stack.pop()
        left -= 1
        if path.name.startswith("."):
            continue
        if path.is_file():
            if path.suffix.lower() in WEIGHTS:
                yield path
        elif path.is_dir():
            if (path / "model_index.json").is_file() or (path / "config.json").is_file():
                yield path
            elif depth < DEPTH:
                stack += [(child, depth + 1) for child in sorted(path.iterdir(), reverse=True)]


def _entry(section: str, path: Path, name: str) -> Entry | str:
    """Or the reason why it is not offered."""
    if path.is_dir():
        return _folder_entry(section, path, name)
    if path.suffix.lower() in (".ckpt", ".pt", ".bin", ".pth") and section not in ("upscalers", "restorers"):
        return "a pickle can run programs; save it as safetensors"
    try:
        return _FILES[section](path, name) if section in _FILES else "should be a folder in transformers' layout"
    except (NotSafetensors, OSError) as fault:
        return str(fault)


def _folder_entry(section: str, path: Path, name: str) -> Entry | str:
    if not _has_weights(path):
        return "has settings but no weights"
    if section in ("detectors", "scorers", "interrogators", "vaes", "controls"):
        return Entry(name, path, _control_family(path) if section == "controls" else "")
    if section != "models":
        return "should be a file"
    kind = _json(path / "model_index.json").get("_class_name")
    family = PAINTERS.get(str(kind))
    if family is None:
        return f"{kind or 'a folder without model_index.json'} is not among what this backend paints with"
    if family == "sd1" and _json(path / "text_encoder" / "config.json").get("hidden_size") == 1024:
        family = "sd2"
    if family == "sdxl-refiner" and (path / "text_encoder").is_dir():
        family = "sdxl"
    return Entry(name, path, family)


def _checkpoint(path: Path, name: str) -> Entry | str:
    seen = _safetensors(path)
    family = seen.checkpoint
    if family not in PAINTED:
        return f"{family or 'an unknown family'} is not among what this backend paints with"
    if seen.inpainting:
        return "an inpainting model: this backend paints inside masks with ordinary ones"
    return Entry(name, path, family)


def _lora(path: Path, name: str) -> Entry:
    return Entry(name, path, _safetensors(path).lora)


def _plain(path: Path, name: str) -> Entry:
    _safetensors(path)
    return Entry(name, path)


def _spandrel(path: Path, name: str) -> Entry | str:
    """Spandrel reads old pickles with a reader of its own that runs nothing."""
    if path.suffix.lower() == ".safetensors":
        return _plain(path, name)
    return Entry(name, path) if path.suffix.lower() in (".pth", ".pt") else "is no model of an upscaler"


_FILES: Mapping[str, Callable[[Path, str], Entry | str]] = {
    "models": _checkpoint,
    "vaes": _plain,
    "loras": _lora,
    "embeddings": _plain,
    "controls": _plain,
    "upscalers": _spandrel,
    "restorers": _spandrel,
}


def _safetensors(path: Path) -> Traits:
    if path.suffix.lower() not in (".safetensors", ".sft"):
        raise NotSafetensors("is no safetensors file")
    return traits(path)


def _has_weights(path: Path) -> bool:
    inside = (path, *(child for child in path.iterdir() if child.is_dir()))
    return any(file.suffix in (".safetensors", ".bin") for place in inside for file in place.iterdir())


def _control_family(path: Path) -> Family:
    """By the width of the words it listens to."""
    width = _json(path / "config.json").get("cross_attention_dim")
    widths: Mapping[object, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
    return widths.get(width, "")


def _json(path: Path) -> Mapping[str, object]:
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=1024)
def _parsed(path: Path, _changed: int) -> Mapping[str, object]:
    written = json.loads(path.read_text("utf-8"))
    return written if isinstance(written, dict) else {}
