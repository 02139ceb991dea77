"""The live state: unfinished work, the fleet, the queue's settings. A fold of the log and nothing else.

Ended jobs and runs leave it; their history is in the views. Changed by `daemon.core.apply` alone.
"""

import hashlib

import msgspec

from daemon.core.index import Index
from daemon.core.learned import Learned
from daemon.scheduling.costs import Row
from daemon.scheduling.peaks import Peaks
from schema.errors import Trouble
from schema.events import JobPhase, QueueMode, StageDone
from schema.feedback import Feedback
from schema.ids import CommandId, JobId, NodeId, RunId, Seq, Sha256, StageId, Token
from schema.keeping import Access
from schema.lessons import Lessons
from schema.nodes import Link, Standing
from schema.observations import Attempt
from schema.plans import JobSpec, Plain, RunSpec, Scalar, StageStep

STATE_VERSION = 9
"""Raised whenever the same log would fold to other canonical bytes: older snapshots are then not used."""


class Brief(Plain, frozen=True, kw_only=True):
    """An open attempt with everything the dispatcher needs to make an order of it."""

    attempt: Attempt
    run: RunId
    run_spec: RunSpec
    job_spec: JobSpec
    step: StageStep
    inputs: tuple[Sha256, ...] = ()
    number: int = 1
    """Which try of this stage, from 1; lost ones do not count."""
    backend: str | None = None
    """Of the node's backends; None: the agent's choice."""
    reduced: bool = False
    careful: bool = False
    """The try before it made a suspect picture."""
    cancelled: bool = False
    """Nobody wants its result any more; its node is busy until the agent lets go."""
    since: float = 0.0
    """Unix seconds of its assignment."""


class _Phase(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="phase"):
    since: float


class Queued(_Phase, frozen=True, kw_only=True, tag="queued"):
    """Waits for a node; after a failure not before `again_in` seconds have passed since `since`."""

    again_in: float = 0.0


class Held(_Phase, frozen=True, kw_only=True, tag="held"):
    pass


class Running(_Phase, frozen=True, kw_only=True, tag="running"):
    token: Token
    node: NodeId
    hold: bool = False
    """It is to be held when this stage has ended."""


class Attention(_Phase, frozen=True, kw_only=True, tag="attention"):
    trouble: Trouble
    reason: str


Phase = Queued | Held | Running | Attention


def phase_name(phase: Phase) -> JobPhase:
    match phase:
        case Queued():
            return "queued"
        case Held():
            return "held"
        case Running():
            return "running"
        case Attention():
            return "attention"


