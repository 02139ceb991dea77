"""Old events read by new code: pure functions from one version of a type to the next, applied on read, never on disk.

A renamed or retyped field is a new version in `schema.events.VERSIONS` and one function here. Nothing here is ever
removed: a log lives for decades. An event of a newer version that says of itself that it is optional counts as nothing.
"""

from collections.abc import Callable, Mapping
from typing import get_args

import msgspec

from daemon.log.faults import LogFromNewer
from schema import events

Fields = dict[str, object]
"""An event as the JSON object that lies in the log, its tag left in."""

Upcaster = Callable[[Fields], Fields]

UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}
"""(type, v) to the function that makes v+1 of it. Empty while every type is at version 1."""


def _is_optional(data: bytes) -> bool:
    """Whether a newer version said that older ones lose nothing when they pass this event by: `"opt": true`."""
    try:
        return msgspec.json.decode(data, type=Fields).get("opt") is True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


class Reader:
    """Makes events of what lies in the log; one decoder per type. The arguments are for tests of evolution."""

    def __init__(
        self, versions: Mapping[str, int] = events.VERSIONS, upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS
    ) -> None:
        self._upcasters = upcasters
        self._now = {kind.__name__: versions.get(kind.__name__, 1) for kind in get_args(events.Event)}
        self._decode: dict[tuple[str, int], Callable[[bytes], events.Event]] = {
            (kind.__name__, self._now[kind.__name__]): msgspec.json.Decoder(kind).decode
            for kind in get_args(events.Event)
        }

    def read(self, seq: int, name: str, v: int, data: bytes) -> events.Event:
        """Raises LogFromNewer for a type, a version or a value that this version does not know."""
        try:
            return self._decode[name, v](data)
        except KeyError:
            return self._read_old(seq, name, v, data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LogFromNewer(
                f"event {seq} ({name}, version {v}) holds what this version cannot read: {error}.", readable=seq - 1
            ) from error

    def _read_old(self, seq: int, name: str, v: int, data: bytes) -> events.Event:
        now = self._now.get(name)
        if (now is None or v > now) and _is_optional(data):
            return events.NothingChanged(command=name)
        if now is None:
            raise LogFromNewer(
                f"event {seq} is of the type {name}, which this version does not know.", readable=seq - 1
            )
        if v > now:
            raise LogFromNewer(
                f"event {seq} ({name}) has version {v}; this version reads up to {now}.", readable=seq - 1
            )
        fields = msgspec.json.decode(data, type=Fields)
        for step in range(v, now):
            upcast = self._upcasters.get((name, step))
            if upcast is None:
                raise LogFromNewer(
                    f"event {seq} ({name}) has version {v}, from which no way leads to {now}.", readable=seq - 1
                )
            fields = upcast(fields)
        return self.read(seq, name, now, msgspec.json.encode(fields))
