"""The agent's part of one run, from a daemon's opening to its pin. No sockets, no clock, no tries."""

import os
from collections.abc import Callable

from agent.pairing.pins import Pin
from schema.keys import node_id_of
from schema.pairing import Closing, Hello, Opening, Reply
from schema.pake import Ends, Half, Mismatch, confirmed


class Run:
    """One daemon's one guess. Raises Mismatch for an opening that is none."""

    def __init__(
        self,
        opening: Opening,
        secret: bytes,
        certificate: bytes,
        hello: Hello,
        draw: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`certificate`: the agent's own, DER; `hello`: what it says of itself."""
        try:
            self._fleet = node_id_of(opening.certificate)
        except ValueError as fault:
            raise Mismatch from fault
        self._daemon = opening.certificate
        half = Half("agent", secret, Ends(self._daemon, certificate), draw)
        self._agreed = half.agree(opening.message)
        self.reply = Reply(message=half.message, confirmation=self._agreed.agent_confirms(hello))

    def close(self, closing: Closing) -> Pin:
        """Whom to trust. Raises Mismatch for who did not have the secret, or stands between the two."""
        try:
            wanted = self._agreed.daemon_confirms(closing.fleet, closing.epoch)
        except OverflowError as fault:
            raise Mismatch from fault
        confirmed(closing.confirmation, wanted)
        if closing.fleet != self._fleet or closing.epoch < 0:
            raise Mismatch
        return Pin(self._daemon, self._fleet, closing.epoch)
