"""The embedded backend: no AI model, it draws. Works anywhere, at once, and follows every setting visibly.

This file is its outside: card, memory it pretends to have, loading, and one stage from files to bytes.
"""

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageStat

from agent.backends import BackendTrouble, Drawn, Made, Memory, Reporter, Work
from agent.backends.sketch.brief import Brief, Outcome
from agent.backends.sketch.effective import flattened, model_of
from agent.backends.sketch.palette import STYLES
from agent.backends.sketch.pixels import PROCESSORS, RESTORERS, UPSCALERS
from agent.backends.sketch.regions import DETECTORS
from agent.backends.sketch.stages import KINDS, REGION_SIDE, run_stage
from agent.backends.sketch.texture import SAMPLERS, SCHEDULERS
from schema.orders import BackendCard, Gpu
from schema.plans import Scalar
from schema.settings import SketchSettings
from schema.stages import Detail, ImageStage, Img2Img, Refiner, Txt2Img, Upscale

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
            note="No AI model: it draws simple pictures that follow prompt and settings, for trying everything out "
            "without a GPU. Names of models, LoRAs and embeddings are accepted as they are and only change the style.",
        )

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def memory(self) -> Memory:
        resident = self._resident
        return Memory(self._settings.vram_gb, self._used, (resident,) if resident else ())

    def run(self, work: Work, reporter: Reporter) -> Made:
        loaded = self._load(model_of(work.config), reporter)
        pictures = [_opened(path) for path in work.inputs]
        image = _opened(work.image) if work.image else None
        brief = Brief(
            config=work.config,
            order=work.order,
            pictures=tuple([image] if image else pictures),
            mask=_opened(work.mask) if work.mask else None,
            reporter=reporter,
            step_seconds=self._settings.step_seconds,
        )
        size = brief.size()
        peak = self._claim(work.config, size, work.order.reduced)
        try:
            outcome = run_stage(brief)
        finally:
            self._used = BASE_GB if self._resident else 0.0
        return self._made(brief, outcome, loaded, peak)

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

    def _claim(self, config: ImageStage, size: tuple[int, int], reduced: bool) -> float:
        """Peak memory in GB. Raises BackendTrouble where a GPU of the set size would give up."""
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

    def _made(self, brief: Brief, outcome: Outcome, loaded: float, peak: float) -> Made:
        contents = [_encoded(picture, outcome.format, outcome.quality) for picture in outcome.pictures]
        reported = dict(outcome.reported)
        if isinstance(brief.config, Txt2Img | Img2Img | Refiner | Detail):
            reported |= _adapters(brief)
        flat = any(_is_flat(picture) for picture in outcome.pictures)
        return Made(
            pictures=tuple(Drawn(content, brief.order.seed) for content in contents),
            effective=flattened(brief.config, outcome.used),
            reported=reported,
            suspect="the picture is flat: its luminance hardly varies" if flat else None,
            loaded_s=loaded,
            megapixels=sum(picture.width * picture.height for picture in outcome.pictures) / 1e6,
            peak_vram_gb=peak,
        )


def _held_megapixels(config: ImageStage, size: tuple[int, int]) -> float:
    """What a GPU would hold at once: the picture, a tile, a region, or nothing where the processor does it."""
    whole = size[0] * size[1] / 1e6
    match config:
        case Txt2Img() | Img2Img() | Refiner():
            return whole
        case Upscale():
            return min(whole, config.tile**2 / 1e6) if config.tile else whole
        case Detail():
            return min(whole, REGION_SIDE**2 / 1e6)
        case _:
            return 0.0


def _opened(path: Path) -> Image.Image:
    """As RGB. Raises BackendTrouble for what is no picture."""
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BackendTrouble("bad-request", f"input {path.name} is no picture that can be read") from None


def _adapters(brief: Brief) -> dict[str, Scalar]:
    """The LoRAs and embeddings that took part."""
    loras = ", ".join(f"{name}:{weight:g}" for name, weight in brief.reading.loras)
    named: dict[str, Scalar] = {"loras": loras, "embeddings": ", ".join(brief.reading.embeddings)}
    return {name: value for name, value in named.items() if value}


def _encoded(picture: Image.Image, kind: str, quality: int) -> bytes:
    content = io.BytesIO()
    match kind:
        case "jpeg":
            picture.save(content, "JPEG", quality=quality)
        case "webp":
            picture.save(content, "WEBP", quality=quality, method=4)
        case _:
            picture.save(content, "PNG", compress_level=1)
    return content.getvalue()


def _is_flat(picture: Image.Image) -> bool:
    return ImageStat.Stat(picture.convert("L")).stddev[0] < FLAT
