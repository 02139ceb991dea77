"""The stage kinds: each defined once, as a person writes it and as an order carries it.

A closed union told apart by `type`. The type checker lists every place that must answer for a new kind.
Ranges are what no imaging server can go beyond; a backend refuses more where it knows better.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from schema.parts import (
    Controls,
    Fraction,
    Hires,
    Name,
    Names,
    Part,
    Server,
    Shapes,
    Steps,
    Switch,
    Text,
    Upload,
    Workflow,
)

MAX_SIDE = 16_384
"""Pixels; what a stage may be asked for at most along one side."""

MAX_MEGAPIXELS = 64.0
"""What a picture may have at most; above it no artifact is accepted."""

Side = Annotated[int, Field(ge=16, le=MAX_SIDE)]


class _Stage(Part):
    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")] = ""
    """Unique in its pipeline; the kind's name (with a number from the second on) where none is written."""
    enabled: bool = True


class _Sampled(_Stage):
    """What every stage that runs a diffusion sampler can be told. None: as the backend or the picture has it."""

    model: Name | None = None
    vae: Name | None = None
    """Turns what was sampled into pixels."""
    sampler: Name | None = None
    scheduler: Name | None = None
    steps: Steps = 20
    """More take longer, and are finer up to a point."""
    cfg: Annotated[float, Field(ge=0.0, le=50.0)] = 7.0
    """How closely the picture keeps to its prompt."""
    clip_skip: Annotated[int, Field(ge=1, le=12)] = 1
    """Layers of the text encoder that are left out, and one: 1 leaves out none."""
    guidance: Annotated[float, Field(ge=0.0, le=50.0)] | None = None
    """Distilled guidance, of families that have it (Flux)."""
    encoders: Names = ()
    """Text encoders, of families that keep them apart from the checkpoint (Flux, SD3)."""


class Txt2Img(_Sampled):
    type: Literal["txt2img"] = "txt2img"
    width: Side = 512
    height: Side = 512
    hires: Hires | None = None
    refiner: Switch | None = None
    """Another model for the last steps. The stage `refiner` does the same to a finished picture."""
    hypernetwork: Name | None = None
    batch: Annotated[int, Field(ge=1, le=16)] = 1
    """Pictures made at once, with seeds that follow one another."""
    tiling: bool = False
    """The picture continues itself at its edges."""
    variation_seed: Annotated[int, Field(ge=0)] | None = None
    variation: Fraction = 0.0
    """How far the noise goes towards that of `variation_seed`."""
    controls: Controls = ()
    workflow: Workflow | None = None


class Img2Img(_Sampled):
    """Paints over the picture of the stage before, or over `image`; inside `mask` only, if there is one."""

    type: Literal["img2img"] = "img2img"
    denoise: Fraction = 0.5
    """How far it goes from the picture: 0 not at all, 1 to another one."""
    width: Side | None = None
    height: Side | None = None
    image: Upload | None = None
    """With it the pipeline needs no txt2img."""
    mask: Upload | None = None
    """White is painted over."""
    mask_shapes: Shapes = ()
    """Drawn; added to `mask`."""
    mask_detector: Name | None = None
    """What this detector finds is added to `mask`."""
    mask_confidence: Fraction = 0.3
    """Below it a find does not count."""
    mask_grow: Annotated[int, Field(ge=-128, le=128)] = 0
    """Pixels by which the mask grows, or shrinks below 0."""
    mask_invert: bool = False
    """Everything but the mask is painted over."""
    mask_padding: Annotated[int, Field(ge=0, le=512)] | None = None
    """Only the mask's surroundings, so many pixels, are painted, at the full resolution. None: the whole picture."""
    mask_blur: Annotated[int, Field(ge=0, le=64)] = 4
    """Pixels over which the mask's edge fades."""
    fill: Literal["fill", "original", "noise", "nothing"] = "original"
    """What the masked part is before it is painted over."""
    resize: Literal["stretch", "crop", "pad"] = "stretch"
    """How a picture of another shape is made to fit."""
    controls: Controls = ()
    workflow: Workflow | None = None

    @property
    def masked(self) -> bool:
        return bool(self.mask or self.mask_shapes or self.mask_detector)


class Refiner(_Sampled):
    """Takes over the last part of the sampling with another model: img2img at `1 - switch_at`."""

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
    """How far a find is painted anew: 0 not at all, 1 wholly."""
    mask_blur: Annotated[int, Field(ge=0, le=64)] = 4
    """Pixels over which the mask's edge fades."""
    dilate: Annotated[int, Field(ge=-128, le=128)] = 4
    """Pixels by which a find grows, or shrinks below 0."""
    padding: Annotated[int, Field(ge=0, le=512)] = 32
    """Pixels around a find that are painted with it."""
    max_regions: Annotated[int, Field(ge=0, le=100)] = 0
    """0: all that are found."""
    rank_by: Literal["area", "confidence"] = "area"
    """Which finds are kept when there are more than `max_regions`."""
    classes: Names = ()
    """Of a detector that knows several; empty: all of them."""
    min_area: Fraction = 0.0
    max_area: Fraction = 1.0
    """Parts of the picture's area; a find outside them does not count."""
    shift_x: Annotated[int, Field(ge=-512, le=512)] = 0
    shift_y: Annotated[int, Field(ge=-512, le=512)] = 0
    """Pixels by which a find is moved, right and up."""
    merge: Literal["none", "merge", "invert"] = "none"
    """`merge`: all finds are painted at once; `invert`: all but them."""
    only_masked: bool = True
    """False: the whole picture is sampled, and only the find kept."""
    width: Side | None = None
    height: Side | None = None
    """At which a find is painted; None: as the picture."""
    noise: Annotated[float, Field(ge=0.5, le=1.5)] | None = None
    """Noise multiplier; None: as the backend likes."""
    restore_face: bool = False
    control: Name | None = None
    """A ControlNet model that sees the find."""
    control_processor: Name | None = None
    control_weight: Fraction = 1.0
    control_start: Fraction = 0.0
    control_end: Fraction = 1.0


