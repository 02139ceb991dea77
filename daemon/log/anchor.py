"""The head anchor: which event was the newest, kept outside the database.

SQLite drops a damaged tail of its WAL without a word, and the hash chain cannot see what is no longer there.
The file is two slots of 64 bytes, written in turn: magic `SNHEAD01`, seq (u64), hash (32 bytes), CRC-32 of
these 48 bytes (u32), 12 zero bytes; little-endian. The valid slot with the higher seq counts. A slot is written after
each commit and synced at most once a second, so a power cut can make the anchor older than the log, never newer.
"""

import os
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Final

from daemon.disk import sync_folder
from daemon.log.chain import Head

MAGIC: Final = b"SNHEAD01"
SLOT: Final = 64
_LAYOUT: Final = struct.Struct("<8sQ32sI12x")


def pack(head: Head) -> bytes:
    body = struct.pack("<8sQ32s", MAGIC, head.seq, head.hash)
    return body + struct.pack("<I12x", zlib.crc32(body))


def read(path: Path) -> Head | None:
    """The newest promised head; None when the file is missing, is none, or no slot is whole."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None
    heads = [head for start in (0, SLOT) if (head := _slot(content[start : start + SLOT])) is not None]
    return max(heads, key=lambda head: head.seq, default=None)


def _slot(content: bytes) -> Head | None:
    if len(content) != SLOT:
        return None
    magic, seq, digest, crc = _LAYOUT.unpack(content)
    return Head(seq, digest) if magic == MAGIC and crc == zlib.crc32(content[:48]) else None


class Anchor:
    """The open file of the one who appends."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # The slot that holds the newest head is written last, so that a torn write leaves it whole.
        slots = [_slot(os.pread(self._fd, SLOT, start)) for start in (0, SLOT)]
        seqs = [slot.seq if slot else -1 for slot in slots]
        self._next = 0 if seqs[0] < seqs[1] else 1
        self.dirty = False

    def promise(self, head: Head) -> None:
        """Notes that `head` is durable. Not yet synced."""
        os.pwrite(self._fd, pack(head), self._next * SLOT)
        self._next ^= 1
        self.dirty = True

    def sync(self) -> None:
        os.fdatasync(self._fd) if hasattr(os, "fdatasync") else os.fsync(self._fd)
        self.dirty = False

    def close(self) -> None:
        os.close(self._fd)


def reset(path: Path, head: Head) -> None:
    """Makes `head` the only promise, whatever was promised before; atomic and synced."""
    spare = path.with_name(path.name + ".new")
    with spare.open("wb") as file:
        file.write(pack(head) * 2)
        file.flush()
        os.fsync(file.fileno())
    if path.is_dir():  # no file takes its place
        path.rename(tempfile.mkdtemp(prefix=f"{path.name}.was-", dir=path.parent))
    spare.replace(path)
    sync_folder(path.parent)
