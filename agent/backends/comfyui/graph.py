"""A ComfyUI workflow while it is built: nodes, the links between them, and titles a person can read.

Knows the API format (`{"4": {"class_type", "inputs", "_meta"}}`) and nothing of what a node does.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

Value = str | int | float | bool


class Link(NamedTuple):
    """An output of a node."""

    node: str
    output: int = 0


Input = Value | Link


class Node(NamedTuple):
    kind: str
    inputs: Mapping[str, Input]
    title: str


class Loaded(NamedTuple):
    """What a checkpoint or its parts give."""

    model: Link
    clip: Link
    vae: Link


class Graph:
    """Equal nodes are one node: what two stages load alike is loaded once, as ComfyUI's own cache would have it."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._known: dict[tuple[str, tuple[tuple[str, Input], ...]], str] = {}
        self._stage = ""

    def stage(self, name: str) -> None:
        """Titles from now on begin with it, where several stages share one workflow."""
        self._stage = name

    def add(self, kind: str, title: str = "", **inputs: Input) -> Link:
        key = (kind, tuple(sorted(inputs.items())))
        if key in self._known:
            return Link(self._known[key])
        number = str(len(self._nodes) + 1)
        words = f"{self._stage}: {title or kind}" if self._stage else title or kind
        self._nodes[number] = Node(kind, inputs, words)
        self._known[key] = number
        return Link(number)

    def nodes(self) -> Iterator[tuple[str, Node]]:
        return iter(self._nodes.items())

    def input(self, link: Link, name: str) -> str | None:
        """What stands in a node's input, if it is text; followed through nodes that pass a model on."""
        node = self._nodes[link.node]
        value = node.inputs.get(name, node.inputs.get("model"))
        if isinstance(value, Link):
            return self.input(value, name)
        return value if isinstance(value, str) else None

    def kind(self, number: str) -> str:
        return self._nodes[number].kind

    def api(self) -> dict[str, object]:
        """As `POST /prompt` takes it and as ComfyUI's "Export (API)" writes it."""
        return {
            number: {
                "class_type": node.kind,
                "inputs": {name: _written(value) for name, value in node.inputs.items()},
                "_meta": {"title": node.title},
            }
            for number, node in self._nodes.items()
        }


def _written(value: Input) -> object:
    return [value.node, value.output] if isinstance(value, Link) else value
