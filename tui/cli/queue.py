"""`queue`, `undo` and `redo`: what concerns whole runs, the whole queue, and the last command."""

from tui.cli import ask, nodewords, output
from tui.cli.job import FILTER
from tui.cli.status import queue_words
from tui.cli.tree import AS_OF, JSON, KEY, PAGE, Verb, argument, option
from tui.link.doc import Doc
from tui.link.query import named

COMMAND = (KEY, JSON)
MODES = ("share", "warm", "free")


def show(run: str | None, as_of: str | None, as_json: bool) -> int:
    """The queue in numbers, or one run whole."""
    answer = ask.daemon(as_of).get(f"/v1/runs/{named(run, 'the run')}" if run is not None else "/v1/queue")
    if as_json:
        output.put_json(answer.fields)
    elif run:
        output.put(_run_in_words(answer))
    else:
        output.put("\n".join((queue_words(answer), *_pinned(answer, as_of), *_modes(answer))))
    return 0


def _pinned(queue: Doc, as_of: str | None) -> list[str]:
    """The node that interactive work goes to, by its name."""
    if not (pin := queue.text("pin")):
        return []
    names = nodewords.names_of(ask.daemon(as_of).get("/v1/nodes").docs("items"))
    return [f"interactive work goes to {output.clean(names.get(pin, pin))} only; `queue pin any` lets it go"]


def _modes(queue: Doc) -> list[str]:
    """What the lanes' switch can be set to, with what each costs; the one in force is marked."""
    lines = []
    for name, cost in zip(MODES, queue.texts("mode_costs"), strict=False):
        lines.append(f"{'>' if name == queue.text('mode', 'share') else ' '} {name:<6}{output.clean(cost)}")
    return lines


def runs(filters: list[str], limit: int, offset: int, sort: str | None, as_of: str | None, as_json: bool) -> int:
    query = {"filter": ask.filter_of(filters), "limit": limit, "offset": offset, "sort": sort}
    page = ask.daemon(as_of).get("/v1/runs", query)
    if as_json:
        output.put_json(page.fields)
        return 0
    heads = ("RUN", "STATE", "NAME", "JOBS", "DONE", "FAILED", "CREATED", "FOLDER")
    output.put(output.table(heads, [_run_row(run) for run in page.docs("items")], right="JOBS DONE FAILED"))
    ask.then(page, as_of)
    ask.more(page)
    return 0


def _run_row(run: Doc) -> tuple[str, ...]:
    failed = run.whole("failed") + run.whole("attention")
    return (
        run.text("id"), run.text("state"), run.text("name"), str(run.whole("jobs")), str(run.whole("finished")),
        str(failed or ""), output.moment(run.text("created")), run.text("folder"),
    )  # fmt: skip


def _run_in_words(record: Doc) -> str:
    row, spec = record.doc("row"), record.doc("spec")
    ends = [f"{row.whole(name)} {name}" for name in ("finished", "failed", "cancelled", "attention") if row.whole(name)]
    return output.pairs(
        {
            "run": row.text("id"),
            "state": row.text("state"),
            "name": row.text("name"),
            "jobs": ", ".join([str(row.whole("jobs")), *ends]),
            "lane": row.text("lane"),
            "packs": ", ".join(row.texts("packs")),
            "seed": str(spec.whole("seed")),
            "plan": spec.text("plan_hash"),
            "created": output.moment(row.text("created")),
            "ended": output.moment(row.text("ended")) if "ended" in row else "",
            "folder": row.text("folder"),
            "manifest": record.text("manifest"),
            "sheet": record.text("sheet"),
            "video": record.text("video") or record.text("film_reason"),
        }
    )


def pause(run: str | None, key: str | None, as_json: bool) -> int:
    done = "It is paused; what runs goes on to its stage's end."
    return ask.command(f"{_place(run)}/pause", {}, key, as_json, done)


def resume(run: str | None, key: str | None, as_json: bool) -> int:
    return ask.command(f"{_place(run)}/resume", {}, key, as_json, "It goes on.")


def _place(run: str | None) -> str:
    return f"/v1/runs/{named(run, 'the run')}" if run is not None else "/v1/queue"


def clear(key: str | None, as_json: bool) -> int:
    return ask.command("/v1/queue/clear", {}, key, as_json, "{n} cancelled; `stablenew undo` brings them back.")


def mode(mode: str, key: str | None, as_json: bool) -> int:
    return ask.command("/v1/queue/mode", {"mode": mode}, key, as_json, f"The queue's mode is {output.clean(mode)}.")


def pin(node: str, key: str | None, as_json: bool) -> int:
    """`any` lets it go."""
    free = node == "any"
    words = "goes to whichever node is done first" if free else f"goes to {output.clean(node)} only"
    return ask.command("/v1/queue/pin", {"node": None if free else node}, key, as_json, f"Interactive work {words}.")


def undo(key: str | None, as_json: bool) -> int:
    return _taken_back("/v1/undo", "Taken back", key, as_json)


def redo(key: str | None, as_json: bool) -> int:
    return _taken_back("/v1/redo", "Done again", key, as_json)


def _taken_back(path: str, words: str, key: str | None, as_json: bool) -> int:
    answer = ask.daemon().post(path, {}, key)
    text = answer.text("text")
    return ask.told(
        answer, as_json, f"{text[:1].upper() + text[1:] if answer.flag('nothing') else f'{words}: {text}'}."
    )


RUN = argument("RUN", "A run's id or a unique prefix of it; default: the whole queue.", often="?")
RUN_SORT = "newest (default), oldest, name, state, jobs, ended; `--sort=-name`: turned."
VERBS = {
    "show": Verb(show, "What waits and runs, in numbers; or one run whole.", (RUN, AS_OF, JSON)),
    "runs": Verb(
        runs,
        "Runs that match a FILTER, with their folders.",
        (
            argument("FILTER", FILTER, dest="filters", often="*"),
            *PAGE,
            option("--sort", "ORDER", RUN_SORT),
            AS_OF,
            JSON,
        ),
    ),
    "pause": Verb(pause, "Start no further stage; of one run, or of all.", (RUN, *COMMAND)),
    "resume": Verb(resume, "Go on; with one run, or with all.", (RUN, *COMMAND)),
    "clear": Verb(clear, "Cancel all that waits.", COMMAND),
    "mode": Verb(
        mode,
        "How live work and batches share the nodes.\n"
        "share: as it comes; warm: the best node stays warm for live work; free: it takes no batch at all.",
        (argument("MODE", "share, warm or free."), *COMMAND),
    ),
    "pin": Verb(
        pin,
        "The node that interactive work goes to, for quick answers by day; `any`: whichever is done first.",
        (argument("NODE|any", "A node's id or name.", dest="node"), *COMMAND),
    ),
}
UNDO = Verb(undo, "Take back the last command.", COMMAND)
REDO = Verb(redo, "Do again what `undo` took back.", COMMAND)
