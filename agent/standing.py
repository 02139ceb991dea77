"""How this agent stands towards daemons, as `stablenew agent status` shows it: JSON of `GET /v1/pairing`."""

import os
from typing import Literal, NamedTuple

from schema.ids import NodeId

State = Literal["embedded", "local", "waiting", "joining", "paired"]
"""`embedded`: the daemon's own child. `local`: a daemon of this machine uses it, or it is on no network. `waiting`: it
may be paired with the code. `joining`: it waits for the fleet whose token it has. `paired`: it works for `fleet`."""


class Standing(NamedTuple):
    node: NodeId
    name: str
    release: str
    state: State
    pid: int = os.getpid()
    port: int | None = None
    """None: it is on no network."""
    addresses: tuple[str, ...] = ()
    announced: str = ""
    """Its name by mDNS; empty: nobody can find it by one."""
    trouble: str = ""
    """Why it is not announced."""
    fleet: str = ""
    connected: bool = False
    """A daemon hears what the agent tells, at this moment."""
    code: str | None = None
    code_s: float = 0.0
    """Seconds that the code is good for."""


class Alone:
    """The seat of an agent that is on no network."""

    def __init__(self, node: NodeId, name: str, release: str, state: State) -> None:
        self._told = Standing(node, name, release, state)

    def told(self) -> Standing:
        return self._told

    def unpair(self) -> bool:
        return False
