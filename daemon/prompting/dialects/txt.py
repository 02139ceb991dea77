"""The text dialect: blocks separated by blank lines are prompts; `#` comments; `neg:` lines are negative.

Positive lines are joined by a space, and so are negative ones. A line of `#! txt2img.model=NAME` changes a
setting for its prompt alone; to other readers of the format it is a comment.
"""

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


def _blocks(body: str) -> list[tuple[int, list[str]]]:
    """Runs of non-blank lines, each with the number of its first."""
    found: list[tuple[int, list[str]]] = []
    inside = False
    for number, line in enumerate(body.split("\n"), 1):
        text = line.strip()
        if not text:
            inside = False
        elif inside:
            found[-1][1].append(text)
        else:
            found.append((number, [text]))
            inside = True
    return found


def _prompt(file: str, begin: int, lines: list[str], number: int) -> PackPrompt | None:
    """None for a block of comments only. The prompt's line is that of its first word, not of its comments."""
    positive: list[str] = []
    negative: list[str] = []
    beside, first = Beside(), 0
    for offset, line in enumerate(lines):
        if line.startswith("#"):
            beside.read(line, f"{file}:{begin + offset}")
            continue
        first = first or begin + offset
        if line.startswith(NEGATIVE):
            negative.append(line.removeprefix(NEGATIVE).strip())
        else:
            positive.append(line)
    if not first:
        return None
    text, unwanted = " ".join(positive), " ".join(filter(None, negative))
    return tokens.prompt_of(
        number, first, text, unwanted, weight=beside.weight, overrides=beside.overrides, backend=beside.backend
    )
