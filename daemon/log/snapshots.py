"""Saved states: disposable, each good only for the very log it was folded from.

A file `SEQ.snapshot` is `SNSTATE1`, state version (u32), seq (u64), hash of that event (32 bytes), size of the payload
(u64), BLAKE2b-256 of these 60 bytes and the payload, payload; little-endian. The payload is zlib of the state's
canonical bytes. What does not fit is passed over and reported: an older one is taken, or none.
"""

import asyncio
import json
import logging
import os
import struct
import sys
import zlib
from collections.abc import Iterable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Final, Generic, NamedTuple

import msgspec

from daemon.core.state import State
from daemon.disk import sync_folder
from daemon.log.fold import CORE, Fold, S
from daemon.log.reading import hash_at, read_log
from daemon.log.reading import newest as newest_event
from daemon.log.tables import reader

KEPT_NEWEST: Final = 3

RUNG: Final = 40_000
"""Events, folded in half a second: of each such stretch of the log one snapshot stays for ever, so that no moment is
far from one.
"""

_MAGIC: Final = b"SNSTATE1"
_HEADER: Final = struct.Struct("<8sIQ32sQ")
_CHECKSUM: Final = 32
_LEVEL: Final = 1
"""Of zlib: a tenth of the size already, twenty times faster than the best."""

_told = logging.getLogger(__name__)


def newest(folder: Path, log: Path) -> tuple[State, int]:
    """The newest usable snapshot and its seq; the empty state and 0 if there is none for this log."""
    return Snapshots(folder, log, CORE).newest()


def newest_seq(folder: Path, log: Path) -> int:
    """Of the newest usable snapshot, without making a state of it; 0 if there is none for this log."""
    return Snapshots(folder, log, CORE).newest_seq()


def restore(folder: Path, log: Path) -> State:
    """The state at the log's head: newest snapshot and the tail behind it. Raises LogFromNewer or sqlite3.Error."""
    return Snapshots(folder, log, CORE).as_of(None)


