"""`node`: the machines that make pictures, and those that could."""

from schema.errors import Refused
from tui.cli import ask, nodewords, output, pairing
from tui.cli.tree import AS_OF, JSON, KEY, Verb, argument
from tui.link.doc import Doc
from tui.link.query import quoted

NODE = argument("NODE", "A node's id, name or address, or a unique prefix of one of them.")
COMMAND = (KEY, JSON)


def list_(as_of: str | None, as_json: bool) -> int:
    answer = ask.daemon(as_of).get("/v1/nodes")
    if as_json:
        output.put_json(answer.fields)
    else:
        output.put(nodewords.table(answer.docs("items")))
    return 0


def show(node: str, as_of: str | None, as_json: bool) -> int:
    found = find(node, as_of)
    day = None
    if nodewords.ours((found,)):
        day = ask.daemon(as_of).get(f"/v1/nodes/{quoted(found.text('node'))}/day")
    if as_json:
        output.put_json({**found.fields, "day": None if day is None else day.fields})
    else:
        output.put(nodewords.whole(found, day))
    return 0


def why_idle(node: str | None, as_json: bool) -> int:
    """Of each node, or of one; empty for one that works."""
    nodes = ask.daemon().get("/v1/nodes").docs("items") if node is None else [find(node)]
    if as_json:
        items = [{name: found.fields.get(name) for name in ("node", "name", "state", "why_idle", "trouble")}
                 for found in nodes]  # fmt: skip
        output.put_json({"items": items, "total": len(items)})
    else:
        for found in nodes:
            works = found.text("running") and found.text("state") == "busy"
            why = "works" if works else nodewords.does(found) or "works"
            output.put(f"{output.clean(nodewords.shown_name(found, nodes))}: {output.clean(why)}")
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


def unpair(node: str, key: str | None, as_json: bool) -> int:
    words = (
        "is in the fleet no more; what it was at goes elsewhere. If it could not be told, `stablenew agent unpair`"
        " there sets it free"
    )
    return _change(node, "unpair", words, key, as_json)


def probe(node: str, key: str | None, as_json: bool) -> int:
    """Ends with 1 where the node did not prove itself."""
    found = find(node)
    name = output.clean(found.text("name") or found.text("node"))
    if not as_json:
        output.tell(f"{name} draws a small picture ...")
    return pairing.probed(ask.daemon(), found.text("node"), name, key, as_json)


def _change(node: str, verb: str, words: str, key: str | None, as_json: bool) -> int:
    found = find(node)
    name = output.clean(found.text("name") or found.text("node"))
    return ask.command(f"/v1/nodes/{quoted(found.text('node'))}/{verb}", {}, key, as_json, f"{name} {words}.")


def find(node: str, as_of: str | None = None) -> Doc:
    """By id, name or address, or a unique beginning of one; of two of one name the connected one is meant.

    Raises Refused naming the nodes there are.
    """
    nodes = ask.daemon(as_of).get("/v1/nodes").docs("items")
    words = [(found, [found.text(name) for name in ("node", "name", "address")]) for found in nodes]
    exact = [found for found, told in words if node and node in told]
    near = exact or [found for found, told in words if node and any(word.startswith(node) for word in told)]
    there = [found for found in near if found.text("state") != "lost"]
    for matching in (near, there):
        if len(matching) == 1:
            return matching[0]
    names = ", ".join(output.clean(f"{found.text('name')} ({found.text('node')})") for found in nodes) or "none"
    what = "fits several nodes" if near else "is no node"
    raise Refused(f"'{output.clean(node)}' {what}.", remedy=f"There are: {names}.")


VERBS = {
    "list": Verb(
        list_,
        "The nodes, what they can do and what they do; and agents that wait to be paired.",
        (AS_OF, JSON),
    ),
    "show": Verb(
        show, "One node: card, memory, load, models, measured speed, what it does or why not.", (NODE, AS_OF, JSON)
    ),
    "why-idle": Verb(
        why_idle,
        "Why a node does nothing now.",
        (argument("NODE", "A node's id or name; default: every node.", often="?"), JSON),
    ),
    "pair": pairing.PAIR,
    "add": pairing.ADD,
    "invite": pairing.INVITE,
    "unpair": Verb(unpair, "Trust a node no more; what it was at goes elsewhere.", (NODE, *COMMAND)),
    "probe": Verb(
        probe,
        "Let a node draw a small picture, and look at it.\nEnds with 1 when it did not come back as it should.",
        (NODE, *COMMAND),
    ),
    "drain": Verb(drain, "Give a node nothing new; what runs there ends.", (NODE, *COMMAND)),
    "resume": Verb(resume, "Give a drained node work again.", (NODE, *COMMAND)),
    "refresh": Verb(refresh, "Let a node read its models, samplers and other lists again.", (NODE, *COMMAND)),
    "free": Verb(free, "Unload a node's models, so that another program can have the card.", (NODE, *COMMAND)),
    "forget": Verb(forget, "Wait no more for a node that is lost.", (NODE, *COMMAND)),
}
