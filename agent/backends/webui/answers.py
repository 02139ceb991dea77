"""What came back: the pictures that were asked for among all that came, and whether they are what was asked for.

The server echoes what it was told in `parameters`; only `info` and the picture itself tell what it did.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from agent.backends import BackendTrouble
from agent.backends.webui.door import Door
from agent.backends.webui.errors import broken_off
from agent.backends.webui.infotext import fields
from agent.backends.webui.shapes import Info, Painted, Upscaled
from agent.backends.webui.stock import Checkpoint, Stock, stem
from agent.backends.webui.watching import Course
from agent.backends.webui.wishes import Chosen
from agent.http import Answer, ServerTrouble
from agent.pictures import Seen, seen
from schema.dialects import sampling
from schema.plans import Scalar

T = TypeVar("T")

WHOSE = "the WebUI"


class Image(NamedTuple):
    content: bytes
    seen: Seen
    seed: int | None


class Result(NamedTuple):
    images: tuple[Image, ...]
    info: Info
    text: Mapping[str, str]
    """Fields of the first picture's infotext."""
    extra: int
    """Pictures beyond those asked for: maps of ControlNet units, masks."""
    grid: bool


def painted(answer: Answer, count: int, door: Door) -> Result:
    """`count` pictures, without a grid before and maps behind them. Raises BackendTrouble for fewer."""
    body = _read(answer, Painted, door)
    try:
        info = msgspec.json.decode(body.info or "{}", type=Info)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise BackendTrouble("backend", f"{WHOSE} says nothing readable of its picture: {fault}") from None
    first = max(0, info.index_of_first_image or 0)
    all_images = body.images or []
    wanted = all_images[first : first + count]
    if len(wanted) < count:
        raise BackendTrouble(
            "backend",
            f"{WHOSE} made {len(wanted)} of {count} pictures; somebody interrupted it",
        )
    seeds = info.all_seeds or []
    images = tuple(image_of(text, seeds[number] if number < len(seeds) else None) for number, text in enumerate(wanted))
    texts = info.infotexts or []
    text = fields(texts[first]) if first < len(texts) else {}
    return Result(images, info, text, len(all_images) - first - count, first > 0)


def upscaled(answer: Answer, count: int, door: Door) -> tuple[Image, ...]:
    body = _read(answer, Upscaled, door)
    texts = body.images if body.images is not None else [body.image]
    if len(texts) != count:
        raise BackendTrouble("backend", f"{WHOSE} answered {len(texts)} pictures, {count} were sent")
    return tuple(image_of(text, None) for text in texts)


def image_of(text: str | None, seed: int | None) -> Image:
    """Its format is seen from the bytes: the server's setting may be any."""
    try:
        content = base64.b64decode((text or "").rpartition(",")[2], validate=False)
    except (binascii.Error, ValueError):
        raise BackendTrouble("backend", f"{WHOSE} answered a picture that is cut off") from None
    if not content:
        raise BackendTrouble("backend", f"{WHOSE} answered no picture")
    return Image(content, seen(content, WHOSE), seed)


def _read(answer: Answer, kind: type[T], door: Door) -> T:
    if not answer.ok:
        raise door.refused(answer)
    try:
        return answer.read(kind)
    except ServerTrouble as trouble:
        raise broken_off(trouble) from None


# Whether it is what was asked for ---------------------------------------------------------------


def check_course(result: Result, course: Course, door: Door) -> None:
    """Raises BackendTrouble when another client interrupted our job: the picture would pass for a finished one.

    Nothing in the answer tells; the server's flags do, until its next job begins.
    """
    cut = course.interrupted
    if not cut:
        state = door.progress().state
        cut = state.cut_short and state.job_timestamp == result.info.job_timestamp
    if cut:
        raise BackendTrouble(
            "backend", f"another client interrupted {WHOSE}, so the picture was left unfinished; it is made again"
        )


