"""Overrides of one prompt and slots of a pack, written as comments that other readers of the format skip.

`#! txt2img.model=toy_v2`, `#! backend=comfyui` and `#! weight=3`, in a pack's text beside the prompt they are for.
`#! [[weather]] = rain | fog` gives a slot of the whole pack its values, wherever it stands; `#! probability [[weather]]
= 0.4` says how likely it is filled at all.
"""

import re
from dataclasses import dataclass, field

from msgspec import structs

from daemon.prompting.randomization import MODES
from daemon.prompting.texts import told
from daemon.prompting.variation.search import pieces
from schema.dialects import backend_called
from schema.errors import Refused
from schema.packs import MatrixSlot, PackMatrix

_SLOT = re.compile(r"^#!\s*\[\[([^\[\]\n]{1,80})\]\]\s*=(.*)$")
_CHANCE = re.compile(r"^#!\s*probability\s*\[\[([^\[\]\n]{1,80})\]\]\s*=(.*)$")
_MATRIX = re.compile(r"^#!\s*(matrix|limit)\s*=\s*(.*)$")
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


def read_matrix(file: str, body: str) -> PackMatrix:
    """Of the whole pack: `#! [[weather]] = rain | fog`, `#! matrix = rotate`, `#! limit = 8`; the later one counts."""
    slots: dict[str, MatrixSlot] = {}
    said: dict[str, str] = {}
    chances: dict[str, float] = {}
    for number, line in enumerate(body.split("\n"), 1):
        text = line.strip()
        where = f"{told(file)}:{number}"
        if not text.startswith("#!"):
            continue
        if found := _SLOT.match(text):
            values = tuple(one for part in pieces(found[2]) if (one := part.strip()))
            if not values:
                raise Refused("this slot has no values.", where=where, remedy="Write #! [[weather]] = rain | fog.")
            slots[found[1].strip()] = MatrixSlot(name=found[1].strip(), values=values)
        elif found := _CHANCE.match(text):
            chances[found[1].strip()] = read_probability(found[2].strip(), where)
        elif found := _MATRIX.match(text):
            said[found[1]] = found[2].strip()
            if found[1] == "limit" and not (said["limit"].isdecimal() and int(said["limit"][:9]) > 0):
                raise Refused("limit is a whole number above 0.", where=where, remedy="Write #! limit = 8.")
            if found[1] == "matrix" and said["matrix"].lower() not in MODES:
                sentence = f"'{told(said['matrix'], 40)}' is no way to combine slots."
                raise Refused(sentence, where=where, remedy="Write all, rotate, sequential or random.")
    for name, probability in chances.items():
        slots[name] = structs.replace(slots.get(name, MatrixSlot(name=name)), probability=probability)
    if not slots and not said:
        return PackMatrix()
    limit = int(said["limit"][:9]) if "limit" in said else None
    return PackMatrix(enabled=True, mode=said.get("matrix", "fanout"), limit=limit, slots=tuple(slots.values()))


def slot_lines(matrix: PackMatrix) -> tuple[str, ...]:
    """As `read_matrix` reads them: what a prompt of that pack needs to vary alike where it stands alone."""
    if not matrix.enabled:
        return ()
    flat = [(one.name, [" ".join(value.split()) for value in one.values], one.probability) for one in matrix.slots]
    values = [f"#! [[{name}]] = {' | '.join(values)}" for name, values, _ in flat if values]
    return (*values, *(f"#! probability [[{name}]] = {chance:g}" for name, _, chance in flat if chance is not None))


def read_probability(value: object, where: str) -> float:
    """From 0 to 1."""
    try:
        probability = -1.0 if isinstance(value, bool) else float(str(value))
    except ValueError:
        probability = -1.0
    if not 0.0 <= probability <= 1.0:
        raise Refused(
            f"probability '{told(str(value), 40)}' is no number from 0 to 1.", where=where, remedy="Write 0.4."
        )
    return probability


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
