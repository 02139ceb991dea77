"""Why a prompt came to nothing, told from what ComfyUI answered: every answer becomes a BackendTrouble of one kind.

Validation faults and unreadable pictures are the order's (`bad-request`), memory is `out-of-memory`, the rest is
the server's (`backend`). Pure.
"""

from collections.abc import Mapping

from agent.backends import BackendTrouble
from agent.backends.comfyui.server import Fault, NodeFault, Status, Taken
from agent.http import Answer, BadAnswer
from schema.errors import Trouble

MEMORY = ("OutOfMemoryError", "MemoryError", "OOM")
MEMORY_WORDS = ("out of memory", "allocation on device", "not enough memory", "can't allocate memory")
LOOSE_ENDS = ("exception_during_inner_validation", "exception_during_validation")
UNREADABLE = ("UnidentifiedImageError",)
UNREADABLE_WORDS = ("cannot identify image file", "image file is truncated", "broken png", "invalid image file")


def taken(answer: Answer) -> str:
    """The prompt's id. Raises BackendTrouble; one that was taken in part carries its id (see `PartlyTaken`)."""
    if answer.status in (401, 403):
        raise BackendTrouble("backend", f"{answer.url} wants other credentials; set STABLENEW_AGENT_AUTH=USER:PASSWORD")
    try:
        told = answer.read(Taken)
    except BadAnswer:
        raise BackendTrouble("backend", f"{answer.url} answered {answer.status}: {answer.told()}") from None
    sentence = _first(told)
    if answer.ok and told.prompt_id:
        if sentence:
            raise PartlyTaken(told.prompt_id, f"ComfyUI would run only a part of the workflow: {sentence}")
        return told.prompt_id
    trouble: Trouble = "bad-request" if answer.status == 400 else "backend"
    raise BackendTrouble(trouble, f"ComfyUI refuses the workflow: {sentence or answer.told()}")


class PartlyTaken(BackendTrouble):
    """200 with faults: some outputs run although others never will."""

    def __init__(self, prompt_id: str, sentence: str) -> None:
        super().__init__("bad-request", sentence)
        self.prompt_id = prompt_id


def ended_badly(status: Status | None) -> BackendTrouble:
    """Of a prompt whose history does not say success."""
    told = status.said("execution_error") if status else None
    if told is None:
        if status and status.said("execution_interrupted") is not None:
            return BackendTrouble("backend", "somebody interrupted it at the server")
        return BackendTrouble("backend", "ComfyUI says that it failed, and not why; its own log says more")
    kind = str(told.get("exception_type", ""))
    message = " ".join(str(told.get("exception_message", "")).split())[:500]
    node = str(told.get("node_type", "")) or "a node"
    lower = message.lower()
    if any(word in kind for word in MEMORY) or any(word in lower for word in MEMORY_WORDS):
        return BackendTrouble("out-of-memory", f"{node} ran out of memory; make the picture smaller, or free memory")
    if any(word in kind for word in UNREADABLE) or any(word in lower for word in UNREADABLE_WORDS):
        return BackendTrouble("bad-request", f"ComfyUI cannot read the picture it was given: {message}")
    return BackendTrouble("backend", f"{node} failed: {message or kind or 'no reason told'}")


def _first(told: Taken) -> str:
    """The first fault in words; empty: there is none."""
    nodes = told.node_errors if isinstance(told.node_errors, dict) else {}
    found = _of_nodes(nodes)
    if found:
        return found
    match told.error:
        case None:
            return ""
        case str(text):
            return text
        case fault:
            return _sentence(fault)


def _of_nodes(nodes: Mapping[str, NodeFault]) -> str:
    for number, node in nodes.items():
        for fault in node.errors:
            return f"{node.class_type or f'node {number}'}: {_sentence(fault)}"
    return f"nodes {', '.join(nodes)} are not valid" if nodes else ""


def _sentence(fault: Fault) -> str:
    details = " ".join((fault.details or "").split())[:400]
    message = fault.message.strip().rstrip(".")
    named = fault.extra_info.get("input_name")
    received = fault.extra_info.get("received_value")
    if fault.type == "value_not_in_list" and named:
        return f"{named} has no '{received}' there ({details})"
    if fault.type in LOOSE_ENDS and named:
        return f"{named} leads nowhere"
    return (
        f"{message} ({details})" if details and details not in message else message or fault.type or "it is not valid"
    )


def is_interrupted(status: Status | None) -> bool:
    return status is not None and status.said("execution_interrupted") is not None
