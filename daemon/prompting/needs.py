"""What a backend must have to run a stage, and whether it has it: names of models, samplers, upscalers, LoRAs. Pure.

A need is written `LIST:NAME`, with LIST a field of `schema.orders.BackendCard` and NAME as the person wrote it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from daemon.prompting import tokens
from schema.dialects import sampling
from schema.names import found, found_sampler, found_scheduler, plain
from schema.orders import BackendCard
from schema.parts import Control
from schema.stages import (
    Detail,
    FaceRestore,
    Img2Img,
    Interrogate,
    Post,
    Refiner,
    Score,
    Stage,
    Txt2Img,
    Upscale,
)  # fmt: skip

BLANK = frozenset({"", "none", "automatic", "auto", "use same vae"})
"""By these people say that the backend may choose."""

RESAMPLERS = frozenset({"lanczos", "nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "area"})
"""Upscalers that are arithmetic: everybody has them."""

GENERIC = frozenset({"face", "hand", "person"})
"""Detectors by what they look for: any that has the word in its name is meant."""

WORDS: Mapping[str, str] = {
    "models": "model", "vaes": "VAE", "samplers": "sampler", "schedulers": "scheduler", "upscalers": "upscaler",
    "detectors": "detector", "restorers": "face restorer", "processors": "post-processor", "loras": "LoRA",
    "embeddings": "embedding", "hypernetworks": "hypernetwork", "encoders": "text encoder",
    "controls": "ControlNet model", "control_processors": "ControlNet processor", "interrogators": "interrogator",
    "scorers": "scorer", "workflows": "workflow",
}  # fmt: skip
"""What one entry of a list is called."""

Needs = tuple[str, ...]


def needs_of(stage: Stage) -> Needs:
    """Of a stage that has inherited what it inherits; in the order of its fields, each once."""
    return tuple(dict.fromkeys(need for _, need in named_needs(stage)))


def named_needs(stage: Stage) -> list[tuple[str, str]]:
    """The fields with what they need, `("hires.upscaler", "upscalers:4x-sharp")`."""
    return [(field, f"{list_}:{name}") for field, list_, name in _wanted(stage) if name.lower() not in BLANK]


def words_need(prompt: str, negative: str) -> Needs:
    """Of a prompt: LoRAs, hypernetworks and embeddings as far as they are marked as such. A bare word needs nothing: it
    is an embedding where it is made by one who has one of that name, and a word everywhere else.
    """
    text = f"{prompt}\n{negative}"
    wanted = [f"loras:{part.name}" for part in tokens.loras(text)]
    wanted += [f"hypernetworks:{name}" for name in tokens.hypernetworks(text)]
    wanted += [f"embeddings:{part.name}" for part in tokens.embeddings(text)]
    return tuple(dict.fromkeys(wanted))


def embeddings_in(prompt: str, negative: str, known: frozenset[str]) -> tuple[str, ...]:
    """Names that stand in a prompt, marked or as bare words, and that are among the `known_embeddings`."""
    text = f"{prompt}\n{negative}"
    names = (*(part.name for part in tokens.embeddings(text)), *tokens.bare_words(text))
    return tuple(dict.fromkeys(name for name in names if plain(name) in known))


def parted(need: str) -> tuple[str, str]:
    """`upscalers:4x-sharp` -> `upscalers`, `4x-sharp`."""
    list_, _, name = need.partition(":")
    return list_, name


def in_words(need: str) -> str:
    list_, name = parted(need)
    return f"{WORDS.get(list_, list_)} {name}"


def has(card: BackendCard, need: str) -> bool:
    return spelled(card, need) is not None


def spelled(card: BackendCard, need: str) -> str | None:
    """The need's name as this backend spells it; None: it has not got it."""
    list_, name = parted(need)
    if card.open_lists:
        return name
    if list_ == "workflows":
        return name if card.workflows else None
    names = listed(card, list_)
    match list_:
        case "samplers":
            return found_sampler(name, names)
        case "schedulers":
            return found_scheduler(name, names) or _old_scheduler(name, card.samplers)
        case "detectors" if name.lower() in GENERIC:
            return found(name, names) or next((other for other in names if name.lower() in other.lower()), None)
        case _:
            return found(name, names)


