"""How live work and batches share the nodes, and whether the queue goes on: asked and told from several areas."""

from typing import TYPE_CHECKING

from schema.requests import ModeRequest, PinRequest
from tui.widgets.ink import plain
from tui.widgets.nodeline import STRANGERS, name_of

if TYPE_CHECKING:
    from tui.app import StableNew

MODES = ("share", "warm", "free")


async def choose_mode(home: "StableNew") -> None:
    """Each way with its cost; and the node that live work goes to."""
    from tui.screens.ask import Choose

    queue, scene = home.live.scene.queue, home.live.scene
    costs = dict(zip(MODES, queue.mode_costs, strict=False))
    choices = [(mode, f"{mode:<6}{plain(costs.get(mode, ''))}") for mode in MODES]
    pins = [node for node in scene.nodes if node.state not in STRANGERS]
    if len(pins) > 1 or queue.pin:
        choices += [(f"pin {node.node}", f"live work goes to {name_of(node)} only") for node in pins]
        choices.append(("pin any", "live work goes to whichever node is done first"))
    title = "Live work and batches" + (f", live work on {_pinned(home)}" if queue.pin else "")

    def chosen(what: str | None) -> None:
        if what in MODES:
            home.command("/v1/queue/mode", ModeRequest(mode=what), f"the nodes are shared: {what}")
        elif what is not None:
            node = what.removeprefix("pin ")
            words = "live work goes to whichever is done first" if node == "any" else "live work has its node"
            home.command("/v1/queue/pin", PinRequest(node=None if node == "any" else node), words)

    await home.push_screen(Choose(title, choices, queue.mode, wide=True), chosen)


def pause_or_resume(home: "StableNew") -> None:
    """As it stands when all wishes before it are done."""

    def make() -> tuple[str, str]:
        if home.live.scene.queue.paused:
            return "/v1/queue/resume", "the queue goes on"
        return "/v1/queue/pause", "the queue is paused; what runs ends"

    home.command_as_shown(make)


def _pinned(home: "StableNew") -> str:
    pin = home.live.scene.queue.pin
    return next((name_of(node) for node in home.live.scene.nodes if node.node == pin), plain(pin or ""))
