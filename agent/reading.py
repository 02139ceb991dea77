"""An order understood: its stage, and the files it speaks of, each in its place."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from pydantic import ValidationError

from agent.backends import Work
from schema.ids import Sha256
from schema.orders import Order
from schema.stages import ORDER_STAGE, GeneratePrompt, ImageStage, Img2Img, LlmEnhance, SelectLoras, Txt2Img, WordStage


class Unreadable(Exception):
    """The stage's config is none; the sentence names the field."""


def stage_of(order: Order) -> ImageStage | WordStage:
    """Raises Unreadable."""
    try:
        return ORDER_STAGE.validate_python(msgspec.msgpack.decode(order.config))
    except ValidationError as fault:
        first = fault.errors()[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except msgspec.MsgspecError as fault:
        raise Unreadable(str(fault)) from None


def needs_of(order: Order, stage: ImageStage | WordStage) -> tuple[Sha256, ...]:
    """Every blob the order speaks of; those its stage names may or may not be among its inputs."""
    return tuple(dict.fromkeys((*order.inputs, *_named(stage))))


def work_of(order: Order, stage: ImageStage | WordStage, path: Callable[[Sha256], Path]) -> Work:
    """`path` has all the blobs."""
    image, mask = (stage.image, stage.mask) if isinstance(stage, Img2Img) else (None, None)
    return Work(
        order=order,
        config=stage,
        inputs=tuple(path(sha) for sha in _before(order, stage)),
        image=path(Sha256(image)) if image else None,
        mask=path(Sha256(mask)) if mask else None,
        controls={sha: path(Sha256(sha)) for sha in _controls(stage)},
    )


def _before(order: Order, stage: ImageStage | WordStage) -> tuple[Sha256, ...]:
    """The pictures of the stage before: the inputs that the stage itself does not name.

    They come first; where the only one is also named, as a control picture may be, it is both.
    """
    named = _named(stage)
    before = tuple(sha for sha in order.inputs if sha not in named)
    alone = isinstance(stage, Txt2Img | GeneratePrompt | LlmEnhance | SelectLoras)
    alone = alone or (isinstance(stage, Img2Img) and stage.image is not None)
    return before if before or alone else order.inputs[:1]


def _named(stage: ImageStage | WordStage) -> tuple[Sha256, ...]:
    own = [stage.image, stage.mask] if isinstance(stage, Img2Img) else []
    return tuple(Sha256(sha) for sha in (*own, *_controls(stage)) if sha)


def _controls(stage: ImageStage | WordStage) -> tuple[str, ...]:
    units = stage.controls if isinstance(stage, Txt2Img | Img2Img) else ()
    return tuple(unit.image for unit in units if unit.image)
