"""What both sides of a pairing compute alike, once: SPAKE2 bound to both certificates, and its confirmations.

SPAKE2 turns a secret that is too short to be a key into a key that both have only if both had the same secret, and
shows nobody who listens or guesses anything but whether one guess was right. The library confirms nothing, so that
is done here. It is one call to swap: everything else goes through `Half`.
"""

import hmac
import os
from collections.abc import Callable
from hashlib import sha256
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from schema.ids import NodeId
from schema.pairing import CODE_DIGITS, PAIRING, Hello

Side = Literal["daemon", "agent"]

MESSAGE_LENGTH = 33
"""A letter for the side, and a point of the curve."""


class Mismatch(Exception):
    """Not the same secret, not the same certificates, or a message that was changed: nobody can tell which."""


class Ends(NamedTuple):
    """The certificates of both sides, DER, as this side sees them."""

    daemon: bytes
    agent: bytes


class Agreement(NamedTuple):
    """What two halves have in common; worth nothing before the other side's confirmation was checked."""

    agent_key: bytes
    daemon_key: bytes
    transcript: bytes

    def agent_confirms(self, hello: Hello) -> bytes:
        """With all that it has said of itself before, so that none of it can be changed."""
        said = (hello.node, hello.name, hello.release, hello.secret, hello.invite)
        told = _joined(self.transcript, _number(hello.version), *(text.encode() for text in said))
        return hmac.digest(self.agent_key, told, "sha256")

    def daemon_confirms(self, fleet: NodeId, epoch: int) -> bytes:
        return hmac.digest(self.daemon_key, _joined(self.transcript, fleet.encode(), _number(epoch)), "sha256")


class Half:
    """One side of one run; `draw` gives so many random bytes. A new one for every run, as reuse reveals the secret."""

    def __init__(self, side: Side, secret: bytes, ends: Ends, draw: Callable[[int], bytes] = os.urandom) -> None:
        self._side = side
        self._ends = ends
        self._run = (SPAKE2_A if side == "daemon" else SPAKE2_B)(
            secret,
            idA=b"daemon" + sha256(ends.daemon).digest(),
            idB=b"agent" + sha256(ends.agent).digest(),
            entropy_f=draw,
        )
        self.message: bytes = self._run.start()

    def agree(self, other: bytes) -> Agreement:
        """Once, with the other side's message. Raises Mismatch for none."""
        if len(other) != MESSAGE_LENGTH:
            raise Mismatch
        try:
            key: bytes = self._run.finish(other)
        except (SPAKEError, NotOnCurve, ValueError, AssertionError) as fault:
            raise Mismatch from fault
        first, second = (self.message, other) if self._side == "daemon" else (other, self.message)
        transcript = sha256(_joined(_number(PAIRING), *self._ends, first, second)).digest()
        return Agreement(_derived(key, "agent"), _derived(key, "daemon"), transcript)


def confirmed(given: bytes, wanted: bytes) -> None:
    """Raises Mismatch."""
    if not hmac.compare_digest(given, wanted):
        raise Mismatch


def secret_of_code(digits: str) -> bytes:
    assert len(digits) == CODE_DIGITS
    return b"stablenew code " + digits.encode("ascii")


def secret_of_token(drawn: bytes) -> bytes:
    return b"stablenew token " + drawn


def _derived(key: bytes, label: Side) -> bytes:
    info = f"stablenew pairing {PAIRING} {label}".encode("ascii")
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(key)


def _joined(*parts: bytes) -> bytes:
    """Each with its length before it, so that no two lists of parts are joined to the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _number(number: int) -> bytes:
    """Raises OverflowError beyond 64 bits, which no message can hold."""
    return number.to_bytes(9, "big", signed=True)
