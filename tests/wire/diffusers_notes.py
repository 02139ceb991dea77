"""A reporter that takes notes, orders, and files in a folder of models as far as a scan looks; needs no torch."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from PIL import Image, ImageDraw

from agent.backends import Cancelled, Work
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.stages import ImageStage

DEADLINE = 60.0


class Notes:
    """Takes down what a stage tells; `until` makes it unwanted once something was told."""

    def __init__(self, until: Callable[[int, int, str], bool] | None = None, previews: bool = False) -> None:
        self.steps: list[tuple[int, int, str]] = []
        self.shown: list[bytes] = []
        self.previews = previews
        self.unwanted = threading.Event()
        self.wished: float | None = None
        """When it became unwanted."""
        self._until = until

    def step(self, step: int, steps: int, doing: str) -> None:
        self.steps.append((step, steps, doing))
        if self._until and not self.unwanted.is_set() and self._until(step, steps, doing):
            self.wished = time.monotonic()
            self.unwanted.set()
        if self.unwanted.is_set():
            raise Cancelled

    def preview(self, jpeg: bytes) -> None:
        self.shown.append(jpeg)

    def rest(self, seconds: float) -> None:
        self.unwanted.wait(seconds)
        if self.unwanted.is_set():
            raise Cancelled

    def cancelled(self) -> bool:
        return self.unwanted.is_set()

    def doings(self) -> list[str]:
        return list(dict.fromkeys(doing for _, _, doing in self.steps))


def work(
    config: ImageStage,
    *inputs: Path,
    prompt: str = "a lighthouse by the sea",
    negative: str = "fog",
    seed: int = 7,
    reduced: bool = False,
    careful: bool = False,
    **named: object,
) -> Work:
    order = Order(
        job=JobId("r2345678-0001"),
        stage=StageId(config.id or config.type),
        token=Token(1),
        epoch=1,
        config=msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json"))),
        prompt=prompt,
        negative=negative,
        seed=seed,
        reduced=reduced,
        careful=careful,
    )
    return Work(order=order, config=config, inputs=inputs, **named)  # type: ignore[arg-type]


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def painted(path: Path, size: tuple[int, int] = (64, 64)) -> Path:
    """Something to look at: sky, ground and a disc."""
    picture = Image.new("RGB", size, (110, 150, 210))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, size[1] * 2 // 3, *size), fill=(80, 120, 60))
    pen.ellipse((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), fill=(240, 210, 90))
    picture.save(path)
    return path


# Files that need no torch --------------------------------------------------------------------


def safetensors(path: Path, tensors: Mapping[str, Sequence[int]], said: Mapping[str, str] | None = None) -> Path:
    """A file with these names and shapes; all zeros of one byte each."""
    head: dict[str, object] = {"__metadata__": dict(said)} if said else {}
    at = 0
    for name, shape in tensors.items():
        size = 1
        for side in shape:
            size *= side
        head[name] = {"dtype": "U8", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(head).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))
    return path


def diffusers_folder(path: Path, kind: str = "StableDiffusionPipeline", weights: bool = True) -> Path:
    """As far as a scan looks."""
    (path / "unet").mkdir(parents=True)
    (path / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    if weights:
        safetensors(path / "unet" / "diffusion_pytorch_model.safetensors", {"a": [2]})
    return path
