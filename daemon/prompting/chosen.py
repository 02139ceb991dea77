"""LoRAs, embeddings, styles and grades as an overlay or a profile names them: with strength, weight and probability."""

import re
from collections.abc import Callable
from typing import NamedTuple

from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.shape import Table, number, words
from daemon.prompting.texts import told
from schema.errors import Refused

MAX_WEIGHT = 1_000_000.0
STRONGEST = 10.0
"""Of a LoRA or an embedding, either way."""


class Part(NamedTuple):
    """A LoRA or an embedding that may be taken."""

    name: str
    low: float = 1.0
    high: float = 1.0
    """Its strength is drawn between the two; the same: it is fixed."""
    weight: float = 1.0
    """How much it is preferred to the others of its list."""
    probability: float | None = None
    """That it is taken at all, by itself; None: as the overlay says. In a profile: always."""
    source: str = ""


class Words(NamedTuple):
    """A style's name, or the words of a grade."""

    text: str
    weight: float = 1.0
    probability: float | None = None
    source: str = ""


def part(file: str, node: Node, warnings: list[str]) -> Part:
    """`"name"`, `["name", 0.8]`, `{name, weight: 0.8 | [0.4, 0.8], probability, preference}`, `<lora:name:0.8>`."""
    source = f"{told(file)}:{node.line}"
    if isinstance(node.value, dict):
        table = Table(file, node, "an entry", warnings)
        name = table.words("name", "lora", "embedding", most=200)
        low, high = _span(file, table.take("weight", "strength", "weights"))
        probability = table.number("probability", "chance", low=0, high=1)
        preferred = table.number("preference", "share", low=0, high=MAX_WEIGHT)
        table.tell_rest()
        return _named(file, node, Part(name, low, high, 1.0 if preferred is None else preferred, probability, source))
    if isinstance(node.value, list) and len(node.value) == 2:
        low, high = _span(file, node.value[1])
        return _named(file, node, Part(words(file, node.value[0], 200), low, high, source=source))
    text = words(file, node, 200)
    tag = re.fullmatch(r"<(?:lora|embedding):([^:<>]+)(?::(-?\d*\.?\d+))?>|([^:<>]+)(?::(-?\d*\.?\d+))?", text)
    if tag is None:
        raise Refused(
            f"'{told(text, 40)}' is no name.", where=place(file, node), remedy='Write "name" or ["name", 0.8].'
        )
    strength = float(tag[2] or tag[4] or 1.0)
    return _named(file, node, Part((tag[1] or tag[3]).strip(), strength, strength, source=source))


def _named(file: str, node: Node, found: Part) -> Part:
    if not found.name or any(sign in found.name for sign in "<>:\n"):
        raise Refused(
            "this entry has no name that can be used.", where=place(file, node), remedy="Write name: sea_haze."
        )
    return found


def _span(file: str, node: Node | None) -> tuple[float, float]:
    """`0.8`, `[0.4, 0.8]` or `"0.4-0.8"`; nothing is 1."""
    if node is None or node.value is None:
        return 1.0, 1.0
    if isinstance(node.value, list):
        ends = [number(file, one, -STRONGEST, STRONGEST) for one in node.value]
    elif isinstance(node.value, str) and (found := re.fullmatch(r"\s*([\d.]+)\s*(?:-|\.\.)\s*([\d.]+)\s*", node.value)):
        ends = [number(file, Node(end, node.line, node.column), -STRONGEST, STRONGEST) for end in found.groups()]
    else:
        ends = [number(file, node, -STRONGEST, STRONGEST)]
    if len(ends) not in (1, 2) or ends[0] > ends[-1]:
        raise Refused("a range has a smaller and a larger end.", where=place(file, node), remedy="Write [0.4, 0.8].")
    return ends[0], ends[-1]


def words_of(file: str, name: str, warnings: list[str]) -> Callable[[Node], Words]:
    def read_one(node: Node) -> Words:
        source = f"{told(file)}:{node.line}"
        if not isinstance(node.value, dict):
            return Words(words(file, node, 2_000), source=source)
        table = Table(file, node, "an entry", warnings)
        text = table.words(name, "name", "text", "words", most=2_000)
        weight = table.number("weight", low=0, high=MAX_WEIGHT)
        probability = table.number("probability", "chance", low=0, high=1)
        table.tell_rest()
        if not text:
            raise Refused(f"this entry has no '{name}'.", where=place(file, node), remedy=f"Write {name}: ...")
        return Words(text, 1.0 if weight is None else weight, probability, source)

    return read_one
