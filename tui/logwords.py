"""What may stand in a FILTER of events, or of the programs' lines, as it is typed. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from schema.logpages import TYPES, kind_of
from schema.scenes import NodeScene, RunScene
from tui.filterwords import AGES, Offer, Values, offers
from tui.widgets.ink import plain
from tui.widgets.nodeline import name_of

KINDS = (
    ("trouble", "what went wrong"),
    ("run", "runs and films"),
    ("job", "jobs"),
    ("stage", "stages and the pictures they made"),
    ("picture", "verdicts, tags, the trash, files"),
    ("queue", "the queue, and what was taken back"),
    ("node", "nodes and pairing"),
    ("learning", "what was learned"),
    ("model", "verdicts on models"),
    ("daemon", "the daemon itself, and who may ask"),
)

EVENT_KEYS: Mapping[str, str] = {
    "kind": "what went wrong, or what it is about",
    "job": "a job's id: with what happened to its pictures",
    "run": "a run's id, or the beginning of it",
    "picture": "a picture's id",
    "node": "the machine it is about",
    "actor": "who asked",
    "command": "all that came of one wish",
    "type": "one sort of event, as the log calls it",
    "since": "an age (2h, 3d), a date, or an event's number",
    "until": "the same, the other way",
}

ACTORS = (
    ("me", "you"), ("daemon", "nobody asked"), ("uid", "people on this machine"), ("api", "programs on the network"),
    ("node", "a machine that works"),
)  # fmt: skip

LINE_KEYS: Mapping[str, str] = {
    "level": "as bad as this, or worse",
    "program": "daemon, agent",
    "since": "an age (2h, 3d) or a date",
    "until": "the same, the other way",
}

LEVELS = (
    ("warning", "warnings and errors"), ("error", "errors only"), ("info", "all but what is for developers"),
    ("debug", "everything"),
)  # fmt: skip


def event_offers(text: str, at: int, nodes: Iterable[NodeScene], runs: Sequence[RunScene]) -> list[Offer]:
    """For the word at the cursor; `runs`: those that are not over."""
    values: Values = {
        "kind": KINDS,
        "type": [(name, f"kind:{kind_of(name)}") for name in TYPES],
        "actor": ACTORS,
        "node": [(name_of(node), node.state) for node in nodes],
        "run": [(run.run, plain(run.name)) for run in runs],
        "since": AGES,
    }
    return offers(text, at, values, EVENT_KEYS)


def line_offers(text: str, at: int) -> list[Offer]:
    programs = (("daemon", "this machine's"), ("agent", "who works on this machine"))
    return offers(text, at, {"level": LEVELS, "program": programs, "since": AGES}, LINE_KEYS)
