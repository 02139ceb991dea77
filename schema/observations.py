"""The world's news: the closed union of what edges tell the ledger. Facts only; vitals go beside it."""

from typing import Literal

import msgspec

from schema.errors import Trouble
from schema.events import NodeJoined
from schema.feedback import WeightKind, Weights
from schema.ids import ImageId, JobId, NodeId, RunId, StageId, Token
from schema.keeping import FileChecked as FileChecked
from schema.nodes import Standing
from schema.plans import Measures, Picture, Scalar


class _Observation(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class DaemonBegan(_Observation, frozen=True, kw_only=True):
    """The first input after every start: attempts of loopback agents that died with the daemon are lost."""

    version: str
    sqlite: str
    host: str


class DaemonEnds(_Observation, frozen=True, kw_only=True):
    reason: str


class TimePassed(_Observation, frozen=True, kw_only=True):
    """Nothing but that `now` changed: a window opened, a retry is due."""


class NodeSeen(_Observation, frozen=True, kw_only=True):
    """A node answered with its card; `joined` is what will stand in the log if this is news."""

    joined: NodeJoined


class NodeGone(_Observation, frozen=True, kw_only=True):
    node: NodeId
    reason: str


class NodeBound(_Observation, frozen=True, kw_only=True):
    """Pairing succeeded, and the pin is proved by a first pinned connection; fields as of `NodePaired`."""

    node: NodeId
    name: str
    certificate: str
    address: str
    by: Literal["code", "token"] = "code"


class PairingFailed(_Observation, frozen=True, kw_only=True):
    address: str
    name: str
    reason: str
    node: NodeId | None = None


class NodeMoved(_Observation, frozen=True, kw_only=True):
    """A paired node proved its key at this address."""

    node: NodeId
    address: str


class NodeDistrusted(_Observation, frozen=True, kw_only=True):
    node: NodeId
    standing: Standing
    reason: str


class ProbeWanted(_Observation, frozen=True, kw_only=True):
    """A person, or the joining of a node, asks for a probe; the event's seq is its token."""

    node: NodeId


class ProbeEnded(_Observation, frozen=True, kw_only=True):
    node: NodeId
    token: Token
    ok: bool
    reason: str = ""
    seconds: float = 0.0


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Which try of which stage where; the token fences it."""

    job: JobId
    stage: StageId
    token: Token
    node: NodeId


class NewImage(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is on disk, synced and verified, with the id it will have."""

    image: ImageId
    file: Picture
    suspect: str | None = None
    """Why it may be broken, as whoever verified it saw."""


class StageReturned(_Observation, frozen=True, kw_only=True):
    attempt: Attempt
    backend: str
    images: tuple[NewImage, ...] = ()
    effective: dict[str, Scalar] = {}
    reported: dict[str, Scalar] = {}
    measures: Measures = Measures()
    suspect: str | None = None
    filters: tuple[str, ...] = ()


class StageBroke(_Observation, frozen=True, kw_only=True):
    attempt: Attempt
    trouble: Trouble
    reason: str


class AttemptGone(_Observation, frozen=True, kw_only=True):
    """The agent does not know the attempt, or died with it, or confirmed its cancelling."""

    attempt: Attempt
    reason: str


class FilmMade(_Observation, frozen=True, kw_only=True):
    run: RunId
    token: Token
    image: ImageId
    film: Picture
    frames: int
    seconds: float
    fps: float
    codec: str


class FilmBroke(_Observation, frozen=True, kw_only=True):
    run: RunId
    token: Token
    reason: str


class LooksWeighed(_Observation, frozen=True, kw_only=True):
    """What the looks at pictures make of one wildcard's or pack's weights: all of them, not only what changed."""

    kind: WeightKind
    name: str
    weights: Weights
    reason: str


Observation = (
    DaemonBegan | DaemonEnds | TimePassed | NodeSeen | NodeGone
    | StageReturned | StageBroke | AttemptGone
    | NodeBound | PairingFailed | NodeMoved | NodeDistrusted | ProbeWanted | ProbeEnded
    | FilmMade | FilmBroke
    | LooksWeighed
    | FileChecked
)  # fmt: skip
