"""A value that knows where it stands in its file, and how much of them one file may hold."""

from dataclasses import dataclass
from typing import TypeAlias

from daemon.prompting.texts import told

Value: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"

MAX_DEPTH = 32
MAX_ALIASES = 50
MAX_NODES = 1_000_000
"""Values in one file, with what aliases stand for counted each time: a few lines must not become gigabytes."""


@dataclass(frozen=True, slots=True)
class Node:
    value: Value
    line: int
    """Of its key, where it has one; else its own. From 1."""
    column: int
    start: int = 0
    """Characters of a JSON text, from 0: where the value itself begins and ends. YAML: 0."""
    end: int = 0


def place(file: str, node: Node) -> str:
    return f"{told(file)}:{node.line}:{node.column}"
