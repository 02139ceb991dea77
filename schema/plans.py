"""What was planned: runs, jobs and their stages as the log, the queue and the preview know them.

Values only. A plan is made by `daemon.prompting`, frozen into events, and never edited in place.
"""

from typing import Literal

import msgspec

from schema.ids import Sha256, StageId

Scalar = str | int | float | bool | None
"""A setting's value. Nested settings are flattened: `hires.scale`."""

Lane = Literal["interactive", "batch"]
Learning = Literal["off", "passive", "active"]
PromptOrder = Literal["sequential", "random", "weighted"]
Matrix = Literal["all", "rotate", "sequential", "random"]

StageKind = Literal[
    "generatePrompt", "llmEnhance", "selectLoras", "dispatch",
    "txt2img", "img2img", "refiner", "detail", "upscale",
    "face_restore", "refine", "post", "resize", "interrogate", "score", "video",
]  # fmt: skip

WORDED: frozenset[str] = frozenset({"generatePrompt", "llmEnhance", "selectLoras"})
"""Kinds of stages that write the prompt anew, before any picture is made."""

PROMPTING: frozenset[str] = WORDED | {"dispatch"}
"""Kinds of stages that stand before the first picture."""

PICTURELESS: frozenset[str] = PROMPTING | {"interrogate", "score"}
"""Kinds of stages that answer in words: the pictures before them go on."""


