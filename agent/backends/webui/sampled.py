"""Stages that run the sampler: request, checked answer, and the record of what was really used."""

from collections.abc import Mapping
from pathlib import Path

from agent.backends import BackendTrouble
from agent.backends.webui import answers
from agent.backends.webui.answers import Image, Result
from agent.backends.webui.attempt import Attempt, Outcome
from agent.backends.webui.carrying import carried
from agent.backends.webui.detailing import detail_request, detail_size
from agent.backends.webui.extras import tiled_request
from agent.backends.webui.infotext import fields_in
from agent.backends.webui.overrides import used_vae
from agent.backends.webui.owning import sampled_look
from agent.backends.webui.painting import picture_request, text_request, variation_seed
from agent.backends.webui.requests import PictureRequest, TextRequest
from agent.backends.webui.telling import Telling
from agent.backends.webui.wishes import (
    Chosen,
    SampledStage,
    checkpoint_of,
    chosen,
    controls_of,
    detector_of,
    one_of,
    sampler_of,
    upscaler_of,
    words,
)
from agent.effective import flattened
from schema.dialects import sampling
from schema.parts import Controls, Part
from schema.plans import Scalar
from schema.stages import Detail, Img2Img, Refiner, Txt2Img, Upscale


class Units(Part):
    """ControlNet units as they go into the record."""

    controls: Controls


def txt2img(attempt: Attempt, config: Txt2Img) -> Outcome:
    choice = chosen(config, attempt.stock, {})
    request = text_request(attempt.work, config, choice, attempt.stock, attempt.task(0))
    result = _painted(attempt, "txt2img", request, choice, config.batch, passes=2 if config.hires else 1)
    _check(attempt, result, choice, config)
    answers.check_controls(result, len(config.controls), config.batch, attempt.stock)
    scale = config.hires.scale if config.hires else 1.0
    size = int(config.width * scale) // 8 * 8, int(config.height * scale) // 8 * 8
    used = _used(attempt, config, choice, result)
    if config.hires:
        used["hires.upscaler"] = request.hr_upscaler
        used["hires.steps"] = config.hires.steps or config.steps
    if config.refiner:
        refiner = checkpoint_of(config.refiner.model, attempt.stock, {})
        answers.check_refiner(result, refiner, choice)
        used["refiner.model"] = refiner.name if refiner else None
    if config.hypernetwork:
        used["hypernetwork"] = one_of("hypernetwork", config.hypernetwork, attempt.stock.hypernetworks)
    if config.variation:
        used["variation_seed"] = variation_seed(config, attempt.work.order.seed)
    return attempt.outcome(config, result.images, [size] * config.batch, used, choice, result)


def repainted(attempt: Attempt, config: Img2Img | Refiner | Detail) -> Outcome:
    """Picture by picture; the first one's record stands for all."""
    images: list[Image] = []
    sizes: list[tuple[int, int]] = []
    pictures = attempt.pictures()
    choice = chosen(config, attempt.stock, fields_in(pictures[0]))
    first: tuple[PictureRequest, Result] | None = None
    for number, path in enumerate(pictures):
        request = _repaint_request(attempt, config, path, number, choice)
        result = _painted(attempt, "img2img", request, choice, 1)
        _check(attempt, result, choice, config)
        if isinstance(config, Img2Img):
            answers.check_controls(result, len(config.controls), 1, attempt.stock)
        if isinstance(config, Detail):
            _check_detail(result)
        images += result.images
        sizes.append(carried(path).size if isinstance(config, Detail) else (request.width, request.height))
        first = first or (request, result)
    assert first is not None
    used = _used(attempt, config, choice, first[1])
    if isinstance(config, Img2Img):
        used |= {"width": first[0].width, "height": first[0].height}
    if isinstance(config, Detail):
        width, height = detail_size(config, (first[0].width, first[0].height))
        used |= {"width": width, "height": height}
    return attempt.outcome(config, images, sizes, used, choice, first[1])


def _repaint_request(
    attempt: Attempt, config: Img2Img | Refiner | Detail, path: Path, number: int, choice: Chosen
) -> PictureRequest:
    make = detail_request if isinstance(config, Detail) else picture_request
    return make(attempt.work, config, path, number, choice, attempt.stock, attempt.task(number))  # type: ignore[arg-type]


