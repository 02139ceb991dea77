"""`log`: the truth, read and looked after. The daemon shows its tail; whatever needs the file itself a child does."""

import sys

from schema.errors import NoDaemon, Refused
from tui.cli import ask, output
from tui.cli.child import become, passing
from tui.cli.tree import JSON, JSONL, Verb, argument, flag, option
from tui.link.doc import Doc
from tui.link.query import quoted


def tail(lines: int, after: int | None, follow: bool, as_jsonl: bool, as_json: bool) -> int:
    """From the daemon, or from the file where none runs."""
    if follow and as_json:
        raise Refused(
            "--json is one document, and what is followed has no end",
            where="stablenew log tail", remedy="Take --jsonl with -f.",
        )  # fmt: skip
    try:
        daemon = ask.daemon()
        head = daemon.get("/v1/status").whole("head")
    except NoDaemon:
        if after is not None:
            raise
        chosen = [word for word, given in (("-f", follow), ("--jsonl", as_jsonl), ("--json", as_json)) if given]
        return become("log", "tail", "-n", str(lines), *chosen)
    begin = max(0, head - lines) if after is None else after
    asked = {"after": begin, "follow": 1} if follow else {"after": begin, "limit": lines}
    events = daemon.lines("/v1/log", asked, patience=None)
    if as_json:
        output.put_json({"items": [event.fields for event in events], "total": head})
        return 0
    for event in events:
        output.put(output.as_json(event.fields) if as_jsonl else line_of(event))
        if follow:
            sys.stdout.flush()
    return 0


def show(seq: int, as_json: bool) -> int:
    """Asks the daemon, or a child where none runs."""
    try:
        event = ask.daemon().get(f"/v1/log/{quoted(str(seq))}")
    except NoDaemon:
        return become("log", "show", str(seq), *(["--json"] if as_json else []))
    if as_json:
        output.put_json(event.fields)
        return 0
    head = {name: event.text(name) for name in ("seq", "at", "epoch", "type", "actor", "cause", "command", "key")}
    output.put(output.pairs(head))
    output.put("\n" + output.pairs({name: output.as_json(value) for name, value in event.doc("event").fields.items()}))
    return 0


def line_of(event: Doc) -> str:
    """`1204 14:05:12 StageAssigned uid:1000 job=k3mp.2 stage=upscale`"""
    fields = " ".join(
        f"{name}={output.clean(str(value))[:60]}"
        for name, value in event.doc("event").fields.items()
        if name != "type" and isinstance(value, str | int | float)
    )
    kind, actor = event.text("type"), output.clean(event.text("actor"))
    return f"{event.whole('seq'):>7} {output.moment(event.text('at'))} {kind:<18} {actor} {fields}"


VERBS = {
    "tail": Verb(
        tail,
        "The newest events.",
        (
            option("-n --lines", "N", "How many; default 20.", kind=int, default=20),
            option("--after", "SEQ", "Those after this seq instead.", kind=int),
            flag("-f --follow", "Go on with what is appended, until Ctrl-C."),
            JSONL,
            JSON,
        ),
    ),
    "show": Verb(show, "One event whole.", (argument("SEQ", "Its position in the log.", kind=int), JSON)),
    "verify": passing(
        ("log", "verify"),
        "Check everything: tables, hash chain, promised head, every event.\nEnds with 1 when something is found.",
        JSON,
    ),
    "replay": passing(
        ("log", "replay"),
        "Fold the log again; `--check` compares live state, snapshot and tail, and replay by their hash.",
        flag("--check", "Compare the three; ends with 1 on a difference."),
        JSON,
    ),
    "stats": passing(("log", "stats"), "How many events of which kind, how large the log is, and how it grows.", JSON),
    "recover": passing(
        ("log", "recover"),
        "Keep what is good of a damaged log, and what its backups hold of it; the old one stays beside.\n"
        "Without `--accept-loss` it tells what would be lost. A daemon that runs read-only is asked to stop.",
        option("--accept-loss", "N", "How many events you accept to lose.", kind=int),
        JSON,
    ),
    "backup": passing(
        ("log", "backup"),
        "A whole, checked copy; the daemon may run.",
        argument("FILE", "Where to; default: beside those that are made by night.", often="?"),
        flag("--upgrade", "As one of those that are made before an upgrade."),
        JSON,
    ),
    "backups": passing(("log", "backups"), "The copies that are kept: nightly ones, and those before upgrades.", JSON),
    "restore": passing(
        ("log", "restore"),
        "Put a backup in the log's place; the old one stays beside.\nA daemon that runs read-only is asked to stop.",
        argument("FILE", "The copy, or `latest`: the newest whole one that is kept."),
        JSON,
    ),
    "at": passing(
        ("log", "at"), "The state as of then.", argument("WHEN", "A seq, an ISO time or an age (`2h`)."), JSON
    ),
    "diff": passing(
        ("log", "diff"),
        "What is different between two moments: settings, runs, jobs, pictures, ratings.",
        argument("WHEN", "One moment: a seq, an ISO time or an age (`2h`)."),
        argument("WHEN", "The other; default: now.", dest="other", often="?"),
        JSON,
    ),
    "step": passing(
        ("log", "step"),
        "Events one by one, each with what it changed.",
        argument("WHEN", "Where to begin; default: so many before the newest.", often="?"),
        option("-n --lines", "N", "How many; default 10.", kind=int),
        flag("--back", "Back from there, the newest first."),
        JSON,
    ),
}
