"""The one string that is pasted where nobody can read a code: a secret, and whom to trust with it. Pure.

`snj1.` and base32 of 16 random bytes and the 32 bytes of the SHA-256 of the daemon's certificate. Valid once.
"""

import binascii
import hmac
from base64 import b32decode, b32encode
from hashlib import sha256
from typing import NamedTuple

from schema.errors import Refused

PREFIX = "snj1."
SECRET_BYTES = 16
PIN_BYTES = 32
TOKEN_SECONDS = 24 * 3600.0
MARK_LENGTH = 16


class Token(NamedTuple):
    secret: bytes
    daemon_pin: bytes
    """SHA-256 of the only certificate that the agent takes orders of."""

    def is_for(self, certificate: bytes) -> bool:
        """`certificate`: of the daemon that calls, DER."""
        return hmac.compare_digest(sha256(certificate).digest(), self.daemon_pin)

    @property
    def short(self) -> str:
        """What an agent that holds it announces, so that only the daemon it waits for calls: `short_of` its own."""
        return _short(self.daemon_pin)


def token_text(token: Token) -> str:
    return PREFIX + b32encode(token.secret + token.daemon_pin).decode("ascii").rstrip("=").lower()


def read_token(text: str) -> Token:
    """As it was pasted: capitals, spaces and line breaks do not matter. Raises Refused."""
    pasted = "".join(text.split()).lower()
    remedy = "Make a new one with `stablenew node invite` on the daemon's machine, and paste all of it."
    if not pasted.startswith(PREFIX):
        if pasted.startswith("snj"):
            remedy = "It is of another release of stablenew: install the same one on both machines."
        raise Refused(f"this is no token to join with; one begins with `{PREFIX}`.", remedy=remedy)
    body = pasted.removeprefix(PREFIX).upper()
    try:
        raw = b32decode(body + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SECRET_BYTES + PIN_BYTES:
        raise Refused("the token is not whole, or mistyped.", remedy=remedy)
    return Token(raw[:SECRET_BYTES], raw[SECRET_BYTES:])


def mark_of(secret: bytes) -> str:
    """Tells one token from another in public; of 128 random bits it gives nothing away."""
    return hmac.digest(secret, b"stablenew token mark", "sha256").hex()[:MARK_LENGTH]


def short_of(certificate: bytes) -> str:
    """What agents announce that hold a token of this daemon (its certificate, DER): eight letters of base 32."""
    return _short(sha256(certificate).digest())


def _short(pin: bytes) -> str:
    return b32encode(pin).decode("ascii").lower()[:8]
