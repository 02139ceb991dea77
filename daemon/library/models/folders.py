"""Which files below a folder of models are models, of which list, and by what name; and what lies beside each.

Folders are known by the names that SD WebUI, ComfyUI, SwarmUI and StabilityMatrix give them. Everything here blocks.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from schema.errors import why

ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")

FOLDERS: Mapping[str, str] = {
    "checkpoints": "models", "checkpoint": "models", "stable-diffusion": "models", "stablediffusion": "models",
    "diffusion_models": "models", "diffusionmodels": "models", "unet": "models",
    "lora": "loras", "loras": "loras", "lycoris": "loras",
    "embeddings": "embeddings", "embedding": "embeddings", "textual_inversion": "embeddings",
    "textualinversion": "embeddings",
    "vae": "vaes", "vaes": "vaes",
    "esrgan": "upscalers", "realesrgan": "upscalers", "swinir": "upscalers", "dat": "upscalers",
    "upscale_models": "upscalers", "upscalers": "upscalers",
    "controlnet": "controls", "hypernetworks": "hypernetworks", "hypernetwork": "hypernetworks",
    "clip": "encoders", "text_encoder": "encoders", "text_encoders": "encoders", "textencoders": "encoders",
    "adetailer": "detectors", "ultralytics": "detectors", "detectors": "detectors",
    "gfpgan": "restorers", "codeformer": "restorers", "facerestore_models": "restorers", "restorers": "restorers",
}  # fmt: skip
"""Folder names, lower case, to lists of `schema.orders.BackendCard`."""

PICTURES = (".preview.png", ".png", ".preview.jpg", ".jpg", ".webp", ".preview.webp", ".jpeg", ".preview.jpeg", ".thumb.jpg")  # fmt: skip  # noqa: E501

WHOLE = "model_index.json"
"""A folder that has it is one model, as diffusers keeps them."""

DOTS = 3
"""Of a name that may begin a sidecar's ending."""

DEPTH = 12
MOST = 200_000
"""A folder is looked into no deeper, and no more entries of all are looked at."""

Stamp = tuple[int, int, int]
"""Size, change in nanoseconds, inode: while these stay, so does the content."""


class Beside(NamedTuple):
    name: str
    stamp: Stamp


class Seen(NamedTuple):
    """A model's file as a look into its folder finds it; not opened yet."""

    path: str
    list: str
    """Empty: the folder does not say."""
    name: str
    """Below the folder of its list, without ending, with slashes."""
    stamp: Stamp
    born: float
    """When its inode changed last, Unix seconds: at the latest when it came here."""
    beside: tuple[Beside, ...]
    """Files of its name with another ending, by name."""
    folder: bool = False


