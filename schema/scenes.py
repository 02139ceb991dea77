"""What a client is shown of the live state: small, whole, and never ahead of the disk.

History, plans, library and log come from routes (`docs/api.md`); this is what the feed carries.
"""

from typing import Literal

import msgspec

from schema.events import JobPhase, QueueMode
from schema.ids import CommandId, JobId, NodeId, RunId, StageId, Token
from schema.nodes import Link
from schema.orders import BackendState
from schema.plans import Lane, Plain
from schema.then import Moment


class Counts(Plain, frozen=True, kw_only=True):
    """Unfinished jobs, all runs together."""

    queued: int = 0
    held: int = 0
    running: int = 0
    attention: int = 0


class RunningJob(Plain, frozen=True, kw_only=True):
    """A job that has a stage on a node, or is between two stages."""

    job: JobId
    name: str
    stage: StageId
    stage_number: int
    """From 1."""
    stages: int
    node: NodeId | None = None
    node_name: str = ""
    token: Token | None = None
    since: float = 0.0
    """Unix seconds of its assignment."""
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    """Of the whole job."""
    doing: str = ""
    preview: int = 0
    """Counts the previews of this attempt; 0: none yet. `GET /v1/jobs/{id}/preview` is the newest."""


class RunScene(Plain, frozen=True, kw_only=True):
    """An unfinished run."""

    run: RunId
    name: str
    jobs: int
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    attention: int = 0
    paused: bool = False
    lane: Lane = "batch"
    eta_s: float | None = None
    """None: nobody can tell, or nothing of it may begin."""
    not_before: float | None = None
    """Unix seconds: its window is shut until then, or it is to start then. None: its stages may begin."""
    deadline: float | None = None
    """Unix seconds."""
    moves: int = 0
    """Stages that began on another node than the one before them."""
    film: Literal["none", "waiting", "making"] = "none"
    folder: str = ""


class BackendScene(Plain, frozen=True, kw_only=True):
    kind: str
    state: BackendState
    release: str = ""
    trouble: str = ""
    url: str = ""


NodeState = Literal[
    "ready", "busy", "drained", "lost",
    "new", "taken", "proving", "suspect", "cooling", "untrusted", "incompatible", "conflicted",
]  # fmt: skip
"""`new`: waits to be paired; `taken`: paired with another daemon; `proving`: paired, its probe is not done; `suspect`:
silent for a while; `cooling`: failed too often just now; the rest are the `schema.nodes.Standing`s.
"""


class GpuScene(Plain, frozen=True, kw_only=True):
    name: str
    vram_gb: float


class NodeScene(Plain, frozen=True, kw_only=True):
    """A node, or an agent that could become one (`new`, `taken`), whose id is only what it claims."""

    node: NodeId
    name: str
    state: NodeState
    link: Link = "loopback"
    address: str = ""
    """`HOST:PORT` of one on the network."""
    trouble: str = ""
    """Why it is not used, with the remedy."""
    version: str = ""
    gpus: tuple[GpuScene, ...] = ()
    gpu_percent: float | None = None
    celsius: float | None = None
    watts: float | None = None
    ram_gb: float = 0.0
    ram_used_gb: float = 0.0
    speed: float = 0.0
    """Measured, 1 = the fleet's mean; 0: nothing was measured yet."""
    paces: tuple[str, ...] = ()
    """Measured, in words: `txt2img sdxl 1.0 MP x 30: 12.4 s (10.9 to 14.2)`."""
    models: int = 0
    """How many it has."""
    barred: tuple[str, ...] = ()
    """What it gets no more of for a while, in words."""
    done: int = 0
    """Stages it has finished since it is known."""
    failed: int = 0
    backends: tuple[str, ...] = ()
    vram_gb: float = 0.0
    vram_used_gb: float = 0.0
    running: JobId | None = None
    why_idle: str = ""
    servers: tuple[BackendScene, ...] = ()
    """Its backends as they are now."""
    resident: tuple[str, ...] = ()
    """Models that need no loading."""


class QueueScene(Plain, frozen=True, kw_only=True):
    paused: bool = False
    mode: QueueMode = "share"
    pin: NodeId | None = None
    """The node that the interactive lane goes to."""
    mode_costs: tuple[str, ...] = ()
    """What `share`, `warm` and `free` each cost the batch lane, in words."""
    counts: Counts = Counts()
    eta_s: float | None = None
    blocked: str = ""
    """Why nothing is given out although something waits: `only 1.2 GB free on ...`."""


class Scene(Plain, frozen=True, kw_only=True):
    head: int
    queue: QueueScene
    running: tuple[RunningJob, ...] = ()
    runs: tuple[RunScene, ...] = ()
    """Unfinished ones, newest first, at most 200."""
    nodes: tuple[NodeScene, ...] = ()
    undo: str = ""
    """What `undo` would take back, in words; empty: nothing."""
    redo: str = ""
    library: int = 0
    """Counts the changes of packs, wildcards and models since the daemon began. Another number: look again."""


class Row(Plain, frozen=True, kw_only=True):
    """A job as a line of a list."""

    id: JobId
    run: RunId
    name: str
    state: JobPhase
    created: float
    pack: str | None = None
    stages: tuple[str, ...] = ()
    stage: str | None = None
    """The one it is at."""
    node: NodeId | None = None
    node_name: str | None = None
    """As the node was called then."""
    priority: int = 0
    lane: Lane = "batch"
    rank: float = 0.0
    reason: str = ""
    seconds: float | None = None
    stars: int = 0
    model: str | None = None
    seed: int = 0
    attempts: int = 0


class Standing(Plain, frozen=True, kw_only=True):
    """How the daemon itself stands, whatever is in the queue."""

    state: Literal["starting", "ready", "read-only", "stopping"] = "ready"
    trouble: str = ""
    """Why it is not ready, with the remedy."""
    concerns: tuple[str, ...] = ()
    """What a person should know although the work goes on, a sentence each."""
    moment: Moment | None = None
    """What all it tells is of; None: now."""


# The feed: msgpack frames, one of these each ----------------------------------------------------


class Welcome(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    """First frame, and again after a client was too slow: forget everything, start from this."""

    protocol: int
    version: str
    scene: Scene
    standing: Standing = Standing()


class Delta(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    """What differs from the last frame; a field that is None did not change."""

    head: int
    queue: QueueScene | None = None
    running: tuple[RunningJob, ...] | None = None
    runs: tuple[RunScene, ...] | None = None
    nodes: tuple[NodeScene, ...] | None = None
    undo: str | None = None
    redo: str | None = None
    library: int | None = None
    standing: Standing | None = None
    jobs: tuple[JobId, ...] = ()
    """Jobs whose rows changed."""
    images: tuple[str, ...] = ()
    """Images that are new or changed."""
    everything: bool = False
    """Too many changed to name: re-read the windows you show."""


class Step(Plain, frozen=True, kw_only=True, tag_field="type", tag=True):
    """The cheapest frame: progress alone, `(token, step, steps, eta of the job)`."""

    progress: tuple[tuple[int, int, int, float | None], ...]


Frame = Welcome | Delta | Step


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What every command is answered with, once its events are on disk."""

    command: CommandId
    seq: int
    """Of its last event; 0 if it changed nothing and had no key."""
    subjects: tuple[str, ...] = ()
    """Ids of what its events are about, in order, without repeats, at most 1000."""
    changed: int = 0
    """How many of those there are."""
    repeated: bool = False
    """The key was seen before: nothing was done now."""
    nothing: bool = False
    """There was nothing to do: it was so already, or what it was about has ended. There is nothing to take back."""
