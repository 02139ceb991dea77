"""`disk`: what takes room, the trash, deleting for good, and a look at every file.

Deleting cannot be taken back: it asks at a terminal, and wants `--yes` where there is none.
"""

import sys
from collections.abc import Mapping, Sequence

from schema.bars import so_far
from schema.errors import Exit, Refused
from tui.cli import ask, output
from tui.cli.bar import Bar
from tui.cli.job import FILTER
from tui.cli.tree import JSON, KEY, PAGE, Verb, argument, flag, option
from tui.link.doc import Doc

SHOWN = 12
"""Runs that are listed of what would be deleted."""


def show(as_json: bool) -> int:
    use = ask.daemon().get("/v1/disk")
    if as_json:
        output.put_json(use.fields)
        return Exit.DONE
    kinds = {"final pictures": "finals", "earlier stages": "stages", "films": "films"}
    rows = [_count(words, use.doc(name)) for words, name in kinds.items()]
    rows += [_count("of these in the trash", use.doc("trash")), _count("finals with stars", use.doc("rated"))]
    output.put(output.table(("PICTURES", "COUNT", "SIZE"), rows, right="COUNT SIZE"))
    folders = [
        (one.text("name"), str(one.whole("files")), output.size(one.whole("bytes")), one.text("path"))
        for one in use.docs("folders")
        if one.whole("files")
    ]
    output.put("")
    output.put(output.table(("FOLDER", "FILES", "SIZE", "WHERE"), folders, right="FILES SIZE"))
    output.put("")
    for disk in use.docs("disks"):
        output.put(
            f"{output.size(disk.whole('free'))} free of {output.size(disk.whole('total'))} at {disk.text('path')}"
        )
    _advice(use)
    return Exit.DONE


def _count(words: str, count: Doc) -> tuple[str, str, str]:
    return words, str(count.whole("pictures")), output.size(count.whole("bytes"))


def _advice(use: Doc) -> None:
    trash, stages, damaged = use.doc("trash"), use.doc("stages"), use.whole("damaged")
    if trash.whole("pictures"):
        output.tell(f"`stablenew disk empty` deletes what is in the trash: {output.size(trash.whole('bytes'))}.")
    if stages.whole("pictures"):
        output.tell(f"`stablenew disk prune --stages` keeps the finals alone: {output.size(stages.whole('bytes'))}.")
    if damaged:
        output.tell(f"{output.plural(damaged, 'file')} damaged or gone: `stablenew disk check` says which.")


def runs(filters: list[str], limit: int, offset: int, sort: str | None, as_json: bool) -> int:
    query = {"filter": ask.filter_of(filters), "limit": limit, "offset": offset, "sort": sort}
    page = ask.daemon().get("/v1/disk/runs", query)
    if as_json:
        output.put_json(page.fields)
        return Exit.DONE
    heads = ("RUN", "SIZE", "FINALS", "STAGES", "OF THEM", "TRASH", "RATED", "CREATED", "NAME")
    output.put(output.table(heads, [_run(run) for run in page.docs("items")], right="SIZE FINALS STAGES TRASH RATED"))
    ask.more(page)
    return Exit.DONE


def _run(run: Doc) -> tuple[str, ...]:
    return (
        run.text("run"), output.size(run.whole("bytes")), str(run.whole("finals")), str(run.whole("stages")),
        output.size(run.whole("stages_bytes")), str(run.whole("trash") or ""), str(run.whole("rated") or ""),
        output.moment(run.text("created")), run.text("name"),
    )  # fmt: skip


def trash(filters: list[str], limit: int, offset: int, as_json: bool) -> int:
    text = " ".join(filter(None, ("state:trashed", ask.filter_of(filters))))
    page = ask.daemon().get("/v1/images", {"filter": text, "limit": limit, "offset": offset})
    if as_json:
        output.put_json(page.fields)
        return Exit.DONE
    heads = ("IMAGE", "JOB", "STAGE", "SIZE", "STARS", "CREATED", "NAME")
    rows = [
        (one.text("id"), one.text("job"), one.text("stage"), output.size(one.whole("bytes")),
         output.stars(one.whole("stars")), output.moment(one.text("created")), one.text("name"))
        for one in page.docs("items")
    ]  # fmt: skip
    output.put(output.table(heads, rows, right="SIZE"))
    ask.more(page)
    if rows:
        output.tell("`stablenew image restore ID` brings one back, `stablenew disk empty` deletes them for good.")
    return Exit.DONE


