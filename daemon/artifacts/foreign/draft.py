"""What a reader finds, gathered field by field: checked against what a stage may be told, the rest kept verbatim."""

from collections.abc import Iterable
from functools import cache

from pydantic import BaseModel, ValidationError, create_model

from daemon.artifacts.foreign.document import Document
from schema.dialects import Sampling, sampling
from schema.foreign import Foreign, LoraUse, Program
from schema.parts import Hires, Switch
from schema.plans import Scalar
from schema.stages import Detail, FaceRestore, Img2Img, Txt2Img, Upscale

KINDS: dict[str, type[BaseModel]] = {
    "txt2img": Txt2Img, "img2img": Img2Img, "detail": Detail, "upscale": Upscale, "face_restore": FaceRestore,
    "txt2img.hires": Hires, "txt2img.refiner": Switch,
}  # fmt: skip
"""Where fields of these names go."""

NO_SAMPLER = ("Undefined", "Default", "None")

MOST_WORDS = 10_000
"""Characters of a prompt that are taken; as the stages have it."""

CHECKPOINTS = (".safetensors", ".ckpt", ".pt", ".pth", ".gguf", ".sft")


class Draft:
    """Filled by a reader and then told as a `Foreign`."""

    def __init__(self, program: Program, version: str = "") -> None:
        self.program = program
        self.version = version
        self.prompt = ""
        self.negative = ""
        self.seed: int | None = None
        self.fields: dict[str, Scalar] = {}
        self._loras: dict[str, float] = {}
        self._rest: list[tuple[str, str]] = []
        self._warnings: list[str] = []

    @property
    def empty(self) -> bool:
        return not (self.prompt or self.negative or self.fields or self.seed is not None)

    def put(self, field: str, value: Scalar, said: str = "") -> None:
        """Sets `stage.field`, unless the value is nothing. One that the stage cannot be told goes to the rest,
        as `said` or by the field's name.
        """
        if value is None or value == "" or field in self.fields:
            return
        checked = _checked(field, value)
        if checked is None:
            self.keep(said or field, str(value))
            self.warn(f"{field} cannot be {str(value)[:60]} here; it is left out.")
        else:
            self.fields[field] = checked

    def sample(self, sampler: str | None, scheduler: str | None, stage: str = "txt2img") -> None:
        """Both by the names that are used here; a sampler whose name says its schedule says both."""
        if sampler and sampler not in NO_SAMPLER:
            known = _sampling(sampler, scheduler)
            self.put(f"{stage}.sampler", known.sampler, "sampler")
            scheduler = known.scheduler
        elif scheduler:
            scheduler = sampling("Euler", scheduler).scheduler
        if scheduler and scheduler != "Undefined":
            self.put(f"{stage}.scheduler", scheduler, "scheduler")

    def size(self, width: int | None, height: int | None) -> None:
        self.put("txt2img.width", width, "width")
        self.put("txt2img.height", height, "height")

    def model(self, name: str | None) -> None:
        self.put("txt2img.model", stem(name), "model")

    def lora(self, name: str | None, weight: float | None = 1.0) -> None:
        if name and stem(name):
            self._loras.setdefault(stem(name) or "", 1.0 if weight is None else weight)

    def keep(self, key: str, value: str) -> None:
        self._rest.append((key, value))

    def keep_all(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._rest += pairs

    def keep_rest(self, *documents: Document | None) -> None:
        """What was not asked of each; one that is part of another is not told twice."""
        told = {id(one) for one in documents}
        for one in documents:
            if one is not None:
                self.keep_all(one.rest(told))

    def warn(self, sentence: str) -> None:
        if sentence not in self._warnings:
            self._warnings.append(sentence)

    def told(self, name: str, carrier: str, media: str) -> Foreign:
        prompt, negative = (self._cut(text.strip()) for text in (self.prompt, self.negative))
        model = self.fields.get("txt2img.model")
        return Foreign(
            name=name,
            program=self.program,
            version=self.version,
            carrier=carrier,
            media=media,
            prompt=prompt,
            negative=negative,
            seed=self.seed if self.seed is not None and self.seed >= 0 else None,
            model=model if isinstance(model, str) else None,
            loras=tuple(
                LoraUse(name=lora, weight=weight)
                for lora, weight in self._loras.items()
                if f"<lora:{lora}:" not in prompt and f"<lora:{lora}>" not in prompt
            ),
            fields=self.fields,
            rest=tuple(self._rest),
            warnings=tuple(self._warnings),
        )

    def _cut(self, text: str) -> str:
        if len(text) > MOST_WORDS:
            self.warn(f"The prompt has {len(text):,} characters; the first {MOST_WORDS:,} are taken.")
        return text[:MOST_WORDS]


def _sampling(sampler: str, scheduler: str | None) -> Sampling:
    """Also by names that only some programs put a `k_` before."""
    known = sampling(sampler, scheduler)
    if known.sampler == sampler and sampler.startswith("k_"):
        shorter = sampling(sampler.removeprefix("k_"), scheduler)
        return shorter if shorter.sampler != sampler.removeprefix("k_") else known
    return known


def stem(name: str | None) -> str | None:
    """A model without folders and the ending of its file."""
    if not name:
        return None
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].strip()
    for ending in CHECKPOINTS:
        if last.lower().endswith(ending):
            last = last[: -len(ending)]
    return last or None


def _checked(field: str, value: Scalar) -> Scalar:
    """The value as the stage's own field takes it; None: it does not."""
    stage, _, name = field.rpartition(".")
    kind = KINDS.get(stage) or KINDS.get(stage.rstrip("0123456789"))
    alone = _alone(kind, name) if kind is not None else None
    if alone is None:
        return None
    try:
        checked: object = getattr(alone.model_validate({"value": value}), "value", None)
    except (ValidationError, OverflowError):
        return None
    return checked if isinstance(checked, str | int | float | bool) else value


@cache
def _alone(kind: type[BaseModel], name: str) -> type[BaseModel] | None:
    """A model of this one field: the others are not there yet."""
    info = kind.model_fields.get(name)
    return None if info is None else create_model(f"{kind.__name__}_{name}", value=(info.annotation or str, info))
