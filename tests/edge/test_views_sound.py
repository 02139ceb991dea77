"""Views and snapshots save time and nothing else: damaged, old, newer, of another log or missing, the log decides."""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from daemon.log import snapshots
from daemon.log.fold import CORE
from daemon.log.snapshots import Snapshots
from daemon.log.store import open_log, read_log
from daemon.views import sound
from daemon.views.views import Views
from schema.events import ImageRated
from schema.ids import ImageId

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import MemoryLog, knights, made, opened, run_of


@pytest.fixture
def log() -> MemoryLog:
    past = MemoryLog()
    knights(past)
    return past


async def everything(views: Views) -> dict[str, list[tuple[object, ...]]]:
    async with views._readers.reading() as db:
        tables = [row[0] for row in await db.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(map(tuple, await db.all(f"SELECT * FROM {name}")), key=repr) for name in tables}


async def close(log: MemoryLog, folder: Path) -> Path:
    async with opened(log, folder):
        pass
    return folder / "views.db"


def change_a_row(path: Path) -> None:
    """A letter of a prompt is another one: nothing that SQLite could notice."""
    content = path.read_bytes()
    at = content.rindex(b"asleep")
    path.write_bytes(content[:at] + b"A" + content[at + 1 :])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# What was noticed ----------------------------------------------------------------------------------


async def test_a_changed_row_is_noticed(log: MemoryLog, tmp_path: Path) -> None:
    async with opened(log, tmp_path) as views:
        whole = await everything(views)
    change_a_row(tmp_path / "views.db")
    async with opened(log, tmp_path) as views:
        assert await everything(views) == whole


