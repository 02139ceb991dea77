"""Which node a word means: its id, its name, its address, or the unique beginning of one of them. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from daemon.views.select import NotFound
from schema.errors import Refused
from schema.ids import NodeId
from schema.scenes import NodeScene

Item = TypeVar("Item")

STRANGERS = frozenset({"new", "taken"})
"""States of agents that are seen and are no node of ours."""


def node_of(nodes: Iterable[NodeScene], word: str) -> NodeId:
    """Of the fleet. Raises NotFound, or Refused where the word fits several or only one that is not paired."""
    every = tuple(nodes)
    found = matching([node for node in every if node.state not in STRANGERS], word)
    if found:
        return _the_one(found, word).node
    strangers = matching([node for node in every if node.state in STRANGERS], word)
    if strangers:
        name = strangers[0].name
        raise Refused(
            f"'{word}' is seen, but not paired.",
            remedy=f"`stablenew node pair {name} CODE`, with the code that it shows."
            if strangers[0].state == "new"
            else "It is paired with another daemon: `stablenew agent unpair` there sets it free.",
        )
    raise nobody(every, word)


def stranger_of(nodes: Iterable[NodeScene], word: str) -> NodeScene | None:
    """An agent that a word may mean when one pairs: strangers first, then nodes that are lost or have lost trust.

    None: nobody of that name is seen. Raises Refused where the word fits several.
    """
    every = tuple(nodes)
    for states in (("new",), ("taken",), ("lost", "untrusted", "incompatible", "conflicted")):
        found = matching([node for node in every if node.state in states], word)
        if found:
            return _the_one(found, word)
    ours = matching(every, word)
    return ours[0] if ours else None


def matching(nodes: Iterable[NodeScene], word: str) -> list[NodeScene]:
    """The nodes that fit best: exactly before by a beginning, connected before lost."""
    found = fitting([(node, _words(node)) for node in nodes], word)
    return [node for node in found if node.state != "lost"] or found


def fitting(items: Sequence[tuple[Item, tuple[str, ...]]], word: str) -> list[Item]:
    """Those of which one of the words is this one; where none is, those of which one begins with it."""
    tests: tuple[Callable[[str], bool], ...] = (lambda text: text == word, lambda text: text.startswith(word))
    for fits in tests:
        found = [item for item, words in items if word and any(map(fits, words))]
        if found:
            return found
    return []


def nobody(nodes: Iterable[NodeScene], word: str) -> NotFound:
    """Names those of the fleet; where there are none, the strangers too."""
    every = tuple(nodes)
    nodes = [node for node in every if node.state not in ("new", "taken")] or every
    names = ", ".join(f"{node.name} ({node.node})" for node in nodes) or "none yet"
    return NotFound(f"no node '{word[:80]}' is known.", remedy=f"There are: {names}.")


def _words(node: NodeScene) -> tuple[str, ...]:
    return tuple(filter(None, (node.node, node.name, node.address)))


def _the_one(found: list[NodeScene], word: str) -> NodeScene:
    if len(found) > 1:
        names = ", ".join(f"{node.name} ({node.node})" for node in found)
        raise Refused(f"'{word}' fits {len(found)} nodes: {names}.", remedy="Write more of it, or the id.")
    return found[0]
