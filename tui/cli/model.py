"""`model`: files of models here and what the nodes have, in one list; tags, stars and favourites among them."""

from schema.errors import Refused
from tui.cli import ask, output
from tui.cli.modelget import get, search
from tui.cli.tree import JSON, KEY, PAGE, Verb, argument, flag, option, options
from tui.link.doc import Doc
from tui.link.query import named, quoted

Words = list[str]

FILTER = (
    "Words and key:value pairs: list:loras base:sdxl tag:WORD trigger:WORD stars:>=4 uses:>=1 favourite:yes"
    " missing:any|triggers|base|preview|description local:yes node:NAME since:2h."
)
MOST_STARS = 5


def list_(filters: Words, of: str, node: str | None, sort: str | None, limit: int, offset: int, as_json: bool) -> int:
    query = {
        "filter": ask.filter_of(filters), "list": of or None, "node": node, "sort": sort, "limit": limit,
        "offset": offset,
    }  # fmt: skip
    page = ask.daemon().get("/v1/models", query)
    if as_json:
        output.put_json(page.fields)
        return 0
    heads = ("NAME", "LIST", "BASE", "STARS", "USES", "TAGS", "TRIGGERS", "WHERE")
    output.put(output.table(heads, [_row(one) for one in page.docs("items")], right="USES"))
    ask.more(page)
    return 0


def _row(one: Doc) -> tuple[str, ...]:
    mark = "♥ " if one.flag("favourite") else ""
    here = ("here",) if one.text("path") else ()
    return (
        mark + one.text("name"), one.text("list"), one.text("base"), output.stars(one.whole("stars")),
        str(one.whole("uses") or ""), ", ".join(one.texts("tags") or one.texts("about")[:4]),
        ", ".join(one.texts("triggers")[:3]), " ".join((*here, *one.texts("nodes"))),
    )  # fmt: skip


def show(name: str, hashes: bool, as_json: bool) -> int:
    """With `--hashes` the whole file is read, which takes a while for a large one."""
    path = f"/v1/models/{named(name, 'the model')}"
    one = ask.daemon().get(path, {"hashes": 1 if hashes else None}, patience=1800.0 if hashes else 120.0)
    if as_json:
        output.put_json(one.fields)
        return 0
    weight = one.real("weight")
    output.put(output.pairs({
        "name": one.text("name"),
        "title": one.text("title"),
        "list": one.text("list"),
        "made for": one.text("base"),
        "key": one.text("key"),
        "file": one.text("path"),
        "size": output.size(one.whole("bytes")) if one.text("path") else "",
        "nodes": ", ".join(one.texts("nodes")),
        "trigger words": ", ".join(one.texts("triggers")),
        "weight": "" if weight is None else f"{weight:g}",
        "negative": one.text("negative"),
        "tags": ", ".join(one.texts("tags")),
        "its own tags": ", ".join(one.texts("about")),
        "stars": output.stars(one.whole("stars")) + (" favourite" if one.flag("favourite") else ""),
        "used": _used(one),
        "also called": ", ".join(one.texts("same")),
        "author": one.text("author"),
        "page": one.text("address"),
        "notes": one.text("notes"),
        "about": one.text("description")[:600],
        "missing": ", ".join(one.texts("missing")),
        "trouble": one.text("trouble"),
        "told by": ", ".join(f"{each.text('file')}" for each in one.docs("sources")),
        **{kind: one.doc("hashes").text(kind) for kind in ("sha256", "autov1", "autov2", "autov3")},
    }))  # fmt: skip
    return 0


def _used(one: Doc) -> str:
    rating = one.real("rating")
    told = "" if rating is None else f", {rating:.1f} stars on average"
    return f"by {output.plural(one.whole('uses'), 'job')}{told}" if one.whole("uses") else ""


def tag(select: str, words: Words, add: Words, remove: Words, key: str | None, as_json: bool) -> int:
    added = [*words, *add]
    if not added and not remove:
        raise Refused("no tag given", where="stablenew model tag", remedy="`model tag NAME|FILTER TAG ...`.")
    wish = ask.body(select=[select], add=added, remove=remove)
    return ask.command("/v1/models/tag", wish, key, as_json, "{n} tagged.")


def rate(select: Words, key: str | None, as_json: bool) -> int:
    *models, number = select
    if not models or not number.isdigit() or int(number) > MOST_STARS:
        raise Refused(
            f"{output.clean(number)!r} is no number of stars" if models else "which model, and how many stars?",
            where="stablenew model rate",
            remedy="`model rate NAME ... STARS` with 1 to 5 stars; 0 takes a rating back.",
        )
    wish = {"select": models, "stars": int(number)}
    return ask.command("/v1/models/rate", wish, key, as_json, "{n} rated.")


def favourite(select: Words, off: bool, key: str | None, as_json: bool) -> int:
    wish = {"select": select, "favourite": not off}
    return ask.command("/v1/models/favourite", wish, key, as_json, "{n} changed.")