def prune(
    filters: list[str],
    older_than: str | None,
    keep_best: int | None,
    stages: bool,
    rated: bool,
    dry_run: bool,
    yes: bool,
    key: str | None,
    as_json: bool,
) -> int:
    rule = ask.body(
        filter=ask.filter_of(filters), older_than=older_than, keep_best=keep_best, stages=stages or None,
        rated=rated or None,
    )  # fmt: skip
    return _delete("/v1/disk/prune", rule, dry_run, yes, key, as_json)


def empty(
    select: list[str],
    older_than: str | None,
    rated: bool,
    dry_run: bool,
    yes: bool,
    key: str | None,
    as_json: bool,
) -> int:
    rule = ask.body(select=ask.selection(select), older_than=older_than, rated=rated or None)
    return _delete("/v1/disk/empty", rule, dry_run, yes, key, as_json)


def _delete(path: str, rule: Mapping[str, object], dry: bool, yes: bool, key: str | None, as_json: bool) -> int:
    daemon = ask.daemon()
    if dry or not yes:
        found = daemon.post(path, {**rule, "dry_run": True})
        if dry and as_json:
            output.put_json(found.fields)
            return Exit.DONE
        _foretell(found, dry)
        if dry or not found.whole("changed"):
            if as_json:
                output.put_json(found.fields)
            return Exit.DONE
        if not _agreed(found):
            output.tell("Nothing was deleted.")
            return Exit.FAILED
    done = daemon.post(path, rule, key)
    if as_json:
        output.put_json(done.fields)
    elif done.flag("repeated"):
        output.tell("This key was used before: nothing was done now.")
    elif not done.whole("changed"):
        output.tell("Nothing to delete.")
        _left(done.doc("cut"))
    else:
        many = output.plural(done.whole("changed"), "picture")
        output.tell(f"{many} deleted for good, {output.size(done.whole('bytes'))} free again.")
        if yes:
            _left(done.doc("cut"))
    return Exit.DONE


def _foretell(found: Doc, dry: bool) -> None:
    """What would be deleted: data of a dry run, talk before a question."""
    cut, put = found.doc("cut"), output.put if dry else output.tell
    rows = [
        (run.text("run"), str(run.whole("pictures")), output.size(run.whole("bytes")), run.text("name"))
        for run in cut.docs("runs")
    ]
    if rows:
        put(output.table(("RUN", "PICTURES", "SIZE", "NAME"), rows[: None if dry else SHOWN], right="PICTURES SIZE"))
    if len(rows) > SHOWN and not dry:
        put(f"and {len(rows) - SHOWN} more runs")
    if not found.whole("changed"):
        put("nothing to delete")
    else:
        many, size = output.plural(found.whole("changed"), "picture"), output.size(found.whole("bytes"))
        stages = (
            f", {cut.whole('stages')} of them of earlier stages" if cut.whole("stages") and cut.whole("finals") else ""
        )
        put(f"{'would delete ' if dry else ''}{many}{stages}: {size} in {output.plural(cut.whole('files'), 'file')}")
    _left(cut)


def _left(cut: Doc) -> None:
    """What fits the rule and is left alone."""
    rated = cut.whole("rated")
    if rated:
        output.tell(f"{rated} rated {'one stays' if rated == 1 else 'ones stay'}; --rated takes them too.")
    if unfinished := cut.whole("unfinished"):
        output.tell(f"{unfinished} of jobs or films that are not done yet {'stays' if unfinished == 1 else 'stay'}.")
    if best := cut.whole("best"):
        output.tell(
            f"{best} {'stays' if best == 1 else 'stay'} as the best of {'its run' if best == 1 else 'their runs'}."
        )
    if more := cut.whole("more"):
        output.tell(f"{more} more match than one command deletes: say it again.")


