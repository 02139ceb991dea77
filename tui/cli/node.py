"""`node`: the machines that make pictures."""

from schema.errors import Refused
from tui.cli import ask, output
from tui.cli.status import nodes_table
from tui.cli.tree import JSON, KEY, Verb, argument
from tui.link.doc import Doc
from tui.link.query import quoted

NODE = argument("NODE", "A node's id or name, or a unique prefix of it.")
COMMAND = (KEY, JSON)


def list_(as_json: bool) -> int:
    answer = ask.daemon().get("/v1/nodes")
    if as_json:
        output.put_json(answer.fields)
    else:
        output.put(nodes_table(answer.docs("items")))
    return 0


def show(node: str, as_json: bool) -> int:
    found = _find(node)
    if as_json:
        output.put_json(found.fields)
    else:
        values = {name: _in_words(value) for name, value in found.fields.items() if name != "servers"}
        output.put(output.pairs(values))
        heads = ("BACKEND", "STATE", "ADDRESS", "RELEASE", "TROUBLE")
        rows = [tuple(server.text(name) for name in ("kind", "state", "url", "release", "trouble"))
                for server in found.docs("servers")]  # fmt: skip
        output.put(f"\n{output.table(heads, rows)}")
    return 0


def _in_words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def why_idle(node: str | None, as_json: bool) -> int:
    """Of each node, or of one; empty for one that works."""
    nodes = ask.daemon().get("/v1/nodes").docs("items") if node is None else [_find(node)]
    if as_json:
        items = [{name: found.fields.get(name) for name in ("node", "name", "state", "why_idle")} for found in nodes]
        output.put_json({"items": items, "total": len(items)})
    else:
        for found in nodes:
            name = output.clean(found.text("name") or found.text("node"))
            output.put(f"{name}: {output.clean(found.text('why_idle')) or 'works'}")
    return 0


def drain(node: str, key: str | None, as_json: bool) -> int:
    return _change(node, "drain", "gets nothing new; what runs there ends", key, as_json)


def resume(node: str, key: str | None, as_json: bool) -> int:
    return _change(node, "resume", "gets work again", key, as_json)


def refresh(node: str, key: str | None, as_json: bool) -> int:
    return _change(node, "refresh", "has read its lists again", key, as_json)


def free(node: str, key: str | None, as_json: bool) -> int:
    return _change(node, "free", "has given its memory back", key, as_json)


def forget(node: str, key: str | None, as_json: bool) -> int:
    return _change(node, "forget", "is forgotten", key, as_json)


def _change(node: str, verb: str, words: str, key: str | None, as_json: bool) -> int:
    found = _find(node)
    name = output.clean(found.text("name") or found.text("node"))
    return ask.command(f"/v1/nodes/{quoted(found.text('node'))}/{verb}", {}, key, as_json, f"{name} {words}.")


def _find(node: str) -> Doc:
    """By id, by name, or by a unique beginning of either. Raises Refused naming the nodes there are."""
    nodes = ask.daemon().get("/v1/nodes").docs("items")
    exact = [found for found in nodes if node in (found.text("node"), found.text("name"))]
    near = [found for found in nodes if found.text("node").startswith(node) or found.text("name").startswith(node)]
    for matching in (exact, near):
        if len(matching) == 1:
            return matching[0]
    names = ", ".join(output.clean(f"{found.text('name')} ({found.text('node')})") for found in nodes) or "none"
    what = "fits several nodes" if near else "is no node"
    raise Refused(f"'{output.clean(node)}' {what}.", remedy=f"There are: {names}.")


VERBS = {
    "list": Verb(list_, "The nodes, what they can do and what they do.", (JSON,)),
    "show": Verb(show, "One node.", (NODE, JSON)),
    "why-idle": Verb(
        why_idle,
        "Why a node does nothing now.",
        (argument("NODE", "A node's id or name; default: every node.", often="?"), JSON),
    ),
    "drain": Verb(drain, "Give a node nothing new; what runs there ends.", (NODE, *COMMAND)),
    "resume": Verb(resume, "Give a drained node work again.", (NODE, *COMMAND)),
    "refresh": Verb(refresh, "Let a node read its models, samplers and other lists again.", (NODE, *COMMAND)),
    "free": Verb(free, "Unload a node's models, so that another program can have the card.", (NODE, *COMMAND)),
    "forget": Verb(forget, "Wait no more for a node that is lost.", (NODE, *COMMAND)),
}
