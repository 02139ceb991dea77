"""What stands inside a prompt besides words: LoRAs, embeddings, slots, wildcards, choices.

`<lora:NAME:WEIGHT>`, `<embedding:NAME>`, `(<embedding:NAME>:W)`, bare `<NAME>` (an embedding),
`[[slot]]`, `__wildcard__`, `{a|b}`.
"""

import re
from collections.abc import Mapping

from schema.packs import PackPrompt, Part

_LORA = re.compile(r"<lora:([^:<>]+)(?::(-?\d+(?:\.\d+)?|-?\.\d+))?(?::[^<>]*)?>", re.IGNORECASE)
_EMBEDDING = re.compile(r"<embedding:([^:<>]+)>(?:\s*:\s*(\d+(?:\.\d+)?)\))?", re.IGNORECASE)
_HYPERNET = re.compile(r"<hypernet:([^:<>]+)(?::[^<>]*)?>", re.IGNORECASE)
_COMFY = re.compile(r"(?<![\w<])embedding:([\w./\\-]+)", re.IGNORECASE)
_WORD = re.compile(r"[\w.-]+")
_BARE = re.compile(r"<([A-Za-z0-9][\w .-]*)>")
_ANGLES = re.compile(r"<[^<>]*>")
_SLOT = re.compile(r"\[\[([^\[\]\n]{1,80})\]\]")
"""Bounded or ended by its own first letter, so that no text makes the search slow."""


def prompt_of(
    number: int,
    line: int,
    text: str,
    negative: str,
    *,
    weight: float = 1.0,
    overrides: Mapping[str, str] | None = None,
    backend: str | None = None,
    seed: int | None = None,
    lines: tuple[tuple[int, int, int], ...] = (),
    negative_lines: tuple[tuple[int, int, int], ...] = (),
) -> PackPrompt:
    """A prompt whose LoRAs and embeddings are named in its text. `line` 0: it stands in no line."""
    return PackPrompt(
        number=number,
        line=line,
        text=text,
        negative=negative,
        weight=weight,
        overrides=dict(overrides or {}),
        backend=backend,
        seed=seed,
        embeddings=embeddings(text),
        negative_embeddings=embeddings(negative),
        loras=loras(text),
        lines=lines,
        negative_lines=negative_lines,
    )


def loras(text: str) -> tuple[Part, ...]:
    return tuple(Part(name=name.strip(), weight=float(weight or 1.0)) for name, weight in _LORA.findall(text))


def embeddings(text: str) -> tuple[Part, ...]:
    named = [Part(name=name.strip(), weight=float(weight or 1.0)) for name, weight in _EMBEDDING.findall(text)]
    bare = (*_BARE.findall(text), *_COMFY.findall(text))
    return (*named, *(Part(name=name.strip()) for name in bare))


def hypernetworks(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in _HYPERNET.findall(text))


def bare_words(text: str) -> tuple[str, ...]:
    """Each once, without weights and brackets: any of them may be an embedding."""
    return tuple(dict.fromkeys(_WORD.findall(_ANGLES.sub(" ", text))))


def slots(text: str) -> tuple[str, ...]:
    return tuple(_SLOT.findall(text))


def plain_slot(name: str) -> str:
    """What two spellings of a slot have in common: `hair-color` is `Hair Color`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def lock(text: str, values: Mapping[str, str]) -> str:
    """Puts `values` (by plain slot name) in the place of their slots; other slots stay."""
    if not values or "[[" not in text:
        return text
    return _SLOT.sub(lambda found: values.get(plain_slot(found[1]), found[0]), text)
