"""What a profile or an overlay says of places to vary, by name: how likely they are filled, what their values weigh.

{weather: {probability: 0.4, weights: {rain: 3, sun: 0}}, __sky__: 0.5}
"""

from collections.abc import Mapping
from typing import NamedTuple

from daemon.prompting.chosen import MAX_WEIGHT
from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.shape import Table, number
from daemon.prompting.texts import cleaned, told
from daemon.prompting.tokens import plain_slot
from daemon.prompting.variation.chances import Chance
from schema.errors import Refused

Weights = Mapping[str, Mapping[str, float]]
"""A place's name to value to weight."""


class Filled(NamedTuple):
    chances: Mapping[str, float] = {}
    """A place's name, as written, to the probability that it is filled at all where values are drawn."""
    weights: Weights = {}
    """Of slots and wildcards, by plain name: what the weight of a value is multiplied by."""

    def weight(self, name: str, value: str) -> float:
        return self.weights.get(plain_slot(name), {}).get(value.strip(), 1.0) if self.weights else 1.0

    def said(self, source: str) -> dict[str, Chance]:
        return {name: Chance(probability, source) for name, probability in self.chances.items()}


def read_places(file: str, table: Table | None, warnings: list[str]) -> Filled:
    """Raises Refused with `file:line:column`."""
    chances: dict[str, float] = {}
    weights: dict[str, dict[str, float]] = {}
    for name, node in table.rest() if table else ():
        key = cleaned(name).strip()
        if not isinstance(node.value, dict):
            chances[key] = number(file, node, 0, 1)
            continue
        entry = Table(file, node, f"'{told(name, 40)}'", warnings)
        probability = entry.number("probability", "chance", low=0, high=1)
        if probability is not None:
            chances[key] = probability
        weighed = entry.take("weights", "values")
        if weighed is not None and key.startswith("{"):
            entry.warn(weighed, "a choice has its weights in itself, {3::a|b}; these are not used")
        elif weighed is not None:
            weights[plain_slot(key)] = weights_of(file, name, weighed, warnings)
        entry.tell_rest()
    return Filled(chances, weights)


def weights_of(file: str, name: str, node: Node, warnings: list[str]) -> dict[str, float]:
    """`{dawn: 3, dusk: 0}` or `[3::dawn, {text: dusk, weight: 0}]`."""
    if isinstance(node.value, dict):
        return {cleaned(value).strip(): number(file, one, 0, MAX_WEIGHT) for value, one in node.value.items()}
    if isinstance(node.value, list):
        return dict(_weighed(file, item, warnings) for item in node.value)
    raise Refused(f"which values of '{told(name, 40)}'?", where=place(file, node), remedy="Write {dawn: 3, dusk: 0}.")


def _weighed(file: str, node: Node, warnings: list[str]) -> tuple[str, float]:
    if isinstance(node.value, dict):
        table = Table(file, node, "an entry", warnings)
        text = table.words("text", "value", "content", "name")
        weight = table.number("weight", low=0, high=MAX_WEIGHT)
        if text:
            return text, 1.0 if weight is None else weight
    elif isinstance(node.value, str):
        before, colons, text = node.value.rpartition("::")
        given = Node(before, node.line, node.column)
        return cleaned(text).strip(), number(file, given, 0, MAX_WEIGHT) if colons else 1.0
    raise Refused("a value with its weight must stand here.", where=place(file, node), remedy='Write "3::dawn".')
