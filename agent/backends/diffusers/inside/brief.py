"""One stage in hand: what is asked, its pictures, the models that are there; and what comes out of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import Folder
from agent.backends.diffusers.inside.models import Models
from agent.backends.diffusers.process import Teller
from agent.pictures import opened
from schema.orders import Order
from schema.plans import Scalar


@dataclass
class Brief:
    order: Order
    folder: Folder
    models: Models
    teller: Teller
    inputs: tuple[Path, ...] = ()
    image: Path | None = None
    mask: Path | None = None
    controls: Mapping[str, Path] = field(default_factory=dict)
    used: dict[str, Scalar] = field(default_factory=dict)
    """Fields of the stage whose value was found out on the way."""
    reported: dict[str, Scalar] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    suspect: str | None = None

    def pictures(self, kind: str) -> list[Image.Image]:
        """What the stage works on. Raises BackendTrouble where there is none, or it cannot be read."""
        paths: Sequence[Path] = (self.image,) if self.image else self.inputs
        if not paths:
            raise BackendTrouble("bad-request", f"{kind} needs a picture and the order names none")
        return [opened(path) for path in paths]

    def each(self, kind: str, make: Callable[[Image.Image, int, str], Image.Image]) -> "Outcome":
        """The stage done to every picture; its seed is the order's and the picture's number. `make` is given the
        picture, the seed, and what to put behind `doing`: ` 2/4` where there are several.
        """
        pictures, seed = self.pictures(kind), self.order.seed
        several = len(pictures) > 1
        made = [
            make(picture, seed + number, f" {number + 1}/{len(pictures)}" if several else "")
            for number, picture in enumerate(pictures)
        ]
        return Outcome(tuple((picture, seed + number) for number, picture in enumerate(made)))


@dataclass(frozen=True)
class Outcome:
    pictures: tuple[tuple[Image.Image, int], ...] = ()
    """Each with its seed."""
