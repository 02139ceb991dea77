"""Agents of this user on this machine, found by their sockets: `STATE/agents/NAME/agent.sock`. They outlive the daemon.

A socket that nobody listens to is an agent that has ended; one that accepts and says nothing is one that hangs.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from daemon.fleet.link import over_socket
from daemon.fleet.node import Node
from daemon.fleet.seam import AgentHangs, LinkLost, OtherProtocol, Unwilling, apart
from schema.errors import Refused
from schema.orders import Card

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two looks into the folder."""

AGAIN_SECONDS = 0.5
GONE_SECONDS = 3.0
"""What an agent that has ended has to come back, before its attempts are given up."""

LOST_SECONDS = 45.0
"""What one that lives but does not answer has."""

HANG_SECONDS = 30.0
"""Until one that did not do what it was told to is tried again."""


FORBIDDEN = 403
"""What an agent answers that is paired with a fleet on the network."""


class LocalAgents:
    """`node_of` gives the node that a card belongs to."""

    def __init__(self, folder: Path, node_of: Callable[[Card], Node]) -> None:
        self._folder = folder
        self._node_of = node_of
        self._dialled: dict[Path, asyncio.Task[None]] = {}
        self._serving: dict[Path, Node] = {}
        self._refusals: dict[Path, str] = {}
        self._elsewhere: set[Path] = set()
        """Whose agents work for another fleet, as somebody wished: no trouble, but said in the log."""
        self._strange: dict[Path, tuple[str, str]] = {}
        """Instances that spoke another protocol, and what was said of them: not given work a second time."""

    @property
    def trouble(self) -> str:
        """Why agents that are there are not used, a sentence of each."""
        return " ".join(why for path, why in sorted(self._refusals.items()) if self._is_missed(path))

    async def run(self) -> None:
        """For ever: who is there and not yet spoken to is dialled."""
        async with asyncio.TaskGroup() as group:
            while True:
                paths = await asyncio.to_thread(self._sockets)
                for path in paths:
                    if path not in self._dialled:
                        self._dialled[path] = group.create_task(self._dial(path), name=f"agent at {path}")
                self._refusals = {
                    path: why for path, why in self._refusals.items() if path in paths and not self._is_ready(path)
                }
                await asyncio.sleep(LOOK_SECONDS)

    def _sockets(self) -> list[Path]:
        """Where somebody listens."""
        return [path for path in sorted(self._folder.glob("*/agent.sock")) if listens(path)]

    async def _dial(self, path: Path) -> None:
        try:
            hangs = await self._talk(path)
            if hangs:
                await asyncio.sleep(HANG_SECONDS)
        finally:
            self._serving.pop(path, None)
            del self._dialled[path]

    async def _talk(self, path: Path) -> bool:
        """From the first answer until the agent has ended, or was silent for too long; whether it hangs."""
        loop = asyncio.get_running_loop()
        began, node, card = loop.time(), None, None
        while True:
            try:
                async with over_socket(real(path)) as link:
                    card = await link.card()
                    self._elsewhere.discard(path)
                    self._check(path, card)
                    found = self._node_of(card)
                    if node not in (None, found):
                        await node.gone("another agent has taken its place")
                    if found.connected and found.instance == card.instance:
                        return False  # it is paired too, and served over the network
                    await found.admit(link, card, "local")
                    node = self._serving[path] = found
                    await apart(node.serve(link, card))
            except Refused as refused:
                await self._refuse(path, node, refused.told())
                return False
            except OtherProtocol as other:
                sentence = f"Agent {path.parent.name}: {other}."
                if card is not None:
                    self._strange[path] = (card.instance, sentence)
                await self._refuse(path, node, sentence)
                return False
            except AgentHangs as hangs:
                assert node is not None
                log.error("agent %s hangs: %s", path.parent.name, hangs, extra={"node": node.id})
                await node.gone(f"{hangs}")
                return True
            except LinkLost as lost:
                if isinstance(lost, Unwilling) and lost.status == FORBIDDEN:
                    self._elsewhere.add(path)
                    await self._refuse(path, node, f"{lost}.")
                    return False
                fault = lost
            await asyncio.sleep(AGAIN_SECONDS)
            alive = await asyncio.to_thread(listens, path)
            silent = loop.time() - max(began, node.answered if node else began)
            if silent > (LOST_SECONDS if alive else GONE_SECONDS) or (node is None and not alive):
                break
        reason = f"no answer for {LOST_SECONDS:.0f} seconds" if alive else "the agent ended"
        log.warning("agent %s is lost: %s (%s)", path.parent.name, reason, fault)
        if node is not None:
            await node.gone(reason)
        return alive

    async def _refuse(self, path: Path, node: Node | None, sentence: str) -> None:
        """Said once, however often it is tried. What it was at, as `node`, is given up."""
        if self._refusals.get(path) != sentence:
            self._refusals[path] = sentence
            log.warning("the agent at %s is not used: %s", path, sentence)
        if node is not None and not node.connected:
            await node.gone(sentence)

    def _check(self, path: Path, card: Card) -> None:
        """Raises Refused for an agent that has not been started again since it could not be understood."""
        instance, sentence = self._strange.get(path, ("", ""))
        if sentence and instance == card.instance:
            raise Refused(sentence)

    def _is_missed(self, path: Path) -> bool:
        return path not in self._elsewhere and not self._is_ready(path)

    def _is_ready(self, path: Path) -> bool:
        node = self._serving.get(path)
        return node is not None and node.ready.is_set()


def listens(path: Path) -> bool:
    """Whether somebody of this user listens there; blocks for a moment."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(str(real(path)))
            return _peer(probe) == os.geteuid()
    except OSError:
        return False


def real(path: Path) -> Path:
    """The socket itself, where `path` is a link to one because it is too long for a socket."""
    return Path(os.path.realpath(path))


def _peer(connected: socket.socket) -> int:
    """The user at the other end; where the system does not tell, the socket's folder must do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return os.geteuid()
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid
