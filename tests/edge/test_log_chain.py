"""The hash chain as its page describes it, read by a checker that shares no code with the log."""

import sqlite3
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest

from daemon.log.chain import ZERO, link, walk
from daemon.log.store import open_log
from daemon.log.tables import reader
from schema.events import Envelope, Event, JobHeld, NodeJoined, RunSubmitted, StageFinished
from schema.ids import CommandId, JobId, NodeId, RunId, Seq, StageId, Token
from schema.plans import RunSpec

COLUMNS = [
    "seq",
    "ts_us",
    "epoch",
    "stream",
    "sver",
    "type",
    "v",
    "actor",
    "cause",
    "command",
    "idem",
    "digest",
    "data",
]


def pack(value: int | str | bytes | None) -> bytes:
    """MessagePack's shortest form of one column, from its public specification."""
    match value:
        case None:
            return b"\xc0"
        case int() if value < 0:
            for code, size, low in ((0xD0, 1, -(2**7)), (0xD1, 2, -(2**15)), (0xD2, 4, -(2**31)), (0xD3, 8, -(2**63))):
                if value >= -32:
                    return value.to_bytes(1, "big", signed=True)
                if value >= low:
                    return bytes([code]) + value.to_bytes(size, "big", signed=True)
        case int():
            if value < 128:
                return bytes([value])
            for code, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
                if value < 256**size:
                    return bytes([code]) + value.to_bytes(size, "big")
        case str():
            text = value.encode()
            if len(text) < 32:
                return bytes([0xA0 | len(text)]) + text
            return sized(text, ((0xD9, 1), (0xDA, 2), (0xDB, 4)))
        case bytes():
            return sized(value, ((0xC4, 1), (0xC5, 2), (0xC6, 4)))
    raise AssertionError(value)


def sized(content: bytes, forms: tuple[tuple[int, int], ...]) -> bytes:
    for code, size in forms:
        if len(content) < 256**size:
            return bytes([code]) + len(content).to_bytes(size, "big") + content
    raise AssertionError(len(content))


def findings(path: Path) -> list[str]:
    """What an independent checker says of a log's chain."""
    told: list[str] = []
    previous, seen, streams = bytes(32), 0, dict[str, int]()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        for *columns, digest in db.execute(f"SELECT {','.join(COLUMNS)},hash FROM events ORDER BY seq"):
            seen += 1
            packed = b"\x9e" + b"".join(map(pack, (previous, *columns)))
            if columns[0] != seen or blake2b(packed, digest_size=32).digest() != digest:
                told.append(f"event {columns[0]}")
            streams[columns[3]] = streams.get(columns[3], 0) + 1
            if columns[4] != streams[columns[3]]:
                told.append(f"stream {columns[3]}")
            previous = digest
    return told


EVENTS: tuple[Event, ...] = (
    JobHeld(job=JobId("a.1")),
    JobHeld(job=JobId("ü" * 20)),
    JobHeld(job=JobId("x" * 300)),
    NodeJoined(node=NodeId("n"), name="☂", instance="i", link="lan", backends=("sketch",), kinds=("txt2img",)),
    StageFinished(job=JobId("a.1"), stage=StageId("s"), token=Token(2**40), node=NodeId("n"), backend="sketch",
                  effective={"prompt": "p" * 70_000, "steps": -5, "cfg": 7.5, "off": None}),
    RunSubmitted(run=RunId("a"), spec=RunSpec(name="a", base="0" * 64, plan_hash="h", seed=-1, jobs=1)),  # type: ignore[arg-type]
)  # fmt: skip


TIMES = (-5.25, -1e-06, 0.0, 1e-06, 0.000255, 0.0655, 4294.967295, 4294.967296, 1_790_000_000.123456)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A log with numbers, texts and bytes of every length that MessagePack writes differently."""
    log = open_log(tmp_path / "events.db", tmp_path / "events.head")
    await log.append(
        [
            Envelope(
                seq=Seq(seq), at=TIMES[seq % len(TIMES)], epoch=Seq(seq // 100 * 40_000), actor="uid:1000",
                event=EVENTS[seq % len(EVENTS)], cause=Seq(seq - 1) if seq % 3 else None, command=CommandId(f"c{seq}"),
                key=f"k{seq}" if seq % 2 else None, digest=bytes(range(256)) * (seq % 4) if seq % 2 else None,
            )
            for seq in range(1, 121)
        ]
    )  # fmt: skip
    await log.close()
    return tmp_path / "events.db"


def test_an_independent_checker_agrees(path: Path) -> None:
    assert findings(path) == []


@pytest.mark.damages
@pytest.mark.parametrize("column", [*COLUMNS[1:], "hash"])
def test_every_column_is_covered(path: Path, column: str) -> None:
    changed: dict[str, str] = {
        "cause": "COALESCE(cause,0)+1", "digest": "x'00'", "data": "x'7b7d'", "hash": "zeroblob(32)",
    }  # fmt: skip
    numbers = {"ts_us", "epoch", "sver", "v"}
    new = changed.get(column) or (f"{column}+1000000" if column in numbers else f"COALESCE({column},'')||'x'")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER ev_noup")
        db.execute(f"UPDATE events SET {column}={new} WHERE seq=100")
    with closing(reader(path)) as db:
        rows = db.execute("SELECT * FROM events ORDER BY seq")
        assert walk(rows, ZERO).head.seq == 99
    assert findings(path)[0] == "event 100"


def test_the_first_link_is_written_down_for_ever() -> None:
    row = (Seq(1), 1_790_000_000_123_456, Seq(1), "sys", 1, "QueuePaused", 1, "daemon", None, None, None, None, b"{}")
    assert link(bytes(32), row).hex() == "0167d85eccd8bdcce4149c99ab7e61fc716e5142ab53eeaaacbedede871a6c40"
