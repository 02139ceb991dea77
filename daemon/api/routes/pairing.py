"""Bringing machines into the fleet: by the code they show, at an address, or by a token they are started with.

A code is checked for its shape before the agent is asked: every attempt there uses up one of its few tries.
"""

import re
from collections.abc import Awaitable

import msgspec
from aiohttp import web

from daemon.api.asked import body, no_body
from daemon.api.faults import NotAllowed, Unavailable
from daemon.api.house import House, Paired
from daemon.api.once import ONCE
from daemon.api.route import Route
from daemon.api.which import nobody, stranger_of
from daemon.api.wish import check_open
from schema.errors import Refused
from schema.ids import NodeId
from schema.pages import iso
from schema.pairing import CODE_DIGITS, PORT
from schema.requests import AddRequest, PairRequest

_ADDRESS = re.compile(r"(?:\[[^\s/@\[\]]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}))?")


class PairAnswer(msgspec.Struct, frozen=True, kw_only=True):
    node: NodeId
    """Follows from its key: who wants to be sure compares it with what the agent prints."""
    name: str
    address: str
    paired: bool
    ready: bool
    """Its probe came back as it should."""
    reason: str
    """Why it is not ready, or what the probe has shown."""


class Invitation(msgspec.Struct, frozen=True):
    token: str
    """For `stablenew agent join TOKEN`; good for one agent."""
    until: str
    """UTC ISO 8601."""


async def pair(house: House, request: web.Request) -> web.StreamResponse:
    """Answers when the probe is over."""
    asked = await body(request, PairRequest)
    check_open(house)
    code = _code(asked.code)

    async def attempt() -> PairAnswer:
        return await _outcome(house.pair_node(_waiting(house, asked.name), code))

    return await request.app[ONCE].answer(house, request, asked, attempt)


def _waiting(house: House, word: str) -> str:
    """Id or address of the agent that is meant. Raises Refused where it is none that could be paired."""
    nodes = house.ledger.scene().nodes
    found = stranger_of(nodes, word)
    if found is None and not _is_address(word):
        raise nobody(nodes, word)
    if found is not None and found.state not in ("new", "taken", "lost", "untrusted", "conflicted", "incompatible"):
        raise Refused(
            f"{found.name} is in the fleet already.", where="name", remedy="`stablenew node unpair` lets it go."
        )
    if found is not None and found.state == "lost":
        if not found.address:
            raise Refused(
                f"{found.name} is not seen on the network now.", where="name",
                remedy="Start its agent, or name its address: `stablenew node add HOST:PORT`.",
            )  # fmt: skip
        return found.address
    return _address(word) if found is None else found.node


async def add(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, AddRequest)
    check_open(house)
    address = _address(asked.address)
    code = None if asked.code is None else _code(asked.code)
    return await request.app[ONCE].answer(house, request, asked, lambda: _outcome(house.add_node(address, code)))


async def invite(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)

    async def invitation() -> Invitation:
        token, until = await house.invite()
        return Invitation(token, iso(until))

    return await request.app[ONCE].answer(house, request, "invite", invitation)


async def _outcome(attempt: Awaitable[Paired]) -> PairAnswer:
    """Raises NotAllowed for an agent that did not let us in."""
    try:
        done = await attempt
    except Unavailable:
        raise
    except Refused as fault:
        raise NotAllowed(fault.sentence, where=fault.where, remedy=fault.remedy) from None
    return PairAnswer(
        node=done.node, name=done.name, address=done.address, paired=done.paired, ready=done.ready, reason=done.reason
    )


def _code(typed: str) -> str:
    """Its digits, however people write them."""
    digits = re.sub(r"[\s-]", "", typed)
    if not re.fullmatch(f"[0-9]{{{CODE_DIGITS}}}", digits):
        raise Refused(
            f"a pairing code has {CODE_DIGITS} digits.", where="code", remedy="The agent shows it, as 4829-1307, say."
        )
    return digits


def _is_address(word: str) -> bool:
    return bool(_ADDRESS.fullmatch(word)) and (":" in word or "." in word)


def _address(word: str) -> str:
    """`HOST:PORT`, the port put there where none is."""
    found = _ADDRESS.fullmatch(word)
    if found is None or len(word) > 300 or (found[1] and not 0 < int(found[1]) < 65_536):
        raise Refused(
            f"'{word[:80]}' is no address.", where="address",
            remedy=f"Write HOST:PORT, as 192.168.1.44:{PORT}, box.local or [fe80::1%eth0]:{PORT}.",
        )  # fmt: skip
    return word if found[1] else f"{word}:{PORT}"


ROUTES = (
    Route(
        method="POST", path="/v1/nodes/pair", run=pair, takes=PairRequest, gives=PairAnswer,
        scope="all",
        does="Bring an agent that waits into the fleet, by the code it shows; answers when its probe is over.",
    ),
    Route(
        method="POST", path="/v1/nodes/add", run=add, takes=AddRequest, gives=PairAnswer,
        scope="all", does="Name an agent that mDNS does not show; with its code it is paired at once.",
    ),
    Route(
        method="POST", path="/v1/nodes/invite", run=invite, gives=Invitation,
        scope="all", does="A token for an agent without a screen; good for one of them.",
    ),
)  # fmt: skip
