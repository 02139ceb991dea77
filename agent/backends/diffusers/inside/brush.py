"""A painter made ready for one stage: words, schedule, savings, adapters; and its three strokes.

`paint` from noise, `over` a picture, `inside` a mask. Each is one call of a diffusers pipeline, told step by step.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import nn

from agent.backends import BackendTrouble
from agent.backends.diffusers.inside.brief import Brief
from agent.backends.diffusers.inside.device import Savings
from agent.backends.diffusers.inside.painter import Painter, Pipeline
from agent.backends.diffusers.inside.precise import precise
from agent.backends.diffusers.inside.preview import previewed
from agent.backends.diffusers.inside.words import Words
from agent.backends.diffusers.samplers import Recipe

PREVIEW_SECONDS = 0.5

Size = tuple[int, int]


class Steering(NamedTuple):
    """ControlNets and what they see."""

    nets: tuple[nn.Module, ...]
    maps: tuple[Image.Image, ...]
    weights: tuple[float, ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]
    control_more: bool = False


@dataclass(frozen=True)
class Brush:
    brief: Brief
    painter: Painter
    recipe: Recipe
    words: Words
    steps: int
    cfg: float
    savings: Savings
    vae: nn.Module | None = None
    tiling: bool = False
    steering: Steering | None = None
    noise: float | None = None
    """Multiplies the noise that is put over a picture."""
    doing: str = "sampling"
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further words for the pipeline: `denoising_end`."""

    def called(self, doing: str) -> "Brush":
        return replace(self, doing=doing)

    def paint(
        self, size: Size, seeds: Sequence[int], *, noise: torch.Tensor | None = None, latent: bool = False
    ) -> "Painted":
        inputs: dict[str, object] = {"width": size[0], "height": size[1]}
        if noise is not None:
            inputs["latents"] = noise
        if self.steering:
            inputs["image"] = self._maps(size)
        return self._run("txt", seeds, inputs, latent=latent)

    def over(
        self, picture: Image.Image | torch.Tensor, strength: float, seeds: Sequence[int], *, latent: bool = False
    ) -> "Painted":
        """`strength` 0 to 1; when no step remains of it the caller must not call. Latents are N x C x H x W."""
        inputs: dict[str, object] = {"image": picture, "strength": strength}
        if self.steering:
            size = picture.size if isinstance(picture, Image.Image) else self._size_of(picture)
            inputs |= {"control_image": self._maps(size), "width": size[0], "height": size[1]}
        return self._run("img", seeds, inputs, latent=latent)

    def inside(self, picture: Image.Image, mask: Image.Image, strength: float, seed: int) -> Image.Image:
        """The whole picture as the model paints it; what lies outside the mask is the caller's to put back."""
        inputs: dict[str, object] = {
            "image": picture, "mask_image": mask, "strength": strength,
            "width": picture.width, "height": picture.height,
        }  # fmt: skip
        if self.steering:
            inputs["control_image"] = self._maps(picture.size)
        return self._run("inpaint", [seed], inputs).pictures[0]

    def steps_of(self, strength: float) -> int:
        """How many of the steps diffusers samples at this strength."""
        return min(int(self.steps * strength), self.steps)

    def noise_for(self, size: Size, seeds: Sequence[int]) -> torch.Tensor:
        """As the pipeline itself would draw it from these seeds."""
        cell = self.painter.cell
        shape = (len(seeds), self.painter.channels, size[1] // cell, size[0] // cell)
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        device = self.painter.device
        return randn_tensor(shape, generator=generators, device=device.torch, dtype=self.words.positive.dtype)

    # ------------------------------------------------------------------------------------------

    def _run(self, use: str, seeds: Sequence[int], inputs: dict[str, object], *, latent: bool = False) -> "Painted":
        controls = self.steering.nets if self.steering else ()
        pipeline = self.painter.pipeline(use, self.recipe, vae=self.vae, controls=controls)
        watch = _Watch(self, pipeline)
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        with self._prepared(pipeline):
            made = pipeline(
                **self.words.inputs(),
                **inputs,
                **self._steered(),
                **self.extra,
                num_inference_steps=self.steps,
                guidance_scale=self.cfg,
                num_images_per_prompt=len(seeds),
                generator=generators,
                output_type="latent" if latent else "np",
                callback_on_step_end=watch.after_step,
            )
        self.brief.teller.step(1, 1, watch.decoding)
        self.brief.reported["pipeline"] = type(pipeline).__name__
        self.brief.reported["steps_run"] = int(self.brief.reported.get("steps_run") or 0) + watch.steps
        if latent:
            return Painted((), made.images)
        return Painted(self._pictures(made), None)

    def _pictures(self, made: object) -> tuple[Image.Image, ...]:
        """Pixels that are no numbers make the picture suspect; a filter of the model's own is told."""
        pixels: np.ndarray = made.images  # type: ignore[attr-defined]
        if not np.isfinite(pixels).all():
            self.brief.suspect = "the model computed values that are no numbers (NaN); the picture is black there"
            pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
        flagged = getattr(made, "nsfw_content_detected", None)
        if flagged and any(flagged):
            self.brief.filters.append("safety_checker")
        return tuple(Image.fromarray(each) for each in (pixels * 255).round().astype("uint8"))

    @contextmanager
    def _prepared(self, pipeline: Pipeline) -> Iterator[None]:
        """Savings and seamless edges, for this call only: all pipelines share these parts."""
        vae, save = pipeline.vae, self.savings
        (vae.enable_slicing if save.vae_slices else vae.disable_slicing)()
        (vae.enable_tiling if save.vae_tiles else vae.disable_tiling)()
        if save.attention_slices:
            pipeline.enable_attention_slicing()
        seams = _seamless((pipeline.unet, vae)) if self.tiling else ()
        add = pipeline.scheduler.add_noise
        if self.noise is not None:
            pipeline.scheduler.add_noise = _louder(add, self.noise)
        careful = self.brief.order.careful
        if careful:
            self.brief.reported["decoded_in"] = "float32"
        try:
            with precise(vae) if careful else nullcontext():
                yield
        finally:
            for conv, mode in seams:
                conv.padding_mode = mode
            if save.attention_slices:
                pipeline.disable_attention_slicing()

    def _steered(self) -> dict[str, object]:
        if self.steering is None:
            return {}
        several = len(self.steering.nets) > 1
        weights, starts, ends = (
            list(each) for each in (self.steering.weights, self.steering.starts, self.steering.ends)
        )
        return {
            "controlnet_conditioning_scale": weights if several else weights[0],
            "control_guidance_start": starts if several else starts[0],
            "control_guidance_end": ends if several else ends[0],
            "guess_mode": self.steering.control_more,
        }

    def _maps(self, size: Size) -> object:
        assert self.steering
        maps = [
            each if each.size == size else each.resize(size, Image.Resampling.LANCZOS) for each in self.steering.maps
        ]
        return maps if len(maps) > 1 else maps[0]

    def _size_of(self, latents: torch.Tensor) -> Size:
        cell = self.painter.cell
        return latents.shape[-1] * cell, latents.shape[-2] * cell


class Painted(NamedTuple):
    pictures: tuple[Image.Image, ...]
    latents: torch.Tensor | None
    """Instead of pictures, where they were asked for."""


class _Watch:
    """Called by the pipeline after each step."""

    def __init__(self, brush: Brush, pipeline: Pipeline) -> None:
        self._teller = brush.brief.teller
        self._doing = brush.doing
        self.decoding = "decoding" if brush.doing == "sampling" else f"decoding, {brush.doing}"
        self._xl = brush.painter.is_xl
        self._shown = time.monotonic()
        self.steps = 0
        self._teller.step(0, brush.steps, brush.doing)

    def after_step(
        self, pipeline: Pipeline, step: int, timestep: object, tensors: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Raises Unwanted, which the pipeline lets through."""
        self.steps = step + 1
        total = max(int(pipeline.num_timesteps), self.steps)
        self._teller.step(self.steps, total, self._doing)
        if self.steps == total:
            self._teller.step(0, 1, self.decoding)
        now = time.monotonic()
        if self._teller.previews and now - self._shown >= PREVIEW_SECONDS and "latents" in tensors:
            self._shown = now
            if jpeg := previewed(tensors["latents"], xl=self._xl):
                self._teller.preview(jpeg)
        return {}


def size_fits(size: Size, grain: int, what: str) -> None:
    """Raises BackendTrouble for sides that the model cannot make."""
    if any(side % grain for side in size):
        near = tuple(max(grain, round(side / grain) * grain) for side in size)
        raise BackendTrouble(
            "bad-request",
            f"{what} {size[0]}x{size[1]} is no multiple of {grain} pixels; the nearest is {near[0]}x{near[1]}",
        )


def _seamless(modules: Sequence[nn.Module]) -> list[tuple[nn.Conv2d, str]]:
    """Every convolution sees the picture go on at its far edge. Returns what to put back."""
    before = []
    for module in modules:
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                before.append((part, part.padding_mode))
                part.padding_mode = "circular"
    return before


def _louder(add: Callable[..., torch.Tensor], times: float) -> Callable[..., torch.Tensor]:
    """Only the first time: later calls put the kept part of a picture back into the noise of their step."""
    calls = 0

    def added(original: torch.Tensor, noise: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return add(original, noise * times if calls == 1 else noise, steps)

    return added