def check_names(result: Result, chosen: Chosen, stock: Stock) -> None:
    """Raises BackendTrouble where the server took something else in silence."""
    check_models(result, chosen, stock)
    info, text = result.info, result.text
    asked, used = sampling(chosen.sampler), sampling(info.sampler_name or chosen.sampler)
    if asked.sampler.lower() != used.sampler.lower():
        raise substituted("sampler", chosen.sampler, info.sampler_name or "")
    schedule = text.get("Schedule type")
    if chosen.scheduler and schedule and sampling("", chosen.scheduler) != sampling("", schedule):
        raise substituted("scheduler", chosen.scheduler, schedule)


def check_models(result: Result, chosen: Chosen, stock: Stock) -> None:
    """Model, VAE and text encoders alone."""
    info, text = result.info, result.text
    if chosen.checkpoint and info.sd_model_name and stem(info.sd_model_name) != chosen.checkpoint.stem:
        raise substituted("model", chosen.checkpoint.name, info.sd_model_name)
    if stock.flavour == "forge":
        used_modules = {value.lower() for key, value in text.items() if key.startswith("Module ")}
        for name in (chosen.vae, *chosen.encoders):
            if name and text and stem(name) not in used_modules:
                raise substituted("module", name, ", ".join(sorted(used_modules)) or "none")
    elif chosen.vae and info.sd_vae_name is not None and stem(info.sd_vae_name) != stem(chosen.vae):
        raise substituted("VAE", chosen.vae, info.sd_vae_name)


def substituted(what: str, asked: str, used: str) -> BackendTrouble:
    return BackendTrouble("backend", f"{WHOSE} used {what} '{used}' where '{asked}' was asked for")


def check_clip_skip(result: Result, asked: int) -> None:
    """It stands in the infotext only where it is above 1."""
    told = result.text.get("Clip skip")
    if result.text and (told or "1") != str(asked):
        raise substituted("clip skip", str(asked), told or "1")


def check_refiner(result: Result, refiner: Checkpoint | None, choice: Chosen) -> None:
    """The server leaves it out, and says nothing, when it is the model that samples anyway."""
    same = refiner is None or choice.checkpoint is None or refiner.stem == choice.checkpoint.stem
    if not same and result.text and "Refiner" not in result.text:
        raise substituted("refiner", refiner.name if refiner else "", "none")


def check_controls(result: Result, units: int, batch: int, stock: Stock) -> None:
    """A unit that fails inside the server leaves a picture without it. Its map is missing then, on Forge."""
    if not units:
        return
    told = sum(key.startswith("ControlNet ") and key[11:].isdigit() for key in result.text)
    if result.text and told < units:
        raise BackendTrouble("backend", f"{WHOSE} used {told} of {units} ControlNet units; its log says why")
    if stock.flavour == "forge" and result.extra < units:
        raise BackendTrouble(
            "backend", f"{WHOSE} made the picture without {units - result.extra} of its ControlNet units; "
            "its log says why"
        )  # fmt: skip


def suspect(images: Sequence[Image], sizes: Sequence[tuple[int, int]]) -> str | None:
    """A sentence when a picture has another size than was asked for."""
    for image, size in zip(images, sizes, strict=True):
        if image.seen.size != size:
            return f"{size[0]}x{size[1]} was asked for and {WHOSE} made {image.seen.width}x{image.seen.height}"
    return None


def reported(result: Result, stock: Stock) -> dict[str, Scalar]:
    """Whatever else the server says, in its own words."""
    info = result.info
    texts = info.infotexts or []
    first = max(0, info.index_of_first_image or 0)
    said: dict[str, Scalar] = {
        "infotext": texts[first] if first < len(texts) else None,
        "version": info.version,
        "flavour": stock.flavour,
        "model_name": info.sd_model_name,
        "model_hash": info.sd_model_hash,
        "vae_name": info.sd_vae_name,
        "sampler_name": info.sampler_name,
        "extra_pictures": result.extra or None,
    }
    return {name: value for name, value in said.items() if value is not None}
