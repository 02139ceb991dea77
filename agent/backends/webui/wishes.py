"""A stage's names found among what the server has, or refused with the nearest that exist.

The server itself takes another sampler, model or VAE in silence where it does not know one, so nothing is sent unfound.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.backends import BackendTrouble
from agent.backends.webui.stock import NO_UPSCALER, PLAIN_UPSCALERS, Checkpoint, Stock, detector_file
from schema.dialects import sampling
from schema.names import found, found_sampler, found_scheduler, nearest
from schema.parts import Controls
from schema.stages import Detail, Img2Img, Refiner, Txt2Img

SampledStage = Txt2Img | Img2Img | Refiner | Detail

BUILT_IN = "built in"
AUTOMATIC = "Automatic"
DEFAULT_SAMPLER = "Euler a"

_NETWORK = re.compile(r"<(lora|lyco|hypernet):([^:<>]+)((?::[^<>]*)?)>", re.IGNORECASE)
_EMBEDDING = re.compile(r"<embedding:([^:<>]+)>", re.IGNORECASE)
_BARE = re.compile(r"<([^:<>]+)>")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Every name as this server spells it."""

    checkpoint: Checkpoint | None
    """None: it has none, or does not say which is loaded."""
    vae: str | None
    """None: the server's own choice."""
    encoders: tuple[str, ...]
    sampler: str
    scheduler: str
    """Empty: this version has it behind the sampler's name."""


def refused(what: str, name: str, names: Iterable[str]) -> BackendTrouble:
    near = nearest(name, names)
    rest = f"; the nearest it has: {', '.join(near)}" if near else ", nor anything like it"
    return BackendTrouble("bad-request", f"this WebUI has no {what} '{name}'{rest}")


def one_of(what: str, name: str, names: Sequence[str]) -> str:
    """As the server spells it. Raises BackendTrouble."""
    spelled = found(name, names)
    if spelled is None:
        raise refused(what, name, names)
    return spelled


def chosen(config: SampledStage, stock: Stock, picture: Mapping[str, str]) -> Chosen:
    """`picture`: the infotext of the picture worked on, which says what a stage leaves open."""
    if isinstance(config, Txt2Img | Img2Img) and config.workflow:
        raise BackendTrouble("bad-request", "a WebUI runs no ComfyUI workflows; take the backend comfyui for it")
    vae = one_of("VAE", config.vae, stock.vaes) if config.vae else None
    if config.encoders and stock.flavour == "a1111":
        raise BackendTrouble("bad-request", "AUTOMATIC1111 loads no text encoders of their own; leave `encoders` empty")
    if config.guidance is not None and stock.flavour == "a1111":
        raise BackendTrouble("bad-request", "AUTOMATIC1111 has no distilled guidance; leave `guidance` out")
    sampler, scheduler = sampler_of(config.sampler, config.scheduler, stock, picture)
    return Chosen(
        checkpoint=checkpoint_of(config.model, stock, picture),
        vae=vae,
        encoders=tuple(one_of("text encoder", name, stock.encoders) for name in config.encoders),
        sampler=sampler,
        scheduler=scheduler,
    )


def checkpoint_of(model: str | None, stock: Stock, picture: Mapping[str, str]) -> Checkpoint | None:
    """Where the stage names none: the picture's, if it is here, else what the server is set to."""
    name = model or found(picture.get("Model", ""), stock.models) or stock.resident
    if name is None:
        return None
    spelled = one_of("model", name, stock.models)
    return next(each for each in stock.checkpoints if each.name == spelled)


def sampler_of(sampler: str | None, scheduler: str | None, stock: Stock, picture: Mapping[str, str]) -> tuple[str, str]:
    """Both as the server spells them."""
    told = picture.get("Sampler")
    if sampler is None and told and found_sampler(told, stock.samplers):
        behind = picture.get("Schedule type", "")
        sampler, scheduler = told, scheduler or (behind if found_scheduler(behind, stock.schedulers) else None)
    name, schedule = sampling(sampler or _default_sampler(stock), scheduler)
    schedule = schedule or AUTOMATIC
    if not stock.schedulers:
        return _behind(name, schedule, stock), ""
    spelled = found_sampler(name, stock.samplers)
    if spelled is None:
        raise refused("sampler", name, stock.samplers)
    label = found_scheduler(schedule, stock.schedulers)
    if label is None:
        raise refused("scheduler", schedule, stock.schedulers)
    return spelled, label


