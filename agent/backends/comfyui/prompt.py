"""Prompts in the dialect people know from SD WebUI, read into ComfyUI's: LoRAs apart, embeddings by their prefix.

`(word:1.2)` and `(word)` mean the same in both. `[word]` weakens in WebUI and is plain text in ComfyUI;
`BREAK` begins a new chunk. How strongly a weight acts differs a little between the two servers.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.comfyui.names import known
from schema.names import plain

_TAG = re.compile(r"<(lora|lyco|hypernet|embedding):([^<>:]{1,300})(?::([^<>]{0,60}))?>", re.IGNORECASE)
_BRACKETS = re.compile(r"(?<!\\)\[([^\[\]]{0,500})(?<!\\)\]")
_ROUND = re.compile(r"\([^()]*\)")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_WHEN = re.compile(r"\||:\s*\d*\.?\d+\s*$|:[^:]*:")
"""Within brackets: alternatives, or a moment at which words come or go."""

WEAKER = 0.909
"""1 / 1.1, as WebUI weakens what stands in brackets."""


class Adapter(NamedTuple):
    name: str
    model: float
    clip: float


class Words(NamedTuple):
    chunks: tuple[str, ...]
    """What is encoded, one after the other; at least one."""
    loras: tuple[Adapter, ...]
    hypernetworks: tuple[Adapter, ...]
    embeddings: tuple[str, ...]


def read(text: str, *, loras: Sequence[str], embeddings: Sequence[str], hypernetworks: Sequence[str]) -> Words:
    """Raises BackendTrouble for names the server has not, and for what ComfyUI cannot do with words."""
    adapters: list[Adapter] = []
    hypers: list[Adapter] = []
    used: list[str] = []

    def taken(match: re.Match[str]) -> str:
        kind, name, numbers = match[1].lower(), match[2].strip(), match[3]
        if kind == "embedding":
            used.append(known("embedding", name, embeddings))
            return f" embedding:{used[-1]} "
        if kind == "hypernet":
            weight = _numbers(match[0], numbers)[0]
            hypers.append(Adapter(known("hypernetwork", name, hypernetworks), weight, weight))
        else:
            clip, model = _numbers(match[0], numbers)
            adapters.append(Adapter(known("LoRA", name, loras), model, clip))
        return " "

    rest = _embedded(_TAG.sub(taken, text), embeddings, used)
    while (weaker := _BRACKETS.sub(_weaker, rest)) != rest:
        rest = weaker
    chunks = tuple(_tidy(chunk) for chunk in _BREAK.split(rest))
    return Words(chunks, tuple(adapters), tuple(hypers), tuple(dict.fromkeys(used)))


def _weaker(match: re.Match[str]) -> str:
    """Innermost brackets."""
    if _WHEN.search(_ROUND.sub("", match[1])):
        raise BackendTrouble(
            "bad-request",
            f"ComfyUI cannot change a prompt between steps, as '{match[0]}' asks; write one of the words only",
        )
    return f"({match[1]}:{WEAKER})" if match[1].strip() else ""


def _embedded(text: str, embeddings: Sequence[str], used: list[str]) -> str:
    """WebUI knows an embedding by its bare name among the words."""
    for name in sorted(embeddings, key=len, reverse=True):
        bare = re.escape(plain(name).rpartition("/")[2])
        pattern = re.compile(rf"(?<![\w:/-]){bare}(?![\w-])", re.IGNORECASE)
        text, count = pattern.subn(f"embedding:{name}".replace("\\", r"\\"), text)
        if count:
            used.append(name)
    return text


def _numbers(tag: str, written: str | None) -> tuple[float, float]:
    """(text encoder, model) of `1`, `0.8`, `0.8:0.5` or `te=0.8:unet=0.5`, as WebUI reads them."""
    if not written:
        return 1.0, 1.0
    named = dict(part.split("=", 1) for part in written.split(":") if "=" in part)
    placed = [part for part in written.split(":") if "=" not in part]
    try:
        clip = float(named.get("te", placed[0] if placed else "1"))
        model = float(named.get("unet", placed[1] if len(placed) > 1 else clip))
    except ValueError:
        raise BackendTrouble("bad-request", f"'{tag}' has no weight that is a number; write it like <lora:name:0.8>") \
            from None  # fmt: skip
    return clip, model


def _tidy(text: str) -> str:
    """Without the gaps that tags leave."""
    text = re.sub(r"[ \t]{2,}", " ", text)
    return re.sub(r"(?:\s*,\s*){2,}", ", ", text).strip(" ,\t")


def named_in(text: str, *kinds: str) -> list[str]:
    """Names that stand in tags of these kinds."""
    return [match[2].strip() for match in _TAG.finditer(text) if match[1].lower() in kinds]
