"""A workflow as ComfyUI's editor saves it, turned into the API format through the server's list of nodes.

Only where it is unambiguous: widgets are a bare list there, whose meaning only the node's definition tells.
"""

from collections.abc import Mapping

from agent.backends import BackendTrouble
from agent.backends.comfyui.lists import Lists, NodeWords

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
"""Types of inputs that the editor shows as widgets; besides lists of choices."""

NOTES = ("Note", "MarkdownNote")
EXPORT = "export it from ComfyUI with Workflow > Export (API) instead"
AFTER_SEED = ("fixed", "increment", "decrement", "randomize")
"""The widget the editor puts behind a seed; no node has it."""

Written = Mapping[str, object]


def to_api(workflow: Written, lists: Lists) -> dict[str, object]:
    """Raises BackendTrouble with the way to export it in the API format."""
    if workflow.get("definitions"):
        raise _refused("it has subgraphs")
    nodes = {_number(node): node for node in _dicts(workflow.get("nodes"))}
    links = _links(workflow.get("links"))
    found: dict[str, object] = {}
    for number, node in nodes.items():
        kind = str(node.get("type"))
        if kind in NOTES or kind == "Reroute":
            continue
        if node.get("mode") in (2, 4):
            raise _refused(f"node {number} ({kind}) is muted or bypassed")
        words = lists.nodes.get(kind)
        if words is None:
            raise _refused(f"this ComfyUI does not have its node {number} ({kind})")
        inputs = _widgets(number, kind, node, words)
        for slot in _dicts(node.get("inputs")):
            link = slot.get("link")
            if link is not None:
                inputs[str(slot.get("name"))] = list(_origin(link, links, nodes))
        title = node.get("title")
        found[number] = {"class_type": kind, "inputs": inputs, "_meta": {"title": title or kind}}
    return found


def _widgets(number: str, kind: str, node: Written, words: NodeWords) -> dict[str, object]:
    values = node.get("widgets_values")
    names = [name for name, spec in words.inputs().items() if is_widget(spec)]
    if isinstance(values, dict):
        return {name: values[name] for name in names if name in values}
    left = list(values) if isinstance(values, list) else []
    found: dict[str, object] = {}
    for name in names:
        if not left:
            break
        found[name] = left.pop(0)
        spec = words.inputs()[name]
        if left and left[0] in AFTER_SEED and (has_after_seed(name, spec)):
            left.pop(0)
    uploads = any(len(spec) > 1 and isinstance(spec[1], dict) and spec[1].get("image_upload")
                  for spec in words.inputs().values())  # fmt: skip
    if left and not (uploads and left == ["image"]):
        raise _refused(f"node {number} ({kind}) has more widgets than this ComfyUI's")
    return found


def is_widget(spec: list[object]) -> bool:
    if not spec:
        return False
    if len(spec) > 1 and isinstance(spec[1], dict) and spec[1].get("forceInput"):
        return False
    return isinstance(spec[0], list) or spec[0] in WIDGETS


def has_after_seed(name: str, spec: list[object]) -> bool:
    told = len(spec) > 1 and isinstance(spec[1], dict) and bool(spec[1].get("control_after_generate"))
    return told or (name in ("seed", "noise_seed") and bool(spec) and spec[0] == "INT")


def _origin(link: object, links: Mapping[object, tuple[str, int]], nodes: Mapping[str, Written]) -> tuple[str, int]:
    """Through the editor's reroutes."""
    for _ in range(1000):
        if link not in links:
            raise _refused(f"link {link} leads nowhere")
        number, output = links[link]
        node = nodes.get(number)
        if node is None:
            raise _refused(f"link {link} leads nowhere")
        if node.get("type") == "PrimitiveNode":
            raise _refused(f"node {number} is a primitive")
        if node.get("type") != "Reroute":
            return number, output
        link = next((slot.get("link") for slot in _dicts(node.get("inputs"))), None)
    raise _refused("its reroutes go round in a circle")


def _links(written: object) -> dict[object, tuple[str, int]]:
    """`[id, from, output, to, input, type]`, or since 2024 sometimes an object."""
    found: dict[object, tuple[str, int]] = {}
    for link in written if isinstance(written, list) else ():
        if isinstance(link, list) and len(link) >= 3 and isinstance(link[2], int):
            found[link[0]] = (str(link[1]), link[2])
        elif isinstance(link, dict) and isinstance(link.get("origin_slot"), int):
            found[link.get("id")] = (str(link.get("origin_id")), link["origin_slot"])
    return found


def _number(node: Written) -> str:
    return str(node.get("id"))


def _dicts(written: object) -> list[dict[str, object]]:
    return [one for one in written if isinstance(one, dict)] if isinstance(written, list) else []


def _refused(what: str) -> BackendTrouble:
    return BackendTrouble(
        "bad-request", f"the workflow is in the editor's format and cannot be converted: {what}; {EXPORT}"
    )
