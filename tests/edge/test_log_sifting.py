"""A sieve of events lets through what it says, whichever window is asked for, and as the log grows."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from daemon.log import sifting
from daemon.log.sieved import sieved
from daemon.log.sifting import KEPT, Sifter
from daemon.log.store import Log, LogInLoop, open_log
from daemon.sieve import Bound, Part, Sieve
from schema.events import (
    ArtifactStored,
    Envelope,
    Event,
    ImageRated,
    JobHeld,
    NodeJoined,
    QueuePaused,
    RunPaused,
    StageAssigned,
    StageFailed,
)
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Seq, StageId, Token
from schema.plans import Picture

pytestmark = pytest.mark.damages

AT = 1_790_000_000.0
FILE = Picture(sha256="0" * 64, pixels="p", media="image/png", bytes=9, width=8, height=8)  # type: ignore[arg-type]
FOX, HEN = JobId("foxfox22.1"), JobId("henhen33.1")


def stored(image: str, job: JobId) -> Event:
    return ArtifactStored(
        image=ImageId(image), job=job, run=RunId(job[:8]), stage=StageId("txt2img"), token=Token(1), index=0, file=FILE
    )


EVENTS: tuple[tuple[str, Event], ...] = (
    ("daemon", NodeJoined(node=NodeId("n1"), name="attic", instance="i", link="lan", backends=(), kinds=())),
    ("uid:1000", JobHeld(job=FOX)),
    ("daemon", StageAssigned(job=FOX, stage=StageId("txt2img"), node=NodeId("n1"), attempt=1, why="it is free")),
    ("daemon", stored("picture1", FOX)),
    ("uid:1000", ImageRated(image=ImageId("picture1"), stars=4)),
    ("api:web", JobHeld(job=HEN)),
    ("daemon", stored("picture2", HEN)),
    ("uid:1001", ImageRated(image=ImageId("picture2"), stars=1)),
    ("uid:1000", RunPaused(run=RunId("foxfox22"))),
    ("uid:1000", QueuePaused()),
    ("daemon", StageFailed(
        job=HEN, stage=StageId("txt2img"), token=Token(3), node=NodeId("n2"), trouble="out-of-memory",
        reason='it took 100% of "attic"',
    )),
)  # fmt: skip


def batch(events: tuple[tuple[str, Event], ...] = EVENTS, after: int = 0) -> list[Envelope]:
    return [
        Envelope(
            seq=Seq(seq),
            at=AT + seq,
            epoch=Seq(1),
            actor=actor,
            event=event,
            command=CommandId(f"wish{(seq - 1) // 4}"),
        )
        for seq, (actor, event) in enumerate(events, after + 1)
    ]


@pytest.fixture(params=["file", "in the loop"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    path = tmp_path / "events.db"
    log: Log = open_log(path, path.with_name("events.head")) if request.param == "file" else LogInLoop(path)
    await log.append(batch())
    yield log
    await log.close()


SIEVES: tuple[tuple[Sieve, list[int]], ...] = (
    (Sieve(), list(range(1, 12))),
    (Sieve(types=("ImageRated", "RunPaused")), [5, 8, 9]),
    (Sieve(jobs=(FOX,)), [2, 3, 4, 5]),
    (Sieve(jobs=(FOX, HEN)), [2, 3, 4, 5, 6, 7, 8, 11]),
    (Sieve(runs=("foxfox22",)), [2, 3, 4, 5, 9]),
    (Sieve(runs=("fox",)), [2, 3, 4, 5, 9]),
    (Sieve(images=("picture2",)), [7, 8]),
    (Sieve(nodes=("n1",)), [1, 3]),
    (Sieve(nodes=("attic",)), [1, 3]),
    (Sieve(nodes=("nobody",)), []),
    (Sieve(actors=("uid:1000",)), [2, 5, 9, 10]),
    (Sieve(actors=("uid",)), [2, 5, 8, 9, 10]),
    (Sieve(actors=("uid:100",)), []),
    (Sieve(commands=("wish1",)), [5, 6, 7, 8]),
    (Sieve(words=("HELD",)), [2, 6]),
    (Sieve(words=("100%",)), [11]),
    (Sieve(words=("1_0",)), []),
    (Sieve(words=("picture", "stars")), [5, 8]),
    (Sieve(jobs=(FOX,), types=("ImageRated",)), [5]),
    (Sieve(jobs=(FOX,), actors=("daemon",)), [3, 4]),
)


async def test_what_falls_through(log: Log) -> None:
    for sieve, wanted in SIEVES:
        found = await log.sift(sieve, Part(11))  # type: ignore[attr-defined]  # of both logs, though not of the protocol
        assert [envelope.seq for envelope in found.envelopes] == wanted, sieve
        assert found.total == len(wanted), sieve
        assert found.envelopes == tuple(one for one in batch() if one.seq in wanted), sieve


async def test_nothing_behind_the_head_is_told_and_what_is_appended_is_found(log: Log) -> None:
    held = Sieve(types=("JobHeld",))
    assert (await log.sift(held, Part(99))).total == 2  # type: ignore[attr-defined]
    await log.append(batch((("uid:1000", JobHeld(job=HEN)),), after=11))
    assert [one.seq for one in (await log.sift(held, Part(99))).envelopes] == [2, 6, 12]  # type: ignore[attr-defined]
    assert [one.seq for one in (await log.sift(held, Part(11))).envelopes] == [2, 6]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    import asyncio

    path = tmp_path_factory.mktemp("sifting") / "events.db"

    async def write() -> None:
        log = LogInLoop(path)
        await log.append(batch())
        await log.close()

    asyncio.run(write())
    looks, db = (sifting.LOOK, sifting.FAR_LOOK), sqlite3.connect(path)
    yield db
    sifting.LOOK, sifting.FAR_LOOK = looks
    db.close()


BOUNDS = some.none() | some.builds(lambda seq: Bound(seq=seq), some.integers(0, 13)) | some.builds(
    lambda at: Bound(at=AT + at), some.integers(-1, 13)
)  # fmt: skip


FEW = some.integers(0, 4)


@settings(deadline=None, max_examples=150)
@given(
    some.sampled_from(SIEVES), some.just(11) | some.integers(0, 11), some.none() | BOUNDS, some.none() | BOUNDS, FEW,
    FEW, some.booleans(), some.integers(1, 5),
)  # fmt: skip
def test_every_window_is_cut_out_of_the_whole(db, sieve, upto, since, until, offset, limit, newest, look):
    """Seqs and times are one second apart, so both bound alike."""

    def seq_of(bound, otherwise):
        return otherwise if bound is None else bound.seq if bound.seq is not None else bound.at - AT

    sifter, sifting.LOOK, sifting.FAR_LOOK = Sifter(db), look, look
    whole = [seq for seq in sieve[1] if max(seq_of(since, 0), 0) <= seq <= min(upto, seq_of(until, 99))]
    found = sifter.part(sieve[0], Part(upto, since, until, offset, limit, newest))
    assert found.total == len(whole)
    turned = whole[::-1] if newest else whole
    assert [one.seq for one in found.envelopes] == turned[offset : offset + limit]


def test_only_a_few_sieves_are_kept(db: sqlite3.Connection) -> None:
    sifter = Sifter(db)
    for number in range(20):
        sifter.part(Sieve(words=(str(number),)), Part(11))
    assert len(sifter._kept) == KEPT


def test_what_an_index_knows_is_not_looked_for_in_every_event(db: sqlite3.Connection) -> None:
    for sieve, _ in SIEVES:
        if sieve.jobs or sieve.runs or sieve.types or sieve.commands:
            where = sieved(db, sieve, 0, 11)
            plan = db.execute(f"EXPLAIN QUERY PLAN SELECT seq FROM events WHERE {where.sql} ORDER BY seq", where.values)
            told = [row[3] for row in plan]
            assert not [one for one in told if one.startswith("SCAN events")], (sieve, told)
