"""The daemon's part of one run, from the agent's greeting to its certificate proved. No sockets, no clock."""

import os
from collections.abc import Callable

from daemon.fleet.trust.keys import Keys
from schema.keys import node_id_of
from schema.pairing import PAIRING, Bound, Closing, Hello, Opening, Reply
from schema.pake import Ends, Half, confirmed


class Run:
    """One guess. `certificate`: of the agent, DER, as the connection of its greeting showed it."""

    def __init__(
        self,
        hello: Hello,
        certificate: bytes,
        secret: bytes,
        keys: Keys,
        epoch: int,
        draw: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._hello = hello
        self._certificate = certificate
        self._keys = keys
        self._epoch = epoch
        self._half = Half("daemon", secret, Ends(keys.certificate, certificate), draw)
        self.opening = Opening(version=PAIRING, certificate=keys.certificate, message=self._half.message)

    def close(self, reply: Reply) -> Closing:
        """Raises Mismatch for an agent that does not have the secret, or is not at the other end of the connection."""
        agreed = self._half.agree(reply.message)
        confirmed(reply.confirmation, agreed.agent_confirms(self._hello))
        proof = agreed.daemon_confirms(self._keys.fleet, self._epoch)
        return Closing(confirmation=proof, fleet=self._keys.fleet, epoch=self._epoch)

    def give_up(self) -> Closing:
        """Ends the agent's run, and proves nothing."""
        return Closing(confirmation=b"", fleet=self._keys.fleet, epoch=self._epoch)

    def check(self, bound: Bound) -> None:
        """Raises Mismatch."""
        confirmed(bound.node.encode(), node_id_of(self._certificate).encode())
