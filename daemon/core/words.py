"""Says in words what a command on the undo or redo stack did."""

from collections.abc import Iterable
from typing import Literal

from daemon.core.state import State, Undoable
from schema.events import Event


def label(state: State, one: Undoable) -> str:
    """`cancel 3 jobs of k3v (knights)`: what would be taken back or done again."""
    run = f" of {one.run}" if one.run else ""
    jobs = f"{one.count} job{'s' if one.count != 1 else ''}{run}"
    images = f"{one.count} picture{'s' if one.count != 1 else ''}"
    match one.verb:
        case "submit":
            spec = state.runs[one.run].spec if one.run in state.runs else None
            name = f" ({spec.name}, {spec.jobs} job{'s' if spec.jobs != 1 else ''})" if spec else ""
            return f"submit run {one.run}{name}"
        case "pause run":
            return f"pause run {one.run}"
        case "resume run":
            return f"resume run {one.run}"
        case "pause" | "resume":
            return f"{one.verb} the queue"
        case "mode":
            return "change the queue's mode"
        case "drain" | "resume node":
            return "drain a node" if one.verb == "drain" else "resume a node"
        case "pin":
            return "change where the interactive lane goes"
        case "rate run":
            return "rate a run as a whole"
        case "learning mode":
            return "change the learning mode"
        case "dismiss":
            return "dismiss an insight"
        case "adopt":
            return "change what plans take over from what was learned"
        case "suggest" | "drop":
            return f"{one.verb} {one.count} preset{'s' if one.count != 1 else ''}"
        case "import records":
            return "import learning records"
        case "feedback":
            return "switch what pictures tell on or off"
        case "reset":
            return f"reset what pictures told of {one.count} name{'s' if one.count != 1 else ''}"
        case "priority":
            return f"change the priority of {jobs}"
        case "skip":
            return f"skip a stage of {jobs}"
        case "compare":
            return "compare two pictures"
        case "tag model" | "rate model" | "favour model":
            word = one.verb.removesuffix(" model")
            return f"{word} a model" if one.count == 1 else f"{word} {one.count} models"
        case "rate" | "tag" | "trash" | "restore" | "import":
            return f"{one.verb} {images}"
        case _:
            return f"{one.verb} {jobs}"


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
