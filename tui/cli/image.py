"""`image`: the pictures that were made. Verbs take image ids, job or run ids (their final pictures), or a FILTER."""

from collections.abc import Mapping

from schema.errors import Refused
from tui.cli import ask, foreign, output
from tui.cli.child import passing
from tui.cli.feedback import LOOKS
from tui.cli.job import FILTER
from tui.cli.pictures import OPTIONS, enhance, export
from tui.cli.sheet import SHEET
from tui.cli.tree import AS_OF, JSON, JSONL, KEY, PAGE, Verb, argument, flag, option, options
from tui.link.doc import Doc
from tui.link.query import named

Words = list[str]

SELECT = argument("ID|RUN|FILTER", "Image, job or run ids, or a FILTER.", dest="select", often="+")
COMMAND = (KEY, JSON)


def list_(
    filters: Words, final: bool, limit: int, offset: int, sort: str | None, as_of: str | None, as_json: bool
) -> int:
    query = {"filter": ask.filter_of(filters), "limit": limit, "offset": offset, "sort": sort}
    page = ask.daemon(as_of).get("/v1/images", {**query, "final": 1 if final else None})
    if as_json:
        output.put_json(page.fields)
        return 0
    heads = ("IMAGE", "JOB", "STAGE", "SIZE", "STARS", "TAGS", "CREATED", "PATH")
    output.put(output.table(heads, [_row(image) for image in page.docs("items")]))
    ask.then(page, as_of)
    ask.more(page)
    return 0


def _row(image: Doc) -> tuple[str, ...]:
    return (
        image.text("id"), image.text("job"), image.text("stage"), f"{image.whole('width')}x{image.whole('height')}",
        output.stars(image.whole("stars")), ",".join(image.texts("tags")), output.moment(image.text("created")),
        ("SUSPECT " if image.text("suspect") else "") + image.text("path"),
    )  # fmt: skip


def show(image: str, as_of: str | None, as_json: bool) -> int:
    answer = ask.daemon(as_of).get(f"/v1/images/{named(image, 'the picture')}")
    if as_json:
        output.put_json(answer.fields)
        return 0
    row, spec = answer.doc("image"), answer.doc("job").doc("spec")
    output.put(
        output.pairs(
            {
                "image": row.text("id"),
                "job": f"{row.text('job')}, stage {row.text('stage')}{', final' if row.flag('final') else ''}",
                "file": row.text("path"),
                "damaged": DAMAGED if answer.flag("damaged") else "",
                "size": f"{row.whole('width')}x{row.whole('height')}, {output.size(row.whole('bytes'))}",
                "stars": output.stars(row.whole("stars")),
                "tags": ", ".join(row.texts("tags")),
                "prompt": spec.text("prompt"),
                "negative": spec.text("negative"),
                "seed": str(row.whole("seed")),
                "model": row.text("model"),
                "from": _from(answer.doc("job")),
                "suspect": row.text("suspect"),
                "sha256": row.text("sha256"),
            }
        )
    )
    return 0


DAMAGED = "its file is not what was stored, or gone: `stablenew disk check` says more, and mends it from a good copy"


def _from(job: Doc) -> str:
    """`a1111, mill.png` of a picture that came in."""
    for stage in job.docs("stages"):
        if file := stage.doc("reported").text("file"):
            return f"{stage.text('backend')}, {file}"
    return ""


def rate(select: Words, tags: Words, key: str | None, as_json: bool) -> int:
    """`image rate ID ... STARS`: a run or a job stands for all its final pictures."""
    *images, number = select
    if not images or number not in ("0", "1", "2", "3", "4", "5"):
        raise Refused(
            f"{output.clean(number)!r} is no number of stars" if images else "which picture, and how many stars?",
            where="stablenew image rate",
            remedy="`image rate ID|RUN STARS` with 1 to 5 stars; 0 takes a rating back.",
        )
    wish = ask.body(select=ask.selection(images), stars=int(number), add=tags)
    return ask.told(ask.daemon().post("/v1/images/rate", wish, key), as_json, "{n} rated.")


def tag(select: str, words: Words, add: Words, remove: Words, key: str | None, as_json: bool) -> int:
    added = [*words, *add]
    if not added and not remove:
        raise Refused("no tag given", where="stablenew image tag", remedy="`image tag ID|RUN|FILTER TAG ...`.")
    return _change("tag", [select], key, as_json, "{n} tagged.", ask.body(add=added, remove=remove))


def compare(one: str, other: str, better: str, key: str | None, as_json: bool) -> int:
    chosen = {"A": one, "B": other}.get(better, better)
    noted = "Noted: neither is better." if chosen == "=" else f"Noted: {output.clean(chosen)} is the better one."
    return _change("compare", [one, other], key, as_json, noted, {"better": chosen})