async def test_what_was_closed_in_order_is_not_folded_again(
    log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await close(log, tmp_path)
    assert sound.sameness(path) == "same"
    assert sound.sameness(path) == "unknown"  # the note is gone while the views are open
    await close(log, tmp_path)
    monkeypatch.setattr("daemon.views.writer.create", lambda path: pytest.fail("folded again"))
    await close(log, tmp_path)


async def test_after_a_crash_a_short_past_is_folded_again(log: MemoryLog, tmp_path: Path) -> None:
    async with opened(log, tmp_path) as views:
        whole = await everything(views)
        for name in ("views.db", "views.db-wal"):
            shutil.copy(tmp_path / name, tmp_path / f"crashed-{name}")
    for name in ("views.db", "views.db-wal"):
        (tmp_path / f"crashed-{name}").rename(tmp_path / name)
    (tmp_path / "views.db.closed").unlink()
    async with opened(log, tmp_path) as views:
        assert await everything(views) == whole


async def test_of_a_long_past_the_structure_is_looked_at(
    log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await close(log, tmp_path)
    (tmp_path / "views.db.closed").unlink()
    monkeypatch.setattr(sound, "SHORT", 0)
    made_again: list[Path] = []
    create = sys.modules["daemon.views.writer"].create
    monkeypatch.setattr("daemon.views.writer.create", lambda path: [made_again.append(path), create(path)][1])
    await close(log, tmp_path)
    assert made_again == []
    (tmp_path / "views.db.closed").unlink()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\xa5" * 4096
    path.write_bytes(content)
    await close(log, tmp_path)
    assert made_again == [path]


async def test_nothing_is_noted_while_somebody_else_reads(log: MemoryLog, tmp_path: Path) -> None:
    stranger = None
    async with opened(log, tmp_path) as views:
        stranger = sqlite3.connect(f"file:{tmp_path}/views.db?mode=ro", uri=True, isolation_level=None)
        stranger.execute("BEGIN")
        stranger.execute("SELECT * FROM jobs").fetchone()
        log.add(ImageRated(image=ImageId("kn7-1-upscale"), stars=2))
        await views._fold(log.envelopes[-1:])
    assert not (tmp_path / "views.db.closed").exists()
    stranger.close()
    await close(log, tmp_path)
    assert (tmp_path / "views.db.closed").exists()


# Two hundred cases ---------------------------------------------------------------------------------


class Home(NamedTuple):
    log: Path
    views: Path
    snapshots: Path


async def lived(folder: Path, past: MemoryLog) -> Home:
    """A log with its snapshots, and views that were closed in order."""
    home = Home(folder / "events.db", folder / "views.db", folder / "snapshots")
    for share in (2, 3, 4):
        await grow(home, past, len(past.envelopes) * share // 4)
        Snapshots(home.snapshots, home.log, CORE).save()
        shutil.copytree(folder, folder.with_name(f"{folder.name}-{share}"), dirs_exist_ok=True)
    return home


async def grow(home: Home, past: MemoryLog, upto: int) -> None:
    log = open_log(home.log, home.log.with_name("events.head"))
    await log.append(past.envelopes[log.head.seq : upto])
    views = await Views.open(home.views, log, results=Path("/pictures"), clock=lambda: 2e9)
    await views.close()
    await log.close()


def flipped(path: Path, draw: Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def cut(path: Path, draw: Random) -> None:
    path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size)])


def zeroed(path: Path, draw: Random) -> None:
    content = bytearray(path.read_bytes())
    start = draw.randrange(len(content))
    content[start : start + 512] = bytes(len(content[start : start + 512]))
    path.write_bytes(content)


def gone(path: Path, draw: Random) -> None:
    path.unlink()


def longer(path: Path, draw: Random) -> None:
    path.write_bytes(path.read_bytes() + draw.randbytes(draw.randrange(1, 9000)))


def nothing(path: Path, draw: Random) -> None:
    pass


def changed(path: Path, draw: Random) -> None:
    """A bit of a row's own text, which the structure does not show; of any byte where there is no such text."""
    content = bytearray(path.read_bytes())
    found = [at for word in (b"fox", b"asleep", b"banner", b"sampler") for at in _all(content, word)]
    content[draw.choice(found) if found else draw.randrange(len(content))] ^= 1 << draw.randrange(5)
    path.write_bytes(content)


def _all(content: bytearray, word: bytes) -> list[int]:
    return [at for at in range(len(content)) if content.startswith(word, at)]


DAMAGES: tuple[Callable[[Path, Random], None], ...] = (
    flipped, flipped, changed, changed, cut, zeroed, gone, longer, nothing,
)  # fmt: skip


def spoil_views(home: Home, older: Path, other: Path, draw: Random) -> str:
    """One of the ways, with and without the note of an orderly end."""
    way = draw.choice(("damage", "damage", "damage", "older", "other", "newer", "tail"))
    note = home.views.with_name("views.db.closed")
    if way == "damage":
        draw.choice(DAMAGES)(home.views, draw)
    elif way in ("older", "other"):
        source = older if way == "older" else other
        shutil.copy(source / "views.db", home.views)
        if draw.random() < 0.5:
            shutil.copy(source / "views.db.closed", note)
    elif way == "newer":
        with closing(sqlite3.connect(home.views)) as db:
            db.execute("UPDATE meta SET format = format + 1")
            db.commit()
    else:
        home.views.with_name("views.db-wal").write_bytes(draw.randbytes(draw.randrange(1, 9000)))
    told = draw.choice(("as it is", "as it is", "gone", "damaged"))
    if told == "gone":
        note.unlink(missing_ok=True)
    elif told == "damaged":
        flipped(note, draw)
    return f"views: {way}, its note {told}"


def spoil_snapshots(home: Home, other: Path, draw: Random) -> str:
    way = draw.choice(("damage", "damage", "all", "other", "renamed", "none"))
    saved = sorted(home.snapshots.glob("*.snapshot"))
    if way == "damage":
        draw.choice(DAMAGES)(draw.choice(saved), draw)
    elif way == "all":
        for path in saved:
            draw.choice(DAMAGES)(path, draw)
    elif way == "other":
        for path in (other / "snapshots").glob("*.snapshot"):
            shutil.copy(path, home.snapshots)
    elif way == "renamed":
        saved[-1].rename(home.snapshots / f"{draw.randrange(1, 999):012}.snapshot")
    return f"snapshots: {way}"


@pytest.mark.long
async def test_the_log_decides_whatever_is_beside_it(log: MemoryLog, tmp_path: Path) -> None:
    made(log, "aa2.1")
    stranger = MemoryLog()
    stranger.add(*run_of("zz2", [f"other-{number}" for number in range(len(log.envelopes))]))
    for name in ("home", "other"):
        (tmp_path / name).mkdir()
    home = await lived(tmp_path / "home", log)
    await lived(tmp_path / "other", stranger)
    whole = await seen(home)
    pristine = shutil.copytree(home.log.parent, tmp_path / "pristine")
    for case in range(200):
        draw = Random(case)
        shutil.rmtree(home.log.parent)
        shutil.copytree(pristine, home.log.parent)
        older = tmp_path / f"home-{draw.choice((2, 3))}"
        words = [spoil_views(home, older, tmp_path / "other", draw), spoil_snapshots(home, tmp_path / "other", draw)]
        assert await seen(home) == whole, (case, words)


async def seen(home: Home) -> tuple[str, dict[str, list[tuple[object, ...]]]]:
    """The state by its hash, as a start restores it, and every row of the views."""
    state = snapshots.restore(home.snapshots, home.log)
    assert CORE.hash(state) == CORE.hash(CORE.onto(CORE.empty(), read_log(home.log)))
    log = open_log(home.log, home.log.with_name("events.head"))
    views = await Views.open(home.views, log, results=Path("/pictures"), clock=lambda: 2e9)
    try:
        return CORE.hash(state), await everything(views)
    finally:
        await views.close()
        await log.close()
