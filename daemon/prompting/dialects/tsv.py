"""The table dialect: each line is `positive TAB negative`; `#` lines are comments.

`#! ...` lines change settings for the next prompt alone (see `directives`).
"""

from daemon.prompting.dialects.directives import read_directive, read_weight
from daemon.prompting.dialects.txt import of_words
from daemon.prompting.texts import file_stem
from schema.ids import Sha256
from schema.packs import Pack, PackPrompt

HEADER = ("positive", "negative")


def read(file: str, body: str) -> Pack:
    """`body` has `\\n` line ends and no byte order mark."""
    prompts: list[PackPrompt] = []
    warnings: list[str] = []
    overrides: dict[str, str] = {}
    weight = 1.0
    for number, line in enumerate(body.split("\n"), 1):
        if not line.strip():
            continue
        if line.lstrip().startswith("#"):
            directive = read_directive(line.strip())
            if directive and directive.key == "weight":
                weight = read_weight(directive.value, f"{file}:{number}")
            elif directive:
                overrides[directive.key] = directive.value
            continue
        positive, _, negative = (part.strip() for part in line.partition("\t"))
        if not prompts and (positive.lower(), negative.lower()) == HEADER:
            warnings.append(f"{file}:{number}: taken as a heading, not as a prompt.")
            continue
        if not positive:
            warnings.append(f"{file}:{number}: no prompt before the tab; the line was left out.")
            continue
        negative = " ".join(negative.replace("\t", " ").split(" "))
        prompts.append(of_words(len(prompts) + 1, number, positive, negative, weight=weight, overrides=overrides))
        overrides, weight = {}, 1.0
    return Pack(
        name=file_stem(file),
        file=file,
        dialect="tsv",
        sha256=Sha256(""),
        prompts=tuple(prompts),
        warnings=tuple(warnings),
    )
