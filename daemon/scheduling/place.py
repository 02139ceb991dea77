"""Which stage goes to which machine and backend next: strict order of the queue, the best machine for its head.

Plain values in, one placement with its reason out, so that another policy can take this file's place.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from daemon.scheduling.fitness import Fit, fit_of
from schema.events import QueueMode
from schema.ids import JobId, NodeId
from schema.names import found
from schema.orders import Card
from schema.plans import StageStep

LONG = 20.0
"""Seconds; a batch stage that takes longer keeps the live lane's machine from being warm."""


class Offer(NamedTuple):
    """The next stage of the first job of a shelf."""

    job: JobId
    step: StageStep
    live: bool
    """In the interactive lane."""
    started: bool
    """Its job has finished a stage already."""
    attempt: int
    node: str = ""
    """The only machine it may go to, by id or name; empty: any."""
    node_name: str = ""
    """Of that one, for sentences; empty: as above."""
    backend: str = ""
    """The only one that may run it; empty: any."""
    needs: tuple[str, ...] = ()
    """What the backend must have: the step's needs, and those of the job's prompt where it is sampled."""
    stand_in: bool = True
    """`sketch` may run it although nobody asked for it by name: there is, and there was, nothing else."""


class Machine(NamedTuple):
    """A node that could take a stage."""

    id: NodeId
    name: str
    kinds: tuple[str, ...]
    backends: tuple[str, ...]
    vram_gb: float
    speed: float
    model: str | None
    seconds: Callable[[StageStep], float | None]
    """What a stage takes there; None: nothing of its kind was ever measured."""
    idle: bool
    card: Card | None = None
    """None: nobody knows more of it than what stands above."""
    resident: tuple[str, ...] = ()
    """Models that it says need no loading."""


class Placed(NamedTuple):
    offer: Offer
    machine: Machine
    backend: str | None
    """None: the agent's choice."""
    why: str


def place(offers: Iterable[Offer], machines: Sequence[Machine], kept: NodeId | None, mode: QueueMode) -> Placed | None:
    """The first offer in order that an idle machine can take, on the best of those machines.

    `kept` is the machine that the mode keeps for the live lane while it is in use.
    """
    for offer in offers:
        fitting = [(machine, fit) for machine in machines if not (fit := fit_for(offer, machine)).reason]
        free = [(machine, fit) for machine, fit in fitting if machine.idle and may_take(offer, machine, kept, mode)]
        if free:
            best, fit = min(free, key=lambda one: _preference(offer, one[0]))
            why = _why(offer, best, len(free), len(fitting), len(machines))
            return Placed(offer, best, fit.backend, why)
    return None


def unfit(offer: Offer, machine: Machine) -> str:
    """Why this machine cannot run the stage, in words; empty: it can."""
    return fit_for(offer, machine).reason


def fit_for(offer: Offer, machine: Machine) -> Fit:
    """The backend that would run the stage there, or why none can."""
    if offer.node not in ("", machine.id, machine.name):
        return Fit(None, f"the run is for {offer.node_name or offer.node} only")
    fit = fit_of(
        machine.name,
        machine.card,
        machine.backends,
        machine.kinds,
        kind=offer.step.kind,
        backend=offer.backend,
        needs=offer.needs,
        stand_in=offer.stand_in,
    )
    if not fit.reason and offer.step.vram_gb > machine.vram_gb:
        return Fit(None, f"{machine.name} has {machine.vram_gb:g} GB of the {offer.step.vram_gb:g} GB that it needs")
    return fit


def may_take(offer: Offer, machine: Machine, kept: NodeId | None, mode: QueueMode) -> bool:
    if offer.live or machine.id != kept or mode == "share":
        return True
    if mode == "free":
        return False
    changes = offer.step.model is not None and machine.model is not None and not holds(machine, offer.step.model)
    return not changes and (machine.seconds(offer.step) or 0.0) <= LONG


def holds(machine: Machine, model: str) -> bool:
    """Whether the model needs no loading there."""
    return machine.model == model or (bool(machine.resident) and found(model, machine.resident) is not None)


def _preference(offer: Offer, machine: Machine) -> tuple[int, float, float, str]:
    resident = offer.step.model is None or holds(machine, offer.step.model)
    seconds = machine.seconds(offer.step)
    return (0 if resident else 1, seconds if seconds is not None else 0.0, -machine.speed, machine.id)


def _why(offer: Offer, best: Machine, free: int, fitting: int, known: int) -> str:
    if offer.attempt > 1:
        turn = f"attempt {offer.attempt}"
    elif offer.started:
        turn = "goes on with a started job"
    else:
        turn = f"next in the {'interactive' if offer.live else 'batch'} lane"
    if offer.node:
        return f"{turn}; the run is for {best.name} only"
    if fitting == 1:
        who = "the only node" if known == 1 else f"the only one of {known} nodes that can run {offer.step.kind}"
        return f"{turn}; {best.name} is {who}"
    if offer.step.model is not None and holds(best, offer.step.model):
        return f"{turn}; {best.name} already holds {offer.step.model}"
    if free == 1:
        return f"{turn}; {best.name} is the only idle one of {fitting} nodes that can run {offer.step.kind}"
    return f"{turn}; {best.name} is the fastest of {free} idle nodes"
