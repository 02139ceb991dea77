"""Bits flip and tails go missing in the log of a real run: found when the daemon opens its parts, before anything else.

What is not found must have hit bytes that hold nothing: then every row is what it was.
"""

import random
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from checker.whole import check_log
from lives import Lives
from scenario import home

from daemon.log import anchor
from daemon.log.faults import LogDamaged
from schema.settings import Settings

pytestmark = pytest.mark.damages

FILES = ("events.db", "events.db-wal", "events.head")
CLOSING = 12
"""Calls before the end of a life, at which its WAL still holds everything."""

Rows = list[tuple[object, ...]]
Damage = Callable[[Path, random.Random], str]


@pytest.fixture(scope="module")
def closed(lives: Lives, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A life that came to its end: everything is in the database."""
    folder = tmp_path_factory.mktemp("closed") / "home"
    assert lives.live(folder).code == 0
    assert not home(folder).log.with_name("events.db-wal").exists()
    return folder


@pytest.fixture(scope="module")
def crashed(lives: Lives, closed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that was killed just before: everything is in the WAL, and all of it was promised."""
    for number in range(20):
        folder = tmp_path_factory.mktemp("crashed") / f"home-{number}"
        calls = lives.live(folder.with_name("whole")).calls
        if lives.live(folder, at=calls - CLOSING - number, mode=1).code == -signal.SIGKILL:
            wal, promised = home(folder).log.with_name("events.db-wal"), anchor.read(home(folder).head)
            if wal.exists() and not checkpointed(folder) and promised and promised.seq == len(rows_of(folder)):
                return folder
        shutil.rmtree(folder)
    raise AssertionError("no life left its WAL behind")


def rows_of(folder: Path, *, without_wal: bool = False) -> Rows:
    with closing(sqlite3.connect(f"file:{home(folder).log}?mode=ro&immutable={without_wal:d}", uri=True)) as db:
        return db.execute("SELECT * FROM events ORDER BY seq").fetchall()


def checkpointed(folder: Path) -> bool:
    """Whether anything of the WAL was moved into the database; killed in the midst, that one cannot be read."""
    try:
        return bool(rows_of(folder, without_wal=True))
    except sqlite3.DatabaseError:
        return True


async def opens(folder: Path) -> LogDamaged | None:
    """As the daemon opens its parts; what it is told if it may not begin."""
    from daemon.parts import open_parts  # loads nearly everything

    broken: list[BaseException] = []
    async with AsyncExitStack() as stack:
        try:
            await open_parts(home(folder), Settings(), stack, broken.append)
        except LogDamaged as damaged:
            return damaged
    assert broken == []
    return None


async def sweep(whole: Path, folder: Path, damage: Damage, seeds: range) -> tuple[int, int]:
    """How many were damaged, and how many of these were found; the others must be as they were."""
    rows = rows_of(whole)
    found = 0
    for seed in seeds:
        shutil.copytree(home(whole).state, home(folder).state, ignore=shutil.ignore_patterns("*-shm"))
        what = damage(home(folder).state, random.Random(seed))
        before = {name: _content(home(folder).state / name) for name in FILES}
        told = await opens(folder)
        if told is not None:
            found += 1
            assert {name: _content(home(folder).state / name) for name in FILES} == before, (seed, what)
            assert told.ends_at <= len(rows) and told.remedy, (seed, what)
        else:
            assert rows_of(folder) == rows, (seed, what)
            assert check_log(home(folder).log, home(folder).head) == [], (seed, what)
        shutil.rmtree(folder)
    return len(seeds), found


def _content(path: Path) -> bytes:
    """Whoever reads a log without a WAL makes an empty one."""
    return path.read_bytes() if path.exists() else b""


def one_bit(state: Path, draw: random.Random) -> str:
    return _flip(state / "events.db", draw)


def one_bit_of_the_promise(state: Path, draw: random.Random) -> str:
    return _flip(state / "events.head", draw)


def _flip(path: Path, draw: random.Random) -> str:
    content = bytearray(path.read_bytes())
    at, bit = draw.randrange(len(content)), draw.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {at} of {path.name}"


def a_tail(state: Path, draw: random.Random) -> str:
    """The WAL is cut short, has a bit flipped, a page of zeros, or is gone."""
    wal = state / "events.db-wal"
    content, what = wal.read_bytes(), draw.randrange(5)
    at = draw.randrange(len(content))
    match what:
        case 0:
            wal.write_bytes(content[:at])
        case 1:
            return _flip(wal, draw)
        case 2:
            wal.write_bytes(content[:at] + bytes(min(4096, len(content) - at)) + content[at + 4096 :])
        case 3:
            wal.write_bytes(content[: at // 4120 * 4120 + 32])  # between two of its frames
        case _:
            wal.unlink()
    return f"{what} at {at} of the WAL"


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_six_hundred_flips_are_found_where_they_hit_anything(closed: Path, tmp_path: Path) -> None:
    assert (await sweep(closed, tmp_path / "flip", one_bit, range(1000, 1600)))[1] >= 240


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_three_hundred_lost_tails_are_found(crashed: Path, tmp_path: Path) -> None:
    assert (await sweep(crashed, tmp_path / "tail", a_tail, range(2000, 2300)))[1] >= 270


@pytest.mark.long
async def test_a_flipped_promise_loses_nothing(closed: Path, tmp_path: Path) -> None:
    """One slot may be damaged: the other one still promises all but the last events."""
    await sweep(closed, tmp_path / "promise", one_bit_of_the_promise, range(40))


@pytest.mark.long
async def test_both_at_once_are_found(crashed: Path, tmp_path: Path) -> None:
    """Whatever of the tail is lost beyond what the older slot promises: less than one batch may go unseen."""
    state = home(crashed).state
    promised = len(rows_of(crashed))
    for seed in range(40):
        shutil.copytree(state, home(tmp_path / "both").state, ignore=shutil.ignore_patterns("*-shm"))
        draw = random.Random(seed)
        a_tail(home(tmp_path / "both").state, draw)
        one_bit_of_the_promise(home(tmp_path / "both").state, draw)
        told = await opens(tmp_path / "both")
        if told is None:
            assert len(rows_of(tmp_path / "both")) >= promised - 6, seed
        shutil.rmtree(tmp_path / "both")
