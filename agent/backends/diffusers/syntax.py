"""A prompt as WebUI's users write it: weights, chunks, LoRAs, embeddings. Pure; knows neither tokens nor torch.

    (word)  (word:1.3)  [word]  \\( \\)  BREAK  <lora:name:0.8>  <lora:name:te:unet>  <embedding:name>  embedding:name

Weights follow WebUI's `modules/prompt_parser.py: parse_prompt_attention`: brackets multiply by 1.1 and divide by 1.1.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from agent.backends import BackendTrouble

UP, DOWN = 1.1, 1 / 1.1

_ADDED = re.compile(r"<(lora|lyco|hypernet):([^<>]*)>", re.IGNORECASE)
_EMBEDDED = re.compile(r"<embedding:([^<>:]+)(?::([^<>:]*))?>|(?<![\w<])embedding:([\w./\\-]*\w)", re.IGNORECASE)
_SIGN = re.compile(r"[()\[\]\\]")

NAMED, ENDED = "\ue000", "\ue001"
"""Around the name of an embedding that a prompt names as such. Nobody writes these."""
_EDITED = re.compile(r"(?<!\\)\[[^\[\]]*:\s*(?:\d+(?:\.\d*)?|\.\d+)\s*(?<!\\)\]|(?<!\\)\[[^\[\]]*\|[^\[\]]*(?<!\\)\]")
_PART = re.compile(
    r"""\\[()\[\]\\]?|\(|\[|:\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)|\)|]|\bBREAK\b|[^\\()\[\]:B]+|:|B""", re.VERBOSE
)


class Lora(NamedTuple):
    name: str
    encoder: float
    unet: float


class Piece(NamedTuple):
    text: str
    weight: float


class Parsed(NamedTuple):
    chunks: tuple[tuple[Piece, ...], ...]
    """At least one; parted by BREAK. A chunk begins a new window of the text encoder."""
    loras: tuple[Lora, ...] = ()

    @property
    def text(self) -> str:
        """Without weights, LoRAs and marks."""
        text = " BREAK ".join("".join(piece.text for piece in chunk) for chunk in self.chunks)
        return text.replace(NAMED, "").replace(ENDED, "")

    def reworded(self, change: Callable[[str], str]) -> "Parsed":
        return self._replace(
            chunks=tuple(tuple(Piece(change(piece.text), piece.weight) for piece in chunk) for chunk in self.chunks)
        )


def parsed(prompt: str) -> Parsed:
    """Raises BackendTrouble bad-request for what diffusers cannot do, instead of painting something else."""
    plain, loras = _without_added(prompt)
    plain = _EMBEDDED.sub(_named, plain)
    if found := _EDITED.search(plain):
        raise BackendTrouble(
            "bad-request",
            f"diffusers cannot change the prompt while it samples ({found.group()}); "
            "write one of the two, or send the job to a webui backend",
        )
    return Parsed(tuple(_merged(chunk) for chunk in _chunks(plain)), loras)


def _without_added(prompt: str) -> tuple[str, tuple[Lora, ...]]:
    loras: dict[str, Lora] = {}

    def take(match: re.Match[str]) -> str:
        kind, words = match.group(1).lower(), [word.strip() for word in match.group(2).split(":")]
        if kind == "hypernet":
            raise BackendTrouble("bad-request", f"diffusers has no hypernetworks; leave out {match.group()}")
        try:
            weights = [float(word.rpartition("=")[2]) for word in words[1:3]] or [1.0]
        except ValueError:
            raise BackendTrouble("bad-request", f"{match.group()} should be <lora:NAME:WEIGHT>") from None
        loras[words[0]] = Lora(words[0], weights[0], weights[-1])
        return ""

    plain = _ADDED.sub(take, prompt)
    return (re.sub(r"[ \t]{2,}", " ", plain).strip() if loras else plain), tuple(loras.values())


def _named(match: re.Match[str]) -> str:
    name, weight = (match[1] or match[3]).strip(), match[2]
    mark = NAMED + _SIGN.sub(r"\\\g<0>", name) + ENDED
    if weight is None:
        return mark
    try:
        return f"({mark}:{float(weight):g})"
    except ValueError:
        raise BackendTrouble("bad-request", f"{match[0]} should be <embedding:NAME:WEIGHT>") from None


def _chunks(text: str) -> list[list[Piece]]:
    """Brackets that nobody closes weigh until the end, as in WebUI."""
    pieces: list[Piece | None] = []
    round_open: list[int] = []
    square_open: list[int] = []

    def weigh(start: int, factor: float) -> None:
        for place in range(start, len(pieces)):
            if piece := pieces[place]:
                pieces[place] = Piece(piece.text, piece.weight * factor)

    for match in _PART.finditer(text):
        word, weight = match.group(), match.group(1)
        if word.startswith("\\"):
            pieces.append(Piece(word[1:] or "\\", 1.0))
        elif word == "(":
            round_open.append(len(pieces))
        elif word == "[":
            square_open.append(len(pieces))
        elif weight is not None and round_open:
            weigh(round_open.pop(), float(weight))
        elif word == ")" and round_open:
            weigh(round_open.pop(), UP)
        elif word == "]" and square_open:
            weigh(square_open.pop(), DOWN)
        elif word == "BREAK":
            pieces.append(None)
        else:
            pieces.append(Piece(word, 1.0))
    for start in round_open:
        weigh(start, UP)
    for start in square_open:
        weigh(start, DOWN)
    chunks: list[list[Piece]] = [[]]
    for piece in pieces:
        if piece is None:
            chunks.append([])
        else:
            chunks[-1].append(piece)
    return chunks


def _merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Neighbours of one weight are one piece, so that a word is never cut where a bracket was escaped."""
    merged: list[Piece] = []
    for piece in pieces:
        if merged and abs(merged[-1].weight - piece.weight) < 1e-9:
            merged[-1] = Piece(merged[-1].text + piece.text, piece.weight)
        else:
            merged.append(piece)
    return tuple(merged)