class Look:
    """One walk; `troubles` are what could not be looked at, with the reason."""

    def __init__(self, sidecars: tuple[str, ...]) -> None:
        self._order = {ending: order for order, ending in enumerate((*sidecars, *PICTURES))}
        self._left = MOST
        self._been: set[tuple[int, int]] = set()
        self._deep = True
        self.troubles: list[str] = []
        self.folders: set[str] = set()
        """Those that were looked into."""

    def below(self, root: Path) -> Iterator[Seen]:
        """Follows links, into each folder once. A folder that is not there has nothing in it."""
        list_ = FOLDERS.get(root.name.lower(), "")
        yield from self._folder(str(root), list_, "", 0)

    def within(self, root: Path, folder: str) -> Iterator[Seen]:
        """What lies in one folder below the root, and nothing of the folders in it."""
        list_, prefix = FOLDERS.get(root.name.lower(), ""), ""
        parts = Path(folder).relative_to(root).parts
        for part in parts:
            known = FOLDERS.get(part.lower())
            list_, prefix = known or list_, "" if known else f"{prefix}{part}/"
        self._deep = False
        yield from self._folder(folder, list_, prefix, len(parts))

    def _folder(self, path: str, list_: str, prefix: str, level: int) -> Iterator[Seen]:
        entries = self._entries(path)
        if level > DEPTH:
            self.troubles.append(f"{shown(path)}: it lies too deep; nothing in it is looked at")
            return
        if WHOLE in entries and level:
            yield from _whole(path, list_, prefix.rstrip("/"), entries)
            return
        besides = self._besides(entries)
        for name, entry in sorted(entries.items()):
            if name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    if not self._deep:
                        continue
                    known = FOLDERS.get(name.lower())
                    yield from self._folder(entry.path, known or list_, "" if known else f"{prefix}{name}/", level + 1)
                elif name.lower().endswith(ENDINGS):
                    yield from self._file(entry, list_, prefix, besides)
            except OSError as fault:
                self.troubles.append(f"{shown(entry.path)}: {why(fault)}")

    def _entries(self, path: str) -> dict[str, os.DirEntry[str]]:
        try:
            seen = Path(path).stat()
            if (seen.st_dev, seen.st_ino) in self._been:
                return {}
            self._been.add((seen.st_dev, seen.st_ino))
            self.folders.add(path)
            with os.scandir(path) as entries:
                found = {entry.name: entry for entry in entries}
        except FileNotFoundError:
            return {}
        except OSError as fault:
            self.troubles.append(f"{shown(path)}: {why(fault)}")
            return {}
        if self._left <= 0 < len(found):
            self.troubles.append(f"{shown(path)}: more than {MOST:,} files; the rest is not looked at")
            return {}
        self._left -= len(found)
        return found

    def _besides(self, entries: Mapping[str, os.DirEntry[str]]) -> dict[str, list[tuple[int, str, os.DirEntry[str]]]]:
        """What lies beside each model, by the model's name with and without ending: what comes first is read first."""
        found: dict[str, list[tuple[int, str, os.DirEntry[str]]]] = {}
        for name, entry in entries.items():
            at = len(name)
            for _ in range(DOTS):
                at = name.rfind(".", 0, at)
                if at <= 0:
                    break
                order = self._order.get(name[at:].lower())
                if order is not None:
                    found.setdefault(name[:at], []).append((order, name, entry))
        return found

    def _file(
        self,
        entry: os.DirEntry[str],
        list_: str,
        prefix: str,
        besides: Mapping[str, list[tuple[int, str, os.DirEntry[str]]]],
    ) -> Iterator[Seen]:
        seen = entry.stat()
        if not stat.S_ISREG(seen.st_mode):
            return
        if not _is_text(entry.name):
            self.troubles.append(f"{shown(entry.path)}: its name is no UTF-8; rename it")
            return
        stem = entry.name.rpartition(".")[0]
        yield Seen(
            path=entry.path,
            list=list_,
            name=prefix + stem,
            stamp=_stamp(seen),
            born=seen.st_ctime,
            beside=tuple(_beside([*besides.get(stem, ()), *besides.get(entry.name, ())])),
        )


def _beside(found: list[tuple[int, str, os.DirEntry[str]]]) -> Iterator[Beside]:
    """Files only; a name that fits two endings once."""
    for name, entry in {name: entry for _, name, entry in sorted(found, key=lambda one: one[:2])}.items():
        seen = entry.stat()
        if stat.S_ISREG(seen.st_mode):
            yield Beside(name, _stamp(seen))


def is_folder(path: str | Path) -> bool:
    """False also where the way to it may not be gone."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def shown(path: str) -> str:
    """For people and for JSON, whatever bytes it is made of."""
    return path.encode("utf-8", "replace").decode()


def _whole(path: str, list_: str, name: str, entries: Mapping[str, os.DirEntry[str]]) -> Iterator[Seen]:
    """Its index stands for all of it."""
    seen = entries[WHOLE].stat()
    yield Seen(path, list_ or "models", name, _stamp(seen), seen.st_ctime, (), folder=True)


def _stamp(seen: os.stat_result) -> Stamp:
    return seen.st_size, seen.st_mtime_ns, seen.st_ino


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
