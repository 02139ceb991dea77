"""The embedded backend: no AI model, it draws. Works anywhere, at once, and follows every setting visibly.

This file is its outside: card, memory it pretends to have, loading, and one stage from files to bytes.
"""

from collections.abc import Callable

from PIL import Image, ImageStat

from agent.backends import BackendTrouble, Drawn, Made, Memory, Reporter, Work
from agent.backends.sketch import steer
from agent.backends.sketch.brief import Brief, Config, Outcome
from agent.backends.sketch.detail import REGION_SIDE
from agent.backends.sketch.effective import flattened, model_of
from agent.backends.sketch.look import INTERROGATORS
from agent.backends.sketch.palette import STYLES
from agent.backends.sketch.pixels import RESTORERS, UPSCALERS
from agent.backends.sketch.regions import DETECTORS
from agent.backends.sketch.stages import run_stage
from agent.backends.sketch.texture import SAMPLERS, SCHEDULERS
from agent.pictures import encoded, opened
from agent.pictures.finish import FINISH_KINDS, PROCESSORS, finish
from schema.orders import BackendCard, Gpu
from schema.plans import Scalar
from schema.settings import SketchSettings
from schema.stages import Detail, Img2Img, Refiner, Txt2Img, Upscale

KINDS = ("txt2img", "img2img", "refiner", "detail", "upscale", "face_restore", *FINISH_KINDS, "interrogate")

BASE_GB = 1.6
"""Memory a loaded model is said to take."""

GB_PER_MEGAPIXEL = 0.75
REDUCED = 0.4
"""Share of the picture's memory that is left with the memory-saving profile."""

FLAT = 1.0
"""Standard deviation of the luminance below which a picture is suspect."""


