"""Every kind of stage a WebUI does, and those of them that need no sampler: enlarge, restore faces, say in words."""

import io
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from PIL import Image as Pictures

from agent.backends import BackendTrouble, Made
from agent.backends.webui import answers
from agent.backends.webui.answers import Image
from agent.backends.webui.attempt import Attempt, Outcome
from agent.backends.webui.carrying import carried
from agent.backends.webui.extras import Extras, restore_extras, upscale_extras
from agent.backends.webui.owning import Look
from agent.backends.webui.requests import InterrogateRequest
from agent.backends.webui.sampled import repainted, txt2img, upscaled_in_tiles
from agent.backends.webui.shapes import Caption
from agent.backends.webui.stock import INTERROGATORS
from agent.backends.webui.telling import Telling
from agent.backends.webui.wishes import one_of
from agent.effective import flattened
from agent.http import Answer, ServerTrouble
from agent.pictures import opened
from schema.plans import Scalar
from schema.stages import Detail, FaceRestore, Img2Img, Interrogate, Refiner, Txt2Img, Upscale


def run_stage(attempt: Attempt) -> Outcome:
    """Raises BackendTrouble, or Cancelled after the server's answer."""
    config = attempt.work.config
    match config:
        case Txt2Img():
            return txt2img(attempt, config)
        case Img2Img() | Refiner() | Detail():
            return repainted(attempt, config)
        case Upscale():
            return upscaled_in_tiles(attempt, config) if config.denoise else _upscaled(attempt, config)
        case FaceRestore():
            return _restored(attempt, config)
        case Interrogate():
            return _interrogated(attempt, config)
        case _:
            raise BackendTrouble("bad-request", f"a WebUI cannot do {config.type}")


def _upscaled(attempt: Attempt, config: Upscale) -> Outcome:
    extras = upscale_extras(config, attempt.pictures(), attempt.stock)
    name = extras.request.upscaler_1
    tile = config.tile if extras.side > config.tile else 0
    tiling = attempt.borrowed.tiles(name, tile, config.overlap)
    images = _extras(attempt, extras, "upscaling", tiling)
    used: dict[str, Scalar] = {"upscaler": name, "tile": tile}
    if config.upscaler2:
        used["upscaler2"] = extras.request.upscaler_2
    return attempt.outcome(config, images, extras.sizes, used)


def _restored(attempt: Attempt, config: FaceRestore) -> Outcome:
    pictures = attempt.pictures()
    extras = restore_extras(config, pictures, attempt.stock)
    images = _extras(attempt, extras, "restoring")
    untouched = all(_same_pixels(path, image) for path, image in zip(pictures, images, strict=True))
    outcome = attempt.outcome(config, images, extras.sizes, {"strength": 0.0} if untouched and config.strength else {})
    if untouched:
        note = "unchanged: no face was found, or the server has not the restorer's weights"
        outcome.made = replace(outcome.made, reported={**outcome.made.reported, "restored": note})
    return outcome


def _extras(
    attempt: Attempt, extras: Extras, doing: str, around: AbstractContextManager[object] | None = None
) -> tuple[Image, ...]:
    told = Telling(passes=1, begins=doing)
    answer = _answer(attempt, f"/{extras.path}", extras.request, Look("extras"), told, around)
    seeds = attempt.work.order.seed
    found = answers.upscaled(answer, len(extras.sizes), attempt.door)
    return tuple(image._replace(seed=seeds + number) for number, image in enumerate(found))


def _interrogated(attempt: Attempt, config: Interrogate) -> Outcome:
    model = one_of("interrogator", config.model or INTERROGATORS[0], INTERROGATORS)
    captions = []
    for path in attempt.pictures():
        request = InterrogateRequest(carried(path).text, model)
        told = Telling(passes=1, begins="interrogating")
        answer = _answer(attempt, "/interrogate", request, Look("interrogate"), told)
        caption = (_read_caption(attempt, answer).caption or "").strip()
        if caption.endswith("<error>"):
            raise BackendTrouble(
                "bad-request", f"the WebUI cannot interrogate with {model}: its weights are missing; see its log"
            )
        captions.append(caption)
    made = Made(
        effective=flattened(config, {"model": model}),
        reported={"caption": "\n".join(captions), "flavour": attempt.stock.flavour},
    )
    return Outcome(made=made, model=attempt.resident)


def _answer(
    attempt: Attempt,
    path: str,
    request: object,
    look: Look,
    told: Telling,
    around: AbstractContextManager[object] | None = None,
) -> Answer:
    """It does not say when its job began, as a sampler's does; the server does, where it was too quick to be seen."""
    answer, course = attempt.sent(path, request, look, told, around)
    if course.timestamp is None:
        with suppress(BackendTrouble):
            course.ended(attempt.door.progress())
    return answer


def _read_caption(attempt: Attempt, answer: Answer) -> Caption:
    if not answer.ok:
        raise attempt.door.refused(answer)
    try:
        return answer.read(Caption)
    except ServerTrouble as trouble:
        raise BackendTrouble("backend", trouble.sentence) from None


def _same_pixels(path: Path, image: Image) -> bool:
    with Pictures.open(io.BytesIO(image.content), formats=("PNG", "JPEG", "WEBP")) as picture:
        return picture.size == image.seen.size and picture.convert("RGB").tobytes() == opened(path).tobytes()
