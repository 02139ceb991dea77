"""The views as of any event are those of a log that ends there: every row of every table, every list."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `travel_past`

from judged_past import Past
from travel_past import Chance, lists, moment, rows
from views_past import opened

from daemon.views.then import InMemory, Shadowed
from daemon.views.views import Views
from schema.errors import Refused


def cut(log: Past, seq: int) -> Past:
    short = Past()
    short.envelopes = log.envelopes[:seq]
    return short


async def assert_as_of(seq: int, log: Past, file: Path, folder: Path, way: type = Shadowed) -> None:
    async with moment(file, log, seq) as then, opened(cut(log, seq), folder / f"cut-{seq}") as short:
        assert isinstance(then._source, way)
        found, wanted = rows(then._opened()), rows(short._opened())
        for table in wanted:
            assert found[table] == wanted[table], f"{table} as of event {seq}"
        assert await lists(then) == await lists(short)


async def test_every_moment_is_what_a_log_that_ends_there_says(tmp_path: Path) -> None:
    log = Chance(0).live(40)
    async with opened(log, tmp_path):
        for seq in (0, len(log.envelopes) // 2):
            await assert_as_of(seq, log, tmp_path / "views.db", tmp_path)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(100, 104))
async def test_a_hundred_moments_are_what_logs_that_end_there_say(tmp_path: Path, seed: int) -> None:
    log = Chance(seed).live(200)
    async with opened(log, tmp_path):
        for seq in random.Random(seed).sample(range(len(log.envelopes) + 1), 25):
            await assert_as_of(seq, log, tmp_path / "views.db", tmp_path)


async def goes_on(log: Past, tmp_path: Path, first: int, step: int) -> None:
    """A moment that is kept open while events come in and the live views take them up."""
    growing = cut(log, first)
    async with opened(growing, tmp_path) as views, moment(tmp_path / "views.db", growing, first) as then:
        before, told = rows(then._opened()), await lists(then)
        while len(growing.envelopes) < len(log.envelopes):
            growing.envelopes += log.envelopes[len(growing.envelopes) :][:step]
            await Views._catch_up(views)
            assert rows(then._opened()) == before
            assert await lists(then) == told


async def test_a_moment_stays_as_it_is_while_the_log_goes_on(tmp_path: Path) -> None:
    await goes_on(Chance(3).live(30), tmp_path, 20, 40)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(200, 206))
async def test_a_moment_stays_as_it_is_whatever_happens(tmp_path: Path, seed: int) -> None:
    log = Chance(seed).live(120)
    await goes_on(log, tmp_path, random.Random(seed).randrange(len(log.envelopes)), 7)


async def test_views_that_lag_behind_are_brought_up_in_memory(tmp_path: Path) -> None:
    log = Chance(4).live(20)
    async with opened(cut(log, 10), tmp_path):
        pass
    await assert_as_of(20, log, tmp_path / "views.db", tmp_path, InMemory)


@pytest.mark.parametrize(
    "there", ["nothing", *(pytest.param(one, marks=pytest.mark.long) for one in ("another log", "no database"))]
)
async def test_without_views_of_this_log_all_is_folded_in_memory(tmp_path: Path, there: str) -> None:
    log = Chance(5).live(20)
    if there == "another log":
        async with opened(Chance(6).live(40), tmp_path):
            pass
    if there == "no database":
        (tmp_path / "views.db").write_bytes(b"not SQLite at all, whatever it is called" * 100)
    await assert_as_of(20, log, tmp_path / "views.db", tmp_path, InMemory)


async def test_nothing_is_written_to_the_disk(tmp_path: Path) -> None:
    log = Chance(7).live(20)
    async with opened(log, tmp_path / "views"):
        before = {path: path.read_bytes() for path in (tmp_path / "views").iterdir() if not path.name.endswith("-shm")}
        async with moment(tmp_path / "views" / "views.db", log, 12) as then:
            await lists(then)
        after = {path: path.read_bytes() for path in (tmp_path / "views").iterdir() if not path.name.endswith("-shm")}
    assert after == before


async def test_nothing_comes_behind_its_event(tmp_path: Path) -> None:
    log = Chance(8).live(20)
    async with opened(log, tmp_path), moment(tmp_path / "views.db", log, 10) as then:
        await then.reached(10)
        with pytest.raises(Refused, match="ends with event 10"):
            await then.shown(11)