def listed(card: BackendCard, list_: str) -> Sequence[str]:
    """One of the card's lists, by its name."""
    names = getattr(card, list_, ())
    return names if isinstance(names, tuple) else ()


def known_embeddings(cards: Iterable[BackendCard]) -> frozenset[str]:
    """Their names as `plain` has them."""
    return frozenset().union(*(_plain_names(card.embeddings) for card in cards))


@lru_cache(maxsize=64)
def _plain_names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(plain(name) for name in names)


def _old_scheduler(name: str, samplers: Sequence[str]) -> str | None:
    """Servers from before 1.9 have no schedulers but samplers that end in one."""
    wanted = sampling("", name).scheduler
    return name if any(sampling(other).scheduler == wanted for other in samplers) else None


def _wanted(stage: Stage) -> Iterator[tuple[str, str, str]]:
    """Field, list and name."""
    if isinstance(stage, Txt2Img | Img2Img | Refiner | Detail):
        yield from _some((("model", "models", stage.model), ("vae", "vaes", stage.vae)))
        yield from _sampling(stage.sampler, stage.scheduler)
        yield from (("encoders", "encoders", name) for name in stage.encoders)
    match stage:
        case Txt2Img():
            yield from _painted(stage)
            yield from _controls(stage.controls)
        case Img2Img():
            yield from _some((("mask_detector", "detectors", stage.mask_detector),))
            yield from _some((("workflow.name", "workflows", stage.workflow.name if stage.workflow else None),))
            yield from _controls(stage.controls)
        case Detail():
            yield from _detailed(stage)
        case Upscale():
            yield from _upscaled(stage)
        case FaceRestore():
            yield "restorer", "restorers", stage.restorer
        case Post():
            yield "processor", "processors", stage.processor
        case Interrogate():
            yield from _some((("model", "interrogators", stage.model),))
        case Score():
            yield from _some((("model", "scorers", stage.model),))
        case _:
            pass


def _painted(stage: Txt2Img) -> Iterator[tuple[str, str, str]]:
    if stage.hires is not None:
        yield from _upscaler("hires.upscaler", stage.hires.upscaler)
    yield from _some(
        (
            ("refiner.model", "models", stage.refiner.model if stage.refiner else None),
            ("hypernetwork", "hypernetworks", stage.hypernetwork),
            ("workflow.name", "workflows", stage.workflow.name if stage.workflow else None),
        )
    )


def _detailed(stage: Detail) -> Iterator[tuple[str, str, str]]:
    yield "detector", "detectors", stage.detector
    yield from _some((("control", "controls", stage.control),))
    yield from _some((("control_processor", "control_processors", stage.control_processor),))
    for field, text in (("prompt", stage.prompt), ("negative", stage.negative)):
        yield from ((field, *parted(need)) for need in words_need(text, ""))


def _upscaled(stage: Upscale) -> Iterator[tuple[str, str, str]]:
    yield from _upscaler("upscaler", stage.upscaler)
    if stage.blend > 0:
        yield from _upscaler("upscaler2", stage.upscaler2)
    if stage.denoise > 0:
        yield from _some((("model", "models", stage.model),))
        yield from _sampling(stage.sampler, stage.scheduler)


def _controls(units: tuple[Control, ...]) -> Iterator[tuple[str, str, str]]:
    for unit in units:
        yield "controls", "controls", unit.model
        yield from _some((("controls", "control_processors", unit.processor),))


def _sampling(sampler: str | None, scheduler: str | None) -> Iterator[tuple[str, str, str]]:
    """A schedule may stand behind the sampler's name, as people wrote it once."""
    if sampler:
        yield "sampler", "samplers", sampler
    schedule = sampling(sampler or "", scheduler).scheduler
    if schedule and schedule != "Automatic":
        yield ("scheduler" if scheduler else "sampler"), "schedulers", scheduler or schedule


def _upscaler(field: str, name: str | None) -> Iterator[tuple[str, str, str]]:
    if name and name.lower() not in RESAMPLERS and not name.lower().startswith("latent"):
        yield field, "upscalers", name


def _some(fields: Iterable[tuple[str, str, str | None]]) -> Iterator[tuple[str, str, str]]:
    yield from ((field, list_, name) for field, list_, name in fields if name)
