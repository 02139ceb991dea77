"""What daemon and agent say to one another before they know each other: over TLS 1.3 with unchecked certificates.

    GET  /pair/0                -> Hello
    POST /pair/1    Opening     -> Reply       every call uses up one try of the code
    POST /pair/2    Closing     -> Bound       the agent has stored the pin; from now on only pinned TLS

Bodies are msgpack, at most `LARGEST` bytes; what is not 200 has a `Denied`. See docs/pairing.md for the formulas.
"""

import re
from typing import Literal, TypeVar

import msgspec

from schema.errors import Refused
from schema.ids import NodeId
from schema.plans import Plain

PAIRING = 1
"""Version of this page."""

LARGEST = 16 * 1024

CODE_DIGITS = 8
CODE_SECONDS = 600.0
TRIES = 5
LOCK_SECONDS = 60.0
"""After a code's last try; doubles with every further code that is used up."""

LONGEST_LOCK_SECONDS = 3600.0
RUN_SECONDS = 10.0
"""Between opening and closing; nobody else is served meanwhile."""

SERVICE = "_stablenew-agent._tcp.local."
PORT = 7801
"""Where an agent listens unless it is told otherwise."""


class Hello(Plain, frozen=True, kw_only=True):
    version: int
    node: NodeId
    """What it claims; the certificate of this connection proves it."""
    name: str
    release: str
    secret: Literal["code", "token"]
    """What a person carries: the digits it shows, or the token it was started with."""
    invite: str = ""
    """Which token (`schema.tokens.mark_of`): says nothing about its secret."""
    locked_s: float = 0.0
    """Seconds until it takes another try."""


class Opening(Plain, frozen=True, kw_only=True):
    version: int
    certificate: bytes
    """The daemon's, DER."""
    message: bytes
    """SPAKE2, side A."""


class Reply(Plain, frozen=True, kw_only=True):
    message: bytes
    """SPAKE2, side B."""
    confirmation: bytes


class Closing(Plain, frozen=True, kw_only=True):
    confirmation: bytes
    """Empty: the daemon gives up, as the agent's confirmation was wrong."""
    fleet: NodeId
    """Follows from the daemon's key, as a node's id does."""
    epoch: int


class Bound(Plain, frozen=True, kw_only=True):
    node: NodeId


Reason = Literal["content", "version", "locked", "busy", "taken", "paired", "token", "nothing", "wrong", "disk"]


class Denied(Plain, frozen=True, kw_only=True):
    """Why an agent goes no further."""

    reason: Reason
    """content: no message of this page. locked: too many tries. busy: another run is in flight. taken: the daemon of
    its own machine has it. token: it waits for another daemon. nothing: no run is in flight. wrong: code or token.
    """
    tries: int = 0
    """Left for this code."""
    seconds: float = 0.0
    """Until it takes another try."""


Message = TypeVar("Message", Hello, Opening, Reply, Closing, Bound, Denied)


class _Versioned(msgspec.Struct):
    version: int


def read_message(body: bytes, kind: type[Message]) -> Message:
    """Raises ValueError for anything that is not exactly one of `kind`."""
    if len(body) > LARGEST:
        raise ValueError(f"{len(body)} bytes")
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        raise ValueError(str(fault)) from fault


def version_of(body: bytes) -> int | None:
    """Of a Hello or an Opening, also of another version of this page; None: neither."""
    try:
        return msgspec.msgpack.decode(body[:LARGEST], type=_Versioned).version
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def shown(code: str) -> str:
    """`48291307` as `4829-1307`."""
    return f"{code[:4]}-{code[4:]}"


def typed(text: str) -> str:
    """The digits of a code as a person typed it, with spaces and dashes wherever. Raises Refused."""
    digits = re.sub(r"[\s\-\u2010-\u2015\u2212._]", "", text)
    if not re.fullmatch(r"[0-9]{8}", digits):
        raise Refused(
            "a pairing code has eight digits, like 4829-1307.",
            remedy="Read it on the terminal of the agent, or with `stablenew agent status` on its machine.",
        )
    return digits
