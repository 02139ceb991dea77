"""Readings that a restart may forget: the last value of each, beside the log. Written by the edges."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from schema.commands import Command, SubmitRun
from schema.errors import Refused
from schema.ids import NodeId, Token
from schema.observations import Observation
from schema.orders import Card, Load, Progress

MEGA = 1024 * 1024


class Shown(NamedTuple):
    """The newest unfinished picture of an attempt."""

    number: int
    """Counts the attempt's previews, from 1."""
    jpeg: bytes


class Stranger(NamedTuple):
    """An agent that answers on the network and is not ours, or not yet: everything here is only what it claims."""

    node: NodeId
    name: str
    address: str
    """`HOST:PORT`."""
    state: Literal["new", "taken", "incompatible"]
    trouble: str = ""
    version: str = ""
    token: bool = False
    """It waits for a daemon whose token it was started with, and shows no code."""


@dataclass(slots=True)
class Vitals:
    progress: dict[Token, Progress] = field(default_factory=dict)
    loads: dict[NodeId, Load] = field(default_factory=dict)
    cards: dict[NodeId, Card] = field(default_factory=dict)
    """Of the nodes that are connected now: what their backends have and how they are."""
    previews: dict[Token, Shown] = field(default_factory=dict)
    handed: set[Token] = field(default_factory=set)
    """Attempts that the agent has ended and whose files are being fetched: their device is free."""
    silent: dict[NodeId, float] = field(default_factory=dict)
    """Nodes that are not to be counted on, and for how many seconds they have given no sign of life: at least
    `fleet.suspect_after` of them, or fewer where the agent was stopped."""
    stopped: set[NodeId] = field(default_factory=set)
    """Those of them whose agent hung up in good order, and where nobody listens now."""
    strangers: tuple[Stranger, ...] = ()
    """Agents that wait to be paired, at most 64."""
    library: int = 0
    """Counts the changes that were noticed in the library."""
    watchers: int = 0
    """Clients of the feed that are connected now."""
    free_bytes: int | None = None
    """Free on the fullest disk that is written to; None: not measured yet."""
    submit_floor: int = 0
    """Bytes; below it no run is taken."""
    dispatch_floor: int = 0
    """Bytes; below it no stage is started."""


def blocked(vitals: Vitals) -> str:
    """Why no stage is started although something waits; empty: nothing stands in the way."""
    if vitals.free_bytes is None or vitals.free_bytes >= vitals.dispatch_floor:
        return ""
    free, floor = vitals.free_bytes / MEGA, vitals.dispatch_floor / MEGA
    return f"only {free:,.0f} MB of disk are free; stages start again above {floor:,.0f} MB"


def check_room(vitals: Vitals, command: Command | Observation) -> None:
    """Raises Refused for a run that the disk has no room for."""
    if not isinstance(command, SubmitRun) or vitals.free_bytes is None or vitals.free_bytes >= vitals.submit_floor:
        return
    raise Refused(
        f"only {vitals.free_bytes / MEGA:,.0f} MB of disk are free and runs need {vitals.submit_floor / MEGA:,.0f} MB.",
        remedy="Free some space: `stablenew disk show` says what takes it. Or lower daemon.submit_floor_mb.",
    )
