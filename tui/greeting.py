"""Who has just turned up: agents that ask to join, and a person who is here for the first time."""

from collections.abc import Set
from typing import TYPE_CHECKING

from schema.ids import NodeId
from tui.screens.area import AreaScreen

if TYPE_CHECKING:
    from tui.app import StableNew


def greet(home: "StableNew", known: Set[NodeId] | None) -> None:
    """Says who asks to join and was not there before; None: nobody knows who was."""
    for node in home.live.scene.nodes if known is not None else ():
        if node.state == "new" and node.node not in (known or ()):
            home.say(f"{node.name or node.node} asks to join: g n, then P")


async def meet(home: "StableNew") -> None:
    """Shows around whoever has never made anything here."""
    from tui.screens.welcome import Welcome, is_first

    async def gone(where: str | None) -> None:
        if where is not None:
            await home.action_go(where)

    if await is_first(home) and isinstance(home.screen, AreaScreen):
        await home.push_screen(Welcome(home), gone)
