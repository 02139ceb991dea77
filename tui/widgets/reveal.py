"""How a picture was made, in one line: told once it has been judged. Pure."""

import re

from schema.pages import ImageRow, JobRecord
from schema.spoken import named
from schema.words import words_in
from tui.widgets.imagecard import numbers
from tui.widgets.ink import Line, Piece, fit, plain

NETWORK = re.compile(r"\s*<[a-z]+:[^>]*>,?")
"""A LoRA with its weight is a setting, not a word."""


def made_with(image: ImageRow, record: JobRecord | None) -> list[str]:
    """What was varied first, then the settings that are changed most."""
    if record is None:
        return [word for word in (image.model, image.pack) if word]
    spec = record.spec
    axes = {axis.rpartition(".")[2]: value for axis, value in spec.axes.items()}
    same = len(axes) < len(spec.axes)  # two stages have a field of that name
    varied = [f"{named(axis) if same else axis.rpartition('.')[2]} {value}" for axis, value in spec.axes.items()]
    usual = [
        word
        for word in numbers(record)
        if word.partition(" ")[0] not in (*axes, *axes.values()) and not ("steps" in axes and word.endswith(" st"))
    ]
    picks = [pick.value for pick in spec.picks]
    names = [word for word in (image.model, spec.style, image.pack) if word]
    return [*varied, *usual, *names, *picks, f"seed {image.seed}"]


def revealed(image: ImageRow, record: JobRecord | None, width: int) -> Line:
    """As much as fits into so many cells."""
    words = " · ".join(plain(word) for word in made_with(image, record))
    return [Piece(fit(words, max(0, width)).rstrip(), "text")]


def asked_for(record: JobRecord | None, width: int) -> Line:
    """The words that the picture was to follow, without what tells how it was made."""
    if record is None:
        return []
    return [Piece(fit(" " + plain(NETWORK.sub("", words_in(record).prompt)).strip(), max(0, width)).rstrip(), "dim")]