def scan(key: str | None, as_json: bool) -> int:
    """The folders here, then every node that is there."""
    daemon = ask.daemon()
    looked = daemon.post("/v1/models/scan", {}, key, patience=3600.0)
    nodes = [node for node in daemon.get("/v1/nodes").docs("items") if _answers(node)]
    for node in nodes:
        daemon.post(f"/v1/nodes/{quoted(node.text('node'))}/refresh", {}, None)
    if as_json:
        output.put_json({**looked.fields, "nodes": [node.text("name") for node in nodes]})
        return 0
    told = [f"{looked.whole(what)} {word}" for what, word in _NEWS if looked.whole(what)]
    output.tell(
        f"{output.plural(looked.whole('files'), 'file')} in {output.plural(len(looked.texts('folders')), 'folder')}: "
        f"{', '.join(told) or 'nothing new'}. {output.plural(len(nodes), 'node')} read again."
    )
    for trouble in looked.texts("troubles"):
        output.tell(trouble)
    return 0


_NEWS = (("added", "came"), ("changed", "changed"), ("moved", "moved"), ("gone", "went"))


def _answers(node: Doc) -> bool:
    return node.text("state") not in ("lost", "new", "taken")


def missing(filters: Words, limit: int, offset: int, as_json: bool) -> int:
    """Files of which something is not known, or with which something is wrong."""
    page = ask.daemon().get(
        "/v1/models", {"filter": ask.filter_of(["missing:any", *filters]), "limit": limit, "offset": offset}
    )
    if as_json:
        output.put_json(page.fields)
        return 0
    rows = [
        (one.text("name"), one.text("list"), ", ".join(one.texts("missing")), one.text("trouble"), one.text("path"))
        for one in page.docs("items")
    ]
    output.put(output.table(("NAME", "LIST", "MISSING", "TROUBLE", "PATH"), rows))
    ask.more(page)
    return 0


COMMAND = (KEY, JSON)
SELECT = argument("NAME|FILTER", "A name, LIST/NAME, a key, or a FILTER.", dest="select")
VERBS = {
    "list": Verb(
        list_,
        "Model files here and what the nodes have: models, LoRAs, embeddings, VAEs, upscalers. Favourites first.",
        (
            argument("FILTER", FILTER, dest="filters", often="*"),
            option("--of", "LIST", "models, loras, vaes, samplers, detectors, ...; or all.", default=""),
            option("--node", "NODE", "Only of this node."),
            option("--sort", "ORDER", "favourites (default), name, newest, stars, uses or size."),
            *PAGE,
            JSON,
        ),
    ),
    "show": Verb(
        show,
        "All that is known of a model.",
        (
            argument("NAME", "A name, LIST/NAME, or a key."),
            flag("--hashes", "Compute its hashes, which reads the whole file."),
            JSON,
        ),
    ),
    "tag": Verb(
        tag,
        "Add and remove tags; they stay when the file is moved or renamed.",
        (
            SELECT,
            argument("TAG", "To add.", dest="words", often="*"),
            options("--add", "TAG", "The same."),
            options("--remove", "TAG", "To take away."),
            *COMMAND,
        ),
    ),
    "rate": Verb(
        rate,
        "Give 1 to 5 stars: `model rate NAME ... STARS`; 0 takes a rating back.",
        (argument("NAME STARS", "Which, and how many stars.", dest="select", often="+"), *COMMAND),
    ),
    "favourite": Verb(
        favourite,
        "Make models favourites: they come first in lists and choices.",
        (
            argument("NAME|FILTER", "Which.", dest="select", often="+"),
            flag("--off", "They are none any more."),
            *COMMAND,
        ),
    ),
    "scan": Verb(scan, "Look through the folders now, and let every node read its lists again.", COMMAND),
    "missing": Verb(
        missing,
        "Files without trigger words, base model, preview or description, and those that are damaged.",
        (argument("FILTER", FILTER, dest="filters", often="*"), *PAGE, JSON),
    ),
    "search": Verb(
        search,
        "What Civitai and Hugging Face offer. Asks them only where [library] remote is on.",
        (
            argument("WORDS", "What to look for.", dest="words", often="+"),
            option("--source", "SITE", "civitai or huggingface; both if none is named.", default=""),
            option("--list", "LIST", "loras, models, embeddings, ...", dest="of", default=""),
            option("--limit", "N", "At most N of each site.", kind=int, default=20),
            JSON,
        ),
    ),
    "get": Verb(
        get,
        "Download a model, checked and resumed, or with --about what Civitai says of one that is here.\n"
        "Only where [library] remote is on, and only into the folders of [library] models.",
        (
            argument("ID", "civitai:VERSION, hf:OWNER/NAME/FILE, or the address of its page.", dest="id", often="?"),
            option("--about", "NAME", "Of a model that is here: fetch what is missing beside it."),
            option(
                "--list", "LIST", "What it is, where the site does not say: loras, models, ...", dest="of", default=""
            ),
            option("--name", "NAME", "What its file is called here.", default=""),
            *COMMAND,
        ),
    ),
}