def _default_sampler(stock: Stock) -> str:
    return found_sampler(DEFAULT_SAMPLER, stock.samplers) or next(iter(stock.samplers), DEFAULT_SAMPLER)


def _behind(name: str, schedule: str, stock: Stock) -> str:
    """Versions before the schedulers had a list of their own: `DPM++ 2M Karras`."""
    wanted = (name, None if schedule == AUTOMATIC else schedule)
    for other in stock.samplers:
        if sampling(other) == wanted:
            return other
    raise refused("sampler", name if schedule == AUTOMATIC else f"{name} {schedule}", stock.samplers)


def upscaler_of(name: str | None, stock: Stock) -> str:
    """Of extras: the hires pass's latent ones do not work on pixels."""
    if name is None:
        with_model = [each for each in stock.upscalers if each not in PLAIN_UPSCALERS]
        return next(iter([*with_model, *stock.upscalers]), NO_UPSCALER)
    if name in stock.latent_upscalers:
        raise BackendTrouble("bad-request", f"'{name}' works in the hires pass only; take one of {stock.upscalers[:3]}")
    return one_of("upscaler", name, stock.upscalers)


def detector_of(name: str, stock: Stock) -> str:
    file = detector_file(name, stock.detectors)
    return file if file is not None else one_of("detector", name, stock.detectors)


def controls_of(controls: Controls, stock: Stock) -> Controls:
    """ControlNet units with the server's own names. Raises BackendTrouble for a model or preprocessor it lacks."""
    return tuple(
        control.model_copy(
            update={
                "model": one_of("ControlNet model", control.model, stock.controls),
                "processor": control.processor and processor_of(control.processor, stock),
            }
        )
        for control in controls
    )


def processor_of(name: str, stock: Stock) -> str:
    """Listed as `canny`, or as `depth (anything v2)`; the word before the bracket is enough."""
    by_word = {other.partition(" (")[0].lower(): other for other in reversed(stock.control_processors)}
    if name in stock.control_processors:
        return name
    if name.lower() in by_word:
        return by_word[name.lower()]
    raise refused("ControlNet preprocessor", name, stock.control_processors)


def words(prompt: str, stock: Stock) -> str:
    """The prompt in the WebUI's own syntax. Raises BackendTrouble for a LoRA, embedding or hypernetwork it lacks.

    It looks networks up letter by letter and drops one it does not find without a word, so each gets the name it has
    there. It would drop `<embedding:NAME>` too, as a network of an unknown kind: embeddings are plain words there. A
    server that has not loaded a model yet lists no embeddings.
    """
    prompt = _NETWORK.sub(lambda match: f"<{_network(match[1].lower(), match[2].strip(), stock)}{match[3]}>", prompt)
    prompt = _EMBEDDING.sub(lambda match: _embedding(match[1].strip(), stock), prompt)
    return _BARE.sub(lambda match: found(match[1], stock.embeddings) or match[0], prompt)


def _network(kind: str, name: str, stock: Stock) -> str:
    """As `lora:haze`; an alias stays one."""
    if kind == "hypernet":
        return f"{kind}:{one_of('hypernetwork', name, stock.hypernetworks)}"
    aliases = tuple(lora.alias for lora in stock.loras if lora.alias)
    if name in aliases:
        return f"{kind}:{name}"
    spelled = found(name, tuple(lora.name for lora in stock.loras)) or found(name, aliases)
    if spelled is None:
        raise refused("LoRA", name, stock.lora_names)
    return f"{kind}:{spelled}"


def _embedding(name: str, stock: Stock) -> str:
    return one_of("embedding", name, stock.embeddings) if stock.embeddings else name
