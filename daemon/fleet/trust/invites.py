"""Tokens for agents on machines without a screen: made here, valid once and for a day, kept in the folder of keys."""

import os
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemon.fleet.trust.keys import Keys, read_private, write_private
from schema.errors import Refused
from schema.pairing import Hello
from schema.tokens import SECRET_BYTES, TOKEN_SECONDS, Token, mark_of, token_text

MOST = 200
"""That wait at once."""


class Invite(NamedTuple):
    secret: bytes
    until: float
    """Unix seconds."""


class _Written(msgspec.Struct, frozen=True):
    secret: bytes
    until: float


class Invites:
    """`clock`: Unix seconds, as a token outlives the process. Raises OSError, and Refused for a damaged file."""

    def __init__(
        self, file: Path, keys: Keys, clock: Callable[[], float], draw: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._file = file
        self._keys = keys
        self._clock = clock
        self._draw = draw
        self._kept = self._read()
        self._one = threading.Lock()
        """Each call reads and writes the whole file."""

    def new(self) -> tuple[str, float]:
        """The token's text, and until when it is valid (Unix seconds). Raises Refused, OSError."""
        with self._one:
            waiting = self.waiting()
            if len(waiting) >= MOST:
                raise Refused(f"{MOST} tokens wait to be used.", remedy="Use one of them, or wait until they expire.")
            invite = Invite(self._draw(SECRET_BYTES), self._clock() + TOKEN_SECONDS)
            self._keep([*waiting, invite])
        return token_text(Token(invite.secret, sha256(self._keys.certificate).digest())), invite.until

    def waiting(self) -> Sequence[Invite]:
        """Those that may still be used, oldest first."""
        now = self._clock()
        return [invite for invite in self._kept if now < invite.until <= now + TOKEN_SECONDS]

    def of(self, hello: Hello) -> Invite | None:
        """The one that this agent was started with; None: it was used, has expired, or is another daemon's."""
        if hello.secret != "token":
            return None
        return next((invite for invite in self.waiting() if mark_of(invite.secret) == hello.invite), None)

    def spent(self, invite: Invite) -> None:
        """Never used again. Raises OSError where that cannot be kept; in this process it holds all the same."""
        with self._one:
            self._kept = [other for other in self.waiting() if other.secret != invite.secret]
            self._keep(self._kept)

    def _keep(self, invites: list[Invite]) -> None:
        write_private(self._file, msgspec.json.encode([_Written(*invite) for invite in invites]))
        self._kept = invites

    def _read(self) -> list[Invite]:
        kept = read_private(self._file)
        if kept is None:
            return []
        try:
            written = msgspec.json.decode(kept, type=list[_Written])
        except msgspec.MsgspecError as fault:
            raise Refused(
                f"the file with tokens that were not used yet is damaged ({fault}).",
                where=str(self._file),
                remedy="Remove it, and make new tokens with `stablenew node invite`.",
            ) from None
        return [Invite(each.secret, each.until) for each in written]