class Sketch:
    kind = "sketch"

    def __init__(self, settings: SketchSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._resident: str | None = None
        self._used = 0.0

    def kinds(self) -> tuple[str, ...]:
        return KINDS

    def card(self) -> BackendCard:
        return BackendCard(
            kind=self.kind,
            kinds=KINDS,
            open_lists=True,
            models=tuple(STYLES),
            samplers=SAMPLERS,
            schedulers=SCHEDULERS,
            upscalers=tuple(UPSCALERS),
            detectors=tuple(DETECTORS),
            restorers=RESTORERS,
            processors=tuple(PROCESSORS),
            control_processors=steer.PROCESSORS,
            interrogators=INTERROGATORS,
            note="No AI model: it draws simple pictures that follow prompt and settings, for trying everything out "
            "without a GPU. Names of models, LoRAs and embeddings are accepted as they are and only change the style; "
            "its interrogator tells colours and light and recognises nothing.",
        )

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def memory(self) -> Memory:
        resident = self._resident
        return Memory(self._settings.vram_gb, self._used, (resident,) if resident else ())

    def run(self, work: Work, reporter: Reporter) -> Made:
        if work.config.type in FINISH_KINDS:
            return finish(work, _Paced(reporter, self._settings.step_seconds))
        if not isinstance(work.config, Config):
            raise BackendTrouble("bad-request", f"sketch does not run {work.config.type}; its card says what it does")
        return self._drawn(work, work.config, reporter)

    def free(self) -> None:
        self._resident, self._used = None, 0.0

    def close(self) -> None:
        self.free()

    def _load(self, model: str | None, reporter: Reporter) -> float:
        """Seconds it took. A stage that names no model works with whatever is loaded."""
        if model is None or model == self._resident:
            return 0.0
        began = self._clock()
        seconds = self._settings.load_seconds
        reporter.step(0, 1, "loading model")
        parts = max(1, round(seconds / 0.25))
        for part in range(parts):
            reporter.rest(seconds / parts)
            reporter.step(part + 1, parts, "loading model")
        self._resident, self._used = model, BASE_GB
        return self._clock() - began

    def _drawn(self, work: Work, config: Config, reporter: Reporter) -> Made:
        loaded = self._load(model_of(config), reporter)
        briefs = _briefs(work, config, reporter, self._settings.step_seconds)
        peak = self._claim(config, [brief.size() for brief in briefs], work.order.reduced)
        try:
            outcomes = [run_stage(brief) for brief in briefs]
        finally:
            self._used = BASE_GB if self._resident else 0.0
        return _made(briefs, outcomes, loaded, peak)

    def _claim(self, config: Config, sizes: list[tuple[int, int]], reduced: bool) -> float:
        """Peak memory in GB. Raises BackendTrouble where a GPU of the set size would give up."""
        size = max(sizes, key=lambda size: size[0] * size[1])
        megapixels = _held_megapixels(config, size)
        if not megapixels:
            return self._used
        peak = BASE_GB + GB_PER_MEGAPIXEL * megapixels * (REDUCED if reduced else 1.0)
        limit = self._settings.vram_gb
        if limit and peak > limit:
            raise BackendTrouble(
                "out-of-memory",
                f"{size[0]}x{size[1]} needs {peak:.1f} GB and this node has {limit:g} GB; "
                "make the picture smaller, or upscale it in tiles",
            )
        self._used = peak
        return peak


class _Paced:
    """Each step takes as long as was set."""

    def __init__(self, reporter: Reporter, seconds: float) -> None:
        self._reporter, self._seconds = reporter, seconds

    @property
    def previews(self) -> bool:
        return self._reporter.previews

    def step(self, step: int, steps: int, doing: str) -> None:
        if step:
            self._reporter.rest(self._seconds)
        self._reporter.step(step, steps, doing)

    def preview(self, jpeg: bytes) -> None:
        self._reporter.preview(jpeg)

    def rest(self, seconds: float) -> None:
        self._reporter.rest(seconds)

    def cancelled(self) -> bool:
        return self._reporter.cancelled()


def _briefs(work: Work, config: Config, reporter: Reporter, step_seconds: float) -> list[Brief]:
    """One for each picture: of a batch, or of those the stage before made; one without a picture where none is."""
    sources: list[Image.Image | None]
    if isinstance(config, Txt2Img):
        sources = [None] * config.batch
    else:
        paths = [work.image] if work.image else work.inputs
        sources = [opened(path) for path in paths] or [None]
    return [
        Brief(config, work.order, source, work.mask, work.controls, reporter, step_seconds, number, len(sources))
        for number, source in enumerate(sources)
    ]


def _made(briefs: list[Brief], outcomes: list[Outcome], loaded: float, peak: float) -> Made:
    brief, config = briefs[0], briefs[0].config
    pictures = [outcome.picture for outcome in outcomes if outcome.picture is not None]
    reported = _together(outcomes)
    if isinstance(config, Txt2Img | Img2Img | Refiner | Detail):
        reported |= _adapters(brief)
    flat = any(_is_flat(picture) for picture in pictures)
    looked = [brief.source for brief in briefs if brief.source is not None]
    return Made(
        pictures=tuple(Drawn(encoded(picture), brief.order.seed + number) for number, picture in enumerate(pictures)),
        effective=flattened(config, outcomes[0].used),
        reported=reported,
        suspect="the picture is flat: its luminance hardly varies" if flat else None,
        loaded_s=loaded,
        megapixels=sum(picture.width * picture.height for picture in pictures or looked) / 1e6,
        peak_vram_gb=peak,
    )


def _held_megapixels(config: Config, size: tuple[int, int]) -> float:
    """What a GPU would hold at once: the pictures, a tile, a region, or nothing where the processor does it."""
    whole = size[0] * size[1] / 1e6
    match config:
        case Txt2Img():
            return whole * config.batch
        case Img2Img() | Refiner():
            return whole
        case Upscale():
            return min(whole, config.tile**2 / 1e6) if config.tile else whole
        case Detail():
            return min(whole, REGION_SIDE**2 / 1e6)
        case _:
            return 0.0


def _together(outcomes: list[Outcome]) -> dict[str, Scalar]:
    """What several pictures of one stage have reported: the value, or all of them where they differ."""
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.reported)
    values = {name: [outcome.reported.get(name) for outcome in outcomes] for name in names}
    return {name: each[0] if len(set(each)) == 1 else " | ".join(map(str, each)) for name, each in values.items()}


def _adapters(brief: Brief) -> dict[str, Scalar]:
    """The LoRAs and embeddings that took part."""
    loras = ", ".join(f"{name}:{weight:g}" for name, weight in brief.reading.loras)
    named: dict[str, Scalar] = {"loras": loras, "embeddings": ", ".join(brief.reading.embeddings)}
    return {name: value for name, value in named.items() if value}


def _is_flat(picture: Image.Image) -> bool:
    return ImageStat.Stat(picture.convert("L")).stddev[0] < FLAT
