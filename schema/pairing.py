"""What daemon and agent say to one another before they know each other: over TLS 1.3 with unchecked certificates.

    GET  /pair/0                -> Hello
    POST /pair/1    Opening     -> Reply       every call uses up one try of the code
    POST /pair/2    Closing     -> Bound       the agent has stored the pin; from now on only pinned TLS

Bodies are msgpack, at most `LARGEST` bytes. See docs/pairing.md for the formulas of the confirmations.
"""

from typing import Literal

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
    fleet: NodeId
    """Follows from the daemon's key, as a node's id does."""
    epoch: int


class Bound(Plain, frozen=True, kw_only=True):
    node: NodeId
