"""The stage kinds: each defined once, as a person writes it and as an order carries it.

A closed union told apart by `type`. The type checker lists every place that must answer for a new kind.
Ranges are what no imaging server can go beyond; a backend refuses more where it knows better.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

MAX_SIDE = 16_384
"""Pixels; what a stage may be asked for at most along one side."""

MAX_MEGAPIXELS = 64.0
"""What a picture may have at most; above it no artifact is accepted."""

Text = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Steps = Annotated[int, Field(ge=1, le=500)]
Side = Annotated[int, Field(ge=16, le=MAX_SIDE)]


class _Stage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")] = ""
    """Unique in its pipeline; the kind's name (with a number from the second on) where none is written."""
    enabled: bool = True


class _Sampled(_Stage):
    """What every stage that runs a diffusion sampler can be told. None: as the backend or the picture has it."""

    model: Name | None = None
    vae: Name | None = None
    sampler: Name | None = None
    scheduler: Name | None = None
    steps: Steps = 20
    cfg: Annotated[float, Field(ge=0.0, le=50.0)] = 7.0
    clip_skip: Annotated[int, Field(ge=1, le=12)] = 1
    """Layers of the text encoder that are left out, and one: 1 leaves out none."""


class Hires(BaseModel):
    """The second pass of txt2img at a larger size."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scale: Annotated[float, Field(ge=1.0, le=4.0)] = 1.5
    upscaler: Name = "Latent"
    steps: Annotated[int, Field(ge=0, le=500)] = 0
    """0: as many as the first pass."""
    denoise: Fraction = 0.5


class Txt2Img(_Sampled):
    type: Literal["txt2img"] = "txt2img"
    width: Side = 512
    height: Side = 512
    hires: Hires | None = None
    hypernetwork: Name | None = None


class Img2Img(_Sampled):
    """Paints over the picture of the stage before, or over `image`; inside `mask` only, if there is one."""

    type: Literal["img2img"] = "img2img"
    denoise: Fraction = 0.5
    width: Side | None = None
    height: Side | None = None
    image: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of an uploaded picture: the pipeline then needs no txt2img."""
    mask: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of an uploaded picture; white is painted over."""
    mask_blur: Annotated[int, Field(ge=0, le=64)] = 4
    """Pixels over which the mask's edge fades."""
    fill: Literal["fill", "original", "noise", "nothing"] = "original"
    """What the masked part is before it is painted over."""
    resize: Literal["stretch", "crop", "pad"] = "stretch"
    """How a picture of another shape is made to fit."""


class Refiner(_Sampled):
    """Takes over the last part of the sampling with another model."""

    type: Literal["refiner"] = "refiner"
    switch_at: Annotated[float, Field(ge=0.01, le=1.0)] = 0.8
    """Part of the steps after which it takes over."""


class Detail(_Sampled):
    """Finds faces, hands or what the detector knows, and repaints each at a higher resolution."""

    type: Literal["detail"] = "detail"
    detector: Name = "face"
    """What is looked for, as the backend names it."""
    prompt: Text = ""
    """Empty: the job's."""
    negative: Text = ""
    confidence: Fraction = 0.3
    """Below it a find does not count."""
    denoise: Fraction = 0.4
    mask_blur: Annotated[int, Field(ge=0, le=64)] = 4
    """Pixels over which the mask's edge fades."""
    dilate: Annotated[int, Field(ge=-128, le=128)] = 4
    """Pixels by which a find grows, or shrinks below 0."""
    padding: Annotated[int, Field(ge=0, le=512)] = 32
    """Pixels around a find that are painted with it."""
    max_regions: Annotated[int, Field(ge=0, le=100)] = 0
    """0: all that are found."""
    width: Side | None = None
    height: Side | None = None


class Upscale(_Stage):
    type: Literal["upscale"] = "upscale"
    upscaler: Name | None = None
    factor: Annotated[float, Field(ge=1.0, le=8.0)] = 2.0
    width: Side | None = None
    """With `height`: the size wanted, instead of `factor`."""
    height: Side | None = None
    tile: Annotated[int, Field(ge=0, le=4096)] = 512
    """Pixels; 0: in one piece."""
    overlap: Annotated[int, Field(ge=0, le=512)] = 32
    """Pixels that neighbouring tiles share."""
    denoise: Fraction = 0.0
    """Above 0: each tile is repainted by the sampler."""
    steps: Steps = 20
    model: Name | None = None

    @model_validator(mode="after")
    def _check(self) -> "Upscale":
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together; give both or neither")
        if self.tile and self.tile < 64:
            raise ValueError("tile must be 0 or at least 64")
        if self.tile and self.overlap * 2 > self.tile:
            raise ValueError(f"overlap {self.overlap} must be at most half of tile {self.tile}")
        return self


