"""`job`: lists, waits for and changes jobs. Every verb takes job ids, run ids, unique prefixes or a FILTER."""

from collections.abc import Mapping

from schema.errors import Exit, Refused
from tui.cli import ask, output
from tui.cli.tree import AS_OF, JSON, KEY, PAGE, Verb, argument, flag, option, options
from tui.link.doc import Doc
from tui.link.query import named

Words = list[str]

FILTER = "Words and key:value pairs: state: run: job: pack: node: model: stars: tag: since:"
SELECT = argument("JOB|RUN|FILTER", "Ids, unique prefixes of ids, or a FILTER.", dest="select", often="+")
COMMAND = (KEY, JSON)


def list_(filters: Words, limit: int, offset: int, sort: str | None, as_of: str | None, as_json: bool) -> int:
    page = ask.daemon(as_of).get(
        "/v1/jobs", {"filter": ask.filter_of(filters), "limit": limit, "offset": offset, "sort": sort}
    )
    if as_json:
        output.put_json(page.fields)
        return 0
    heads = ("JOB", "STATE", "NAME", "STAGE", "NODE", "TIME", "STARS", "CREATED", "REASON")
    output.put(output.table(heads, [_row(job) for job in page.docs("items")], right="TIME"))
    ask.then(page, as_of)
    ask.more(page)
    return 0


def _row(job: Doc) -> tuple[str, ...]:
    return (
        job.text("id"), job.text("state"), job.text("name"), job.text("stage"), _node(job),
        output.duration(job.real("seconds")), output.stars(job.whole("stars")), output.moment(job.text("created")),
        job.text("reason"),
    )  # fmt: skip


def _node(told: Doc) -> str:
    """As the node was called when it ran; ids are for scripts."""
    return told.text("node_name") or told.text("node")


def show(job: str, as_of: str | None, as_json: bool) -> int:
    record = ask.daemon(as_of).get(f"/v1/jobs/{named(job, 'the job')}")
    if as_json:
        output.put_json(record.fields)
    else:
        output.put(in_words(record))
    return 0


def in_words(record: Doc) -> str:
    spec = record.doc("spec")
    head = output.pairs(
        {
            "job": record.text("id"),
            "state": output.clean(f"{record.text('state')} {record.text('reason')}"),
            "name": spec.text("name"),
            "work": record.text("work"),
            "lane": f"{record.text('lane', 'batch')}, priority {record.whole('priority')}",
            "node": _node(record) or record.text("node_wanted"),
            "pack": spec.text("pack"),
            "template": spec.text("template") if spec.docs("picks") else "",
            "varied": "; ".join(map(_pick, spec.docs("picks"))),
            "cell": ", ".join(f"{name}={level}" for name, level in spec.doc("axes").fields.items()),
            "prompt": record.text("prompt") or spec.text("prompt"),
            "planned": spec.text("prompt") if record.text("prompt") not in ("", spec.text("prompt")) else "",
            "negative": record.text("negative") if "prompt" in record else spec.text("negative"),
            "seed": str(spec.whole("seed")),
            "changed": ", ".join(f"{name}={value}" for name, value in spec.doc("overlay").fields.items()),
            "created": output.moment(record.text("created")),
            "ended": output.moment(record.text("ended")) if "ended" in record else "",
            "learning": record.text("learning"),
            "results": record.text("folder"),
        }
    )
    heads = ("STAGE", "STATE", "NODE", "ATTEMPTS", "TIME", "PICTURES", "WHY")
    table = output.table(heads, [_stage(stage) for stage in record.docs("stages")], right="ATTEMPTS TIME")
    return "\n\n".join(filter(None, (head, table, _said(record))))


def _pick(pick: Doc) -> str:
    """`__sky__: dawn (wildcard sky.txt:1)`."""
    source = pick.text("source")
    return f"{pick.text('key')}: {pick.text('value') or '-'}" + (f" ({source})" if source else "")


