"""One stage on one picture, and what comes out of it; the words between the sketch's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image

from agent.backends import BackendTrouble, Reporter
from agent.backends.sketch.words import Reading, read
from schema.orders import Order
from schema.plans import Scalar
from schema.stages import Detail, FaceRestore, Img2Img, Interrogate, Refiner, Txt2Img, Upscale

Config = Txt2Img | Img2Img | Refiner | Detail | Upscale | FaceRestore | Interrogate
"""What the sketch does itself."""


@dataclass(frozen=True)
class Brief:
    config: Config
    order: Order
    source: Image.Image | None
    """What the stage works on, RGB."""
    mask: Path | None
    controls: Mapping[str, Path]
    reporter: Reporter
    step_seconds: float
    number: int = 0
    of: int = 1
    """Pictures of the stage: each has a brief of its own."""

    @property
    def seed(self) -> int:
        return self.order.seed + self.number

    @cached_property
    def reading(self) -> Reading:
        return read(self.order.prompt)

    def picture(self) -> Image.Image:
        """Raises BackendTrouble when the stage before gave none."""
        if self.source is None:
            raise BackendTrouble("bad-request", f"{self.config.type} needs a picture and the order names none")
        return self.source

    def size(self) -> tuple[int, int]:
        """Of the largest picture the stage will have in hand."""
        match self.config:
            case Txt2Img(width=width, height=height, hires=hires):
                scale = hires.scale if hires else 1.0
                return round(width * scale), round(height * scale)
            case Img2Img(width=width, height=height):
                return width or self.picture().width, height or self.picture().height
            case Upscale(width=width, height=height, factor=factor):
                if width and height:
                    return width, height
                return round(self.picture().width * factor), round(self.picture().height * factor)
            case _:
                return self.picture().size

    def tick(self, step: int, steps: int, doing: str) -> None:
        """One step is done: told, slept as long as was set, and a wish to cancel honoured."""
        self.reporter.rest(self.step_seconds)
        self.reporter.step(step, steps, f"{doing}, picture {self.number + 1} of {self.of}" if self.of > 1 else doing)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    picture: Image.Image | None
    """None: the stage only looks."""
    used: Mapping[str, Scalar] = field(default_factory=dict)
    """Fields of the stage whose value was found out on the way: a size, a default."""
    reported: Mapping[str, Scalar] = field(default_factory=dict)