async def make(folder: Path, log: Path) -> int:
    """Saves the state of now, in a child process. Its seq, or 0 if it failed: that is reported, no more."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "daemon", "log", "snapshot", "--json", "--folder", str(folder), "--log", str(log),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        told, complaint = await child.communicate()
    except asyncio.CancelledError:
        if child.returncode is None:
            child.kill()
            await child.wait()
        raise
    if child.returncode != 0:
        _told.warning("no snapshot was made: %s", complaint.decode(errors="replace").strip())
        return 0
    return int(json.loads(told)["seq"])


class _Saved(NamedTuple):
    path: Path
    seq: int


class Snapshots(Generic[S]):
    """The snapshots of one log in one folder, for any fold."""

    def __init__(self, folder: Path, log: Path, fold: Fold[S]) -> None:
        self._folder = folder
        self._log = log
        self._fold = fold

    def newest(self, upto: int | None = None) -> tuple[S, int]:
        """The newest usable snapshot not behind seq `upto`, and its seq; the empty state and 0 if there is none."""
        for saved in self.saved():
            if upto is not None and saved.seq > upto:
                continue
            state = self._load(saved)
            if state is not None:
                return state, saved.seq
        return self._fold.empty(), 0

    def newest_seq(self) -> int:
        return next((saved.seq for saved in self.saved() if self._canonical(saved) is not None), 0)

    def as_of(self, upto: int | None) -> S:
        """The state behind event `upto` (None: the newest): a snapshot before it and the events between."""
        state, seq = self.newest(upto)
        return self._fold.onto(state, read_log(self._log, seq, upto))

    def save(self) -> int:
        """Writes a snapshot of the log's head from the previous one and the tail, thins out the older; its seq."""
        with closing(reader(self._log)) as db:
            seq, digest = newest_event(db)
        state, before = self.newest(seq)
        if before == seq:
            return seq
        for rung in range(before // RUNG * RUNG + RUNG, seq, RUNG):  # of a long way, as after an upgrade
            self._fold.onto(state, read_log(self._log, before, rung))
            self._write(rung, self._hash_at(rung), self._fold.canonical(state))
            before = rung
        self._fold.onto(state, read_log(self._log, before, seq))
        self._write(seq, digest, self._fold.canonical(state))
        self._thin(seq)
        return seq

    def _thin(self, seq: int) -> None:
        """Those ahead of the log are another log's, those of another version are of no use."""
        saved = [one for one in self.saved() if self._is_of_use(one, seq)]
        kept = {one.seq for one in saved}.difference(thinned([one.seq for one in saved]))
        for one in self.saved():
            if one.seq not in kept:
                one.path.unlink(missing_ok=True)

    def _is_of_use(self, saved: _Saved, seq: int) -> bool:
        if saved.seq > seq:
            return False
        try:
            with saved.path.open("rb") as file:
                magic, version, *_ = _HEADER.unpack(file.read(_HEADER.size))
        except (OSError, struct.error):
            return False
        return bool(magic == _MAGIC and version == self._fold.version)

    def _hash_at(self, seq: int) -> bytes:
        with closing(reader(self._log)) as db:
            found = hash_at(db, seq)
        assert found is not None  # it was folded a moment ago
        return found

    def saved(self) -> list[_Saved]:
        """What lies in the folder, newest first, checked or not."""
        found = [_Saved(path, int(path.stem)) for path in self._folder.glob("*.snapshot") if path.stem.isdecimal()]
        return sorted(found, key=lambda saved: saved.seq, reverse=True)

    def _path(self, seq: int) -> Path:
        return self._folder / f"{seq:012}.snapshot"

    def _write(self, seq: int, digest: bytes, canonical: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        payload = zlib.compress(canonical, _LEVEL)
        header = _HEADER.pack(_MAGIC, self._fold.version, seq, digest, len(payload))
        spare = self._path(seq).with_suffix(".new")
        with spare.open("wb") as file:
            file.write(header + blake2b(header + payload, digest_size=_CHECKSUM).digest())
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        spare.replace(self._path(seq))
        sync_folder(self._folder)

    def _load(self, saved: _Saved) -> S | None:
        """None, with a line in the program's log, when it cannot be used."""
        canonical = self._canonical(saved)
        if canonical is None:
            return None
        try:
            return self._fold.revive(canonical)
        except (msgspec.MsgspecError, ValueError) as error:
            _told.warning("the snapshot %s is not used: %s", saved.path, error)
            return None

    def _canonical(self, saved: _Saved) -> bytes | None:
        """The state's canonical bytes; None, with a line in the program's log, where the file cannot be used."""
        try:
            content = saved.path.read_bytes()
            fault = self._fault(content, saved.seq)
            if fault is None:
                return zlib.decompress(content[_HEADER.size + _CHECKSUM :])
        except (OSError, zlib.error) as error:
            fault = str(error)
        _told.warning("the snapshot %s is not used: %s", saved.path, fault)
        return None

    def _fault(self, content: bytes, seq: int) -> str | None:
        if len(content) < _HEADER.size + _CHECKSUM:
            return "it is cut off"
        header, payload = content[: _HEADER.size], content[_HEADER.size + _CHECKSUM :]
        magic, version, at, digest, size = _HEADER.unpack(header)
        if magic != _MAGIC or at != seq or size != len(payload):
            return "it is cut off or none of this program"
        if (
            blake2b(header + payload, digest_size=_CHECKSUM).digest()
            != content[_HEADER.size : _HEADER.size + _CHECKSUM]
        ):
            return "its checksum does not fit"
        if version != self._fold.version:
            return f"it holds a state of version {version}, this program knows {self._fold.version}"
        with closing(reader(self._log)) as db:
            if hash_at(db, seq) != digest:
                return "it was made from another log"
        return None


def thinned(seqs: Iterable[int]) -> list[int]:
    """Which to drop: the newest three stay, the oldest of each `RUNG`, and the oldest at each doubling of the way."""
    order = sorted(seqs, reverse=True)
    doublings: dict[int, int] = {}
    rungs: dict[int, int] = {}
    for seq in order[KEPT_NEWEST:]:
        doublings[(order[0] - seq).bit_length()] = seq  # later ones are older
    for seq in order:
        rungs[seq // RUNG] = seq
    kept = {*order[:KEPT_NEWEST], *doublings.values(), *rungs.values()}
    return [seq for seq in order if seq not in kept]