def _said(record: Doc) -> str:
    """What stages wrote, chose or saw."""
    from schema.plans import WORDED  # brings msgspec with it: no help needs it

    told: dict[str, str] = {}
    for stage in record.docs("stages"):
        said, words = stage.doc("reported"), stage.text("kind") in WORDED
        for name in ("caption", "score", *(("prompt", "why") if words else ())):
            if name in said and stage.text("state") == "done":
                told[stage.text("id") + (" why" if name == "why" else "")] = str(said.fields[name]).replace("\n", "; ")
    if written := record.doc("spec").doc("written").text("prompt"):
        told["written over it"] = written
    return output.pairs(told) if told else ""


def _stage(stage: Doc) -> tuple[str, ...]:
    images = " ".join(image.text("id") for image in stage.docs("images"))
    seconds = stage.doc("measures").real("executed_s") or None
    return (
        stage.text("id"), stage.text("state"), _node(stage), str(stage.whole("attempts") or ""),
        output.duration(seconds), images, stage.text("reason") or stage.text("why"),
    )  # fmt: skip


def wait(select: Words, as_json: bool) -> int:
    from tui.cli.follow import ended_with, follow, how_to_go_on, summary

    try:
        done = follow(ask.selection(select))
    except KeyboardInterrupt:
        output.tell(how_to_go_on(select))
        return Exit.INTERRUPTED
    if as_json:
        output.put_json(done.fields)
    else:
        output.tell(summary(done))
        if folder := done.text("folder"):
            output.put(folder)
    return ended_with(done)


def cancel(select: Words, reason: str | None, key: str | None, as_json: bool) -> int:
    return _change("cancel", select, key, as_json, "{n} cancelled.", ask.body(reason=reason))


def retry(select: Words, key: str | None, as_json: bool) -> int:
    return _change("retry", select, key, as_json, "{n} tried again.")


def hold(select: Words, key: str | None, as_json: bool) -> int:
    return _change("hold", select, key, as_json, "{n} held.")


def release(select: Words, key: str | None, as_json: bool) -> int:
    return _change("release", select, key, as_json, "{n} released.")


def skip(select: Words, key: str | None, as_json: bool) -> int:
    return _change("skip", select, key, as_json, "Skipped the stage of {n}.")


def rerun(select: Words, only: str | None, from_: str | None, key: str | None, as_json: bool) -> int:
    """`rerun JOB --only STAGE`, `rerun JOB --from STAGE`, or `rerun JOB STAGE`, which is from there on."""
    if only and from_:
        raise Refused("--only and --from exclude one another", where="stablenew job rerun", remedy="Take one of them.")
    stage = only or from_
    if stage is None:
        if len(select) < 2:
            raise Refused(
                "which stage?", where="stablenew job rerun", remedy="Name it with --only STAGE or --from STAGE."
            )
        *select, stage = select
    request = ask.body(stage=stage, only=True if only else None)
    return _change("rerun", select, key, as_json, "{n} run again.", request)


def move(
    select: Words, top: bool, bottom: bool, before: str | None, after: str | None, key: str | None, as_json: bool
) -> int:
    chosen: list[tuple[str, str | None]] = [(to, None) for to, asked in (("top", top), ("bottom", bottom)) if asked]
    chosen += [(to, anchor) for to, anchor in (("before", before), ("after", after)) if anchor is not None]
    if not chosen and len(select) > 1 and select[-1] in ("top", "bottom"):
        chosen = [(select.pop(), None)]
    if len(chosen) != 1:
        raise Refused(
            "where to?", where="stablenew job move", remedy="Say one of --top, --bottom, --before JOB, --after JOB."
        )
    to, anchor = chosen[0]
    return _change("move", select, key, as_json, "{n} moved.", ask.body(to=to, anchor=anchor))


def priority(select: Words, key: str | None, as_json: bool) -> int:
    *jobs, number = select
    try:
        request = {"priority": int(number)}
    except ValueError:
        raise Refused(f"{number!r} is no priority", where="stablenew job priority", remedy="It is a number.") from None
    if not jobs:
        raise Refused("which jobs?", where="stablenew job priority", remedy="`job priority JOB ... NUMBER`.")
    return _change("priority", jobs, key, as_json, "{n} changed.", request)


