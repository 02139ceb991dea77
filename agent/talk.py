"""What an agent in a terminal tells the person before it: which of its servers came, went, or cannot be used."""

import sys
from typing import TextIO

from schema.orders import BackendCard, Card

SHOWN = (("models", "model"), ("loras", "LoRA"), ("upscalers", "upscaler"), ("detectors", "detector"))
"""Lists of a card that are counted, and what one of each is called."""

ALWAYS_THERE = "words"
"""Drives nothing that could come or go."""


class Talk:
    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._told: dict[str, tuple[str, str]] = {}
        """Kind to the state and the trouble that were told last."""

    def say(self, text: str) -> None:
        """A sentence, or some lines."""
        for line in text.split("\n"):
            self._out.write(_printable(line) + "\n")
        self._out.flush()

    def hear(self, card: Card) -> None:
        for backend in card.backends:
            told = (backend.state, backend.trouble)
            if backend.kind == ALWAYS_THERE:
                continue
            if self._told.get(backend.kind) != told:
                self._told[backend.kind] = told
                self._out.write(_printable(sentence(backend)) + "\n")
        self._out.flush()


def sentence(card: BackendCard) -> str:
    where = f" at {card.url}" if card.url else ""
    if card.state != "ready":
        return f"{card.kind}{where} is {card.state}: {card.trouble}"
    counted = [
        f"{number} {word}{'' if number == 1 else 's'}" for name, word in SHOWN if (number := len(getattr(card, name)))
    ]
    release = f" ({card.release})" if card.release else ""
    return f"{card.kind}{where}{release} is ready{': ' if counted else ''}{', '.join(counted)}."


def _printable(text: str) -> str:
    """A server's own words may hold what would move the cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
