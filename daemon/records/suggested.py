"""Presets that somebody else proposes: checked against what stages have, shown against what the pack uses now."""

from collections.abc import Mapping

from schema.insights import Change
from schema.lessons import Suggestion
from schema.records import Settings


def read_presets(name: str, text: bytes) -> tuple[Suggestion, ...]:
    """`presets.json` as the bundle's README asks for it. Refused, naming the preset and the field at fault."""
    raise AssertionError(name, text)


def differences(suggestion: Suggestion, current: Mapping[str, Settings]) -> tuple[Change, ...]:
    """What it would change of what the pack is made with now; `stars` and `better` are 0: nobody knows."""
    raise AssertionError(suggestion, current)