def trash(select: Words, key: str | None, as_json: bool) -> int:
    return _change("trash", select, key, as_json, "{n} in the trash; `stablenew undo` brings them back.")


def restore(select: Words, key: str | None, as_json: bool) -> int:
    return _change("restore", select, key, as_json, "{n} restored.")


def _change(
    verb: str, select: Words, key: str | None, as_json: bool, done: str, request: Mapping[str, object] | None = None
) -> int:
    request = {"select": ask.selection(select), **(request or {})}
    return ask.command(f"/v1/images/{verb}", request, key, as_json, done)


IMAGE = argument("ID", "An image's id or a unique prefix of it.", dest="image")
VERBS = {
    "list": Verb(
        list_,
        "Pictures that match a FILTER.",
        (
            argument("FILTER", FILTER, dest="filters", often="*"),
            flag("--final", "Only what each job's last stage made."),
            *PAGE,
            option(
                "--sort",
                "ORDER",
                "newest (default), oldest, stars, name, size, job, run, pack or model; `--sort=-name` turns it round.",
            ),
            AS_OF,
            JSON,
        ),
    ),
    "show": Verb(show, "One picture with its file, prompt and rating.", (IMAGE, AS_OF, JSON)),
    "rate": Verb(
        rate,
        "Give 1 to 5 stars: `image rate ID|RUN STARS`; 0 takes a rating back.\n"
        "A run or a job stands for all its final pictures.",
        (
            argument("ID|RUN STARS", "Which, and how many stars.", dest="select", often="+"),
            options("--tag", "TAG", "And this tag.", dest="tags"),
            *COMMAND,
        ),
    ),
    "tag": Verb(
        tag,
        "Add and remove tags.",
        (
            argument("ID|RUN|FILTER", "Image, job or run id, or a FILTER.", dest="select"),
            argument("TAG", "To add.", dest="words", often="*"),
            options("--add", "TAG", "The same."),
            options("--remove", "TAG", "To take away."),
            *COMMAND,
        ),
    ),
    "compare": Verb(
        compare,
        "Say which of two pictures is the better one.",
        (
            argument("A", "An image.", dest="one"),
            argument("B", "Another.", dest="other"),
            option("--better", "A|B|=", "The better one: its id, or the letter A or B; = for neither.", required=True),
            *COMMAND,
        ),
    ),
    "trash": Verb(trash, "Put pictures into the trash.", (SELECT, *COMMAND)),
    "restore": Verb(restore, "Take pictures out of the trash.", (SELECT, *COMMAND)),
    "looks": LOOKS,
    "sheet": SHEET,
    "params": passing(
        ("image-params",),
        "What a picture says of how it was made, whatever program wrote it; no daemon is needed.\n"
        "Also of a film, of the text beside a picture, and of prompt files in JSON. Several files: a line each with\n"
        "--jsonl. `run --like FILE` makes such a picture again.",
        argument("FILE", "A picture, a film, a .txt or a .json.", often="+"),
        JSON,
        JSONL,
    ),
    "import": Verb(
        foreign.bring_in,
        "Keep pictures of other programs, with what they say of how they were made: to rate, tag and find again.\n"
        "Of a folder all PNG, JPEG and WebP pictures below it. One that is here already is left alone.",
        (
            argument("PATH", "A picture, or a folder of them.", dest="paths", often="+"),
            option("--name", "NAME", "What the run is called that they come under; default: the folder's name."),
            options("--tag", "TAG", "And this tag.", dest="tags"),
            *COMMAND,
        ),
    ),
    "post": Verb(
        foreign.post,
        "Post pictures with their metadata to the gallery that the settings name ([gallery] url).\n"
        "One that is there already is not sent again; what failed is sent when one says it again.",
        (SELECT, JSON),
    ),
    "sync": Verb(
        foreign.sync,
        "Bring favourites here and in the gallery into step, whichever side changed them.\n"
        "Here a favourite is a picture tagged `favourite`, or one with [gallery] favourite_stars stars or more.",
        (JSON,),
    ),
    "export": Verb(
        export,
        "Copy pictures into a folder, untouched.\nFiles that are there already with the same content are left alone.",
        (SELECT, option("-o --to", "FOLDER", "Where to; made if it is not there.", dest="folder", required=True), JSON),
    ),
    "enhance": Verb(
        enhance,
        "Make a new picture from one: through the stages of a pipeline, from the picture instead of nothing.\n"
        "Of a picture that was made here, prompt and seed are taken over unless given.",
        (argument("PATH|ID", "A picture file, or an image's id.", dest="picture"), *OPTIONS),
    ),
}
