"""The text dialect: blocks separated by blank lines are prompts; `#` comments; `neg:` lines are negative.

Positive lines are joined by a space, and so are negative ones. A line of `#! txt2img.model=NAME` changes a
setting for its prompt alone; to other readers of the format it is a comment.
"""

from typing import NamedTuple

from daemon.prompting import tokens
from daemon.prompting.dialects.directives import Beside, read_matrix
from daemon.prompting.texts import file_stem
from schema.ids import Sha256
from schema.packs import Pack, PackPrompt

NEGATIVE = "neg:"
"""Exactly so; `Neg:` is part of the prompt."""


def read(file: str, body: str) -> Pack:
    """`body` has `\\n` line ends and no byte order mark."""
    prompts: list[PackPrompt] = []
    warnings: list[str] = []
    for begin, lines in _blocks(body):
        prompt = _prompt(file, begin, lines, len(prompts) + 1)
        if prompt is None:
            continue
        if not prompt.text:
            warnings.append(f"{file}:{prompt.line}: only negative lines; nothing was made of them.")
            continue
        prompts.append(prompt)
    return Pack(
        name=file_stem(file),
        file=file,
        dialect="txt",
        sha256=Sha256(""),
        prompts=tuple(prompts),
        matrix=read_matrix(file, body),
        warnings=tuple(warnings),
    )


class _Piece(NamedTuple):
    """A line's words, and in which line and column of the file they begin."""

    text: str
    line: int
    column: int


def _blocks(body: str) -> list[tuple[int, list[_Piece]]]:
    """Runs of non-blank lines, each with the number of its first."""
    found: list[tuple[int, list[_Piece]]] = []
    inside = False
    for number, line in enumerate(body.split("\n"), 1):
        text = line.strip()
        if not text:
            inside = False
            continue
        piece = _Piece(text, number, line.index(text) + 1)
        if inside:
            found[-1][1].append(piece)
        else:
            found.append((number, [piece]))
            inside = True
    return found


def _prompt(file: str, begin: int, lines: list[_Piece], number: int) -> PackPrompt | None:
    """None for a block of comments only. The prompt's line is that of its first word, not of its comments."""
    positive: list[_Piece] = []
    negative: list[_Piece] = []
    beside, first = Beside(), 0
    for piece in lines:
        if piece.text.startswith("#"):
            beside.read(piece.text, f"{file}:{piece.line}")
            continue
        first = first or piece.line
        if piece.text.startswith(NEGATIVE):
            words = piece.text.removeprefix(NEGATIVE).strip()
            negative += [_Piece(words, piece.line, piece.column + len(piece.text) - len(words))] if words else []
        else:
            positive.append(piece)
    if not first:
        return None
    text, unwanted = (" ".join(piece.text for piece in pieces) for pieces in (positive, negative))
    return tokens.prompt_of(
        number, first, text, unwanted, weight=beside.weight, overrides=beside.overrides, backend=beside.backend,
        lines=_begins(positive), negative_lines=_begins(negative),
    )  # fmt: skip


def _begins(pieces: list[_Piece]) -> tuple[tuple[int, int, int], ...]:
    """Where each line begins in the text they make together, with its line and column in the file."""
    found, at = [], 0
    for piece in pieces:
        found.append((at, piece.line, piece.column))
        at += len(piece.text) + 1
    return tuple(found)
