"""What one WebUI has: its flavour, its lists and its own settings, read from it and turned into a card's lists.

An upscaler that is listed but was never downloaded is none. Values only; `reading.py` fills them.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from agent.backends.webui.shapes import Settings
from schema.dialects import sampling
from schema.names import plain

Flavour = Literal["a1111", "forge"]

NO_UPSCALER = "None"
PLAIN_UPSCALERS = ("Lanczos", "Nearest")
"""They resize, without a model."""

SD_UPSCALE = "sd upscale"
ADETAILER = "adetailer"
CONTROLNET = "controlnet"

INTERROGATORS = ("clip", "deepdanbooru")
"""Both flavours take these two; whether their weights are there shows only in the answer."""


class Checkpoint(NamedTuple):
    title: str
    """What an override names; with a hash at its end where the server hashes."""
    name: str
    """Without that hash: the file below the models folder."""

    @property
    def stem(self) -> str:
        """How info and infotext call it."""
        return stem(self.name)


def stem(name: str) -> str:
    """`sub/toy.safetensors [ab12cd34]` as `toy`, in lower case."""
    return plain(name).rpartition("/")[2]


class Lora(NamedTuple):
    name: str
    alias: str


@dataclass(frozen=True, kw_only=True)
class Stock:
    flavour: Flavour = "a1111"
    tasks: bool = False
    """It runs with its web page, so one request's progress can be asked for by its id."""
    checkpoints: tuple[Checkpoint, ...] = ()
    vaes: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()
    schedulers: tuple[str, ...] = ()
    """Labels; empty: this version writes the schedule behind the sampler's name."""
    upscalers: tuple[str, ...] = ()
    latent_upscalers: tuple[str, ...] = ()
    """Of the hires pass only."""
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[str, ...] = ()
    hypernetworks: tuple[str, ...] = ()
    restorers: tuple[str, ...] = ()
    scripts: frozenset[str] = frozenset()
    """Of img2img, in lower case."""
    detectors: tuple[str, ...] = ()
    detail_fields: frozenset[str] = frozenset()
    """Names of ADetailer's arguments, where it tells them; empty: it does not."""
    controls: tuple[str, ...] = ()
    control_processors: tuple[str, ...] = ()
    control_units: int = 0
    settings: Settings = field(default_factory=Settings)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(checkpoint.name for checkpoint in self.checkpoints)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Stage kinds, without those that need no server."""
        detail = ("detail",) if self.detectors else ()
        restore = ("face_restore",) if self.restorers else ()
        return ("txt2img", "img2img", "refiner", *detail, "upscale", *restore, "interrogate")

    @property
    def lora_names(self) -> tuple[str, ...]:
        """Both names under which a prompt may ask for each."""
        names = ((lora.name, lora.alias) if lora.alias else (lora.name,) for lora in self.loras)
        return tuple(dict.fromkeys(name for pair in names for name in pair))

    @property
    def resident(self) -> str | None:
        """The checkpoint its settings name: what is loaded, or will be by the next request that names none."""
        wanted = self.settings.sd_model_checkpoint
        return next((each.name for each in self.checkpoints if wanted and stem(each.name) == stem(wanted)), None)


def detector_names(files: tuple[str, ...]) -> tuple[str, ...]:
    """The detectors' files, and before them the plain words (`face`, `hand`) that choose the first of a kind."""
    words = dict.fromkeys(word for name in files if (word := name.partition("_")[0]) in _WORDS)
    return (*words, *files)


_WORDS = ("face", "hand", "person")


def detector_file(name: str, files: tuple[str, ...]) -> str | None:
    """The file that one of the plain words means."""
    return next((file for file in files if file.partition("_")[0] == name and name in _WORDS), None)


def sampler_labels(samplers: tuple[str, ...]) -> tuple[str, ...]:
    """As people's pipelines name them; a sampler no dialect knows keeps the server's name."""
    return tuple(dict.fromkeys(sampling(name).sampler for name in samplers))


def scheduler_labels(stock: Stock) -> tuple[str, ...]:
    if stock.schedulers:
        return tuple(dict.fromkeys(sampling("", name).scheduler or name for name in stock.schedulers))
    behind = (sampling(name).scheduler for name in stock.samplers)
    return tuple(dict.fromkeys(("Automatic", *(label for label in behind if label))))
