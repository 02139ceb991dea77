"""Text from outside as it may be told to a person: without what steers a terminal, in one line, with the word meant."""

import difflib
import re
from collections.abc import Iterable

_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""C0 and C1 control characters without tab and line ends, and halves of surrogate pairs."""


def cleaned(text: str) -> str:
    """Without characters that would steer a terminal or cannot be written as UTF-8."""
    return _UNREADABLE.sub("", text)


def told(text: str, most: int = 120) -> str:
    """One line that is safe to print: control characters out, white space folded, long text cut."""
    line = " ".join(cleaned(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def nearest(word: str, among: Iterable[str]) -> str:
    """`Did you mean 'x'?`, or which there are; empty when there are none."""
    names = sorted(set(among))
    if not names:
        return ""
    close = difflib.get_close_matches(word[:80], names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"There are: {shown}."
