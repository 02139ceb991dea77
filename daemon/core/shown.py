"""How nodes are shown: those of the fleet, and agents that are seen on the network and could join it."""

from collections.abc import Iterable

from msgspec.structs import replace

from daemon.core.breaker import ANYTHING, cooling
from daemon.core.explain import why_idle
from daemon.core.measured import paces, relative_speed
from daemon.core.state import Node, State
from daemon.core.vitals import Stranger, Vitals
from schema.orders import BackendCard, Card
from schema.scenes import BackendScene, GpuScene, NodeScene, NodeState

THERE: frozenset[NodeState] = frozenset({"ready", "busy", "drained", "cooling", "proving"})
"""States of which silence makes `suspect`."""

UNPAIRED = "it is not paired any more"
UNREACHED = "it has not been reached since it was paired"
WAITS = "it joins the daemon that made its token, and shows no code"


def outlined(state: State, node: Node, vitals: Vitals, now: float) -> NodeScene:
    """Without the readings of now."""
    brief = state.attempts.get(node.busy) if node.busy is not None else None
    shown = _state(node, now)
    return NodeScene(
        node=node.id,
        name=node.name,
        state=shown,
        link=node.link,
        address=node.address,
        trouble=_trouble(node, shown),
        backends=node.backends,
        vram_gb=node.vram_gb,
        running=brief.attempt.job if brief is not None and not brief.cancelled else None,
        why_idle=why_idle(state, node, vitals),
        barred=() if node.lost else tuple(_bars(node, now)),
        speed=relative_speed(state, node),
        paces=paces(node),
        done=node.done,
        failed=node.failed,
    )


def with_readings(nodes: Iterable[NodeScene], vitals: Vitals) -> tuple[NodeScene, ...]:
    """The fleet as it is now, without those that were unpaired, and behind it the strangers that are none of it."""
    strange = {one.node: one for one in vitals.strangers}
    shown: list[NodeScene] = []
    for node in nodes:
        away = node.state == "lost" and node.link == "lan" and node.trouble == UNPAIRED
        if (stranger := strange.pop(node.node, None)) is not None and away:
            shown.append(_as_stranger(node, stranger))
        elif not away:  # one that was unpaired is in the fleet no more
            shown.append(_with_vitals(node, vitals))
    blank = (NodeScene(node=one.node, name=one.name, state=one.state) for one in strange.values())
    return (*shown, *(_as_stranger(node, strange[node.node]) for node in blank))


def _state(node: Node, now: float) -> NodeState:
    if node.lost:
        return "lost"
    if node.standing is not None:
        return node.standing
    if node.link == "lan" and not node.proved:
        return "proving"
    if node.busy is not None:
        return "busy"
    if node.drained:
        return "drained"
    return "cooling" if cooling(node, now) else "ready"


def _trouble(node: Node, shown: NodeState) -> str:
    if shown == "lost" and node.link == "lan" and not node.certificate:
        return UNPAIRED
    if shown == "lost":
        return node.trouble or UNREACHED
    if shown == "cooling":
        return f"everything failed there of late; `stablenew node resume {node.name}` uses it at once"
    if shown == "proving" and node.probe is None and node.trouble:
        return f"its probe failed: {node.trouble}; `stablenew node probe {node.name}` tries again"
    return node.trouble


def _bars(node: Node, now: float) -> Iterable[str]:
    """`sdxl for 12 minutes`."""
    for key, (since, until) in node.barred.items():
        if since <= now < until:
            what = "anything" if key == ANYTHING else key or "stages without a checkpoint"
            minutes = max(1, round((until - now) / 60.0))
            yield f"{what} for {minutes} minute{'s' if minutes != 1 else ''}"


def _with_vitals(node: NodeScene, vitals: Vitals) -> NodeScene:
    if node.state == "lost":
        return node
    if node.state in THERE and (silent := vitals.silent.get(node.node)) is not None:
        told = "its agent was stopped" if node.node in vitals.stopped else "it has given no sign of life"
        since = f"{silent:.0f} s ago" if node.node in vitals.stopped else f"for {silent:.0f} s"
        node = replace(node, state="suspect", trouble=f"{told} {since}")
    if (load := vitals.loads.get(node.node)) is not None:
        node = replace(
            node,
            vram_used_gb=load.vram_used_gb,
            vram_gb=node.vram_gb or load.vram_gb,
            gpu_percent=load.gpu_percent,
            celsius=load.celsius,
            watts=load.watts,
            ram_used_gb=load.ram_used_gb,
            resident=load.resident,
        )
    card = vitals.cards.get(node.node)
    return node if card is None else _with_card(node, card)


def _with_card(node: NodeScene, card: Card) -> NodeScene:
    return replace(
        node,
        version=card.version,
        gpus=tuple(GpuScene(name=gpu.name, vram_gb=gpu.vram_gb) for gpu in card.gpus),
        ram_gb=card.ram_gb,
        models=len({model for backend in card.backends for model in backend.models}),
        servers=tuple(_server(backend) for backend in card.backends),
    )


def _server(card: BackendCard) -> BackendScene:
    return BackendScene(kind=card.kind, state=card.state, release=card.release, trouble=card.trouble, url=card.url)


def _as_stranger(node: NodeScene, stranger: Stranger) -> NodeScene:
    """All of it is only what it claims; what was learned of one that was ours stays."""
    return replace(
        node,
        name=stranger.name,
        state=stranger.state,
        link="lan",
        address=stranger.address,
        trouble=stranger.trouble or (WAITS if stranger.token else ""),
        version=stranger.version,
        why_idle="",
    )