def edit(
    select: Words,
    sets: Words,
    prompt: str | None,
    negative: str | None,
    seed: int | None,
    backend: str | None,
    key: str | None,
    as_json: bool,
) -> int:
    request: dict[str, object] = ask.body(set=sets, seed=seed)
    texts = (("prompt", prompt), ("negative", negative), ("backend", backend))
    request |= {name: text for name, text in texts if text is not None}
    if not request:
        raise Refused(
            "nothing to change", where="stablenew job edit",
            remedy="Give --set, --prompt, --negative, --seed or --backend.",
        )  # fmt: skip
    return _change("edit", select, key, as_json, "{n} changed.", request)


def explain(job: str, as_of: str | None, as_json: bool) -> int:
    answer = ask.daemon(as_of).get(f"/v1/jobs/{named(job, 'the job')}/explain")
    if as_json:
        output.put_json(answer.fields)
    else:
        output.put(output.clean_lines(answer.text("text")))
        for stage in answer.docs("stages"):
            why = stage.text("reason") if stage.text("state") == "failed" else stage.text("why")
            where = f" on {_node(stage)}" if _node(stage) else ""
            output.put(output.clean(f"{stage.text('stage')} ({stage.text('state')}{where}): {why or 'it was free'}"))
    return 0


def _change(
    verb: str, select: Words, key: str | None, as_json: bool, done: str, request: Mapping[str, object] | None = None
) -> int:
    request = {"select": ask.selection(select), **(request or {})}
    return ask.command(f"/v1/jobs/{verb}", request, key, as_json, done)


JOB = argument("JOB", "A job's id or a unique prefix of it.")
LIST = (argument("FILTER", FILTER, dest="filters", often="*"), *PAGE)
SORT = option(
    "--sort",
    "ORDER",
    "position (default), newest, oldest, name, state, node, pack, model, priority, stars, seconds or ended;"
    " `--sort=-name` turns it round.",
)

VERBS = {
    "list": Verb(list_, "Jobs that match a FILTER.", (*LIST, SORT, AS_OF, JSON)),
    "show": Verb(show, "One job with its stages and pictures.", (JOB, AS_OF, JSON)),
    "wait": Verb(wait, "Wait until jobs have ended.\nEnds with 5 when one failed or was cancelled.", (SELECT, JSON)),
    "cancel": Verb(
        cancel,
        "Cancel jobs; a running stage stops within a step.",
        (SELECT, option("--reason", "TEXT", "Kept with the job."), *COMMAND),
    ),
    "retry": Verb(
        retry, "Failed, parked and cancelled jobs go on from their first unfinished stage.", (SELECT, *COMMAND)
    ),
    "rerun": Verb(
        rerun,
        "Run one stage again, or all from it on; what stood before it is kept.",
        (
            SELECT,
            option("--only", "STAGE", "This stage alone."),
            option("--from", "STAGE", "This stage and those after it.", dest="from_"),
            *COMMAND,
        ),
    ),
    "hold": Verb(hold, "Start nothing of these jobs until released.", (SELECT, *COMMAND)),
    "release": Verb(release, "Let held jobs go.", (SELECT, *COMMAND)),
    "move": Verb(
        move,
        "Move waiting jobs within their lane.",
        (
            SELECT,
            flag("--top", "Before all others."),
            flag("--bottom", "Behind all others."),
            option("--before", "JOB", "Right before this job."),
            option("--after", "JOB", "Right after this job."),
            *COMMAND,
        ),
    ),
    "priority": Verb(
        priority,
        "Higher numbers run first: `job priority JOB ... NUMBER`.",
        (argument("JOB|RUN|FILTER NUMBER", "Which, and their new priority.", dest="select", often="+"), *COMMAND),
    ),
    "edit": Verb(
        edit,
        "Change jobs of which nothing has started.",
        (
            SELECT,
            options("--set", "STAGE.FIELD=VALUE", "Change one field of one stage.", dest="sets"),
            option("--prompt", "TEXT", "The new prompt."),
            option("--negative", "TEXT", "The new negative prompt."),
            option("--seed", "N", "The new seed.", kind=int),
            option("--backend", "NAME", "Who is to make it: webui, comfyui, ...; `--backend=` is whoever can."),
            *COMMAND,
        ),
    ),
    "skip": Verb(skip, "Go on without the stage a job is at; a first stage cannot be skipped.", (SELECT, *COMMAND)),
    "explain": Verb(explain, "Why a job is where it is, in words.", (JOB, AS_OF, JSON)),
}
