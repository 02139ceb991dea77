"""Work beside the screen: one door, so that what is cancelled before it begins leaves no coroutine behind."""

from collections.abc import Awaitable, Callable

from textual.dom import DOMNode


def begin(node: DOMNode, work: Callable[[], Awaitable[None]], group: str, *, exclusive: bool = False) -> None:
    """Runs the coroutine function; it ends with the node. `exclusive`: the group's earlier work is cancelled."""
    node.run_worker(work, group=group, exclusive=exclusive)
