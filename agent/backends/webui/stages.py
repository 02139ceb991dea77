"""Each stage from its pictures to what was made of them: request, checked answer, record of what was used."""

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image as Pictures

from agent.backends import BackendTrouble, Drawn, Made, Reporter, Work
from agent.backends.webui import answers
from agent.backends.webui.answers import Image, Result
from agent.backends.webui.carrying import carried
from agent.backends.webui.detailing import detail_request
from agent.backends.webui.door import Door
from agent.backends.webui.extras import Extras, restore_extras, tiled_request, upscale_extras
from agent.backends.webui.infotext import fields_in
from agent.backends.webui.overrides import Tiles, used_vae
from agent.backends.webui.owning import Look, sampled_look
from agent.backends.webui.painting import picture_request, text_request, variation_seed
from agent.backends.webui.requests import InterrogateRequest, PictureRequest, TextRequest
from agent.backends.webui.running import Course, Runner, Telling
from agent.backends.webui.shapes import Caption
from agent.backends.webui.stock import INTERROGATORS, Stock
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
)
from agent.effective import flattened
from agent.http import Answer, ServerTrouble
from agent.pictures import opened
from schema.dialects import sampling
from schema.orders import attempt_id
from schema.parts import Controls, Part
from schema.plans import Scalar
from schema.stages import Detail, FaceRestore, ImageStage, Img2Img, Interrogate, Refiner, Txt2Img, Upscale

WebuiStage = SampledStage | Upscale | FaceRestore | Interrogate


class Units(Part):
    """ControlNet units as they go into the record."""

    controls: Controls


@dataclass(kw_only=True)
class Outcome:
    """What the backend keeps of a stage besides its pictures."""

    made: Made
    model: str | None = None
    """That is loaded now."""


