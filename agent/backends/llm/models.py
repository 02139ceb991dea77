"""Which models a chat server has. Some list none, or have no list at all, and load whatever a question names."""

from collections.abc import Sequence

import msgspec

from agent.backends.llm.faults import Fault, fault_of
from agent.http import Server, ServerTrouble
from schema.names import found, nearest

LISTLESS = (404, 405, 501)
"""What a server without a list answers to the question for it; also one that is no chat server."""

UNLISTED = "This server does not list its models: a stage has to name one."


class _Model(msgspec.Struct, frozen=True):
    id: str


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model] | None


def listed(server: Server) -> tuple[str, ...] | None:
    """As the server spells them; None: it has no list. Raises Fault."""
    try:
        answer = server.get("/models")
        if answer.status in LISTLESS:
            return None
        if not answer.ok:
            raise fault_of(answer, server.url)
        return tuple(dict.fromkeys(model.id for model in answer.read(_Models).data or ()))
    except ServerTrouble as trouble:
        raise Fault.of(trouble) from None


def chosen(name: str, models: Sequence[str], url: str) -> str:
    """As the server spells it; where nothing is listed it has to know itself. Raises Fault, with the nearest ones."""
    own = found(name, models) or found(f"{name}:latest", models)
    if own is None and models:
        near = ", ".join(nearest(name, models) or models[:3])
        raise Fault("bad-request", f"{url} has no model '{name}'; it has {near}")
    return own or name


def check_chat(server: Server) -> None:
    """By what it makes of a question without words, which no server thinks about. Raises Fault."""
    try:
        answer = server.post("/chat/completions", {})
    except ServerTrouble as trouble:
        raise Fault.of(trouble) from None
    fault = fault_of(answer, server.url)
    if answer.status in LISTLESS or fault.setup:
        raise fault
