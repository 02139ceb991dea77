"""Readings that a restart may forget: the last value of each, beside the log. Written by the edges."""

from dataclasses import dataclass, field
from typing import NamedTuple

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


@dataclass(slots=True)
class Vitals:
    progress: dict[Token, Progress] = field(default_factory=dict)
    loads: dict[NodeId, Load] = field(default_factory=dict)
    cards: dict[NodeId, Card] = field(default_factory=dict)
    """Of the nodes that are connected now: what their backends have and how they are."""
    previews: dict[Token, Shown] = field(default_factory=dict)
    handed: set[Token] = field(default_factory=set)
    """Attempts that the agent has ended and whose files are being fetched: their device is free."""
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
        remedy="Free some space, or lower daemon.submit_floor_mb.",
    )
