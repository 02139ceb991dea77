"""Overrides of one prompt, written as comments that other readers of the format skip.

`#! txt2img.model=toy_v2`, `#! backend=comfyui` and `#! weight=3`, in a pack's text beside the prompt they are for.
"""

import re
from dataclasses import dataclass, field

from daemon.prompting.texts import told
from schema.dialects import backend_called
from schema.errors import Refused

_DIRECTIVE = re.compile(r"^#!\s*(weight|backend|[A-Za-z][\w-]*\.[\w.]+)\s*=\s*(.*)$")

MAX_WEIGHT = 1_000_000.0


@dataclass(slots=True)
class Beside:
    """What the comments beside a prompt change for it."""

    weight: float = 1.0
    overrides: dict[str, str] = field(default_factory=dict)
    """`stage.field` to value, as written."""
    backend: str | None = None

    def read(self, comment: str, where: str) -> None:
        """Passes over ordinary comments. Raises Refused for a weight that is none."""
        found = _DIRECTIVE.match(comment)
        if found and found[1] == "weight":
            self.weight = read_weight(found[2].strip(), where)
        elif found and found[1] == "backend":
            self.backend = backend_called(found[2]) or None
        elif found:
            self.overrides[found[1]] = found[2].strip()


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
