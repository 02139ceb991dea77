"""Presets that somebody else proposes: `presets.json` as the bundle's README asks for it. Pure."""

import json
from hashlib import sha256

import msgspec

from daemon.records.shapes import PresetProposal, Presets
from schema.errors import Refused
from schema.lessons import Suggestion

LARGEST = 1 << 20
"""Bytes: a language model does not propose more."""


def read_presets(name: str, text: bytes) -> tuple[Suggestion, ...]:
    """Refused, naming the preset and the field at fault. Whether stages have such settings is checked elsewhere."""
    if len(text) > LARGEST:
        raise Refused(f"has {len(text):,} bytes, and {LARGEST:,} are read at most.", where=name)
    _check_json(name, text)
    try:
        found = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=Presets)
    except msgspec.DecodeError as fault:  # also half a character, which JSON may hold and text may not
        raise Refused(f"{fault}.", where=name, remedy="See `presets` in the bundle's schema.json.") from None
    return tuple(_suggestion(one, found.source) for one in found.presets)


def is_presets(text: bytes) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "presets" in value


def _suggestion(one: PresetProposal, source: str) -> Suggestion:
    """Named by what it says, so that the same file twice is one suggestion."""
    said = msgspec.json.encode((one.pack, sorted(one.settings.items())))
    return Suggestion(
        id=f"s{sha256(said).hexdigest()[:8]}", pack=one.pack, settings=one.settings, why=one.why, source=source
    )


def _check_json(name: str, text: bytes) -> None:
    try:
        json.loads(text.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as torn:
        raise Refused(
            "this is no UTF-8 text.", where=f"{name}:1:{torn.start + 1}", remedy="Save it as UTF-8."
        ) from None
    except json.JSONDecodeError as broken:
        where = f"{name}:{broken.lineno}:{broken.colno}"
        raise Refused(f"this is no JSON: {broken.msg}.", where=where, remedy="Ask for the file again.") from None
    except RecursionError:
        raise Refused("this is nested too deeply.", where=f"{name}:1:1") from None
    except ValueError as constant:
        raise Refused(f"{constant} is no number that JSON knows.", where=name) from None


def _no_number(word: str) -> object:
    raise ValueError(word)