class FaceRestore(_Stage):
    type: Literal["face_restore"] = "face_restore"
    restorer: Name = "codeformer"
    strength: Fraction = 0.5
    """How much of the restored face shows."""
    fidelity: Fraction = 0.5
    """1 keeps the face as it is, 0 restores most."""


class Refine(_Stage):
    """The clean-up at the end: denoise, then sharpen."""

    type: Literal["refine"] = "refine"
    preset: Name | None = None
    """Of `[refine.presets]` in the settings, by name; without one, the preset of the job's model, if it has one."""
    tool: Literal["median", "bilateral", "none"] | None = None
    denoise: Fraction | None = None
    sharpen: Annotated[float, Field(ge=0.0, le=5.0)] | None = None
    radius: Annotated[float, Field(ge=0.1, le=10.0)] | None = None


class Post(_Stage):
    """The slot for further post-processors: one named processor of the backend with its options."""

    type: Literal["post"] = "post"
    processor: Name
    options: dict[str, str | int | float | bool] = {}


class Resize(_Stage):
    """A copy for the web: fits into the box, never enlarges."""

    type: Literal["resize"] = "resize"
    width: Side = 1600
    height: Side = 1600
    format: Literal["png", "jpeg", "webp"] = "webp"
    quality: Annotated[int, Field(ge=1, le=100)] = 85


class Video(_Stage):
    """The run's film, made once after its last job. See `schema.plans.FilmSpec`."""

    type: Literal["video"] = "video"
    fps: Annotated[float, Field(gt=0.0, le=240.0)] = 8.0
    codec: Literal["h264", "vp9", "av1"] = "h264"
    container: Literal["mp4", "webm"] | None = None
    """None: mp4 for h264 and av1, webm for vp9."""
    width: Side | None = None
    height: Side | None = None
    bitrate: Annotated[str, Field(pattern=r"^[1-9][0-9]*[kKmM]?$")] | None = None
    """As ffmpeg writes it: `4M`."""
    seconds: Annotated[float, Field(gt=0.0, le=86_400.0)] | None = None
    """The longest that the film may be."""
    trim_from: Annotated[float, Field(ge=0.0, le=86_400.0)] = 0.0
    """Seconds of the film that are left out at its beginning."""
    trim_to: Annotated[float, Field(gt=0.0, le=86_400.0)] | None = None
    """Seconds after which the film ends."""
    frames: Name = "finals"
    """`finals` (each job's last picture), `all`, or a stage's id."""

    @model_validator(mode="after")
    def _check(self) -> "Video":
        if self.trim_to is not None and self.trim_to <= self.trim_from:
            raise ValueError(f"trim_to {self.trim_to:g} must be after trim_from {self.trim_from:g}")
        if (self.container, self.codec) == ("webm", "h264"):
            raise ValueError("webm cannot hold h264; take codec vp9 or container mp4")
        return self


class GeneratePrompt(_Stage):
    type: Literal["generatePrompt"] = "generatePrompt"


class LlmEnhance(_Stage):
    type: Literal["llmEnhance"] = "llmEnhance"


class SelectLoras(_Stage):
    type: Literal["selectLoras"] = "selectLoras"


class Dispatch(_Stage):
    type: Literal["dispatch"] = "dispatch"


PromptStage = GeneratePrompt | LlmEnhance | SelectLoras | Dispatch
"""Known and written to files from now on; a run that uses one is refused until prompts can be made."""

ImageStage = Txt2Img | Img2Img | Refiner | Detail | Upscale | FaceRestore | Refine | Post | Resize
"""What an agent runs for one job."""

Stage = PromptStage | ImageStage | Video

AnyStage = Annotated[Stage, Field(discriminator="type")]
STAGE: TypeAdapter[Stage] = TypeAdapter(AnyStage)
IMAGE_STAGE: TypeAdapter[ImageStage] = TypeAdapter(Annotated[ImageStage, Field(discriminator="type")])
