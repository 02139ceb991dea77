"""JSON as ComfyUI writes it: with `NaN` and `Infinity` where a number was none, which no strict reader takes.

Custom nodes have `Infinity` as the limit of an input, and a history may hold the `NaN` a node failed on.
"""

import json
from typing import TypeVar

import msgspec

from agent import answers

T = TypeVar("T")


def decoded(content: bytes, kind: type[T]) -> T:
    """Raises ValueError for what is no JSON, or has another shape. Quick where it is strict JSON."""
    try:
        return answers.decoded(content, kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as fault:
        if b"NaN" not in content and b"Infinity" not in content:
            raise ValueError(str(fault)) from None
    try:
        return msgspec.convert(json.loads(content, parse_constant=_nothing), kind)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _nothing(word: str) -> None:
    """In place of what is no number."""
