"""Where a daemon asks to be trusted: the code and its tries, one run at a time, and what the terminal is told.

No sockets: `agent.pairing.routes` brings the messages. Everything it keeps but the pin is in memory only.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from agent.pairing.keys import Kept
from agent.pairing.pake import Run
from agent.pairing.pins import Pins
from agent.pairing.telling import Telling
from agent.pairing.token import Token, mark_of
from schema.errors import why
from schema.pairing import (
    CODE_DIGITS,
    CODE_SECONDS,
    LOCK_SECONDS,
    LONGEST_LOCK_SECONDS,
    PAIRING,
    RUN_SECONDS,
    TRIES,
    Bound,
    Closing,
    Denied,
    Hello,
    Opening,
    Reason,
    Reply,
    shown,
)  # fmt: skip
from schema.pake import Mismatch, secret_of_code, secret_of_token


class Declined(Exception):
    """The caller goes no further."""

    def __init__(self, denied: Denied) -> None:
        self.denied = denied
        super().__init__(denied.reason)


@dataclass(frozen=True)
class _Flight:
    """The run that is under way: nobody else is served until it ends or its time is over."""

    run: Run
    caller: str
    until: float


class Desk:
    """`clock` only goes forward (seconds); `draw` gives so many random bytes; `tell` prints a sentence for a person.

    `bound` is called once the pin is stored and the daemon has been answered: only pinned TLS from then on.
    """

    def __init__(
        self,
        kept: Kept,
        pins: Pins,
        name: str,
        release: str,
        *,
        clock: Callable[[], float],
        draw: Callable[[int], bytes] = os.urandom,
        token: Token | None,
        tell: Callable[[str], None],
        bound: Callable[[], None],
    ) -> None:
        self._kept = kept
        self._pins = pins
        self._name = name
        self._release = release
        self._clock = clock
        self._draw = draw
        self._token = token
        self._telling = Telling(clock, tell)
        self.bound = bound
        self.taken = ""
        """Why it takes no pairing now; empty: it does."""
        self._code: str | None = None
        self._expires = 0.0
        self._tries = TRIES
        self._locks = 0
        self._locked_until = float("-inf")
        self._flight: _Flight | None = None

    @property
    def code(self) -> str | None:
        """To be shown: `4829-1307`. None while it is taken, locked, paired, or waits with a token."""
        self._settle()
        return shown(self._code) if self._code and not self.taken else None

    # What a daemon asks ---------------------------------------------------------------------------

    def hello(self) -> Hello:
        self._settle()
        return self._said()

    def _said(self) -> Hello:
        said = Hello(
            version=PAIRING,
            node=self._kept.node,
            name=self._name,
            release=self._release,
            secret="token" if self._token else "code",
            invite=mark_of(self._token.secret) if self._token else "",
        )
        locked = self._locked_until - self._clock()
        return msgspec.structs.replace(said, locked_s=round(locked, 1)) if locked > 0 else said

    def open(self, opening: Opening, caller: str) -> Reply:
        """Uses up one try, whatever comes of it. `caller`: the address. Raises Declined."""
        self._settle()
        self._admit(opening, caller)
        secret = self._secret(opening, caller)
        self._tries -= 1  # before anything is computed with the secret
        try:
            run = Run(opening, secret, self._kept.certificate, self._said(), self._draw)
        except Mismatch:
            raise self._failed(caller, "its first message was not one of a pairing") from None
        self._flight = _Flight(run, caller, self._clock() + RUN_SECONDS)
        return run.reply

    def close(self, closing: Closing, caller: str) -> Bound:
        """Stores the pin; the caller is to be answered, and `bound` called after that. Raises Declined."""
        self._settle()
        flight = self._flight
        if flight is None or flight.caller != caller:
            raise self.declined("nothing", caller, "it ends a pairing that was not begun, or whose time is over")
        self._flight = None
        if self.taken:
            raise self.declined("taken", caller, self.taken)
        try:
            pin = flight.run.close(closing)
        except Mismatch:
            gave_up = "it was given a wrong code, or somebody stands between the two machines"
            raise self._failed(caller, gave_up if not closing.confirmation else "its proof was wrong") from None
        try:
            self._pins.keep(pin)
        except OSError as fault:
            raise self.declined(
                "disk", caller, f"the daemon's certificate could not be stored ({why(fault)})"
            ) from None
        self._code = None
        self._telling.news(
            f"Paired with the daemon {pin.fleet} at {caller}. It alone gives this agent work from now on."
        )
        return Bound(node=self._kept.node)

    def declined(self, reason: Reason, caller: str, what: str) -> Declined:
        """Told on the terminal with the caller's address, as every attempt that came to nothing."""
        self._telling.refusal(caller, what)
        seconds = max(0.0, self._locked_until - self._clock())
        return Declined(Denied(reason=reason, tries=self._tries, seconds=round(seconds, 1)))

    # Tries ----------------------------------------------------------------------------------------

    def _admit(self, opening: Opening, caller: str) -> None:
        """Nothing of this uses up a try, as nothing of it is a guess."""
        if self._pins.pinned is not None:
            raise self.declined("paired", caller, "this agent is paired already")
        if self.taken:
            raise self.declined("taken", caller, self.taken)
        if opening.version != PAIRING:
            raise self.declined("version", caller, f"it pairs by version {opening.version}, this agent by {PAIRING}")
        if self._locked_until > self._clock():
            raise self.declined("locked", caller, "there were too many wrong tries before")
        if self._flight is not None:
            raise self.declined("busy", caller, f"a pairing with {self._flight.caller} is under way")

    def _secret(self, opening: Opening, caller: str) -> bytes:
        if self._token is not None:
            if not self._token.is_for(opening.certificate):
                raise self.declined("token", caller, "it is not the daemon that made this agent's token")
            return secret_of_token(self._token.secret)
        assert self._code is not None, "there is one whenever nothing is locked"
        return secret_of_code(self._code)

    def _failed(self, caller: str, what: str) -> Declined:
        """A try was used up for nothing."""
        if self._tries > 0:
            left = f"{self._tries} {'try' if self._tries == 1 else 'tries'} left"
            return self.declined("wrong", caller, f"{what}; {left}")
        seconds = LOCK_SECONDS if self._token else min(LOCK_SECONDS * 2.0**self._locks, LONGEST_LOCK_SECONDS)
        self._locks += 1
        self._locked_until = self._clock() + seconds
        self._code = None
        declined = self.declined("wrong", caller, f"{what}; that was the last try")
        self._telling.news(f"No pairing is taken for {seconds:.0f} s, as {TRIES} tries have failed.")
        return declined

    def _settle(self) -> None:
        """What the time that has gone by brings about."""
        now = self._clock()
        if self._flight is not None and now >= self._flight.until:
            flight, self._flight = self._flight, None
            self._failed(flight.caller, "it began a pairing and did not end it")
        if self._pins.pinned is not None or self._locked_until > now or self._flight is not None:
            return
        if self._tries <= 0:
            self._tries = TRIES
        if self._token is not None or self.taken:
            return
        if self._code is None or now >= self._expires:
            self._renew(now)

    def _renew(self, now: float) -> None:
        self._code = f"{int.from_bytes(self._draw(8), 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
        self._expires = now + CODE_SECONDS
        self._tries = TRIES
        self._telling.news(
            f"Pairing code {shown(self._code)} ({CODE_SECONDS / 60:.0f} min, {TRIES} tries). On the daemon's machine:\n"
            f"    stablenew node pair {self._name} {shown(self._code)}"
        )
