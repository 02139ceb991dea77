"""Work beside the screen: one door, so that what is cancelled before it begins leaves no coroutine behind."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

Result = TypeVar("Result")

CATCH_UP_SECONDS = 1.0
"""A widget that has not taken in its keys by then is not waited for."""


def begin(node: DOMNode, work: Callable[[], Awaitable[None]], group: str, *, exclusive: bool = False) -> None:
    """Runs the coroutine function; it ends with the node. `exclusive`: the group's earlier work is cancelled."""
    node.run_worker(work, group=group, exclusive=exclusive)


def is_open(screen: Screen[Result]) -> bool:
    """Whether the screen is still there, in view or below another: after it was left its parts are going away."""
    return screen.is_attached and screen in screen.app.screen_stack


def leave(screen: Screen[Result], result: Result | None) -> None:
    """Ends a screen whose work is done, with whatever was asked over it meanwhile; nothing where it was left before.

    `dismiss` alone takes away whichever screen is on top.
    """
    if not is_open(screen):
        return
    stack = screen.app.screen_stack
    for above in reversed(stack[stack.index(screen) + 1 :]):
        above.dismiss(None)
    screen.dismiss(result)


async def caught_up(widget: Widget) -> None:
    """Waits until the widget has taken in what was typed into it so far."""
    done = asyncio.Event()
    if widget.call_later(done.set):
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_SECONDS):
                await done.wait()