def upscaled_in_tiles(attempt: Attempt, config: Upscale) -> Outcome:
    pictures = attempt.pictures()
    told = fields_in(pictures[0])
    sampler, scheduler = sampler_of(config.sampler, config.scheduler, attempt.stock, told)
    checkpoint = checkpoint_of(config.model, attempt.stock, told)
    choice = Chosen(checkpoint=checkpoint, vae=None, encoders=(), sampler=sampler, scheduler=scheduler)
    images: list[Image] = []
    sizes: list[tuple[int, int]] = []
    results: list[Result] = []
    for number, path in enumerate(pictures):
        tiled = tiled_request(attempt.work, config, path, number, choice, attempt.stock, attempt.task(number))
        result = _painted(attempt, "img2img", tiled.request, choice, 1, passes=tiled.tiles)
        answers.check_names(result, choice, attempt.stock)
        images += [image._replace(seed=tiled.request.seed) for image in result.images]
        sizes.append(tiled.size)
        results.append(result)
    used: dict[str, Scalar] = {
        "model": checkpoint.name if checkpoint else results[0].info.sd_model_name,
        "sampler": sampling(sampler).sampler,
        "scheduler": results[0].text.get("Schedule type") or scheduler or None,
        "upscaler": upscaler_of(config.upscaler, attempt.stock),
    }
    return attempt.outcome(config, images, sizes, used, choice, results[0])


def _painted(
    attempt: Attempt, kind: str, request: TextRequest | PictureRequest, choice: Chosen, count: int, *, passes: int = 1
) -> Result:
    loads = bool(choice.checkpoint and choice.checkpoint.name != attempt.resident)
    img2img = isinstance(request, PictureRequest)
    look = sampled_look(
        f"scripts_{kind}",
        request.steps,
        request.force_task_id,
        denoise=request.denoising_strength if img2img else None,
        second=request.hr_second_pass_steps if isinstance(request, TextRequest) else 0,
    )
    if request.alwayson_scripts.get("ADetailer"):
        look = look._replace(steps=frozenset())  # it has passes of its own
    told = Telling(passes=passes, begins="loading model" if loads else "preparing")
    modules = attempt.borrowed.modules(request.override_settings.get("forge_additional_modules"))
    answer, course = attempt.sent(f"/{kind}", request, look, told, modules)
    result = answers.painted(answer, count, attempt.door)
    course.settle(result.info.job_timestamp)
    answers.check_course(result, course, attempt.door)
    attempt.waited_s += course.waited_s
    if loads:
        attempt.loaded_s += course.first_step_s or 0.0
        attempt.resident = choice.checkpoint.name if choice.checkpoint else None
    return result


def _check(attempt: Attempt, result: Result, choice: Chosen, config: SampledStage) -> None:
    """ADetailer gives the img2img that it skips a sampler of its own choice."""
    check = answers.check_models if isinstance(config, Detail) else answers.check_names
    check(result, choice, attempt.stock)
    answers.check_clip_skip(result, config.clip_skip)


def _used(attempt: Attempt, config: SampledStage, choice: Chosen, result: Result) -> dict[str, Scalar]:
    """As the server says; what it does not say, as it was sent."""
    info, text = result.info, result.text
    schedule = text.get("Schedule type") or choice.scheduler or sampling(choice.sampler).scheduler or "Automatic"
    used: dict[str, Scalar] = {
        "model": choice.checkpoint.name if choice.checkpoint else info.sd_model_name,
        "vae": used_vae(choice, info.sd_vae_name if attempt.stock.flavour == "a1111" else _module(text), attempt.stock),
        "sampler": sampling(choice.sampler).sampler,
        "scheduler": sampling("", schedule).scheduler,
        "encoders": ", ".join(choice.encoders) or None,
    }
    if isinstance(config, Detail):
        order = attempt.work.order
        own = {"prompt": config.prompt or order.prompt, "negative": config.negative or order.negative}
        sent = {name: words(text, attempt.stock) for name, text in own.items()}
        return used | sent | {"detector": detector_of(config.detector, attempt.stock)}
    if not isinstance(config, Refiner) and config.controls:
        used["controls"] = flattened(Units(controls=controls_of(config.controls, attempt.stock)))["controls"]
    if info.steps is not None:
        used["steps"] = info.steps
    if info.cfg_scale is not None:
        used["cfg"] = info.cfg_scale
    if (guidance := text.get("Distilled CFG Scale")) is not None:
        used["guidance"] = _number(guidance)
    return used


def _module(text: Mapping[str, str]) -> str | None:
    """Forge's first module, as its infotext names it."""
    return text.get("Module 1")


def _check_detail(result: Result) -> None:
    """ADetailer that refused its arguments leaves no trace but the server's log, and a picture of one rough step."""
    if not any(key.startswith("ADetailer model") for key in result.text):
        raise BackendTrouble("backend", "ADetailer did not run; the server's log says why. Update the extension")


def _number(text: str) -> Scalar:
    try:
        return float(text)
    except ValueError:
        return text
