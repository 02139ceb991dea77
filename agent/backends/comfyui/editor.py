"""A graph as ComfyUI's editor saves it: nodes placed in columns, links by number, widgets as a bare list."""

from collections.abc import Mapping

from agent.backends.comfyui.core import AFTER_SEED, LAYOUTS, Layout
from agent.backends.comfyui.graph import Graph, Link, Node

COLUMN, ROW = 340, 60
"""Pixels of the editor's canvas."""


def ui_of(graph: Graph) -> dict[str, object]:
    """Of ComfyUI's own nodes alone (`core.LAYOUTS`)."""
    nodes = dict(graph.nodes())
    links: list[list[object]] = []
    leaving: dict[tuple[str, int], list[int]] = {}
    for number, node in nodes.items():
        for place, slot in enumerate(_linked(LAYOUTS[node.kind])):
            value = node.inputs.get(slot[0])
            if isinstance(value, Link):
                identity = len(links) + 1
                links.append([identity, int(value.node), value.output, int(number), place, slot[1]])
                leaving.setdefault((value.node, value.output), []).append(identity)
    depth = _depths(nodes)
    rows: dict[int, int] = {}
    drawn = []
    for order, (number, node) in enumerate(nodes.items()):
        column = depth[number]
        height = 80 + 26 * len(LAYOUTS[node.kind].inputs)
        drawn.append(_node(number, node, order, (column * COLUMN, rows.get(column, 0), height), links, leaving))
        rows[column] = rows.get(column, 0) + height + ROW
    return {
        "last_node_id": len(nodes), "last_link_id": len(links), "nodes": drawn, "links": links, "groups": [],
        "config": {}, "extra": {}, "version": 0.4,
    }  # fmt: skip


def _node(
    number: str, node: Node, order: int, place: tuple[int, int, int], links: list[list[object]],
    leaving: Mapping[tuple[str, int], list[int]],
) -> dict[str, object]:  # fmt: skip
    layout = LAYOUTS[node.kind]
    x, y, height = place
    entering = {link[4]: link[0] for link in links if link[3] == int(number)}
    return {
        "id": int(number),
        "type": node.kind,
        "pos": [x, y],
        "size": [300, height],
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [
            {"name": name, "type": kind, "link": entering.get(at)} for at, (name, kind) in enumerate(_linked(layout))
        ],
        "outputs": [
            {"name": kind, "type": kind, "links": leaving.get((number, at)) or None, "slot_index": at}
            for at, kind in enumerate(layout.outputs)
        ],
        "title": node.title,
        "properties": {"Node name for S&R": node.kind},
        "widgets_values": _widgets(node, layout),
    }


def _linked(layout: Layout) -> list[tuple[str, str]]:
    return [(slot.name, slot.type) for slot in layout.inputs if slot.type]


def _widgets(node: Node, layout: Layout) -> list[object]:
    values: list[object] = []
    for slot in layout.inputs:
        if slot.type:
            continue
        value = node.inputs.get(slot.name, slot.default)
        values.append(
            int(value) if slot.name not in node.inputs and isinstance(value, str) and value.isdigit() else value
        )
        if slot.name in AFTER_SEED:
            values.append("fixed")
    if node.kind in ("LoadImage", "LoadImageMask"):
        values.append("image")
    return values


def _depths(nodes: Mapping[str, Node]) -> dict[str, int]:
    """How many links lie before a node at most. A node's origins always come before it."""
    depth: dict[str, int] = {}
    for number, node in nodes.items():
        depth[number] = max((depth[v.node] + 1 for v in node.inputs.values() if isinstance(v, Link)), default=0)
    return depth
