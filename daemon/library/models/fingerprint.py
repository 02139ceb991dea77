"""Which content a file has, told quickly: by its size, its header, and its first and last bytes. Whole hashes are slow.

A model is ten gigabytes and there are hundreds; reading 128 KiB of each tells them apart. Everything here blocks.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from schema.models import ModelKey

PIECE = 64 * 1024
BLOCK = 1 << 20

AUTOV1 = (0x100000, 0x10000)
"""Where the oldest hash of WebUI looks, and how far."""


def fingerprint(file: BinaryIO, size: int, header: int) -> ModelKey:
    """32 hex digits of SHA-256 over size, everything up to `header`, and `PIECE` behind it and at the end."""
    file.seek(0)
    seen = hashlib.sha256(size.to_bytes(8, "little"))
    seen.update(file.read(header + PIECE))
    if size > header + PIECE:
        file.seek(max(header + PIECE, size - PIECE))
        seen.update(file.read(PIECE))
    return ModelKey(seen.hexdigest()[:32])


def hashes(path: Path, header: int, stop: Callable[[], bool] = lambda: False) -> dict[str, str]:
    """All that sites and programs name a model by; reads the whole file. Empty when it was stopped. Raises OSError.

    `autov1`: 8 digits of 64 KiB at 1 MiB; `autov2`: 10 digits of the whole; `autov3`: 12 digits of what is behind the
    header, which kohya's trainer and WebUI's LoRAs use. https://github.com/civitai/civitai/wiki/Model-hashes
    """
    whole, tensors, old = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    at = 0
    with path.open("rb") as file:
        while piece := file.read(BLOCK):
            if stop():
                return {}
            whole.update(piece)
            tensors.update(piece[max(0, header - at) :])
            old.update(piece[max(0, AUTOV1[0] - at) : max(0, sum(AUTOV1) - at)])
            at += len(piece)
    found = {"sha256": whole.hexdigest(), "autov2": whole.hexdigest()[:10]}
    if at > AUTOV1[0]:
        found["autov1"] = old.hexdigest()[:8]
    if header:
        found["autov3"] = tensors.hexdigest()[:12]
    return found
