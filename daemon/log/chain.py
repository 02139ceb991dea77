"""The hash chain: every event's hash covers every column of its row and the hash before it. Pure.

Exactly, so that a checker can be written from here alone:

    hash(n) = BLAKE2b with a digest of 32 bytes, no key, no salt, of the MessagePack array
              [ hash(n-1), seq, ts_us, epoch, stream, sver, type, v, actor, cause, command, idem, digest, data ]

The columns are those of the table `events`, in that order. hash(0) is 32 zero bytes. MessagePack as in its public
specification, every value in its shortest form: integers >= 0 as unsigned, TEXT as str (UTF-8), BLOB as bin, NULL as
nil; the array's head is 0x9e. `msgpack.packb(row)` of the library msgpack writes the same bytes.
Seqs run from 1 without gaps, and `sver` from 1 without gaps within each stream.
"""

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from daemon.log.tables import Row
from schema.ids import CommandId, Seq


class Head(NamedTuple):
    """The newest event: its seq and hash. An empty log has seq 0 and 32 zero bytes."""

    seq: int
    hash: bytes


ZERO: Final = Head(0, bytes(32))

Unhashed = tuple[
    Seq, int, Seq, str, int, str, int, str, Seq | None, CommandId | None, str | None, bytes | None, bytes
]  # fmt: skip
"""A `Row` without its hash."""

_pack = msgspec.msgpack.Encoder().encode


def link(previous: bytes, row: Unhashed) -> bytes:
    """The hash of `row` behind an event of hash `previous`."""
    return blake2b(_pack((previous, *row)), digest_size=32).digest()


class Walk(NamedTuple):
    """How far a chain holds: `head` is the last good event, `finding` says what is wrong with the next one."""

    head: Head
    finding: str | None


def walk(rows: Iterable[Row], start: Head) -> Walk:
    """Follows the chain from behind `start`; stops at the first row that does not belong there or cannot be read."""
    seq, previous = start
    pack, digest = _pack, blake2b
    try:
        for row in rows:
            if row[0] != seq + 1:
                return Walk(Head(seq, previous), f"event {seq + 1} is missing: {row[0]} follows {seq}")
            if digest(pack((previous, *row[:-1])), digest_size=32).digest() != row[-1]:
                return Walk(Head(seq, previous), f"event {seq + 1} was changed: its hash does not fit")
            seq, previous = row[0], row[-1]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return Walk(Head(seq, previous), f"the log cannot be read behind event {seq}: {error}")
    return Walk(Head(seq, previous), None)
