"""Reads a log from outside and says what is wrong with it. Shares no code with the program: SQL, JSON and hashes only.

What it demands of a fleet: no stage done twice, no result taken from an attempt that was not the newest one, nothing
given to a node that is not there, every picture whole, every job ended.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

GIVEN_UP = ("StageLost", "StageFailed", "StageCancelled")
OVER = ("JobFinished", "JobFailed", "JobCancelled", "JobParked")
LEFT = ("NodeLost", "NodeRefused", "NodeUnpaired", "NodeForgotten")


class Happening(NamedTuple):
    seq: int
    at: float
    """Unix seconds, by the daemon's wall clock."""
    type: str
    fields: dict[str, object]

    def __getitem__(self, name: object) -> object:  # type: ignore[override]
        return self.fields.get(str(name))


class Read(NamedTuple):
    """What a whole log says, beside its findings."""

    findings: tuple[str, ...]
    ended: dict[str, str]
    """Job to the type of its last ending; jobs that have not ended are not in it."""
    submitted: frozenset[str]
    refused: int
    """Results that came too late, and were told so."""


def happenings(path: Path, after: int = 0) -> list[Happening]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as log:
        rows = log.execute("SELECT seq, ts_us, type, data FROM events WHERE seq > ? ORDER BY seq", (after,)).fetchall()
    return [Happening(seq, at / 1e6, kind, json.loads(text)) for seq, at, kind, text in rows]


def read(log: Path, artifacts: Path) -> Read:
    findings = [*_chain(log)]
    story = happenings(log)
    checked = _Checked(artifacts)
    for happening in story:
        findings += [f"seq {happening.seq} ({happening.type}): {what}" for what in checked.take(happening)]
    findings += checked.at_the_end()
    return Read(tuple(findings), checked.ended, frozenset(checked.submitted), checked.refused)


def _chain(path: Path) -> Iterator[str]:
    """The formula of the log's documentation: BLAKE2b over the MessagePack of the hash before and every column."""
    columns = "seq,ts_us,epoch,stream,sver,type,v,actor,cause,command,idem,digest,CAST(data AS BLOB),hash"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as log:
        rows = log.execute(f"SELECT {columns} FROM events ORDER BY seq").fetchall()
    before, epoch = bytes(32), 0
    for number, row in enumerate(rows, 1):
        *cells, claimed = row
        if cells[0] != number:
            yield f"seq {cells[0]} stands where {number} should"
            return
        if hashlib.blake2b(msgspec.msgpack.encode([before, *cells]), digest_size=32).digest() != claimed:
            yield f"seq {number}: the chain breaks"
            return
        if cells[2] < epoch:
            yield f"seq {number}: epoch {cells[2]} after {epoch}"
        before, epoch = claimed, cells[2]


class _Checked:
    """The state that a reader needs, and no more."""

    def __init__(self, artifacts: Path) -> None:
        self.submitted: set[str] = set()
        self.ended: dict[str, str] = {}
        self.refused = 0
        self._artifacts = artifacts
        self._newest: dict[tuple[str, str], tuple[int, str]] = {}
        """Job and stage to the newest token and its node."""
        self._open: dict[int, tuple[str, str]] = {}
        self._done: set[tuple[str, str]] = set()
        self._stored: dict[int, list[str]] = {}
        self._pictures: set[tuple[str, str, object]] = set()
        self._here: set[str] = set()
        self._paired: set[str] = set()
        self._proved: set[str] = set()
        self._drained: set[str] = set()

    def take(self, one: Happening) -> Iterator[str]:
        match one.type:
            case "DaemonStarted":
                self._here.clear()
            case "NodeJoined":
                self._here.add(str(one["node"]))
            case kind if kind in LEFT:
                self._here.discard(str(one["node"]))
                if kind == "NodeUnpaired":
                    self._paired.discard(str(one["node"]))
                    self._proved.discard(str(one["node"]))
            case "NodePaired":
                self._paired.add(str(one["node"]))
                self._proved.discard(str(one["node"]))
            case "NodeProbed" if one["ok"]:
                self._proved.add(str(one["node"]))
            case "NodeDrained":
                self._drained.add(str(one["node"]))
            case "NodeResumed":
                self._drained.discard(str(one["node"]))
            case "JobSubmitted":
                self.submitted.add(str(one["job"]))
            case "StageAssigned":
                yield from self._assigned(one)
            case "ArtifactStored":
                yield from self._kept(one)
            case "StageFinished":
                yield from self._finished(one)
            case kind if kind in GIVEN_UP:
                self._open.pop(_token(one), None)
            case "LateResultRefused":
                self.refused += 1
            case kind if kind in OVER:
                if self.ended.get(job := str(one["job"])) in ("JobFinished", "JobCancelled"):
                    yield f"job {job} had ended by {self.ended[job]}"
                self.ended[job] = kind

    def _assigned(self, one: Happening) -> Iterator[str]:
        key, node = (str(one["job"]), str(one["stage"])), str(one["node"])
        if key in self._done:
            yield f"{key} is done already"
        before = self._newest.get(key)
        if before is not None and before[0] in self._open:
            yield f"{key} is given out while attempt {before[0]} at {before[1]} is open"
        if key[0] in self.ended:
            yield f"job {key[0]} has ended"
        if node not in self._here:
            yield f"node {node} is not there"
        if node in self._drained:
            yield f"node {node} is drained"
        if node in self._paired and node not in self._proved:
            yield f"node {node} has not proved itself"
        self._newest[key] = (one.seq, node)
        self._open[one.seq] = key

    def _kept(self, one: Happening) -> Iterator[str]:
        which = (str(one["job"]), str(one["stage"]), one["index"])
        if which in self._pictures:
            yield f"picture {which} is doubled"
        self._pictures.add(which)
        self._stored.setdefault(_token(one), []).append(str(one["image"]))
        file = one["file"]
        assert isinstance(file, dict)
        sha256 = str(file["sha256"])
        found = list((self._artifacts / sha256[:2]).glob(f"{sha256}.*"))
        if len(found) != 1:
            yield f"{len(found)} files of picture {sha256}"
        elif hashlib.sha256(found[0].read_bytes()).hexdigest() != sha256:
            yield f"the file of picture {sha256} is damaged"

    def _finished(self, one: Happening) -> Iterator[str]:
        key, token = (str(one["job"]), str(one["stage"])), _token(one)
        if key in self._done:
            yield f"{key} is done twice"
        if self._newest.get(key) != (token, one["node"]):
            yield f"{key} is done by attempt {token} at {one['node']}, and the newest is {self._newest.get(key)}"
        if key[0] in self.ended:
            yield f"job {key[0]} has ended"
        images = one["images"] or ()
        assert isinstance(images, Sequence)
        if sorted(map(str, images)) != sorted(self._stored.get(token, [])):
            yield f"{key} names pictures {images}, and stored are {self._stored.get(token)}"
        self._done.add(key)
        self._open.pop(token, None)

    def at_the_end(self) -> Iterator[str]:
        if self._open and self.submitted <= set(self.ended):
            yield f"attempts are open although every job has ended: {self._open}"


def _token(one: Happening) -> int:
    token = one["token"]
    assert isinstance(token, int)
    return token
