"""What the library keeps: its kinds, the files that count for each, and what they may be called."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from daemon.prompting.packs import PRIORITY
from daemon.prompting.styles import MAX_STYLES
from daemon.prompting.texts import MAX_CONFIG, MAX_TEXT, MAX_WORKFLOW, suffix, told
from daemon.prompting.wildcards import MAX_WILDCARDS
from schema.errors import Refused

Kind = Literal["pack", "pipeline", "preset", "profile", "workflow", "wildcard", "style", "template", "overlay"]

_TREE = (".json", ".yaml", ".yml")

ENDINGS: dict[Kind, tuple[str, ...]] = {
    "pack": PRIORITY,
    "pipeline": _TREE,
    "preset": _TREE,
    "profile": _TREE,
    "workflow": (".json",),
    "wildcard": (".txt", ".yaml", ".json"),
    "style": (".csv", *_TREE),
    "template": (*_TREE, ".txt"),
    "overlay": _TREE,
}
"""Which files count; of several with one stem the first ending wins, except wildcards and styles: all of them count."""

PLAIN: dict[Kind, str] = {"pack": ".txt", "wildcard": ".txt", "style": ".csv"}
"""What a text that looks like no JSON is saved as; else `.yaml`."""

LARGEST: dict[Kind, int] = {
    "pack": MAX_TEXT,
    "workflow": MAX_WORKFLOW,
    "wildcard": MAX_WILDCARDS,
    "style": MAX_STYLES,
}
"""Bytes, where they may be more than `MAX_CONFIG`."""

EXAMPLES = Path(__file__).parent / "examples"
"""Packs that come with the program; other kinds lie in folders of their own below it."""

_SECTION = re.compile(r"^\[\s*(?:config|prompts)\b[^\]\n]*\]\s*$", re.MULTILINE)
"""Of Dream Factory's files."""

MAX_NAME = 150
"""Bytes of a name in the library."""


class Entry(NamedTuple):
    """A thing of the library as a list shows it."""

    name: str
    kind: Kind
    path: Path | None
    """None: built into the program, without a file."""
    builtin: bool
    bytes: int = 0
    modified: float = 0.0


def largest(kind: Kind) -> int:
    return LARGEST.get(kind, MAX_CONFIG)


def ending_for(kind: Kind, text: str) -> str:
    """How a file of this text is named where nobody says it."""
    if kind == "pack" and _SECTION.search(text):
        return ".prompts"
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return ".json"
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if kind == "pack" and lines and all("\t" in line.strip() for line in lines):
        return ".tsv"
    return PLAIN.get(kind, ".yaml")


def split(name: str, kind: Kind) -> tuple[str, str]:
    """`harbour.txt` -> `harbour`, `.txt`; an ending that does not count for the kind is part of the name."""
    ending = suffix(name)
    return (name[: -len(ending)], ending) if ending in ENDINGS[kind] else (name, "")


def check_name(name: str, kind: Kind = "pack") -> None:
    """A name becomes a file: no slashes, nothing hidden, nothing a terminal would act on. Wildcards have folders."""
    parts = name.split("/") if kind == "wildcard" else [name]
    for part in parts:
        _check_part(part)
    if len(name.encode(errors="replace")) > MAX_NAME or len(parts) > 8:
        raise Refused(
            f"'{told(name, 30)}' is longer than {MAX_NAME} bytes.", where="name", remedy="Take a shorter name."
        )


def _check_part(name: str) -> None:
    if not name.strip() or name != name.strip() or name.startswith(".") or not name.isprintable():
        raise Refused(
            "a name must not be empty, begin with a dot or hold control characters.",
            where="name",
            remedy="Take another.",
        )
    bad = [sign for sign in name if sign in '/\\:*?"<>|']
    if bad:
        raise Refused(
            f"'{told(name, 60)}' holds '{bad[0]}', which no file name may.", where="name", remedy="Leave it out."
        )
