"""The table dialect: each line is `positive TAB negative`; `#` lines are comments.

`#! ...` lines change settings for the next prompt alone (see `directives`).
"""

from daemon.prompting import tokens
from daemon.prompting.dialects.directives import Beside, read_matrix
from daemon.prompting.texts import file_stem
from schema.ids import Sha256
from schema.packs import Pack, PackPrompt

HEADER = ("positive", "negative")


def read(file: str, body: str) -> Pack:
    """`body` has `\\n` line ends and no byte order mark."""
    prompts: list[PackPrompt] = []
    warnings: list[str] = []
    beside = Beside()
    for number, line in enumerate(body.split("\n"), 1):
        if not line.strip():
            continue
        if line.lstrip().startswith("#"):
            beside.read(line.strip(), f"{file}:{number}")
            continue
        positive, _, negative = (part.strip() for part in line.partition("\t"))
        if not prompts and (positive.lower(), negative.lower()) == HEADER:
            warnings.append(f"{file}:{number}: taken as a heading, not as a prompt.")
            continue
        if not positive:
            warnings.append(f"{file}:{number}: no prompt before the tab; the line was left out.")
            continue
        prompts.append(
            tokens.prompt_of(
                len(prompts) + 1,
                number,
                positive,
                negative.replace("\t", " "),
                weight=beside.weight,
                overrides=beside.overrides,
                backend=beside.backend,
                lines=((0, number, line.index(positive) + 1),),
                negative_lines=((0, number, line.index(negative, line.index("\t")) + 1),) if negative else (),
            )
        )
        beside = Beside()
    return Pack(
        name=file_stem(file),
        file=file,
        dialect="tsv",
        sha256=Sha256(""),
        prompts=tuple(prompts),
        matrix=read_matrix(file, body),
        warnings=tuple(warnings),
    )
