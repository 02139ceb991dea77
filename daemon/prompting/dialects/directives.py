"""Overrides of one prompt, written as comments that other readers of the format skip.

`#! txt2img.model=toy_v2` and `#! weight=3`, in a pack's text beside the prompt they are for.
"""

import re
from typing import NamedTuple

from daemon.prompting.texts import told
from schema.errors import Refused

_DIRECTIVE = re.compile(r"^#!\s*(weight|[A-Za-z][\w-]*\.[\w.]+)\s*=\s*(.*)$")

MAX_WEIGHT = 1_000_000.0


class Directive(NamedTuple):
    key: str
    value: str


def read_directive(line: str) -> Directive | None:
    """None: an ordinary comment."""
    found = _DIRECTIVE.match(line)
    return Directive(found[1], found[2].strip()) if found else None


def read_weight(value: object, where: str) -> float:
    """Above 0, at most `MAX_WEIGHT`."""
    try:
        weight = float(str(value))
    except ValueError:
        weight = -1.0
    if not 0.0 < weight <= MAX_WEIGHT:
        raise Refused(
            f"weight '{told(str(value), 40)}' is no number above 0.", where=where, remedy="Write for example weight=2."
        )
    return weight