@dataclass(kw_only=True)
class Stages:
    """One attempt's way to one server."""

    door: Door
    runner: Runner
    tiles: Tiles
    stock: Stock
    resident: str | None
    work: Work
    reporter: Reporter
    clock: Callable[[], float]
    loaded_s: float = field(default=0.0, init=False)

    def run(self) -> Outcome:
        config = self.work.config
        match config:
            case Txt2Img():
                return self._txt2img(config)
            case Img2Img() | Refiner() | Detail():
                return self._repainted(config)
            case Upscale():
                return self._upscaled_in_tiles(config) if config.denoise else self._upscaled(config)
            case FaceRestore():
                return self._restored(config)
            case Interrogate():
                return self._interrogated(config)
            case _:
                raise BackendTrouble("bad-request", f"a WebUI cannot do {config.type}")

    # Stages that sample -------------------------------------------------------------------------

    def _txt2img(self, config: Txt2Img) -> Outcome:
        choice = chosen(config, self.stock, {})
        request = text_request(self.work, config, choice, self.stock, self._task(0))
        result = self._painted("txt2img", request, choice, config.batch, passes=2 if config.hires else 1)
        self._check(result, choice, config.clip_skip)
        answers.check_controls(result, len(config.controls), config.batch, self.stock)
        scale = config.hires.scale if config.hires else 1.0
        size = int(config.width * scale) // 8 * 8, int(config.height * scale) // 8 * 8
        used = self._used(config, choice, result)
        if config.hires:
            used["hires.upscaler"] = request.hr_upscaler
            used["hires.steps"] = config.hires.steps or config.steps
        if config.refiner:
            refiner = checkpoint_of(config.refiner.model, self.stock, {})
            answers.check_refiner(result, refiner, choice)
            used["refiner.model"] = refiner.name if refiner else None
        if config.hypernetwork:
            used["hypernetwork"] = one_of("hypernetwork", config.hypernetwork, self.stock.hypernetworks)
        if config.variation:
            used["variation_seed"] = variation_seed(config, self.work.order.seed)
        return self._outcome(config, result.images, [size] * config.batch, used, choice, result)

    def _repainted(self, config: Img2Img | Refiner | Detail) -> Outcome:
        """Picture by picture; the first one's record stands for all."""
        images: list[Image] = []
        sizes: list[tuple[int, int]] = []
        pictures = self._pictures()
        choice = chosen(config, self.stock, fields_in(pictures[0]))
        first: tuple[PictureRequest, Result] | None = None
        for number, path in enumerate(pictures):
            request = self._repaint_request(config, path, number, choice)
            result = self._painted("img2img", request, choice, 1)
            self._check(result, choice, None if isinstance(config, Detail) else config.clip_skip)
            if isinstance(config, Img2Img):
                answers.check_controls(result, len(config.controls), 1, self.stock)
            if isinstance(config, Detail):
                _check_detail(result)
            images += result.images
            sizes.append(carried(path).size if isinstance(config, Detail) else (request.width, request.height))
            first = first or (request, result)
        assert first is not None
        used = self._used(config, choice, first[1])
        if isinstance(config, Img2Img):
            used |= {"width": first[0].width, "height": first[0].height}
        return self._outcome(config, images, sizes, used, choice, first[1])

    def _repaint_request(
        self, config: Img2Img | Refiner | Detail, path: Path, number: int, choice: Chosen
    ) -> PictureRequest:
        make = detail_request if isinstance(config, Detail) else picture_request
        return make(self.work, config, path, number, choice, self.stock, self._task(number))  # type: ignore[arg-type]

    def _upscaled_in_tiles(self, config: Upscale) -> Outcome:
        pictures = self._pictures()
        told = fields_in(pictures[0])
        sampler, scheduler = sampler_of(config.sampler, config.scheduler, self.stock, told)
        checkpoint = checkpoint_of(config.model, self.stock, told)
        choice = Chosen(checkpoint=checkpoint, vae=None, encoders=(), sampler=sampler, scheduler=scheduler)
        images: list[Image] = []
        sizes: list[tuple[int, int]] = []
        results: list[Result] = []
        for number, path in enumerate(pictures):
            tiled = tiled_request(self.work, config, path, number, choice, self.stock, self._task(number))
            result = self._painted("img2img", tiled.request, choice, 1, passes=tiled.tiles)
            answers.check_names(result, choice, self.stock)
            images += [image._replace(seed=tiled.request.seed) for image in result.images]
            sizes.append(tiled.size)
            results.append(result)
        used: dict[str, Scalar] = {
            "model": checkpoint.name if checkpoint else results[0].info.sd_model_name,
            "sampler": sampling(sampler).sampler,
            "scheduler": results[0].text.get("Schedule type") or scheduler or None,
            "upscaler": upscaler_of(config.upscaler, self.stock),
        }
        return self._outcome(config, images, sizes, used, choice, results[0])

    def _painted(
        self, kind: str, request: TextRequest | PictureRequest, choice: Chosen, count: int, *, passes: int = 1
    ) -> Result:
        loads = bool(choice.checkpoint and choice.checkpoint.name != self.resident)
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
        answer, course = self._sent(
            f"/{kind}", request, look, Telling(passes=passes, begins="loading model" if loads else "preparing")
        )
        result = answers.painted(answer, count, self.door)
        answers.check_course(result, course, self.door)
        if loads:
            self.loaded_s += course.first_step_s or 0.0
            self.resident = choice.checkpoint.name if choice.checkpoint else None
        return result

    def _check(self, result: Result, choice: Chosen, clip_skip: int | None) -> None:
        if clip_skip is None:
            return
        answers.check_names(result, choice, self.stock)
        answers.check_clip_skip(result, clip_skip)

    def _used(self, config: SampledStage, choice: Chosen, result: Result) -> dict[str, Scalar]:
        """As the server says; what it does not say, as it was sent."""
        info, text = result.info, result.text
        schedule = text.get("Schedule type") or choice.scheduler or sampling(choice.sampler).scheduler or "Automatic"
        used: dict[str, Scalar] = {
            "model": choice.checkpoint.name if choice.checkpoint else info.sd_model_name,
            "vae": used_vae(choice, info.sd_vae_name if self.stock.flavour == "a1111" else _module(text), self.stock),
            "sampler": sampling(choice.sampler).sampler,
            "scheduler": sampling("", schedule).scheduler,
            "encoders": ", ".join(choice.encoders) or None,
        }
        if isinstance(config, Detail):
            return used | {"detector": detector_of(config.detector, self.stock)}
        if not isinstance(config, Refiner) and config.controls:
            used["controls"] = flattened(Units(controls=controls_of(config.controls, self.stock)))["controls"]
        if info.steps is not None:
            used["steps"] = info.steps
        if info.cfg_scale is not None:
            used["cfg"] = info.cfg_scale
        if (guidance := text.get("Distilled CFG Scale")) is not None:
            used["guidance"] = _number(guidance)
        return used

    # Stages that do not -------------------------------------------------------------------------

    def _upscaled(self, config: Upscale) -> Outcome:
        extras = upscale_extras(config, self._pictures(), self.stock)
        name = extras.request.upscaler_1
        tile = config.tile if extras.side > config.tile else 0
        tiling = self.tiles.of(name, tile, config.overlap, self.stock.settings)
        images = self._extras(extras, "upscaling", tiling)
        used: dict[str, Scalar] = {"upscaler": name, "tile": tile}
        if config.upscaler2:
            used["upscaler2"] = extras.request.upscaler_2
        return self._outcome(config, images, extras.sizes, used)

    def _restored(self, config: FaceRestore) -> Outcome:
        pictures = self._pictures()
        extras = restore_extras(config, pictures, self.stock)
        images = self._extras(extras, "restoring")
        untouched = all(_same_pixels(path, image) for path, image in zip(pictures, images, strict=True))
        outcome = self._outcome(
            config, images, extras.sizes, {"strength": 0.0} if untouched and config.strength else {}
        )
        if untouched:
            note = "unchanged: no face was found, or the server has not the restorer's weights"
            outcome.made = replace(outcome.made, reported={**outcome.made.reported, "restored": note})
        return outcome

    def _extras(
        self, extras: Extras, doing: str, around: AbstractContextManager[object] | None = None
    ) -> tuple[Image, ...]:
        told = Telling(passes=1, begins=doing)
        answer, _ = self._sent(f"/{extras.path}", extras.request, Look("extras"), told, around)
        seeds = self.work.order.seed
        found = answers.upscaled(answer, len(extras.sizes), self.door)
        return tuple(image._replace(seed=seeds + number) for number, image in enumerate(found))

    def _interrogated(self, config: Interrogate) -> Outcome:
        model = one_of("interrogator", config.model or INTERROGATORS[0], INTERROGATORS)
        captions = []
        for path in self._pictures():
            request = InterrogateRequest(carried(path).text, model)
            told = Telling(passes=1, begins="interrogating")
            answer, _ = self._sent("/interrogate", request, Look("interrogate"), told)
            caption = (self._read_caption(answer).caption or "").strip()
            if caption.endswith("<error>"):
                raise BackendTrouble(
                    "bad-request", f"the WebUI cannot interrogate with {model}: its weights are missing; see its log"
                )
            captions.append(caption)
        made = Made(
            effective=flattened(config, {"model": model}),
            reported={"caption": "\n".join(captions), "flavour": self.stock.flavour},
        )
        return Outcome(made=made, model=self.resident)

    def _read_caption(self, answer: Answer) -> Caption:
        if not answer.ok:
            raise self.door.refused(answer)
        try:
            return answer.read(Caption)
        except ServerTrouble as trouble:
            raise BackendTrouble("backend", trouble.sentence) from None

    # Shared -------------------------------------------------------------------------------------

    def _sent(
        self,
        path: str,
        request: object,
        look: Look,
        told: Telling,
        around: AbstractContextManager[object] | None = None,
    ) -> tuple[Answer, Course]:
        return self.runner.run(path, request, look, self.reporter, told, around, tasks=self.stock.tasks)

    def _pictures(self) -> Sequence[Path]:
        """What the stage works on: its own image before those of the stage before it."""
        pictures = (self.work.image,) if self.work.image else self.work.inputs
        if not pictures:
            raise BackendTrouble("bad-request", f"{self.work.config.type} needs a picture and the order names none")
        return pictures

    def _task(self, number: int) -> str:
        order = self.work.order
        return f"stablenew~{attempt_id(order.job, order.stage, order.token)}~{number}~{self.clock():.6f}"

    def _outcome(
        self,
        config: ImageStage,
        images: Sequence[Image],
        sizes: Sequence[tuple[int, int]],
        used: dict[str, Scalar],
        choice: Chosen | None = None,
        result: Result | None = None,
    ) -> Outcome:
        reported: dict[str, Scalar] = (
            answers.reported(result, self.stock) if result else {"flavour": self.stock.flavour}
        )
        reported |= {"width": images[0].seen.width, "height": images[0].seen.height}
        made = Made(
            pictures=tuple(Drawn(image.content, image.seed) for image in images),
            effective=flattened(config, used),
            reported=reported,
            suspect=answers.suspect(images, sizes),
            loaded_s=self.loaded_s,
            megapixels=sum(image.seen.width * image.seen.height for image in images) / 1e6,
        )
        model = choice.checkpoint.name if choice and choice.checkpoint else self.resident
        return Outcome(made=made, model=model)


def _module(text: Mapping[str, str]) -> str | None:
    """Forge's first module, as its infotext names it."""
    return text.get("Module 1")


def _check_detail(result: Result) -> None:
    """ADetailer that refused its arguments leaves no trace but the server's log, and a picture of one rough step."""
    if not any(key.startswith("ADetailer model") for key in result.text):
        raise BackendTrouble("backend", "ADetailer did not run; the server's log says why. Update the extension")


def _same_pixels(path: Path, image: Image) -> bool:
    with Pictures.open(io.BytesIO(image.content), formats=("PNG", "JPEG", "WEBP")) as picture:
        return picture.size == image.seen.size and picture.convert("RGB").tobytes() == opened(path).tobytes()


def _number(text: str) -> Scalar:
    try:
        return float(text)
    except ValueError:
        return text
