"""Reads the `parameters` texts that A1111, Forge, SD.Next and their relatives write, and knows those of others.

Source: docs of the format in `infotext.py`; the tolerance here is for what those programs wrote over the years.
Nothing is thrown away: unknown fields stay, verbatim and in order.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from schema.plans import Plain

Dialect = Literal["a1111", "comfyui", "swarmui", "fooocus", "invokeai", "novelai", "stablenew-legacy", "none"]

KNOWN = frozenset(
    {
        "Steps", "Sampler", "Schedule type", "Scheduler", "CFG scale", "Seed", "Size", "Model", "Model hash",
        "Denoising strength", "Clip skip", "Version", "VAE", "Face restoration", "Hires upscale", "Batch size",
    }
)  # fmt: skip
NEGATIVE = "Negative prompt:"
KEY = re.compile(r"\s*(\w[\w \-/]*):\s*")
STEPS = re.compile(r"\s*Steps:\s*\d+(\.\d+)?\s*(?:[,|]|$)")
PIPE = " | "
JSON = json.JSONDecoder(strict=False)

SCHEDULERS = ("Karras", "Exponential", "Polyexponential", "SGM Uniform", "Uniform", "Simple", "Beta", "Normal")
"""What stood at the end of a sampler's name before it got a field of its own."""


class Infotext(Plain, frozen=True, kw_only=True):
    prompt: str = ""
    negative: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    """Key and value, unquoted, in the order of the text; a key may come twice."""

    def get(self, *keys: str) -> str | None:
        """The value of the first of `keys` that is there."""
        return next((value for wanted in keys for key, value in self.fields if key == wanted), None)

    @property
    def seed(self) -> int | None:
        """Exact, however many digits it has."""
        return _integer(self.get("Seed"))

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the first pass, in pixels."""
        found = re.fullmatch(r"\s*(\d+)\s*x\s*(\d+)\s*", self.get("Size") or "")
        return (int(found[1]), int(found[2])) if found else None

    @property
    def sampler(self) -> str | None:
        return self._sampling()[0]

    @property
    def scheduler(self) -> str | None:
        return self._sampling()[1]

    def _sampling(self) -> tuple[str | None, str | None]:
        """Sampler and schedule, also from the time when they were one name; `Undefined` is none."""
        sampler, scheduler = self.get("Sampler"), self.get("Schedule type", "Scheduler")
        if sampler in (None, "", "Undefined"):
            return None, scheduler
        if scheduler is None:
            for name in SCHEDULERS:
                if sampler.endswith(f" {name}"):
                    return sampler.removesuffix(f" {name}"), name
        return sampler, scheduler


def read(text: str) -> Infotext:
    """Never fails: a text without parameters is a prompt."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    start = _start(lines)
    line = "\n".join(lines[start:])
    piped = _is_piped(line)
    fields = tuple(_piped(line) if piped else _pairs(line))
    prompt, negative = _prompts(lines[:start])
    if piped:
        prompt = re.sub(r"\A[Pp]rompt:\s*", "", prompt)
    return Infotext(prompt=prompt, negative=negative, fields=fields)


def dialect(texts: Mapping[str, str]) -> Dialect:
    """Whose texts these are, by their keys and beginnings. Only `a1111` can be read here."""
    parameters = texts.get("parameters", "").lstrip()
    if "sui_image_params" in parameters and parameters.startswith("{"):
        return "swarmui"
    if parameters.startswith("{"):
        return "fooocus"
    if parameters:
        return "a1111"
    if texts.keys() & {"invokeai_metadata", "invokeai_graph", "sd-metadata", "dream", "Dream"}:
        return "invokeai"
    if texts.get("Software") == "NovelAI":
        return "novelai"
    if texts.keys() & {"prompt", "workflow"}:
        return "comfyui"
    return "stablenew-legacy" if any(key.startswith("stablenew:") for key in texts) else "none"


def _start(lines: Sequence[str]) -> int:
    """Where the parameters begin: the last line, or one above it when values hold line ends; len(lines) without."""
    if _is_parameters(lines[-1]):
        return len(lines) - 1
    return next((at for at in range(len(lines) - 1, -1, -1) if STEPS.match(lines[at])), len(lines))


def _is_parameters(line: str) -> bool:
    """`Steps` with a number, three pairs that begin with a key everybody knows, or any three of these keys: a prompt
    may have colons, too.
    """
    if STEPS.match(line):
        return True
    first = KEY.match(line)
    if not first:
        return False
    if first[1] in KNOWN and _is_piped(line):
        return True
    keys = [key for key, _ in _pairs(line)]
    return len(keys) >= 3 and (first[1] in KNOWN or len(KNOWN.intersection(keys)) >= 3)


def _is_piped(line: str) -> bool:
    """Three pairs with bars between them; a value among commas may hold bars, too."""
    parts = line.split(PIPE)
    return len(parts) >= 3 and all(KEY.match(part) for part in parts) and sum(1 for _ in _pairs(parts[0])) == 1


def _prompts(lines: Sequence[str]) -> tuple[str, str]:
    """A line that begins `Negative prompt:` switches for good."""
    at = next((n for n, line in enumerate(lines) if line.lstrip().startswith(NEGATIVE)), len(lines))
    negative = [line.lstrip().removeprefix(NEGATIVE) if n == 0 else line for n, line in enumerate(lines[at:])]
    return "\n".join(lines[:at]).strip(), "\n".join(negative).strip()


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """Comma-separated `key: value`; a value may be a quoted string, or JSON that nobody quoted."""
    at = 0
    while at < len(line):
        found = KEY.match(line, at)
        if found is None:
            comma = _comma(line, at)
            alone = line[at:comma].strip()
            if alone:
                yield alone, alone
        else:
            value, comma = _value(line, found.end())
            yield found[1].strip(), value
        at = comma + 1


def _value(line: str, at: int) -> tuple[str, int]:
    """The value that begins here, and where the comma behind it stands."""
    if line[at : at + 1] in ('"', "[", "{"):
        try:
            decoded, end = JSON.raw_decode(line, at)
        except (ValueError, RecursionError):
            pass
        else:
            comma = _comma(line, end)
            if not line[end:comma].strip():
                return (decoded if isinstance(decoded, str) else line[at:end]), comma
    comma = _comma(line, at)
    return line[at:comma].strip(), comma


def _comma(line: str, at: int) -> int:
    found = line.find(",", at)
    return len(line) if found < 0 else found


def _piped(line: str) -> Iterator[tuple[str, str]]:
    for part in line.split(PIPE):
        key, separator, value = part.partition(":")
        yield key.strip(), value.strip() if separator else key.strip()


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,40}", text.strip()) else None
