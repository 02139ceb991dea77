"""A ComfyUI backend with a fake server behind it, and a listener that takes down what a stage tells."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from comfy_fake import ComfyFake
from PIL import Image

from agent.backends import BackendTrouble, Cancelled, Made, Options, Work
from agent.backends.comfyui import ComfyUI
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.stages import ImageStage, Txt2Img

SMALL = Txt2Img(id="s", width=64, height=64, steps=4, model="toy")


class Listener:
    """Stops wanting the stage when `until` says so of what it hears."""

    def __init__(self, until: Callable[[int, int, str], bool] | None = None, previews: bool = True) -> None:
        self.steps: list[tuple[int, int, str]] = []
        self.shown: list[bytes] = []
        self.previews = previews
        self.unwanted = threading.Event()
        self._until = until

    def step(self, step: int, steps: int, doing: str) -> None:
        self.steps.append((step, steps, doing))
        if self._until and self._until(step, steps, doing):
            self.unwanted.set()
        if self.unwanted.is_set():
            raise Cancelled

    def preview(self, jpeg: bytes) -> None:
        self.shown.append(jpeg)

    def rest(self, seconds: float) -> None:
        self.unwanted.wait(seconds)

    def cancelled(self) -> bool:
        return self.unwanted.is_set()


def backend(fake: ComfyFake, **options: object) -> ComfyUI:
    return ComfyUI(Options(clock=time.monotonic, url=fake.url, **options))


def work(config: ImageStage, *inputs: Path, prompt: str = "a lighthouse", seed: int = 7, **files: object) -> Work:
    own = {name: files.pop(name) for name in ("image", "mask", "controls") if name in files}
    order = Order(
        job=JobId("r2345678.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"),
        prompt=prompt, negative="fog", seed=seed, **files,
    )  # fmt: skip
    return Work(order, config, inputs, **own)


def made(fake: ComfyFake, config: ImageStage, *inputs: Path, **more: object) -> Made:
    return backend(fake).run(work(config, *inputs, **more), Listener())


def trouble(fake: ComfyFake, config: ImageStage, *inputs: Path, **more: object) -> BackendTrouble:
    try:
        made(fake, config, *inputs, **more)
    except BackendTrouble as told:
        return told
    raise AssertionError("it went through")


def nodes(graph: object, kind: str) -> list[dict[str, object]]:
    return [node["inputs"] for node in graph.values() if node["class_type"] == kind]


def picture(folder: Path, size: tuple[int, int] = (96, 64), name: str = "input.png") -> Path:
    path = folder / name
    Image.radial_gradient("L").resize(size).convert("RGB").save(path)
    return path


def graph(fake: ComfyFake) -> dict[str, dict]:
    return fake.prompts[-1]


def one(fake: ComfyFake, kind: str) -> dict:
    (inputs,) = nodes(graph(fake), kind)
    return inputs


def origin(fake: ComfyFake, inputs: dict, name: str) -> str:
    return graph(fake)[inputs[name][0]]["class_type"]


def pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as opened:
        return opened.convert("RGB").tobytes()


def size_of(done) -> tuple[int, int]:
    with Image.open(io.BytesIO(done.pictures[0].content)) as opened:
        return opened.size
