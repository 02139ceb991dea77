"""What a safetensors file holds, from its header alone: 8 bytes of length, then JSON of names and shapes. No torch.

The names that tell families apart are those of diffusers' `loaders/single_file_utils.py` and of kohya's LoRAs.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

MAX_HEADER = 100 * 2**20
"""Bytes; the format's own limit."""

Family = Literal["sd1", "sd2", "sdxl", "sdxl-refiner", "sd3", "flux", ""]

FIRST = "model.diffusion_model.input_blocks.0.0.weight"

_CHECKPOINTS: tuple[tuple[str, Family], ...] = (
    ("model.diffusion_model.joint_blocks.", "sd3"),
    ("model.diffusion_model.double_blocks.", "flux"),
    ("double_blocks.", "flux"),
    ("conditioner.embedders.1.", "sdxl"),
    ("conditioner.embedders.0.model.transformer.", "sdxl-refiner"),
    ("cond_stage_model.model.transformer.", "sd2"),
    ("cond_stage_model.transformer.", "sd1"),
)
"""Beginnings of tensor names, in the order in which they are told apart."""


class Header(NamedTuple):
    tensors: Mapping[str, tuple[int, ...]]
    """Name to shape."""
    said: Mapping[str, str]
    """The writer's own words."""


class NotSafetensors(Exception):
    """One clause, without the file's name."""


class Traits(NamedTuple):
    """What a header says in a few words."""

    checkpoint: Family
    inpainting: bool
    lora: Family


def traits(path: Path) -> Traits:
    """Raises NotSafetensors, OSError. The answer is kept until the file changes."""
    stat = path.stat()
    return _traits(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=20_000)
def _traits(path: Path, _changed: int, _size: int) -> Traits:
    header = read_header(path)
    return Traits(checkpoint_family(header), is_inpainting(header), lora_family(header))


def read_header(path: Path) -> Header:
    """Raises NotSafetensors, OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = int.from_bytes(head, "little")
        if len(head) < 8 or length > min(MAX_HEADER, size - 8):
            raise NotSafetensors("it is cut off, or no safetensors file")
        text = file.read(length)
    try:
        written = json.loads(text)
    except (ValueError, RecursionError):
        raise NotSafetensors("its header is no JSON") from None
    if not isinstance(written, dict):
        raise NotSafetensors("its header is no table")
    said = written.pop("__metadata__", None)
    tensors, end = {}, 0
    for name, entry in written.items():
        try:
            tensors[name] = tuple(int(side) for side in entry["shape"])
            end = max(end, int(entry["data_offsets"][1]))
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            raise NotSafetensors(f"its header says nothing usable of {name[:60]!r}") from None
    if size < 8 + length + end:
        raise NotSafetensors(f"it is cut off: {size} bytes of {8 + length + end}")
    return Header(tensors, {str(k): str(v) for k, v in said.items()} if isinstance(said, dict) else {})


def checkpoint_family(header: Header) -> Family:
    """Empty: no checkpoint of a known family."""
    for beginning, family in _CHECKPOINTS:
        if any(name.startswith(beginning) for name in header.tensors):
            return family
    return ""


def is_inpainting(header: Header) -> bool:
    """It takes mask and picture beside the noise: nine channels instead of four."""
    shape = header.tensors.get(FIRST, ())
    return len(shape) == 4 and shape[1] == 9


def lora_family(header: Header) -> Family:
    """By what kohya's trainer wrote, else by the text encoders it touches."""
    base = header.said.get("ss_base_model_version", "") + header.said.get("modelspec.architecture", "")
    for word, family in _LORA_WORDS:
        if word in base.lower():
            return family
    names = header.tensors
    if any(name.startswith(("lora_te2_", "lora_te1_", "text_encoder_2.")) for name in names):
        return "sdxl"
    if any(name.startswith(("lora_te_", "text_encoder.")) for name in names):
        return "sd1"
    return ""


_LORA_WORDS: tuple[tuple[str, Family], ...] = (
    ("sdxl", "sdxl"), ("xl-v1", "sdxl"), ("flux", "flux"), ("sd3", "sd3"), ("sd_v2", "sd2"), ("v2", "sd2"),
    ("sd_v1", "sd1"), ("v1", "sd1"),
)  # fmt: skip