class Plain(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of values: immutable, made with named fields, defaults left out of JSON, unknown fields ignored."""


class StageStep(Plain, frozen=True, kw_only=True):
    """What the queue and the scheduler need to know of one stage of a job."""

    id: StageId
    kind: StageKind
    model: str | None = None
    steps: int = 0
    megapixels: float = 0.0
    """Of the picture that leaves the stage."""
    vram_gb: float = 0.0
    """Least memory a node needs; 0 when nobody knows."""
    needs: tuple[str, ...] = ()
    """`LIST:NAME` of a card (`samplers:Euler a`, `upscalers:4x-sharp`): what the backend must have."""
    backend: str | None = None
    """Who is to run it, as the pipeline's dispatch says; a run or a job that names one is asked first."""
    review: bool = False
    """Of a dispatch: the job is held there until it is released."""


class Written(Plain, frozen=True, kw_only=True):
    """What a person wrote in place of the words that stages had made."""

    after: StageId
    """The last stage that had made some by then."""
    prompt: str = ""
    negative: str = ""


class Pick(Plain, frozen=True, kw_only=True):
    """What one place to vary became in one variant."""

    key: str
    """The place: `weather` (a matrix slot), `__sky__`, `{dawn|dusk}`, from its second occurrence on with `#2`."""
    value: str
    """Empty: nothing was put there."""
    source: str = ""
    """Where the value came from: `wildcard sky.txt:4`, `matrix`, `--lock`, `profile mira`."""


class JobSpec(Plain, frozen=True, kw_only=True):
    """One prompt variant with everything that makes its picture, and where each value came from."""

    name: str
    """For people, unique within its run: `knights-03-v2-s42`. Also the stem of its file names."""
    pack: str | None = None
    style: str | None = None
    prompt_number: int = 1
    """From 1, of the prompt within its pack."""
    variant: int = 1
    """From 1, of the variant of that prompt."""
    template: str = ""
    """The prompt before variation."""
    prompt: str = ""
    negative_template: str = ""
    negative: str = ""
    seed: int = 0
    overlay: dict[str, Scalar] = {}
    """`stage.field` to value: what differs from the run's base config."""
    origins: dict[str, str] = {}
    """`prompt`, `seed` or `stage.field` to where the value came from: `pack knights.txt:4`, `--set`."""
    stages: tuple[StageStep, ...] | None = None
    """None when they equal the run's."""
    priority: int = 0
    needs: tuple[str, ...] = ()
    """`loras:NAME` and the like of its own prompt, which all its sampled stages need."""
    backend: str | None = None
    """None: the run's; empty: whichever can, although the run names one."""
    picks: tuple[Pick, ...] = ()
    """What every place to vary in prompt and negative became, in the order they stand there."""
    axes: dict[str, str] = {}
    """Of a grid: each axis as it was written to this job's level, `txt2img.cfg` to `5.5`."""
    written: Written | None = None
    """Over the words that its stages made; `prompt` is what these began from."""


class PackRef(Plain, frozen=True, kw_only=True):
    name: str
    sha256: Sha256
    """Of the pack's text as it was read."""
    prompts: int = 0
    jobs: int = 0
    variants: int = 0


class Randomizer(Plain, frozen=True, kw_only=True):
    order: PromptOrder = "sequential"
    matrix: Matrix = "all"
    limit: int | None = None
    locks: dict[str, str] = {}
    count: int = 1
    max_images: int | None = None
    max_prompts: int | None = None
    variants: int | None = None
    search: tuple[str, ...] = ()
    """Rules of search and replace, `SEARCH => A | B`."""
    overlay: str | None = None
    """Name of the overlay: what may vary besides words, within which limits."""
    styles: tuple[str, ...] = ()
    template: str | None = None
    axes: dict[str, tuple[str, ...]] = {}
    """Of a grid: each axis and its levels."""
    rerolls: dict[str, int] = {}
    """Place (`Pick.key`) to how often it was drawn anew."""
    chances: dict[str, float] = {}
    """Place to the probability that it is filled at all where values are drawn, as it was asked for."""
    space: str = ""
    """How many variants there were to choose from, in digits: it can be beyond what an integer holds."""


class FilmSpec(Plain, frozen=True, kw_only=True):
    """A run's film: the pictures of the run in order, by ffmpeg, after its last job ended."""

    fps: float = 8.0
    codec: Literal["h264", "vp9", "av1"] = "h264"
    container: Literal["mp4", "webm"] = "mp4"
    width: int | None = None
    height: int | None = None
    bitrate: str | None = None
    """As ffmpeg writes it: `4M`."""
    seconds: float | None = None
    """Cut to this length."""
    trim_from: float = 0.0
    trim_to: float | None = None
    frames: str = "finals"
    """`finals` (each job's last picture), `all` (every stage's), or a stage's id."""


class LearningPlan(Plain, frozen=True, kw_only=True):
    """What a learning run or an explore run wants to find out; part of its `RunSpec`."""

    kind: Literal["learning", "explore"]
    """`learning`: one variable, everything else fixed. `explore`: several at once, each level balanced."""
    variables: dict[str, tuple[Scalar, ...]]
    seeds: int
    """Shared by all levels (`learning`); blocks of pictures with one seed (`explore`)."""
    question: str = ""
    """`Steps: is 15, 20, 25 or 30 best?`"""


class RunSpec(Plain, frozen=True, kw_only=True):
    """What a person submitted, resolved. The base config itself is a blob named by `base`."""

    name: str
    base: Sha256
    """Of the pipeline's canonical JSON in the artifact store."""
    plan_hash: str
    seed: int
    jobs: int
    pipeline: str = "standard"
    stages: tuple[StageStep, ...] = ()
    """The stages each job runs, without switched-off ones and without `video`."""
    packs: tuple[PackRef, ...] = ()
    lane: Lane = "batch"
    window: str | None = None
    """`HH:MM-HH:MM`, local time of the daemon: when stages of this run may start."""
    not_before: float | None = None
    """Unix seconds."""
    deadline: float | None = None
    """Unix seconds."""
    hold: bool = False
    node: str | None = None
    backend: str | None = None
    whole: bool = False
    """All its jobs on one node, which the scheduler chooses with the first of them."""
    stand_in: bool = True
    """`sketch` may draw what names no backend. False: other backends were known when it was submitted."""
    learning: Learning = "passive"
    experiment: str | None = None
    learning_plan: LearningPlan | None = None
    """Of a learning run or an explore run."""
    preset: str | None = None
    profile: str | None = None
    randomizer: Randomizer = Randomizer()
    film: FilmSpec | None = None
    folder: str = ""
    """Name of the results folder below the results root; unique for ever."""


class Measures(Plain, frozen=True, kw_only=True):
    """What one attempt cost, in seconds unless the name says otherwise."""

    waited_s: float = 0.0
    """Accepted by the agent until begun."""
    moved_s: float = 0.0
    """Bringing inputs to the node and results back."""
    loaded_s: float = 0.0
    """Loading models."""
    executed_s: float = 0.0
    megapixels: float = 0.0
    peak_vram_gb: float = 0.0
    gpu_percent: float = 0.0
    """Mean utilisation of the device while it executed; 0: not measured."""


class Picture(Plain, frozen=True, kw_only=True):
    """A verified picture in the artifact store. `pixels` is the SHA-256 of its decoded RGBA or RGB bytes with size."""

    sha256: Sha256
    pixels: str
    media: Literal["image/png", "image/jpeg", "image/webp", "video/mp4", "video/webm"]
    bytes: int
    width: int
    height: int
    seed: int | None = None
