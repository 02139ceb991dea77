"""Models that look at pictures: detectors, CLIP and BLIP, from local folders in transformers' layout."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import nn
from transformers import (
    AutoImageProcessor,
    AutoModelForObjectDetection,
    BlipForConditionalGeneration,
    BlipProcessor,
    CLIPModel,
    CLIPProcessor,
)

from agent.backends.diffusers.inside.device import Device
from agent.backends.diffusers.inside.painter import local
from agent.pictures.masks import Box

CLIP_SCALE = 2.5
"""CLIPScore = 2.5 * max(cos, 0): Hessel et al. 2021, https://arxiv.org/abs/2104.08718, formula 1. Cut at 1 here."""

CAPTION_TOKENS = 50


class Found(NamedTuple):
    box: Box
    confidence: float
    label: str


class Detector:
    def __init__(self, path: Path, device: Device) -> None:
        self._device = device
        self._prepare = AutoImageProcessor.from_pretrained(str(path), local_files_only=True)
        model = AutoModelForObjectDetection.from_pretrained(str(path), **local(path))
        self._model: nn.Module = model.to(device.torch).eval()
        self.labels: dict[int, str] = dict(model.config.id2label)

    def modules(self) -> Iterator[nn.Module]:
        yield self._model

    def find(self, picture: Image.Image, confidence: float) -> list[Found]:
        """Most certain first."""
        inputs = self._prepare(images=picture, return_tensors="pt").to(self._device.torch)
        with torch.inference_mode():
            outputs = self._model(**inputs)
        size = torch.tensor([(picture.height, picture.width)])
        (seen,) = self._prepare.post_process_object_detection(outputs, threshold=confidence, target_sizes=size)
        found = [
            Found(_inside([round(float(side)) for side in box], picture.size), float(score), self.labels[int(label)])
            for box, score, label in zip(seen["boxes"], seen["scores"], seen["labels"], strict=True)
        ]
        return sorted((f for f in found if f.box.right > f.box.left and f.box.bottom > f.box.top),
                      key=lambda f: -f.confidence)  # fmt: skip


class Scorer:
    def __init__(self, path: Path, device: Device) -> None:
        self._device = device
        self._prepare = CLIPProcessor.from_pretrained(str(path), local_files_only=True)
        self._model = CLIPModel.from_pretrained(str(path), **local(path)).to(device.torch).eval()

    def modules(self) -> Iterator[nn.Module]:
        yield self._model

    def cosine(self, picture: Image.Image, words: str) -> float:
        inputs = self._prepare(
            text=[words], images=picture, return_tensors="pt", padding=True, truncation=True
        ).to(self._device.torch)  # fmt: skip
        with torch.inference_mode():
            seen = self._model(**inputs)
        return float(torch.nn.functional.cosine_similarity(seen.image_embeds, seen.text_embeds)[0])


def clip_score(cosine: float) -> float:
    return min(1.0, CLIP_SCALE * max(0.0, cosine))


class Captioner:
    def __init__(self, path: Path, device: Device) -> None:
        self._device = device
        self._prepare = BlipProcessor.from_pretrained(str(path), local_files_only=True)
        self._model = BlipForConditionalGeneration.from_pretrained(str(path), **local(path))
        self._model = self._model.to(device.torch).eval()

    def modules(self) -> Iterator[nn.Module]:
        yield self._model

    def caption(self, picture: Image.Image) -> str:
        """The likeliest, word by word: the same picture gives the same words."""
        inputs = self._prepare(images=picture, return_tensors="pt").to(self._device.torch)
        with torch.inference_mode():
            tokens = self._model.generate(**inputs, max_new_tokens=CAPTION_TOKENS, do_sample=False, num_beams=1)
        return str(self._prepare.decode(tokens[0], skip_special_tokens=True)).strip()


def _inside(box: Sequence[int], size: tuple[int, int]) -> Box:
    left, top, right, bottom = box
    return Box(max(0, left), max(0, top), min(size[0], right), min(size[1], bottom))