class Job(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """An unfinished job. There may be a hundred thousand; they make no cycles, so the collector passes them by."""

    id: JobId
    run: RunId
    spec: JobSpec
    phase: Phase
    rank: float
    """Smaller runs first within a lane and a priority; at first the seq of its submission."""
    created: float
    priority: int = 0
    done: tuple[StageDone, ...] = ()
    """In the order of the pipeline."""
    skipped: tuple[StageId, ...] = ()
    only: StageId | None = None
    """Rerun of this stage alone."""
    attempts: int = 0
    """Failed ones of the stage it is at."""
    losses: int = 0
    """In a row, of the stage it is at."""
    suspects: int = 0
    """Attempts of the stage it is at whose pictures were black, flat or of another size."""
    reduced: bool = False
    late: Token | None = None
    """The last attempt at its stage, given up: should its result come after all, it is adopted while the job waits."""
    late_on: NodeId | None = None
    """The node it was given to: nobody else's word for it counts."""
    began: float | None = None
    """Unix seconds of its first assignment since it was submitted or reopened."""
    trouble: str = ""
    """Why its last attempt failed."""
    failed_on: tuple[NodeId, ...] = ()
    """Nodes that failed the stage it is at: others are tried first."""
    floor_gb: float = 0.0
    """Memory that was not enough for the stage it is at: only nodes with more are asked again."""
    moved: int = 0
    """-1: a person put it before what was not moved, 1: behind it."""
    home: float | None = None
    """Its rank before that."""
    effective: dict[StageId, dict[str, Scalar]] = {}


class Run(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run with unfinished jobs, or whose film is not made yet."""

    id: RunId
    spec: RunSpec
    created: float
    paused: bool = False
    open: int = 0
    """Its unfinished jobs, those that need attention among them."""
    attention: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    film: Token | None = None
    """Of the film that is being made."""
    filmed: bool = False
    """The film was made or given up."""
    node: NodeId | None = None
    """Where all its jobs go, once the first has begun (`RunSpec.whole`)."""
    moves: int = 0
    """Stages that began on another node than the one before them."""
    served: dict[str, float] = {}
    """Pack to when it last got a stage, Unix seconds."""
    over: bool = False
    """Finished, but jobs that need attention keep it here."""
    recounted: CommandId | None = None
    """The command that reopened it: its counts already leave out the jobs which that command reopens."""


class Moves(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Mean seconds to bring files to a node and back, of stages whose predecessor ran elsewhere, and there."""

    moved: float = 0.0
    moved_count: int = 0
    kept: float = 0.0
    kept_count: int = 0


class Node(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: NodeId
    name: str
    instance: str
    loopback: bool = True
    backends: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    vram_gb: float = 0.0
    speed: float = 1.0
    card: Sha256 | None = None
    busy: Token | None = None
    """The attempt it is at, also a cancelled one until the agent lets go."""
    drained: bool = False
    lost: bool = False
    link: Link = "loopback"
    address: str = ""
    """`HOST:PORT` at which one on the network last proved its key."""
    certificate: str = ""
    """PEM of one that is paired: the pin."""
    standing: Standing | None = None
    """Why it is given nothing although it answers."""
    trouble: str = ""
    """The sentence to that, or why its last probe failed."""
    proved: bool = True
    """False: paired, and its probe has not shown a picture yet."""
    probe: Token | None = None
    """The one under way."""
    came: Seq = Seq(0)
    """When it last joined: before the epoch, the daemon has not heard of it since its start."""
    strikes: dict[str, tuple[JobId, ...]] = {}
    """Checkpoint (empty: none; `*`: whichever) to the different jobs that failed there in a row."""
    barred: dict[str, tuple[float, float]] = {}
    """Checkpoint (empty: none; `*`: anything) to since when and until when it is given none of it, Unix seconds."""
    done: int = 0
    """Stages it has finished."""
    failed: int = 0
    model: str | None = None
    """The checkpoint its last stage used: probably still loaded."""
    costs: dict[str, list[Row]] = {}
    """`KIND FAMILY` to what the last such stages took here, newest at the end (`daemon.core.costs`)."""
    loads: dict[str, float] = {}
    """Checkpoint to the seconds that it takes to load here."""
    moves: Moves = Moves()


class Undoable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that can be taken back, or an undoing that can be; in words: `daemon.core.words`."""

    command: CommandId
    verb: str
    count: int = 1
    run: RunId | None = None
    """The one run it is about; None: none or several."""


class LastUsed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the last finished job really used, for `--last` and the screens."""

    run: RunId
    job: JobId
    base: Sha256
    pipeline: str
    overlay: dict[str, Scalar] = {}
    effective: dict[StageId, dict[str, Scalar]] = {}


class _Whole(msgspec.Struct, kw_only=True):
    """What has no parts of its own."""

    seq: Seq = Seq(0)
    epoch: Seq = Seq(0)
    paused: bool = False
    mode: QueueMode = "share"
    pin: NodeId | None = None
    """The node that the interactive lane goes to."""
    live_at: float = 0.0
    """When the interactive lane was last used."""
    peaks: dict[str, Peaks] = {}
    """`KIND FAMILY` to the memory that its sizes took."""
    undo: list[Undoable] = []
    redo: list[Undoable] = []
    aside: list[Undoable] = []
    """The redo stack as it was before the command that last emptied it."""
    last: LastUsed | None = None
    feedback: Feedback = Feedback()
    """Weights that looks at pictures suggest."""
    lessons: Lessons = Lessons()
    """What was made of what verdicts teach."""
    access: dict[str, Access] = {}
    """Who may ask over TCP, by name; a new value each time, so that whoever was handed the old one keeps it."""
    damaged: tuple[Sha256, ...] = ()
    """Files of the artifact store that are not what they were, as far as somebody looked."""


class State(_Whole, kw_only=True):
    """All maps in the order in which their entries came."""

    jobs: dict[JobId, Job] = {}
    runs: dict[RunId, Run] = {}
    nodes: dict[NodeId, Node] = {}
    attempts: dict[Token, Brief] = {}
    """The open ones."""
    index: Index | None = None
    """Derived; built when it is first asked for (`daemon.core.filing`), and never saved."""
    learned: Learned | None = None
    """Derived like it, from what was measured (`daemon.core.costs`)."""


class _Saved(_Whole, kw_only=True):
    """The state without its index; lists where the order of entries is part of it."""

    jobs: list[Job]
    runs: list[Run]
    nodes: list[Node]
    attempts: list[Brief]


_WHOLE = _Whole.__struct_fields__
_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(_Saved)


def canonical(state: State) -> bytes:
    """The same bytes for the same facts, however the state came about: msgpack with sorted maps.

    Decoded once in between: where an event was made with `8` for a float, its copy from the log says `8.0`.
    """
    saved = _Saved(
        jobs=list(state.jobs.values()),
        runs=list(state.runs.values()),
        nodes=list(state.nodes.values()),
        attempts=list(state.attempts.values()),
        **{name: getattr(state, name) for name in _WHOLE},
    )
    return _encoder.encode(_decoder.decode(_encoder.encode(saved)))


def revive(data: bytes) -> State:
    """The state that `canonical` wrote. Raises msgspec.DecodeError or ValidationError."""
    saved = _decoder.decode(data)
    return State(
        jobs={job.id: job for job in saved.jobs},
        runs={run.id: run for run in saved.runs},
        nodes={node.id: node for node in saved.nodes},
        attempts={brief.attempt.token: brief for brief in saved.attempts},
        **{name: getattr(saved, name) for name in _WHOLE},
    )


def state_hash(state: State) -> str:
    """64 hex digits."""
    return hashlib.sha256(canonical(state)).hexdigest()


def nodes_there(state: State) -> list[Node]:
    """Those that take work."""
    return [node for node in state.nodes.values() if not node.lost and not node.drained and trusted(node)]


def trusted(node: Node) -> bool:
    """Whether it may be given work while it is there: one on the network is paired and has proved what it can do."""
    return node.standing is None and (node.link != "lan" or node.proved)
