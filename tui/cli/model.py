"""`model`: the names that the nodes really have: models, LoRAs, samplers, upscalers and the rest of their cards."""

from schema.errors import Refused
from tui.cli import ask, output
from tui.cli.tree import JSON, PAGE, Verb, argument, option

LISTS = (
    "models", "vaes", "loras", "embeddings", "hypernetworks", "samplers", "schedulers", "upscalers", "detectors",
    "restorers", "controls", "control_processors", "encoders", "interrogators", "scorers", "processors",
)  # fmt: skip


def list_(words: list[str], of: str, node: str | None, limit: int, offset: int, as_json: bool) -> int:
    if of not in (*LISTS, "all"):
        raise Refused(f"there is no list {of!r}", where="--of", remedy=f"There are: {', '.join((*LISTS, 'all'))}.")
    query = {
        "list": None if of == "all" else of,
        "node": node,
        "filter": " ".join(words) or None,
        "limit": limit,
        "offset": offset,
    }
    page = ask.daemon().get("/v1/resources", query)
    if as_json:
        output.put_json(page.fields)
        return 0
    rows = [
        (item.text("name"), item.text("list"), " ".join(item.texts("nodes")), " ".join(item.texts("backends")))
        for item in page.docs("items")
    ]
    output.put(output.table(("NAME", "LIST", "NODES", "BACKENDS"), rows))
    ask.more(page)
    return 0


def show(name: str, as_json: bool) -> int:
    """Every list that holds the name, and who has it. Raises Refused where nobody does."""
    page = ask.daemon().get("/v1/resources", {"filter": name})
    items = [item for item in page.docs("items") if item.text("name") == name]
    if not items:
        near = ", ".join(item.text("name") for item in page.docs("items")[:3])
        raise Refused(
            f"no node has '{output.clean(name)}'.", remedy=f"There are {near}." if near else "`model list` shows all."
        )
    if as_json:
        output.put_json({"name": name, "items": [item.fields for item in items]})
        return 0
    for item in items:
        output.put(f"{item.text('list')}: on {', '.join(item.texts('nodes'))} ({', '.join(item.texts('backends'))})")
    return 0


def scan(as_json: bool) -> int:
    """Every node that is there reads its lists anew."""
    from tui.link.query import quoted

    daemon = ask.daemon()
    nodes = [node for node in daemon.get("/v1/nodes").docs("items") if node.text("state") != "lost"]
    for node in nodes:
        daemon.post(f"/v1/nodes/{quoted(node.text('node'))}/refresh", {}, None)
    if as_json:
        output.put_json({"nodes": [node.text("name") for node in nodes]})
    else:
        output.tell(f"{output.plural(len(nodes), 'node')} read again.")
    return 0


VERBS = {
    "list": Verb(
        list_,
        "What the nodes have, and which of them.",
        (
            argument("TEXT", "Only names that contain it.", dest="words", often="*"),
            option(
                "--of",
                "LIST",
                "models (default), vaes, loras, samplers, upscalers, detectors, ... or all.",
                default="models",
            ),
            option("--node", "NODE", "Only of this node."),
            *PAGE,
            JSON,
        ),
    ),
    "show": Verb(show, "Who has a name, and as what.", (argument("NAME", "As `list` shows it."), JSON)),
    "scan": Verb(scan, "Let every node read its lists again, after files came or went.", (JSON,)),
}
