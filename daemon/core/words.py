"""Says in words what a command on the undo or redo stack did."""

from daemon.core.state import State, Undoable


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
        case "priority":
            return f"change the priority of {jobs}"
        case "skip":
            return f"skip a stage of {jobs}"
        case "rate" | "tag" | "trash" | "restore":
            return f"{one.verb} {images}"
        case _:
            return f"{one.verb} {jobs}"


def top(state: State, stack: list[Undoable]) -> str:
    """The label of the newest; empty: there is none."""
    return label(state, stack[-1]) if stack else ""
