"""The rows of a log as they lie in SQLite, and what must hold of them whatever they tell: gapless, chained, in streams.

Written from the words in `daemon/log/chain.py` and `daemon/log/anchor.py` alone; imports nothing of the program.
"""

import json
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

FIRST = ("DaemonStarted", "LogLossAccepted")
"""What a log begins with that a daemon wrote."""

COLUMNS = "seq,ts_us,epoch,stream,sver,type,v,actor,cause,command,idem,digest,data,hash"


class Finding(NamedTuple):
    """What is wrong with a log: which rule is broken, at which event, in a sentence."""

    rule: str
    seq: int
    sentence: str

    def __str__(self) -> str:
        return f"event {self.seq}: {self.sentence} [{self.rule}]"


class Row(NamedTuple):
    seq: int
    ts_us: int
    epoch: int
    stream: str
    sver: int
    type: str
    v: int
    actor: str
    cause: int | None
    command: str | None
    idem: str | None
    digest: bytes | None
    data: bytes
    hash: bytes


def rows_of(db: sqlite3.Connection) -> Iterator[Row]:
    return map(Row._make, db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq"))


# The chain ----------------------------------------------------------------------------------------


def packed(value: int | str | bytes | None) -> bytes:
    """One value as MessagePack writes it, in its shortest form."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        return _packed_int(value)
    if isinstance(value, str):
        raw = value.encode()
        size = len(raw)
        if size < 32:
            return bytes((0xA0 | size,)) + raw
        return _sized(size, b"\xd9", b"\xda", b"\xdb") + raw
    return _sized(len(value), b"\xc4", b"\xc5", b"\xc6") + value


def _sized(size: int, one: bytes, two: bytes, four: bytes) -> bytes:
    if size < 1 << 8:
        return one + struct.pack(">B", size)
    return two + struct.pack(">H", size) if size < 1 << 16 else four + struct.pack(">I", size)


def _packed_int(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack(">b", value)
    if value >= 0:
        for head, form, bits in ((b"\xcc", ">B", 8), (b"\xcd", ">H", 16), (b"\xce", ">I", 32)):
            if value < 1 << bits:
                return head + struct.pack(form, value)
        return b"\xcf" + struct.pack(">Q", value)
    for head, form, bits in ((b"\xd0", ">b", 7), (b"\xd1", ">h", 15), (b"\xd2", ">i", 31)):
        if value >= -(1 << bits):
            return head + struct.pack(form, value)
    return b"\xd3" + struct.pack(">q", value)


def link(previous: bytes, row: Row) -> bytes:
    """The hash that `row` must have behind an event of hash `previous`."""
    told = (previous, *row[:-1])
    return blake2b(b"\x9e" + b"".join(map(packed, told)), digest_size=32).digest()


# What must hold of rows ---------------------------------------------------------------------------


class Form:
    """Reads rows in order; `found` grows with each that does not belong where it stands."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.seq = 0
        self.hash = bytes(32)
        self._versions: dict[str, int] = {}
        self._epoch = 0
        self._keys: set[tuple[str, str]] = set()
        self._commands: set[str] = set()
        self._command: tuple[str, str] | None = None
        self.invented = False
        """A test's own, whose events need not make sense together."""

    def read(self, row: Row) -> dict[str, object]:
        """The event as it lies in the row; empty where that is no JSON object."""
        if row.seq == 1:
            self.invented = row.type not in FIRST
        if row.seq != self.seq + 1:
            self._note("gapless", row.seq, f"follows {self.seq}")
        if link(self.hash, row) != row.hash:
            self._note("chain", row.seq, "its hash is not that of what it holds behind the event before it")
        self.seq, self.hash = row.seq, row.hash
        event = self._event(row)
        self._stream(row, event)
        self._of_command(row)
        if not self.invented:
            self._origin(row)
        return event

    def _event(self, row: Row) -> dict[str, object]:
        try:
            event = json.loads(row.data)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._note("json", row.seq, "its data is no JSON object")
            return {}
        if event.get("type") != row.type:
            self._note("type", row.seq, f"is called {row.type} and says {event.get('type')}")
        return event

    def _stream(self, row: Row, event: dict[str, object]) -> None:
        if row.stream != stream_of(row.type, event):
            self._note("stream", row.seq, f"{row.type} stands in {row.stream}, not in {stream_of(row.type, event)}")
        before = self._versions.get(row.stream, 0)
        if row.sver != before + 1:
            self._note("stream", row.seq, f"is number {row.sver} of {row.stream}, behind {before}")
        self._versions[row.stream] = row.sver

    def _origin(self, row: Row) -> None:
        if row.type == "DaemonStarted":
            self._epoch = row.seq
        if row.epoch != self._epoch:
            self._note("epoch", row.seq, f"says epoch {row.epoch}, which is {self._epoch}")
        if row.cause is not None and not 0 < row.cause <= row.seq:
            self._note("cause", row.seq, f"was caused by {row.cause}")
        if row.digest is not None and len(row.digest) != 32:
            self._note("key", row.seq, "the digest of its request is no SHA-256")

    def _of_command(self, row: Row) -> None:
        """A command's events stand together, of one actor; its key stands on the first and was never used before."""
        own = None if row.command is None else (row.command, row.actor)
        first = own is not None and own != self._command
        self._command = own
        if row.command is not None and first:
            if row.command in self._commands:
                self._note("command", row.seq, f"{row.command} goes on behind events of others")
            self._commands.add(row.command)
        if row.idem is None:
            if row.digest is not None:
                self._note("key", row.seq, "has the digest of a request without its key")
            return
        if not first:
            self._note("key", row.seq, f"the key {row.idem!r} does not stand on the first event of a command")
        if (row.actor, row.idem) in self._keys:
            self._note("key", row.seq, f"{row.actor} used the key {row.idem!r} before")
        self._keys.add((row.actor, row.idem))

    def _note(self, rule: str, seq: int, sentence: str) -> None:
        self.found.append(Finding(rule, seq, sentence))


def stream_of(kind: str, event: dict[str, object]) -> str:
    for noun in ("job", "run", "image", "node", "model"):
        if event.get(noun) is not None:
            return f"{noun}:{event[noun]}"
    return f"image:{event.get('better')}" if kind in ("ImagesCompared", "ComparisonTakenBack") else "sys"


# The promise beside it ----------------------------------------------------------------------------


def promised(content: bytes) -> tuple[int, bytes] | None:
    """Seq and hash of the newest whole slot of a head anchor."""
    slots = []
    for start in (0, 64):
        slot = content[start : start + 64]
        if len(slot) == 64 and slot[:8] == b"SNHEAD01" and slot[52:] == bytes(12):
            (crc,) = struct.unpack("<I", slot[48:52])
            if crc == zlib.crc32(slot[:48]):
                slots.append((struct.unpack("<Q", slot[8:16])[0], slot[16:48]))
    return max(slots, default=None)


def kept_promise(head: Path, rows: Iterable[tuple[int, bytes]], last: int) -> list[Finding]:
    """`rows`: seq and hash of every event."""
    promise = promised(head.read_bytes()) if head.exists() else None
    if promise is None:
        return [Finding("anchor", last, "there is no whole head anchor")] if last else []
    seq, digest = promise
    if seq > last:
        return [Finding("anchor", last, f"is the last one, but {seq} was promised")]
    if seq and dict(rows).get(seq) != digest:
        return [Finding("anchor", seq, "is another one than was promised")]
    return []


def open_read_only(log: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{log.absolute().as_uri()}?mode=ro", uri=True)
