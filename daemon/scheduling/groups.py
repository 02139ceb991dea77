"""What the policy looks at and what it answers: waiting stages in groups, machines, costs. Plain values.

The live queue, a rehearsed trace and a forecast all hand in these, and nothing else reaches a decision.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from schema.events import QueueMode
from schema.ids import JobId, NodeId, StageId

Before = tuple[int, int, float]
"""What a person said of the order within a lane: (-priority, -1 moved up | 0 | 1 moved down, rank of a moved one)."""

UNMOVED: Before = (0, 0, 0.0)

NEVER = float("-inf")


class Lot(NamedTuple):
    """Stages that use the same checkpoint and need the same memory."""

    model: str | None
    vram_gb: float


class Group(NamedTuple):
    """Waiting stages of one pack that all machines and clocks treat alike; the one that goes next stands for them.

    A live request is a group of its own.
    """

    id: str
    """Ties are broken by it."""
    job: JobId
    stage: StageId
    kind: str
    lot: Lot
    able: int
    """Bit i: `machines[i]` can run it, now or when it is idle again."""
    work: float
    """Seconds at speed 1 of the stage that goes next."""
    ready: int = 1
    """Stages that may begin now. 0: only later ones, which wait for stages before them."""
    seconds: float = 0.0
    """At speed 1, of all that may begin now."""
    rest: float = 0.0
    """At speed 1, of the stages behind the one that goes next, in its job."""
    later: float = 0.0
    """At speed 1, of stages of this lot that wait for stages before them."""
    pack: str = ""
    served: float = NEVER
    """When its pack last got a stage."""
    arrived: float = 0.0
    live: bool = False
    before: Before = UNMOVED
    started: bool = False
    """Its job has finished a stage already."""
    previous: NodeId | None = None
    """Where the stage before it ran."""
    out_mb: float = 0.0
    """What the stage before it made."""
    attempt: int = 1
    avoid: int = 0
    """Bit i: `machines[i]` failed this very stage; others are tried first."""
    deadline: float | None = None
    """Of its run."""
    due_work: float = 0.0
    """Seconds at speed 1 of all that is left of its run, if that is more than the groups with this deadline show."""
    bound: str = ""
    """Why it may go to one machine only, in words, if somebody said so."""


class Machine(NamedTuple):
    """A node that is there and takes work."""

    id: NodeId
    name: str
    vram_gb: float
    speed: float
    idle: bool
    free_at: float
    """When it is expected to be idle; now or earlier for an idle one."""
    models: frozenset[str] = frozenset()
    """Checkpoints that need no loading there, once it is idle, as lots name them."""


class Costs(Protocol):
    """Seconds that a stage of the group would take on a machine."""

    def execute(self, group: Group, machine: Machine) -> float: ...

    def swap(self, group: Group, machine: Machine) -> float:
        """Loading its checkpoint; 0 where it is resident, or there is none."""

    def move(self, group: Group, machine: Machine) -> float:
        """Bringing what the stage before it made; 0 on the machine that made it."""


class Options(NamedTuple):
    mode: QueueMode = "share"
    kept: NodeId | None = None
    """The machine that the mode keeps for the live lane, while that is in use."""
    overdue: float = 900.0
    """A pack that got nothing for so many seconds comes first."""
    word: str = "node"
    """What reasons call a machine."""
    served: Mapping[str, float] = {}
    """When packs last got a stage; goes before `Group.served`."""

    def served_at(self, group: Group) -> float:
        return self.served.get(group.pack, group.served)


class Pick(NamedTuple):
    """The next stage to start, and where."""

    group: Group
    machine: Machine
    why: str


class Wait(NamedTuple):
    """Nothing is to be started now."""

    until: float | None
    """When to ask again although nothing happens; None: there is no need."""
    idle: Mapping[NodeId, str]
    """Why each idle machine is left idle."""
    reserved: Mapping[str, NodeId]
    """Live requests (ids of groups) that wait for a busy machine, as they are done earliest there."""
