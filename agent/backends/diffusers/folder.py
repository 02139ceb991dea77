"""The folder of models: what lies where, by the names that the card lists. Reads headers only, never weights.

    MODELS/*.safetensors, MODELS/checkpoints/   checkpoints in one file; a folder with model_index.json is diffusers'
    vae/ loras/ embeddings/ controlnet/ upscalers/ restorers/ detectors/ clip/ blip/ configs/

The folders of SD WebUI (`Stable-diffusion`, `VAE`, `Lora`, ...) are known too, in any spelling of case.
"""

import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.diffusers.header import Family, NotSafetensors, Traits, traits
from agent.listing import Found, is_folder, listed, shown
from schema.errors import why
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

_SECTION_OF = {folder: section for section, folders in SECTIONS.items() for folder in folders}

DEPTH = 5
FILES = 50_000
"""The folder is searched no deeper, and no more of it is looked at."""

MAX_JSON = 1 << 20
"""Bytes; the settings of a model are a few thousand."""

HOSTILE = (OSError, ValueError, TypeError, OverflowError, RecursionError, LookupError, AttributeError)
"""What a file that somebody else wrote may make its reader raise; it is passed over, and the others are offered."""

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
    """Cheap enough for every card and every stage: names, and headers of what has changed.

    Whatever lies there, the rest is offered: what cannot be read is passed over with its reason.
    """
    lists: dict[str, dict[str, Entry]] = {section: {} for section in SECTIONS if section != "configs"}
    if not is_folder(root):
        return Folder(root, lists, (f"{shown(str(root))} is no folder, or may not be read",))
    listing = listed(root, WEIGHTS, whole=_is_whole, skip=SECTIONS["configs"], depth=DEPTH, most=FILES)
    passed = listing.passed
    for thing in listing.found:
        top, _, below = thing.name.partition("/")
        section = _SECTION_OF.get(top.lower(), "") if below or thing.folder else ""
        try:
            entry = _entry(section or "models", thing, (below if section else "") or thing.name)
        except HOSTILE as fault:
            entry = why(fault)
        if isinstance(entry, str):
            passed.append(f"{thing.name}: {entry}")
        elif entry.name in lists[section or "models"]:
            lists[section or "models"][thing.name] = entry._replace(name=thing.name)
        else:
            lists[section or "models"][entry.name] = entry
    return Folder(root, lists, tuple(shown(reason) for reason in passed))


def _is_whole(names: set[str]) -> bool:
    return "model_index.json" in names or "config.json" in names


def _entry(section: str, thing: Found, name: str) -> Entry | str:
    """Or the reason why it is not offered. Raises HOSTILE."""
    if thing.folder:
        return _folder_entry(section, Path(thing.path), name)
    return _file_entry(section, thing.path, name, thing.changed, thing.size)


@lru_cache(maxsize=20_000)
def _file_entry(section: str, path: str, name: str, _changed: int, _size: int) -> Entry | str:
    """Kept until the file changes."""
    if path.lower().endswith((".ckpt", ".pt", ".bin", ".pth")) and section not in ("upscalers", "restorers"):
        return "a pickle can run programs; save it as safetensors"
    try:
        return _FILES[section](Path(path), name) if section in _FILES else "should be a folder in transformers' layout"
    except NotSafetensors as fault:
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
        return f"{str(kind or 'a folder without model_index.json')[:80]} is not among what this backend paints with"
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


def has_tensors(path: Path) -> bool:
    """Of a folder: is there a safetensors file wherever weights are? Then no pickle of it need be opened."""
    kinds = _weights(path)
    return any(".safetensors" in each for each in kinds) and not any(each == {".bin"} for each in kinds)


def _has_weights(path: Path) -> bool:
    return any(_weights(path))


def _weights(path: Path) -> list[set[str]]:
    """The endings of weights in a model's folder and in each one within."""
    inside = (path, *(child for child in path.iterdir() if child.is_dir()))
    return [{file.suffix for file in place.iterdir()} & {".safetensors", ".bin"} for place in inside]


def _control_family(path: Path) -> Family:
    """By the width of the words it listens to."""
    width = _json(path / "config.json").get("cross_attention_dim")
    widths: Mapping[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
    return widths.get(width, "") if isinstance(width, int) else ""


def _json(path: Path) -> Mapping[str, object]:
    """Empty for what is not there or is no table."""
    try:
        seen = path.stat()
        if not stat.S_ISREG(seen.st_mode) or seen.st_size > MAX_JSON:
            return {}
        return _parsed(path, seen.st_mtime_ns)
    except (OSError, ValueError, RecursionError):
        return {}


@lru_cache(maxsize=1024)
def _parsed(path: Path, _changed: int) -> Mapping[str, object]:
    written = json.loads(path.read_text("utf-8"))
    return written if isinstance(written, dict) else {}
