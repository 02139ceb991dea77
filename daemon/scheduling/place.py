"""Which stage goes to which machine next: strict order of the queue, the best machine for its head.

Plain values in, one placement with its reason out, so that another policy can take this file's place.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daemon.scheduling.estimate import seconds_for
from schema.events import QueueMode
from schema.ids import JobId, NodeId
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
    backend: str = ""


class Machine(NamedTuple):
    """A node that could take a stage."""

    id: NodeId
    name: str
    kinds: tuple[str, ...]
    backends: tuple[str, ...]
    vram_gb: float
    speed: float
    model: str | None
    paces: dict[str, float]
    idle: bool


class Placed(NamedTuple):
    offer: Offer
    machine: Machine
    why: str


def place(offers: Iterable[Offer], machines: Sequence[Machine], kept: NodeId | None, mode: QueueMode) -> Placed | None:
    """The first offer in order that an idle machine can take, on the best of those machines.

    `kept` is the machine that the mode keeps for the live lane while it is in use.
    """
    for offer in offers:
        fitting = [machine for machine in machines if not unfit(offer, machine)]
        free = [machine for machine in fitting if machine.idle and may_take(offer, machine, kept, mode)]
        if free:
            best = min(free, key=lambda machine: _preference(offer, machine))
            return Placed(offer, best, _why(offer, best, free, fitting, len(machines)))
    return None


def unfit(offer: Offer, machine: Machine) -> str:
    """Why this machine could never run the stage, in words; empty: it could."""
    if offer.node not in ("", machine.id, machine.name):
        return f"the run is for {offer.node} only"
    if offer.backend and offer.backend not in machine.backends:
        return f"{machine.name} has no {offer.backend}"
    if offer.step.kind not in machine.kinds:
        return f"{machine.name} cannot run {offer.step.kind}"
    if offer.step.vram_gb > machine.vram_gb:
        return f"{machine.name} has {machine.vram_gb:g} GB of the {offer.step.vram_gb:g} GB that it needs"
    return ""


def may_take(offer: Offer, machine: Machine, kept: NodeId | None, mode: QueueMode) -> bool:
    if offer.live or machine.id != kept or mode == "share":
        return True
    if mode == "free":
        return False
    changes = offer.step.model is not None and machine.model is not None and offer.step.model != machine.model
    return not changes and (seconds_for(machine.paces, offer.step) or 0.0) <= LONG


def _preference(offer: Offer, machine: Machine) -> tuple[int, float, float, str]:
    resident = offer.step.model is None or machine.model == offer.step.model
    seconds = seconds_for(machine.paces, offer.step)
    return (0 if resident else 1, seconds if seconds is not None else 0.0, -machine.speed, machine.id)


def _why(offer: Offer, best: Machine, free: Sequence[Machine], fitting: Sequence[Machine], known: int) -> str:
    if offer.attempt > 1:
        turn = f"attempt {offer.attempt}"
    elif offer.started:
        turn = "goes on with a started job"
    else:
        turn = f"next in the {'interactive' if offer.live else 'batch'} lane"
    if offer.node:
        return f"{turn}; the run is for {best.name} only"
    if len(fitting) == 1:
        who = "the only node" if known == 1 else f"the only one of {known} nodes that can run {offer.step.kind}"
        return f"{turn}; {best.name} is {who}"
    if offer.step.model is not None and best.model == offer.step.model:
        return f"{turn}; {best.name} already holds {offer.step.model}"
    if len(free) == 1:
        return f"{turn}; {best.name} is the only idle one of {len(fitting)} nodes that can run {offer.step.kind}"
    return f"{turn}; {best.name} is the fastest of {len(free)} idle nodes"
