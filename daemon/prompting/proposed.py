"""Whether settings that somebody else proposes are settings at all: of stages, or weights of LoRAs. Pure."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isfinite
from typing import get_args

from pydantic import BaseModel

from daemon.prompting.fields import coerce
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.names import nearest
from schema.plans import Scalar
from schema.stages import Stage

LORA = "lora:"
HEAVIEST = 10.0


def check_settings(settings: Mapping[str, Scalar]) -> None:
    """`stage.field` by a kind's name (`detail2.steps`), or any stage that some kind has such a field for.

    Raises Refused for the first that no stage has, or whose value is none of its field.
    """
    for name, value in settings.items():
        if name.startswith(LORA):
            _check_weight(name, value)
        else:
            _check_field(name, value)


def _check_weight(name: str, value: Scalar) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > HEAVIEST:
        raise Refused(
            "a LoRA's weight is a number, mostly from 0 to 1.",
            where=told(name, 80),
            remedy=f"Write {told(name, 80)}: 0.7.",
        )


def _check_field(name: str, value: Scalar) -> None:
    stage, dot, field = name.partition(".")
    if not dot or ":" in stage or stage == "randomizer":
        raise Refused("this is no setting of a stage.", where=told(name, 80), remedy="Settings are STAGE.FIELD.")
    kinds = _kinds()
    kind = stage if stage in kinds else stage.rstrip("0123456789")
    if kind in kinds:
        coerce(_stage(kinds[kind], stage), field, value, told(name, 80))
        return
    faults: list[Refused] = []
    for one in kinds.values():  # a stage by a name that its owner gave it
        try:
            coerce(_stage(one, stage), field, value, told(name, 80))
        except Refused as fault:
            faults.append(fault)
    if len(faults) == len(kinds):
        close = ", ".join(nearest(stage, kinds))
        raise Refused(
            f"no stage has a field '{told(field, 40)}' with such a value.", where=told(name, 80),
            remedy=f"Is {close} meant?" if close else "Stages are txt2img, detail, upscale and the like.",
        )  # fmt: skip


@lru_cache(maxsize=1)
def _kinds() -> dict[str, type[BaseModel]]:
    return {kind.model_fields["type"].default: kind for kind in _models(Stage)}


def _models(union: object) -> Iterator[type[BaseModel]]:
    if isinstance(union, type) and issubclass(union, BaseModel):
        yield union
    for inner in get_args(union):
        yield from _models(inner)


def _stage(kind: type[BaseModel], name: str) -> Stage:
    """One that need not be whole: only its fields' types are asked for."""
    return kind.model_construct(type=kind.model_fields["type"].default, id=name)  # type: ignore[return-value]
