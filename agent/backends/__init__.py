"""What every backend offers the bench, and which backends there are.

Knows the words of the wire and the stage kinds; no server, no queue, no spool.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from schema.errors import Trouble
from schema.orders import BackendCard, Gpu, Order
from schema.plans import Scalar
from schema.settings import SketchSettings
from schema.stages import ImageStage, WordStage


class Backend(Protocol):
    """Drives one imaging program. `run`, `card`, `free` and `close` are called from threads and may block."""

    @property
    def kind(self) -> str:
        """As in `BackendCard.kind`."""

    def kinds(self) -> tuple[str, ...]:
        """Stage kinds it runs. Must not block."""

    def card(self) -> BackendCard:
        """What it can do and has, as it is now: may ask the program it drives, also while `run` works."""

    def gpus(self) -> tuple[Gpu, ...]:
        """The devices it computes on; none: it needs none. Must not block."""

    def memory(self) -> "Memory":
        """A vital: the last that is known. Must not block."""

    def run(self, work: "Work", reporter: "Reporter") -> "Made":
        """Makes the pictures of one stage. Raises BackendTrouble, or Cancelled within a step of the wish.

        Calls `reporter.step` at least once for every step, while a model loads too, so that a frozen backend shows.
        """

    def free(self) -> None:
        """Unloads its models. Never called while `run` works."""

    def close(self) -> None:
        """The process ends."""


class Reporter(Protocol):
    """How a running stage tells of itself, and learns that nobody wants it any more."""

    @property
    def previews(self) -> bool:
        """True when somebody watches: making a preview is worth its time."""

    def step(self, step: int, steps: int, doing: str) -> None:
        """`step` of `steps` are done. Within one `doing` it only grows. Raises Cancelled."""

    def preview(self, jpeg: bytes) -> None:
        """The unfinished picture, small."""

    def rest(self, seconds: float) -> None:
        """Waits, but not beyond the wish to cancel. Raises Cancelled."""

    def cancelled(self) -> bool:
        """For backends that must interrupt something first; they raise Cancelled themselves afterwards."""


class Work(NamedTuple):
    """One stage to run, with everything it needs on this disk."""

    order: Order
    config: ImageStage | WordStage
    inputs: tuple[Path, ...] = ()
    """The pictures of the stage before."""
    image: Path | None = None
    """What img2img's `image` names."""
    mask: Path | None = None
    """What img2img's `mask` names."""
    controls: Mapping[str, Path] = {}
    """What the ControlNet units' `image` name, by SHA-256."""


class Drawn(NamedTuple):
    content: bytes
    """PNG, JPEG or WebP, as the backend made it."""
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a stage gave, and what it was really made with."""

    pictures: tuple[Drawn, ...] = ()
    effective: Mapping[str, Scalar]
    """Every field of the stage (nested ones as `hires.scale`) with the value used; no field is missing."""
    reported: Mapping[str, Scalar] = field(default_factory=dict)
    suspect: str | None = None
    filters: tuple[str, ...] = ()
    loaded_s: float = 0.0
    megapixels: float = 0.0
    peak_vram_gb: float = 0.0


class Memory(NamedTuple):
    total_gb: float = 0.0
    used_gb: float = 0.0
    resident: tuple[str, ...] = ()
    """Models that need no loading."""


class BackendTrouble(Exception):
    """The stage came to nothing. The backend knows best which trouble it was; nobody reads the sentence to find out."""

    def __init__(self, trouble: Trouble, sentence: str) -> None:
        self.trouble = trouble
        self.sentence = sentence
        super().__init__(sentence)


class Cancelled(Exception):
    """Raised inside `Backend.run` when the attempt is no longer wanted."""


class Options(NamedTuple):
    """What the command line tells the backends."""

    clock: Callable[[], float]
    """Monotonic seconds."""
    sketch: SketchSettings = SketchSettings()
    url: str = ""
    """Of the server; empty: the usual one of this kind on this machine."""
    auth: str = ""
    """`USER:PASSWORD`, or a key."""
    models: Path | None = None
    """Folder of models."""
    home: Path = Path()
    """The agent's own folder, for what a backend must keep."""


def _sketch(options: Options) -> Backend:
    from agent.backends.sketch import Sketch

    return Sketch(options.sketch, options.clock)


def _comfyui(options: Options) -> Backend:
    from agent.backends.comfyui import ComfyUI

    return ComfyUI(options)


def _webui(options: Options) -> Backend:
    from agent.backends.webui import WebUI

    return WebUI(options)


def _diffusers(options: Options) -> Backend:
    from agent.backends.diffusers import Diffusers

    return Diffusers(options.models, options.home, options.clock)


def _llm(options: Options) -> Backend:
    from agent.backends.llm import Llm

    return Llm(options)


def _words(options: Options) -> Backend:
    from agent.backends.words import Words

    del options  # it drives nothing
    return Words()


BACKENDS: Mapping[str, Callable[[Options], Backend]] = {
    "sketch": _sketch,
    "webui": _webui,
    "comfyui": _comfyui,
    "diffusers": _diffusers,
    "llm": _llm,
    "words": _words,
}
"""Kind to its maker; each imports what it needs only when it is called."""
