"""The verb `image-params`: tells of files how they were made, as text or JSON, and never what a terminal would obey."""

import argparse
import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import msgspec

from daemon.artifacts import infotext, parameters
from daemon.artifacts.foreign import reading
from daemon.artifacts.foreign.reading import Carried
from daemon.artifacts.foreign.requests import prompt_of, understood
from schema.errors import Exit, Refused
from schema.foreign import Foreign

LABELS = (
    ("Steps", "txt2img.steps"), ("Sampler", "txt2img.sampler"), ("Schedule type", "txt2img.scheduler"),
    ("CFG scale", "txt2img.cfg"), ("Distilled CFG Scale", "txt2img.guidance"),
)  # fmt: skip
TOLD = {"txt2img.width", "txt2img.height", "txt2img.model", *(field for _, field in LABELS)}


def image_params(argv: Sequence[str]) -> int:
    """Exit 0 when every file says something, 1 when one says nothing, 2 when one cannot be read."""
    parser = argparse.ArgumentParser(prog="stablenew image params", description="Tell how pictures were made.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture, a film, a .txt or a .json")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--jsonl", action="store_true")
    asked = parser.parse_args(argv)
    worst, items = Exit.DONE, list[dict[str, object]]()
    several = len(asked.files) > 1
    for file in asked.files:
        try:
            path = Path(file).absolute()
            carried = reading.carried(path)
            foreign = reading.understood(carried, str(path))
        except Refused as refused:
            worst = max(worst, say(refused.told(), Exit.REFUSED))
            items.append({"file": file, "error": refused.told()})
            if asked.jsonl:
                print_json(items.pop())
            continue
        if asked.jsonl:
            print_json(described(path, carried, foreign))
        elif asked.json:
            items.append(described(path, carried, foreign))
        else:
            _print(path, carried, foreign, several=several)
        if foreign.program == "none":
            worst = max(worst, say(_silent(path, carried), Exit.FAILED))
    if asked.json and not asked.jsonl:
        if several:
            print_json({"items": items, "total": len(items)})
        elif "error" not in items[0]:
            print_json(items[0])
    return worst


def described(path: Path, carried: Carried, foreign: Foreign) -> dict[str, object]:
    text = carried.texts.get("parameters", "")
    found = parameters.read(text if foreign.program in ("a1111", "forge", "sdnext", "stablenew") else "")
    whole = understood(foreign)
    size = _size(foreign)
    return {
        "file": str(path),
        "media": carried.media,
        "carrier": carried.carrier,
        "dialect": _dialect(carried, foreign),
        "program": foreign.program,
        "version": foreign.version,
        "keys": sorted(carried.texts),
        "prompt": foreign.prompt,
        "negative": foreign.negative,
        "parameters": dict(found.fields),
        "seed": foreign.seed,
        "size": size,
        "sampler": foreign.fields.get("txt2img.sampler"),
        "scheduler": foreign.fields.get("txt2img.scheduler"),
        "model": foreign.model,
        "loras": {lora.name: lora.weight for lora in foreign.loras},
        "fields": foreign.fields,
        "rest": foreign.rest,
        "warnings": whole.foreign.warnings,
        "run": msgspec.to_builtins(whole.run),
        "text": text if foreign.program in ("a1111", "forge", "sdnext", "stablenew", "none") else as_text(foreign),
        "stablenew": _capsule(carried),
    }


def _dialect(carried: Carried, foreign: Foreign) -> str:
    """Whose it is, in the words of before there were so many."""
    if foreign.program in ("forge", "sdnext", "stablenew"):
        return "a1111"
    return parameters.dialect(carried.texts) if foreign.program == "none" else foreign.program


def _capsule(carried: Carried) -> object:
    own = carried.texts.get("stablenew")
    try:
        return None if own is None else json.loads(own)
    except (ValueError, RecursionError):
        return None


def _print(path: Path, carried: Carried, foreign: Foreign, *, several: bool) -> None:
    if foreign.program == "none":
        return
    if several:
        print(printable(f"{path}: {foreign.program} {foreign.version}".rstrip()))
    verbatim = foreign.program in ("a1111", "forge", "sdnext", "stablenew") and carried.carrier != "json"
    print(printable(carried.texts.get("parameters", "") if verbatim else as_text(foreign)))
    for warning in understood(foreign).foreign.warnings:
        say(f"Note: {warning}", Exit.DONE)


def as_text(foreign: Foreign) -> str:
    """In A1111's form, with what else was said behind it."""
    size = _size(foreign)
    fields = [
        *((label, foreign.fields.get(field)) for label, field in LABELS),
        ("Seed", foreign.seed),
        ("Size", f"{size[0]}x{size[1]}" if size else None),
        ("Model", foreign.model),
        *((field, value) for field, value in foreign.fields.items() if field not in TOLD),
        *foreign.rest,
        ("Version", f"{foreign.program} {foreign.version}".rstrip()),
    ]
    return infotext.text(prompt_of(foreign), foreign.negative, fields)


def _size(foreign: Foreign) -> tuple[int, int] | None:
    width, height = foreign.fields.get("txt2img.width"), foreign.fields.get("txt2img.height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _silent(path: Path, carried: Carried) -> str:
    whose = parameters.dialect(carried.texts)
    if whose == "none":
        return f"{path}: the picture carries no generation parameters."
    return f"{path}: the texts are {whose}'s ({', '.join(sorted(carried.texts))}), and nothing could be read from them."


def say(words: str, code: Exit) -> Exit:
    print(printable(words), file=sys.stderr)
    return code


def print_json(document: dict[str, object]) -> None:
    """One line in ASCII: nothing a foreign picture says can reach the terminal as a control sequence."""
    print(json.dumps(document))


def printable(text: str) -> str:
    """Without control characters and marks that turn the direction of text."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
