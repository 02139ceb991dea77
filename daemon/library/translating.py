"""`wildcard translate`: a file of values or prompts, line by line, in another program's words.

The text goes to stdout; what the other program cannot say goes to stderr with its line.
"""

import json
import sys
from pathlib import Path
from typing import get_args

from daemon.library.files import read_text
from daemon.prompting.texts import cleaned, told
from daemon.prompting.variation.translate import Dialect, Translated, translate
from daemon.prompting.wildcards import MAX_WILDCARDS
from schema.errors import Exit, Refused, why

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)

OPTIONS = ("--from", "--to", "-")

WHERE = "wildcard translate"


def run(words: list[str], as_json: bool) -> int:
    """`[FILE] --from DIALECT --to DIALECT`; without a file stdin. Raises Refused with `file:line:column`."""
    files, asked = _read_words(words)
    source, to = _dialect(asked, "--from", None), _dialect(asked, "--to", "stablenew")
    name = files[0] if files else "-"
    lines = _text(name).removeprefix("\ufeff").splitlines()
    shown = "stdin" if name == "-" else told(name, 200)
    made = [_line(line, source, to, f"{shown}:{number}") for number, line in enumerate(lines, 1)]
    losses = [(number, loss) for number, one in enumerate(made, 1) for loss in one.losses]
    if as_json:
        told_of = [{"line": number, "loss": loss} for number, loss in losses]
        print(json.dumps({"text": "\n".join(one.text for one in made), "losses": told_of}, ensure_ascii=False))
        return Exit.DONE
    for one in made:
        print(cleaned(one.text))
    for number, loss in losses:
        print(f"{shown}:{number}: {cleaned(loss)}", file=sys.stderr)
    return Exit.DONE


def _line(line: str, source: Dialect, to: Dialect, where: str) -> Translated:
    """Remarks of the file stay as they are."""
    return Translated(line) if line.lstrip().startswith("#") else translate(line, source, to, where)


def _read_words(words: list[str]) -> tuple[list[str], dict[str, str]]:
    files: list[str] = []
    asked: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word in ("--from", "--to"):
            asked[word] = next(rest, "")
        else:
            files.append(word)
    if len(files) > 1:
        raise Refused("takes one file.", where=WHERE, remedy="Name one, or none for stdin.")
    return files, asked


def _dialect(asked: dict[str, str], option: str, default: Dialect | None) -> Dialect:
    given = asked.get(option, default)
    for dialect in DIALECTS:
        if dialect == given:
            return dialect
    shown = f"'{told(given, 40)}' is no dialect." if given else "is missing."
    raise Refused(shown, where=option, remedy=f"There are: {', '.join(DIALECTS)}.")


def _text(name: str) -> str:
    if name == "-":
        return sys.stdin.buffer.read().decode(errors="replace")
    try:
        return read_text(Path(name), MAX_WILDCARDS)
    except OSError as fault:
        raise Refused(f"cannot be read: {why(fault)}.", where=told(name, 200), remedy="Check the path.") from fault
