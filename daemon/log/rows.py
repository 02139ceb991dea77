"""Rows of the log from envelopes and back."""

from collections.abc import Iterable
from typing import Final

import msgspec

from daemon.log.upcast import Reader
from schema.events import Envelope, stream_of, version_of
from schema.ids import CommandId, Seq

_encode = msgspec.json.Encoder().encode
READER = Reader()

Draft = tuple[Seq, int, Seq, str, str, int, str, Seq | None, CommandId | None, str | None, bytes | None, bytes]
"""A row without `sver` and `hash`, which depend on what lies before it."""


def draft(envelope: Envelope) -> Draft:
    """Raises ValueError for what would not come back from the disk as it was."""
    event = envelope.event
    micros = round(envelope.at * 1_000_000)
    if micros / 1_000_000 != envelope.at:
        raise ValueError(f"`at` must be whole microseconds, as round(at, 6) makes them, not {envelope.at!r}")
    data = _encode(event)
    # JSON knows no NaN and no infinity: they become null, and a fold of the log would differ from the live state.
    if b"null" in data and READER.read(envelope.seq, type(event).__name__, version_of(event), data) != event:
        raise ValueError(f"{type(event).__name__} holds a number that JSON does not know")
    return (
        envelope.seq, micros, envelope.epoch, stream_of(event), type(event).__name__, version_of(event),
        envelope.actor, envelope.cause, envelope.command, envelope.key, envelope.digest, data,
    )  # fmt: skip


TOLD: Final = "seq,ts_us,epoch,type,v,actor,cause,command,idem,digest,data"
"""The columns an envelope is made of; fetching the others would cost as much as decoding the event."""

ToldRow = tuple[Seq, int, Seq, str, int, str, Seq | None, CommandId | None, str | None, bytes | None, bytes]
"""One row of `TOLD`."""


def envelopes(rows: Iterable[ToldRow], reader: Reader = READER) -> list[Envelope]:
    """Raises LogFromNewer for an event this version does not know."""
    found: list[Envelope] = []
    append, read = found.append, reader.read
    for seq, micros, epoch, name, v, actor, cause, command, key, digest, data in rows:
        append(
            Envelope(
                seq=seq,
                at=micros / 1_000_000,
                epoch=epoch,
                actor=actor,
                event=read(seq, name, v, data),
                cause=cause,
                command=command,
                key=key,
                digest=digest,
            )
        )
    return found
