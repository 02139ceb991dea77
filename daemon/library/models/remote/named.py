"""What a person names a download by, and what it may be called on this machine. Pure but for looking at folders."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from daemon.library.models.folders import ENDINGS, FOLDERS
from schema.errors import Refused

MOST_NAME = 180
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069]')

DEFAULTS = {
    "models": "checkpoints", "loras": "loras", "embeddings": "embeddings", "vaes": "vae", "upscalers": "upscale_models",
    "controls": "controlnet", "hypernetworks": "hypernetworks", "encoders": "text_encoders",
    "detectors": "adetailer", "restorers": "facerestore_models",
}  # fmt: skip
"""Folders that are made where none of a list is there."""


class Named(NamedTuple):
    source: Literal["civitai", "huggingface", "about"]
    id: str


def named(text: str) -> Named:
    """`civitai:21`, `hf:OWNER/NAME/FILE`, `about:NAME`, or the address of a page of theirs. Raises Refused."""
    kind, colon, rest = text.strip().partition(":")
    if colon and rest and kind.lower() in ("civitai", "hf", "about"):
        return Named({"hf": "huggingface", "about": "about"}.get(kind.lower(), "civitai"), rest)  # type: ignore[arg-type]
    if kind in ("http", "https"):
        found = _of_page(text.strip())
        if found is not None:
            return found
    raise Refused(
        f"'{text[:80]}' names no download.",
        where="id",
        remedy="Write civitai:VERSION, hf:OWNER/NAME/FILE or the address of a page of theirs.",
    )


def _of_page(text: str) -> Named | None:
    parts = urlsplit(text)
    steps = [unquote(step) for step in parts.path.split("/") if step]
    if "huggingface" in parts.netloc or parts.netloc == "hf.co":
        if len(steps) > 4 and steps[2] in ("blob", "resolve"):
            return Named("huggingface", "/".join((*steps[:2], *steps[4:])))
        return Named("huggingface", "/".join(steps[:2])) if len(steps) == 2 else None
    version = parse_qs(parts.query).get("modelVersionId", [""])[0]
    if version or (steps[:3] == ["api", "download", "models"] and len(steps) == 4):
        return Named("civitai", version or steps[3])
    return None


def target(roots: Sequence[Path], list_: str, name: str) -> Path:
    """Where a file goes: the folder of its list below the first root that has one. Raises Refused.

    Looks at the folders: blocks. Never outside a root, whatever the name or a link says.
    """
    if not roots:
        raise Refused(
            "there is no folder for models.", where="[library] models", remedy='Write `models = ["FOLDER"]` there.'
        )
    if list_ not in DEFAULTS:
        known = ", ".join(DEFAULTS)
        raise Refused("the site does not say what kind of model this is.", where="--list", remedy=f"Name one: {known}.")
    for root in roots:
        found = _folder(root, list_)
        if found is not None:
            return _within(root, found / fit_name(name))
    return _within(roots[0], roots[0] / DEFAULTS[list_] / fit_name(name))


def fit_name(name: str) -> str:
    """A plain file name of a model. Raises Refused."""
    fit = _UNFIT.sub("_", name.strip().rpartition("/")[2].rpartition("\\")[2]).lstrip(".").strip()
    if not fit.lower().endswith(ENDINGS) or len(fit) > MOST_NAME or fit.partition(".")[0] == "":
        raise Refused(f"'{name[:80]}' is no name of a model's file.", where="--name", remedy="Give one ending in .safetensors.")  # fmt: skip  # noqa: E501
    if not fit.lower().endswith((".safetensors", ".sft", ".gguf")):
        raise Refused(
            f"'{fit[:80]}' is of a kind that may run code when it is opened.",
            where="id",
            remedy="Take a .safetensors; another kind is fetched only by hand.",
        )
    return fit


def _folder(root: Path, list_: str) -> Path | None:
    if FOLDERS.get(root.name.lower()) == list_:
        return root
    for folder in (root, root / "models"):
        try:
            inside = sorted(one for one in folder.iterdir() if FOLDERS.get(one.name.lower()) == list_ and one.is_dir())
        except OSError:
            continue
        if inside:
            return inside[0]
    return None


def check_within(roots: Sequence[Path], path: Path) -> None:
    """Raises Refused where a link leads out of every root. Blocks."""
    folder = path.parent.resolve()
    if not any(folder.is_relative_to(root.resolve()) for root in roots):
        raise Refused(f"{path.parent} leads out of the folders of models.", remedy="Nothing is written there.")


def _within(root: Path, path: Path) -> Path:
    check_within((root,), path)
    return path
