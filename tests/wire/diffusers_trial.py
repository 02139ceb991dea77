"""What the tests of the diffusers backend with real torch share: a backend, and how to look at what it made."""

import io
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from diffusers_notes import Notes, work
from PIL import Image, ImageChops, ImageStat

from agent.backends import Made
from agent.backends.diffusers import PROCESS, Diffusers
from schema.stages import ImageStage, Txt2Img

NEEDS_TORCH = [
    pytest.mark.torch,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("torch", "diffusers", "peft")), reason="needs stablenew[diffusers]"
    ),
]

TXT = Txt2Img(id="t", model="toy", width=64, height=64, steps=4)


def opened(models: Path, home: Path, *words: str) -> Iterator[Diffusers]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # the machine's other tests want to live too
        backend = Diffusers(models, home, time.monotonic, argv=(*PROCESS, *words))
        yield backend
        backend.close()


def run(backend: Diffusers, config: ImageStage, *inputs: Path, notes: Notes | None = None, **more: object) -> Made:
    return backend.run(work(config, *inputs, **more), notes or Notes())  # type: ignore[arg-type]


def seen(made: Made, number: int = 0) -> Image.Image:
    return Image.open(io.BytesIO(made.pictures[number].content)).convert("RGB")


def kept(made: Made, path: Path) -> Path:
    path.write_bytes(made.pictures[0].content)
    return path


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of brightness, 0 to 255."""
    return ImageStat.Stat(ImageChops.difference(one, other).convert("L")).mean[0]
