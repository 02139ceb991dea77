"""What happened to nodes: events of the log, as all in `schema.events`, where the union of them stands."""

from typing import Literal

from schema.happened import Happened
from schema.ids import NodeId, Sha256, Token

Link = Literal["loopback", "local", "lan"]
"""How a node's agent is reached: a child of the daemon, a process of this user on this machine, over the network."""

Standing = Literal["untrusted", "incompatible", "conflicted"]
"""Why a node that answers is given nothing: its key is not the one that was paired; it speaks another protocol;
two machines that live at once have its key.
"""


class NodeJoined(Happened, frozen=True, kw_only=True):
    """A node is there and ready. Its whole card is a blob."""

    node: NodeId
    name: str
    instance: str
    """Random per agent process."""
    link: Link
    """`local`: an agent of this user on this machine, which outlives the daemon."""
    backends: tuple[str, ...]
    kinds: tuple[str, ...]
    """Stage kinds it can run."""
    vram_gb: float = 0.0
    speed: float = 1.0
    card: Sha256 | None = None
    protocol: int = 1
    version: str = ""


class NodeLost(Happened, frozen=True, kw_only=True):
    node: NodeId
    reason: str


class NodeDrained(Happened, frozen=True, kw_only=True):
    """Gets nothing new; what runs there ends."""

    node: NodeId


class NodeResumed(Happened, frozen=True, kw_only=True):
    """Gets work again; what it was barred from is lifted too."""

    node: NodeId
    drained: bool = True
    """False: nothing but that was lifted."""


class NodeForgotten(Happened, frozen=True, kw_only=True):
    """A lost node that nobody waits for any more."""

    node: NodeId


# Trust ------------------------------------------------------------------------------------------


class NodePaired(Happened, frozen=True, kw_only=True):
    """A person carried a code or a token between the two: from now on each knows the other by its key."""

    node: NodeId
    """Follows from the key (`schema.keys.node_id_of`)."""
    name: str
    certificate: str
    """PEM; the pin."""
    address: str
    """`HOST:PORT` at which it was reached."""
    by: Literal["code", "token"] = "code"


class NodePairFailed(Happened, frozen=True, kw_only=True):
    """An attempt to pair that came to nothing, whoever's fault it was."""

    address: str
    name: str
    """As the other side called itself, or as it was asked for."""
    reason: str
    node: NodeId | None = None
    """What it claims to be, where it got that far."""


class NodeUnpaired(Happened, frozen=True, kw_only=True):
    """Its key counts for nothing here any more; what it was at goes elsewhere."""

    node: NodeId


class NodeAddressed(Happened, frozen=True, kw_only=True):
    """A paired node answered at another address than before, and proved its key there."""

    node: NodeId
    address: str


class NodeRefused(Happened, frozen=True, kw_only=True):
    """It answers, and is given nothing until `NodeJoined` follows."""

    node: NodeId
    standing: Standing
    reason: str


# Proof ------------------------------------------------------------------------------------------


class NodeProbeStarted(Happened, frozen=True, kw_only=True):
    """A small picture is ordered of it before it is called ready. The seq is the attempt's token."""

    node: NodeId


class NodeProbed(Happened, frozen=True, kw_only=True):
    """What came of it. A node that was just paired is given work only after one that is `ok`."""

    node: NodeId
    token: Token
    ok: bool
    reason: str = ""
    """What was wrong, in words; of a good one what it showed."""
    seconds: float = 0.0


class NodeBarred(Happened, frozen=True, kw_only=True):
    """It failed too often in a row: it gets no more of this model, or nothing at all, for a while."""

    node: NodeId
    model: str | None
    """None: nothing at all."""
    seconds: float
    reason: str


class LanePinned(Happened, frozen=True, kw_only=True):
    """The interactive lane goes to one node only; None: to whichever is done first."""

    was: NodeId | None
    now: NodeId | None
