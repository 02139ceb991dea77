"""A stage's field that may vary: between two limits, or among values. Written as people like to write it."""

import re
from typing import NamedTuple

from daemon.prompting.chosen import MAX_WEIGHT
from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.shape import Table, number
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.plans import Scalar

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}\.[A-Za-z0-9_.]{1,60}")


class Field(NamedTuple):
    """A stage's field and what it may become: one of the values, or a number between the limits."""

    key: str
    values: tuple[Scalar, ...] = ()
    weights: tuple[float, ...] = ()
    """As many as values; empty: all alike."""
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    """0: any number. Limits without a fraction have 1."""
    whole: bool = False
    """Only whole numbers: neither the limits nor the step had a fraction."""
    probability: float | None = None
    source: str = ""


def read_fields(file: str, table: Table | None, warnings: list[str]) -> tuple[Field, ...]:
    """`txt2img.cfg: ...`, or a table of stages with their fields."""
    flat: dict[str, Node] = {}
    for key, node in table.rest() if table else ():
        if "." not in key and isinstance(node.value, dict):
            flat.update({f"{key}.{inner}": item for inner, item in node.value.items()})
        else:
            flat[key] = node
    for key, node in flat.items():
        if not _KEY.fullmatch(key):
            raise Refused(f"'{told(key, 40)}' is no stage.field.", where=place(file, node), remedy="Write txt2img.cfg.")
    return tuple(_field(file, key, node, warnings) for key, node in flat.items())


def _field(file: str, key: str, node: Node, warnings: list[str]) -> Field:
    source, probability, weights = f"{told(file)}:{node.line}", None, list[float]()
    step, listed = 0.0, node
    if isinstance(node.value, dict):
        table = Table(file, node, f"'{key}'", warnings)
        probability = table.number("probability", "chance", low=0, high=1)
        step = table.number("step", low=0, high=1e9) or 0.0
        weights = [number(file, one, 0, MAX_WEIGHT) for one in table.items("weights", "weight")]
        ends = [one for name in (("from", "low", "min"), ("to", "high", "max")) if (one := table.take(*name))]
        given = table.take("values", "value", "range")
        table.tell_rest()
        if given is None and len(ends) != 2:
            raise Refused("what may it become?", where=place(file, node), remedy="Write values: [...], or from and to.")
        listed = given or Node(ends, node.line, node.column)
        if given is not None and not isinstance(given.value, list):
            listed = Node([given], given.line, given.column)
        if weights or (given is not None and not step and "values" in node.value):
            return _one_of(file, key, listed, weights, probability, source)
    items = listed.value if isinstance(listed.value, list) else [listed]
    numbers = [one.value for one in items if isinstance(one.value, int | float) and not isinstance(one.value, bool)]
    if len(items) != 2 or len(numbers) != 2:
        return _one_of(file, key, Node(items, listed.line, listed.column), weights, probability, source)
    if numbers[0] > numbers[1]:
        raise Refused(
            "the range ends before it begins.", where=place(file, listed), remedy="Write the smaller end first."
        )
    whole = all(isinstance(end, int) for end in numbers) and step == int(step)
    return Field(key, (), (), float(numbers[0]), float(numbers[1]), step or float(whole), whole, probability, source)


def _one_of(file: str, key: str, node: Node, weights: list[float], probability: float | None, source: str) -> Field:
    values: list[Scalar] = []
    for item in node.value if isinstance(node.value, list) else [node]:
        if isinstance(item.value, list | dict):
            raise Refused(
                "a value must stand here.", where=place(file, item), remedy="Write a number, a text, true or false."
            )
        values.append(item.value)
    if not values:
        raise Refused(f"'{told(key, 60)}' has no value.", where=place(file, node), remedy="Write [5.0, 7.5].")
    if weights and (len(weights) != len(values) or not any(weights)):
        raise Refused(
            f"{len(values)} values and {len(weights)} weights.",
            where=place(file, node),
            remedy="Write a weight for each.",
        )
    return Field(key, tuple(values), tuple(weights), probability=probability, source=source)
