"""What stages are made of besides plain fields: a second pass, a second model, ControlNet units, masks, workflows.

Written by people and carried by orders, as `schema.stages`. Lists may be written as JSON text too, so that
one `--set` can carry them.
"""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schema.dialects import backend_called

Text = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Server = Annotated[
    Name, BeforeValidator(lambda written: backend_called(written) if isinstance(written, str) else written)
]
"""A kind of backend, however people call the program that it drives."""
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Steps = Annotated[int, Field(ge=1, le=500)]
Upload = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a picture that was uploaded, or that a run made."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Hires(Part):
    """The second pass of txt2img at a larger size."""

    scale: Annotated[float, Field(ge=1.0, le=4.0)] = 1.5
    upscaler: Name = "Latent"
    steps: Annotated[int, Field(ge=0, le=500)] = 0
    """0: as many as the first pass."""
    denoise: Fraction = 0.5


class Switch(Part):
    """The refiner within the sampling of txt2img itself: one schedule, two models."""

    model: Name
    switch_at: Annotated[float, Field(ge=0.01, le=1.0)] = 0.8
    """Part of the steps after which it takes over."""


class Control(Part):
    """One ControlNet unit: a picture that steers the sampling."""

    model: Name
    processor: Name | None = None
    """Makes the map of the picture (canny, depth); None: the picture is the map."""
    image: Upload | None = None
    """None: the picture that the stage works on."""
    weight: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    start: Fraction = 0.0
    """Part of the steps at which it begins to steer."""
    end: Fraction = 1.0
    mode: Literal["balanced", "prompt", "control"] = "balanced"
    """Which of the two matters more."""
    resize: Literal["stretch", "crop", "pad"] = "crop"
    resolution: Annotated[int, Field(ge=64, le=2048)] = 512
    """Pixels at which the processor works."""
    threshold_a: float | None = None
    threshold_b: float | None = None
    """The processor's own two numbers; None: as it likes best."""
    pixel_perfect: bool = False
    """The processor works at the picture's own size instead of `resolution`."""
    low_vram: bool = False


class Shape(Part):
    """A drawn piece of a mask. Points are parts of the picture's width and height, from its top left corner."""

    kind: Literal["box", "ellipse", "polygon"] = "box"
    points: Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=2, max_length=1000)]
    """Two corners of the box or of the box around the ellipse; the corners of the polygon."""

    @model_validator(mode="after")
    def _check(self) -> "Shape":
        if self.kind == "polygon" and len(self.points) < 3:
            raise ValueError("a polygon needs at least three points")
        if self.kind != "polygon" and len(self.points) != 2:
            raise ValueError(f"a {self.kind} is written as two opposite corners")
        return self


class Workflow(Part):
    """A person's own ComfyUI workflow that runs instead of a built one."""

    name: Name
    """Of the file below `workflows` in the settings folder, without `.json`."""
    graph: Annotated[str, Field(max_length=500_000)] = ""
    """Its text, API format; put in when the run is planned."""


def _listed(written: object) -> object:
    """JSON text as what it says; nothing as an empty list."""
    if written is None or written == "":
        return ()
    if not isinstance(written, str):
        return written
    try:
        return json.loads(written)
    except ValueError as fault:
        raise ValueError(f"it is neither a list nor JSON text of one ({fault})") from None


def _named(written: object) -> object:
    """`a, b` as two names."""
    if isinstance(written, str):
        return tuple(name.strip() for name in written.split(",") if name.strip())
    return () if written is None else written


Controls = Annotated[tuple[Control, ...], BeforeValidator(_listed), Field(max_length=5)]
Shapes = Annotated[tuple[Shape, ...], BeforeValidator(_listed), Field(max_length=100)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_named), Field(max_length=10)]
