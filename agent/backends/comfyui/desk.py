"""What the builders of graphs work at: the graph so far, the server's lists, and a way to bring pictures there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.comfyui.graph import Graph, Link
from agent.backends.comfyui.lists import Lists
from schema.plans import Scalar

Size = tuple[int, int]

REDUCED_TILE = 256
"""Pixels in which a picture is encoded and decoded where memory is short."""


class Canvas(NamedTuple):
    """A picture within the graph. Its size is known before anything runs."""

    image: Link
    size: Size


@dataclass
class Desk:
    graph: Graph
    lists: Lists
    bring: Callable[[bytes, str], str]
    """Content and a word for its name to the name by which LoadImage finds it."""
    prompt: str = ""
    negative: str = ""
    seed: int = 0
    reduced: bool = False
    """Use less memory."""
    pictures: Mapping[str, Canvas] = field(default_factory=dict)
    """By SHA-256: what ControlNet units name."""
    default_model: str | None = None
    """For a stage that names none."""
    used: dict[str, Scalar] = field(default_factory=dict)
    """Fields of the stage whose value was found out on the way."""
    reported: dict[str, Scalar] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    """Sampling steps by node."""

    def add(self, kind: str, title: str = "", **inputs: "str | int | float | bool | Link") -> Link:
        if not self.lists.has(kind):
            raise BackendTrouble(
                "bad-request", f"this ComfyUI has no node {kind}; update it, or install the extension that brings it"
            )
        return self.graph.add(kind, title, **inputs)

    def complete(self, kind: str, title: str = "", **inputs: "str | int | float | bool | Link") -> Link:
        """A node of an extension: inputs this version has not are left out, others it needs get their default."""
        words = self.lists.nodes.get(kind)
        if words is None:
            return self.add(kind, title, **inputs)
        there = words.inputs()
        given = {name: value for name, value in inputs.items() if name in there}
        for name in words.input.required:
            if name not in given and (value := words.default(name)) is not None:
                given[name] = value
        return self.add(kind, title, **given)

    def encoded(self, image: Link, vae: Link, tile: int = 0) -> Link:
        """`tile`: pixels; 0: in one piece, or in small ones where memory is short."""
        tile = tile or (REDUCED_TILE if self.reduced else 0)
        if not tile:
            return self.add("VAEEncode", "encode", pixels=image, vae=vae)
        return self.complete("VAEEncodeTiled", "encode", pixels=image, vae=vae, **_tiles(tile))

    def decoded(self, samples: Link, vae: Link, tile: int = 0) -> Link:
        tile = tile or (REDUCED_TILE if self.reduced else 0)
        if not tile:
            return self.add("VAEDecode", "decode", samples=samples, vae=vae)
        return self.complete("VAEDecodeTiled", "decode", samples=samples, vae=vae, **_tiles(tile))

    def load(self, content: bytes, word: str) -> Link:
        return self.add("LoadImage", word, image=self.bring(content, word))

    def load_mask(self, content: bytes, word: str) -> Link:
        return self.add("LoadImageMask", word, image=self.bring(content, word), channel="red")

    def scaled(self, canvas: Canvas, size: Size, method: str = "lanczos", crop: str = "disabled") -> Canvas:
        if canvas.size == size:
            return canvas
        width, height = size
        link = self.add("ImageScale", "size", image=canvas.image, upscale_method=method, width=width, height=height,
                        crop=crop)  # fmt: skip
        return Canvas(link, size)

    def fitted(self, canvas: Canvas, size: Size, resize: str) -> Canvas:
        """`stretch`, `crop` or `pad` (with black) to `size`."""
        if canvas.size == size:
            return canvas
        if resize != "pad":
            return self.scaled(canvas, size, crop="center" if resize == "crop" else "disabled")
        link = self.add("ResizeAndPadImage", "size", image=canvas.image, target_width=size[0], target_height=size[1],
                        padding_color="black", interpolation="lanczos")  # fmt: skip
        return Canvas(link, size)


def _tiles(tile: int) -> dict[str, int]:
    """VAEEncodeTiled counts in 64, and divides by zero where the overlap is as large as the tile."""
    side = max(64, tile // 64 * 64)
    return {"tile_size": side, "overlap": min(64, side // 4)}


def content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BackendTrouble("bad-request", f"input {path.name} cannot be read: {fault.strerror}") from None
