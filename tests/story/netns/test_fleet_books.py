"""The checker of the stories finds what it is there for: each lie in a log that is otherwise good."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import books
import msgspec
import pytest

PICTURE = b"a picture"
NAME = hashlib.sha256(PICTURE).hexdigest()
STAGE = {"job": "r.1", "stage": "txt2img", "node": "n1"}

GOOD: tuple[tuple[str, dict[str, object]], ...] = (
    ("NodePaired", {"node": "n1"}),
    ("NodeJoined", {"node": "n1"}),
    ("NodeProbed", {"node": "n1", "ok": True}),
    ("NodeJoined", {"node": "n2"}),
    ("JobSubmitted", {"job": "r.1"}),
    ("StageAssigned", STAGE),
    ("StageLost", {**STAGE, "token": 6}),
    ("StageAssigned", {**STAGE, "node": "n2"}),
    ("ArtifactStored", {**STAGE, "token": 8, "index": 0, "image": "i1", "file": {"sha256": NAME}}),
    ("StageFinished", {**STAGE, "node": "n2", "token": 8, "images": ["i1"]}),
    ("JobFinished", {"job": "r.1"}),
)

LIES = {
    "done twice": (10, 10, ("StageFinished", {**STAGE, "node": "n2", "token": 8, "images": ["i1"]})),
    "the newest is": (9, 10, ("StageFinished", {**STAGE, "token": 6, "images": []})),
    "is open": (6, 7, ("NodeResumed", {"node": "n1"})),
    "is not there": (6, 7, ("NodeLost", {"node": "n2"})),
    "has not proved itself": (2, 3, ("NodeResumed", {"node": "n1"})),
    "is drained": (5, 5, ("NodeDrained", {"node": "n1"})),
    "is doubled": (9, 9, ("ArtifactStored", {**STAGE, "token": 8, "index": 0, "image": "i2",
                                             "file": {"sha256": NAME}})),
    "files of picture": (8, 9, ("ArtifactStored", {**STAGE, "token": 8, "index": 0, "image": "i1",
                                                   "file": {"sha256": "0" * 64}})),
    "had ended by": (11, 11, ("JobFinished", {"job": "r.1"})),
    "names pictures": (9, 10, ("StageFinished", {**STAGE, "node": "n2", "token": 8, "images": ["i9"]})),
}  # fmt: skip
"""What is found, and which events are replaced by which other."""


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    folder = tmp_path / "art" / NAME[:2]
    folder.mkdir(parents=True)
    (folder / f"{NAME}.png").write_bytes(PICTURE)
    return tmp_path / "art"


def written(path: Path, story: Sequence[tuple[str, dict[str, object]]]) -> Path:
    """A log as its documentation describes it."""
    columns = "seq,ts_us,epoch,stream,sver,type,v,actor,cause,command,idem,digest,data"
    with closing(sqlite3.connect(path)) as log, log:
        log.execute(f"CREATE TABLE events({columns}, hash)")
        before = bytes(32)
        for seq, (kind, fields) in enumerate(story, 1):
            row = (
                seq,
                seq * 10**6,
                1,
                "sys",
                seq,
                kind,
                1,
                "daemon",
                None,
                None,
                None,
                None,
                json.dumps(fields).encode(),
            )
            before = hashlib.blake2b(msgspec.msgpack.encode([before, *row]), digest_size=32).digest()
            log.execute(f"INSERT INTO events VALUES({','.join('?' * 14)})", (*row, before))
    return path


def test_a_good_log_is_found_good(tmp_path: Path, artifacts: Path) -> None:
    found = books.read(written(tmp_path / "log", GOOD), artifacts)
    assert found.findings == ()
    assert found.ended == {"r.1": "JobFinished"}


@pytest.mark.parametrize("said", LIES)
def test_a_lie_is_named(said: str, tmp_path: Path, artifacts: Path) -> None:
    first, last, lie = LIES[said]
    found = books.read(written(tmp_path / "log", (*GOOD[:first], lie, *GOOD[last:])), artifacts)
    assert any(said in finding for finding in found.findings), found.findings


def test_a_changed_row_breaks_the_chain(tmp_path: Path, artifacts: Path) -> None:
    path = written(tmp_path / "log", GOOD)
    with closing(sqlite3.connect(path)) as log, log:
        log.execute("UPDATE events SET actor = 'uid:0' WHERE seq = 7")
    assert "seq 7: the chain breaks" in books.read(path, artifacts).findings


def test_a_damaged_picture_is_named(tmp_path: Path, artifacts: Path) -> None:
    (artifacts / NAME[:2] / f"{NAME}.png").write_bytes(b"another")
    assert any("is damaged" in finding for finding in books.read(written(tmp_path / "log", GOOD), artifacts).findings)
