"""Lines with their ends, and the comments among them that say something for one prompt."""

import re
from collections.abc import Mapping, Sequence

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")
_DIRECTIVE = re.compile(r"^\s*#!\s*(weight|backend|[A-Za-z][\w-]*\.[\w.]+)\s*=")


def lines_of(text: str) -> list[str]:
    """Each with its line end."""
    return _LINE.findall(text)


def line_end(text: str) -> str:
    """The one that the text uses."""
    found = re.search(r"\r\n|\r|\n", text)
    return found[0] if found else "\n"


def with_directives(comments: Sequence[str], wanted: Mapping[str, str | None], end: str) -> list[str]:
    """Comment lines with these said: changed where they stand, taken out, or put behind the others."""
    left = dict(wanted)
    made: list[str] = []
    for line in comments:
        found = _DIRECTIVE.match(line)
        key = found[1] if found else None
        if key is None or key not in wanted:
            made.append(line)
        elif (value := left.pop(key, None)) is not None:
            made.append(f"#! {key}={value}{end}")
    return made + [f"#! {key}={value}{end}" for key, value in left.items() if value is not None]


def refit(old: Sequence[str], text: str) -> tuple[int, int, str]:
    """How many of the old lines stay at the beginning, how many at the end, and what stands between them now.

    `old` are trimmed lines that a space joins; `text` is what they shall say.
    """
    left, first = text, 0
    while first < len(old) and (left == old[first] or left.startswith(f"{old[first]} ")):
        left = left[len(old[first]) :].lstrip(" ")
        first += 1
    last = 0
    while last < len(old) - first and (left == old[-1 - last] or left.endswith(f" {old[-1 - last]}")):
        left = left[: len(left) - len(old[-1 - last])].rstrip(" ")
        last += 1
    return first, last, left
