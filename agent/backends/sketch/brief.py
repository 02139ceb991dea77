"""One stage with its pictures opened, and what comes out of it; the words between the sketch's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from PIL import Image

from agent.backends import BackendTrouble, Reporter
from agent.backends.sketch.words import Reading, read
from schema.orders import Order
from schema.plans import Scalar
from schema.stages import ImageStage, Img2Img, Txt2Img, Upscale


@dataclass(frozen=True)
class Brief:
    config: ImageStage
    order: Order
    pictures: tuple[Image.Image, ...]
    """What the stage works on, RGB."""
    mask: Image.Image | None
    reporter: Reporter
    step_seconds: float

    @cached_property
    def reading(self) -> Reading:
        return read(self.order.prompt)

    def picture(self, number: int = 0) -> Image.Image:
        """Raises BackendTrouble when the stage before gave none."""
        if not self.pictures:
            raise BackendTrouble("bad-request", f"{self.config.type} needs a picture and the order names none")
        return self.pictures[number]

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
        self.reporter.step(step, steps, doing)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    pictures: tuple[Image.Image, ...]
    used: Mapping[str, Scalar] = field(default_factory=dict)
    """Fields of the stage whose value was found out on the way: a size, a default."""
    reported: Mapping[str, Scalar] = field(default_factory=dict)
    format: str = "png"
    quality: int = 90
