"""The places to vary of a prompt that is being written: where they stand now, and each of them once. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from schema.prompts import Segment, Vary


class Place(NamedTuple):
    key: str
    kind: Vary
    size: str
    """How many values it has, in digits."""
    values: tuple[str, ...]
    locked: str | None
    line: int
    """Of its first occurrence, from 1."""
    times: int
    """How often it stands there."""
    negative: bool
    """It stands in the negative prompt only."""


def places_of(segments: Iterable[Segment], locks: Mapping[str, str]) -> list[Place]:
    """In the order they stand there; `locks` are those that the next answer will know of."""
    found: dict[str, Place] = {}
    for one in segments:
        if not one.key:
            continue
        had = found.get(one.key)
        if had is None:
            found[one.key] = Place(
                one.key, one.kind, one.size, one.values, locks.get(one.key), one.line, 1, one.negative
            )
        else:
            found[one.key] = had._replace(times=had.times + 1, negative=had.negative and one.negative)
    return list(found.values())


def shifted(segments: Sequence[Segment], was: str, now: str) -> tuple[Segment, ...]:
    """Segments of the text `was` where they stand in `now`; those that the change touches are dropped."""
    if was == now:
        return tuple(segments)
    head = 0
    for one, other in zip(was, now, strict=False):
        if one != other:
            break
        head += 1
    tail = 0
    for one, other in zip(reversed(was[head:]), reversed(now[head:]), strict=False):
        if one != other:
            break
        tail += 1
    by = len(now) - len(was)
    kept = [one for one in segments if one.end <= head]
    kept += [
        msgspec.structs.replace(one, start=one.start + by, end=one.end + by)
        for one in segments
        if one.start >= len(was) - tail and one.end > head
    ]
    return tuple(kept)