def _agreed(found: Doc) -> bool:
    """Raises Refused where nobody can be asked."""
    if not sys.stdin.isatty():
        raise Refused(
            "deleting for good cannot be taken back", where="stablenew disk",
            remedy="Add --yes to do it; `image trash` puts pictures aside and can be undone.",
        )  # fmt: skip
    many = output.plural(found.whole("changed"), "picture")
    print(f"Delete {many} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return input().strip().lower() in ("y", "yes")


def check(percent: float, as_json: bool) -> int:
    done = Doc({})
    with Bar() as shown:
        for line in ask.daemon().lines("/v1/disk/check", body={"percent": percent}, patience=None):
            if "done" in line:
                done = line.doc("done")
            else:
                shown.show(_so_far(line.doc("progress")))
    damaged = done.docs("damaged")
    if as_json:
        output.put_json(done.fields)
        return Exit.FAILED if damaged else Exit.DONE
    if damaged:
        rows = [(",".join(one.texts("images")) or "none", one.text("fault"), one.text("path")) for one in damaged]
        output.put(output.table(("IMAGE", "DAMAGE", "FILE"), rows))
    for one in done.docs("mended"):
        names = ", ".join(one.texts("images")) or one.text("file")[:16]
        output.put(f"mended {output.clean(names)}, from: {one.text('source')}")
    output.tell(_verdict(done, damaged))
    return Exit.FAILED if damaged else Exit.DONE


def _so_far(now: Doc) -> str:
    read, of = now.whole("files"), now.whole("of")
    size = output.size(now.whole("bytes"))
    return so_far("reading", f"{read:,}", f"{output.plural(of, 'file')}, {size}", read / of if of else 0.0)


def _verdict(done: Doc, damaged: Sequence[Doc]) -> str:
    read = f"{output.plural(done.whole('files'), 'file')} read, {output.size(done.whole('bytes'))}"
    if not damaged:
        return f"{read}: all as they were stored."
    job = next((job for one in damaged for job in one.texts("jobs")), "")
    again = f" Or have it made again: `stablenew job rerun {job} --from STAGE`." if job else ""
    return (
        f"{read}: {output.plural(len(damaged), 'file')} damaged, and no good copy was found. Put one where FILE says"
        f" and check again.{again} `image trash` and `disk empty` let it go."
    )


DELETING = (
    flag("--rated", "Rated pictures and favourites too; without it they stay."),
    flag("--dry-run", "Only say what would be deleted, and how much room it takes."),
    flag("--yes", "Do not ask."),
    KEY,
    JSON,
)
VERBS = {
    "show": Verb(
        show,
        "What takes room: pictures by kind, folders, free space.\nA file that has several names is counted once.",
        (JSON,),
    ),
    "runs": Verb(
        runs,
        "Runs by what their pictures take, the largest first.",
        (
            argument("FILTER", FILTER, dest="filters", often="*"),
            *PAGE,
            option("--sort", "ORDER", "size (default), newest, oldest, name, stages or trash."),
            JSON,
        ),
    ),
    "trash": Verb(
        trash,
        "What is in the trash. `image trash` puts pictures there, `image restore` and `undo` bring them back.",
        (argument("FILTER", FILTER, dest="filters", often="*"), *PAGE, JSON),
    ),
    "empty": Verb(
        empty,
        "Delete what is in the trash for good, with the pictures of earlier stages behind it.",
        (
            argument("ID|FILTER", "Only these pictures of the trash.", dest="select", often="*"),
            option("--older-than", "WHEN", "Only what came into the trash before: an age (30d), a time or a seq."),
            *DELETING,
        ),
    ),
    "prune": Verb(
        prune,
        "Delete pictures for good by a rule: all that it names must hold. Verdicts on them stay learned.\n"
        "With a final picture those of its earlier stages go, too. Pictures of unfinished jobs always stay.",
        (
            argument("FILTER", FILTER, dest="filters", often="*"),
            option("--older-than", "WHEN", "Only pictures made before: an age (30d), a time or a seq."),
            option(
                "--keep-best", "N", "Of each run the N best stay: most stars, then what looked best, then the newest.",
                kind=int,
            ),
            flag("--stages", "Only pictures of stages before the last; final ones stay."),
            *DELETING,
        ),
    ),
    "check": Verb(
        check,
        "Read files and hold them against what was stored; mend what has a good copy in a results folder or a backup.\n"
        "Exit code 1 where damage is left. A part of the files is checked every night by itself.",
        (option("--percent", "P", "Of the files, those that were not checked for longest.", kind=float, default=100.0),
         JSON),
    ),
}  # fmt: skip
