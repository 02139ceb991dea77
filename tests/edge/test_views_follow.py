"""Views are filled, taken up, thrown away, and wait for room on the disk."""

import asyncio
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from daemon.views.views import Behind, Views
from schema.events import Envelope

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import MemoryLog, ids, knights, opened, run_of


async def test_views_that_are_refilled_equal_those_that_followed(tmp_path: Path) -> None:
    whole = MemoryLog()
    knights(whole)
    followed, refilled = tmp_path / "a", tmp_path / "b"

    growing = MemoryLog()
    async with opened(growing, followed) as views:
        for envelope in whole.envelopes:
            growing.envelopes.append(envelope)
            await views._fold([envelope])
        one = await _everything(views)
    async with opened(whole, refilled) as views:
        assert await _everything(views) == one


async def test_views_are_taken_up_where_they_were(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path):
        pass
    log.add(*run_of("zz2", ["late"]))
    reads: list[int] = []

    class Watched(MemoryLog):
        async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
            reads.append(after)
            return await log.read(after, limit)

    async with opened(Watched(), tmp_path) as views:
        assert views.seq == len(log.envelopes)
        assert min(reads) > 5
        assert "zz2.1" in await ids(views)


async def test_views_of_another_log_are_made_again(tmp_path: Path) -> None:
    one, other = MemoryLog(), MemoryLog()
    knights(one)
    async with opened(one, tmp_path):
        pass
    other.add(*run_of("zz2", [f"other-{n}" for n in range(40)]))
    async with opened(other, tmp_path) as views:
        assert (await views.jobs()).total == 40
    async with opened(MemoryLog(), tmp_path) as views:
        assert (await views.jobs()).total == 0


@pytest.mark.parametrize("spoilt", [b"", b"no database at all" * 400])
async def test_a_file_that_is_no_views_is_replaced(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "views.db").write_bytes(spoilt)
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        assert (await views.jobs()).total == 6


async def _everything(views: Views) -> list[tuple[object, ...]]:
    async with views._readers.reading() as db:
        tables = [row[0] for row in await db.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(name, *map(tuple, await db.all(f"SELECT * FROM {name}"))) for name in tables]


@pytest.fixture
def taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody changed in the file is noticed by nothing but the structure."""
    monkeypatch.setattr("daemon.views.sound.sameness", lambda path: "unknown")
    monkeypatch.setattr("daemon.views.sound.SHORT", 0)


async def test_views_whose_making_was_broken_off_get_their_indices(tmp_path: Path, taken_as_it_is: None) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path):
        pass
    with sqlite3.connect(tmp_path / "views.db") as db:
        made = _indices(db)
        for name in made - {"images_job"}:
            db.execute(f"DROP INDEX {name}")
    db.close()

    async with opened(log, tmp_path):
        pass

    with sqlite3.connect(tmp_path / "views.db") as db:
        assert _indices(db) == made
    db.close()


def _indices(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")}


async def test_on_a_full_disk_lists_are_refused_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.views.views.AGAIN_SECONDS", 0.01)
    log = MemoryLog()
    async with opened(log, tmp_path) as views:
        log.add(*run_of("aa2", [f"job-{n}" for n in range(200)], prompt="a long prompt " * 100))
        pages = views._writer._db.execute("PRAGMA page_count").fetchone()[0]
        views._writer._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        folding = asyncio.create_task(views._fold(log.envelopes))
        with pytest.raises(Behind):
            async with asyncio.timeout(5):
                await views.shown(201)
        patient = asyncio.create_task(views.reached(201))
        assert (await views.jobs()).total == 0
        views._writer._db.execute("PRAGMA max_page_count = 100000")
        async with asyncio.timeout(5):
            await asyncio.gather(folding, patient)
            await views.shown(201)
        assert (await views.jobs()).total == 200


async def test_damaged_views_are_made_again(tmp_path: Path, taken_as_it_is: None) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path):
        pass
    with sqlite3.connect(tmp_path / "views.db") as db:
        db.execute("DROP TABLE jobs")
    db.close()
    async with opened(log, tmp_path) as views:
        assert (await views.jobs()).total == 6


async def test_no_thread_is_left_where_the_views_cannot_be_opened(tmp_path: Path) -> None:
    """One that is left would keep the process from ending."""

    class Unreadable(MemoryLog):
        async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
            raise ValueError("an event that nobody can fold")

    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="nobody can fold"):
        async with opened(Unreadable(), tmp_path):
            pass
    assert set(threading.enumerate()) <= before
