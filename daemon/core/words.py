"""Says in words what a command on the undo or redo stack did."""

from collections.abc import Iterable
from typing import Literal

from daemon.core.state import State, Undoable
from schema.events import Event

ALONE = {
    "pause": "pause the queue",
    "resume": "resume the queue",
    "mode": "change the queue's mode",
    "drain": "drain a node",
    "resume node": "resume a node",
    "pin": "change where the interactive lane goes",
    "rate run": "rate a run as a whole",
    "learning mode": "change the learning mode",
    "dismiss": "dismiss an insight",
    "adopt": "change what plans take over from what was learned",
    "import records": "import learning records",
    "feedback": "switch what pictures tell on or off",
    "compare": "compare two pictures",
}
"""Verbs of commands of which nothing is counted, in words."""


def label(state: State, one: Undoable) -> str:
    """`cancel 3 jobs of k3v (knights)`: what would be taken back or done again."""
    if one.verb in ALONE:
        return ALONE[one.verb]
    jobs = f"{_many(one.count, 'job')}{f' of {one.run}' if one.run else ''}"
    match one.verb:
        case "submit":
            spec = state.runs[one.run].spec if one.run in state.runs else None
            name = f" ({spec.name}, {_many(spec.jobs, 'job')})" if spec else ""
            return f"submit run {one.run}{name}"
        case "pause run" | "resume run":
            return f"{one.verb} {one.run}"
        case "suggest" | "drop":
            return f"{one.verb} {_many(one.count, 'preset')}"
        case "reset":
            return f"reset what pictures told of {_many(one.count, 'name')}"
        case "priority":
            return f"change the priority of {jobs}"
        case "skip":
            return f"skip a stage of {jobs}"
        case "tag model" | "rate model" | "favour model":
            word = one.verb.removesuffix(" model")
            return f"{word} a model" if one.count == 1 else f"{word} {one.count} models"
        case "rate" | "tag" | "trash" | "restore" | "import":
            return f"{one.verb} {_many(one.count, 'picture')}"
        case _:
            return f"{one.verb} {jobs}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def deleted_since(pictures: int, one: Undoable) -> str:
    """Behind what was taken back: why it is less than was done."""
    if not pictures:
        return ""
    who = "it" if one.count == 1 else "they" if pictures >= one.count else f"{pictures} of them"
    return f"; {who} {'were' if who != 'it' and pictures > 1 else 'was'} deleted for good since"


def nothing_left(state: State, one: Undoable, events: Iterable[Event], doing: Literal["take back", "do again"]) -> str:
    """Says that no trace of the command can be made up for any more, and why where that is known."""
    events = list(events)
    jobs = {name for event in events if (name := getattr(event, "job", None))}
    runs = {name for event in events if (name := getattr(event, "run", None))}
    gone = jobs.isdisjoint(state.jobs) if jobs else runs.isdisjoint(state.runs)
    why = "" if not (jobs or runs) or not gone else " (they have ended)" if len(jobs) > 1 else " (it has ended)"
    return f"nothing was left to {doing} of: {label(state, one)}{why}"


def top(state: State, stack: list[Undoable]) -> str:
    """The label of the newest; empty: there is none."""
    return label(state, stack[-1]) if stack else ""