class Upscale(_Stage):
    type: Literal["upscale"] = "upscale"
    upscaler: Name | None = None
    upscaler2: Name | None = None
    """A second one, mixed in by `blend`."""
    blend: Fraction = 0.0
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
    sampler: Name | None = None
    scheduler: Name | None = None
    cfg: Annotated[float, Field(ge=0.0, le=50.0)] = 7.0

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


class Interrogate(_Stage):
    """Says in words what is in the picture; the picture goes on as it is."""

    type: Literal["interrogate"] = "interrogate"
    model: Name | None = None
    """Of the backend's interrogators; None: its first."""


class Score(_Stage):
    """How well the picture fits words, from 0 to 1; the picture goes on as it is."""

    type: Literal["score"] = "score"
    model: Name | None = None
    """Of the backend's scorers; None: its first."""
    against: Text = ""
    """Empty: the job's prompt."""


class Video(_Stage):
    """The run's film, made once after its last job."""

    type: Literal["video"] = "video"
    fps: Annotated[float, Field(gt=0.0, le=240.0)] = 8.0
    """Pictures in a second."""
    codec: Literal["h264", "vp9", "av1"] = "h264"
    """How it is encoded."""
    container: Literal["mp4", "webm"] | None = None
    """Not set: mp4 for h264 and av1, webm for vp9."""
    width: Side | None = None
    """Not set: that of its first picture, or as the height asks for."""
    height: Side | None = None
    """Not set: that of its first picture, or as the width asks for."""
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


class _Told(_Stage):
    """What a language model can be told."""

    model: Name | None = None
    """None: the server's first."""
    instructions: Text = ""
    """Empty: the backend's own for this kind."""
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.7
    max_tokens: Annotated[int, Field(ge=16, le=8192)] = 400
    max_length: Annotated[int, Field(ge=20, le=10_000)] = 2000
    """Characters; a longer answer is cut at a comma or a word."""
    timeout: Annotated[float, Field(gt=0.0, le=3600.0)] = 120.0
    """Seconds without a word of the answer."""
    memory: Annotated[int, Field(ge=0, le=50)] | None = None
    """How many earlier prompts of the same profile, pack or run the model is told. None: as the profile says, 5 where
    the prompt continues or develops, else none.
    """


class GeneratePrompt(_Told):
    """Writes a prompt from a few words."""

    type: Literal["generatePrompt"] = "generatePrompt"
    preset_for: Name | None = None
    """A pack. With it no prompt is written but a preset for that pack, one JSON object as in `presets.json`; the words
    stay as they are. See `stablenew learn ask`.
    """


class LlmEnhance(_Told):
    """Writes the prompt anew, richer, keeping what it says."""

    type: Literal["llmEnhance"] = "llmEnhance"
    ask: Literal["enhance", "continue", "develop"] = "enhance"
    """The same scene, richer; the scene that follows the earlier ones; the same with more of its character."""


class SelectLoras(_Stage):
    """Adds LoRAs that fit the prompt by their tags and trigger words, their ratings and how often they were used."""

    type: Literal["selectLoras"] = "selectLoras"
    most: Annotated[int, Field(ge=0, le=10)] = 2
    """LoRAs that are added; those that the prompt names already are left as they are."""
    least: Fraction = 0.2
    """A score below it is not enough."""
    weight: Annotated[float, Field(ge=-4.0, le=4.0)] | None = None
    """None: as its maker or you prefer."""
    strongest: Annotated[float, Field(ge=0.0, le=10.0)] = 1.6
    """The weights of those that are added come to no more; they shrink alike."""
    tags: Names = ()
    """Only LoRAs with one of these tags."""
    without: Names = ()
    """None with one of these."""
    only: Names = ()
    """None but these, by name."""
    never: Names = ()
    stars: Annotated[int, Field(ge=0, le=5)] = 0
    """Only LoRAs that have so many stars, or whose pictures have on average."""
    triggers: bool = True
    """Their trigger words are added where the prompt has none of them."""


class Dispatch(_Stage):
    """Hands the words to whoever makes the pictures."""

    type: Literal["dispatch"] = "dispatch"
    backend: Server | None = None
    """Of the stages behind it, where neither the run nor the prompt names one: `comfyui`, `webui`."""
    review: bool = False
    """The job is held here until it is released: its words can be looked at, and edited."""


PromptStage = GeneratePrompt | LlmEnhance | SelectLoras | Dispatch
"""Stand before the first picture: they make the words, and say who makes pictures of them."""

AnalysisStage = Interrogate | Score
"""Makes no picture: what it finds is in the stage's `reported`, and the pictures before it go on."""

ImageStage = Txt2Img | Img2Img | Refiner | Detail | Upscale | FaceRestore | Refine | Post | Resize | AnalysisStage
"""What an agent runs for one job."""

ToldStage = GeneratePrompt | LlmEnhance
"""What an agent's language model runs."""

WordStage = ToldStage | SelectLoras
"""What an agent runs to make words."""

Stage = PromptStage | ImageStage | Video

AnyStage = Annotated[Stage, Field(discriminator="type")]
STAGE: TypeAdapter[Stage] = TypeAdapter(AnyStage)
ORDER_STAGE: TypeAdapter[ImageStage | WordStage] = TypeAdapter(
    Annotated[ImageStage | WordStage, Field(discriminator="type")]
)
"""What an order can carry."""
