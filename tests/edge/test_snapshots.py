"""Snapshots save time and nothing else: whatever befalls them, the state is that of the log."""

import shutil
from collections.abc import Awaitable, Callable
from itertools import count as count_up
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from daemon.log import snapshots
from daemon.log.fold import CORE, Fold
from daemon.log.snapshots import RUNG, Snapshots, thinned
from daemon.log.store import open_log, read_log
from schema.events import Envelope, JobHeld, QueueMode, QueueModeChanged, QueuePaused, QueueResumed
from schema.ids import JobId, Seq


class Counted(msgspec.Struct):
    """A small state of our own: how often each type happened."""

    counts: dict[str, int] = {}
    seq: int = 0


def count(state: Counted, envelope: Envelope) -> None:
    name = type(envelope.event).__name__
    state.counts[name] = state.counts.get(name, 0) + 1
    state.seq = envelope.seq


def counting(version: int = 1) -> Fold[Counted]:
    encode = msgspec.msgpack.Encoder(order="deterministic").encode
    return Fold(
        version=version,
        empty=Counted,
        apply=count,
        canonical=encode,
        revive=msgspec.msgpack.Decoder(Counted).decode,
        hash=lambda state: encode(state).hex(),
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


Append = Callable[[int], Awaitable[None]]


@pytest.fixture
def append(log: Path) -> Append:
    """Appends so many events and closes the log again."""
    clock = count_up(1)

    async def run(times: int) -> None:
        opened = open_log(log, log.with_name("events.head"))
        batch: list[Envelope] = []
        modes: tuple[QueueMode, ...] = ("share", "warm", "free")
        for seq in range(opened.head.seq + 1, opened.head.seq + 1 + times):
            events = (
                QueuePaused(), QueueResumed(), JobHeld(job=JobId("a.1")),
                QueueModeChanged(was=modes[seq % 3], now=modes[(seq + 1) % 3]),
            )  # fmt: skip
            event = events[seq % len(events)]
            batch.append(Envelope(seq=Seq(seq), at=next(clock), epoch=Seq(1), actor="daemon", event=event))
        await opened.append(batch)
        await opened.close()

    return run


def from_zero(log: Path, upto: int | None = None) -> Counted:
    return counting().onto(Counted(), read_log(log, 0, upto))


async def test_without_a_snapshot_the_log_is_replayed(append: Append, folder: Path, log: Path) -> None:
    await append(20)
    kept = Snapshots(folder, log, counting())
    assert kept.newest() == (Counted(), 0)
    assert kept.newest_seq() == 0
    assert kept.as_of(None) == from_zero(log)


async def test_snapshot_and_tail_are_the_state(append: Append, folder: Path, log: Path) -> None:
    kept = Snapshots(folder, log, counting())
    for times in (20, 1, 7):
        await append(times)
        assert kept.as_of(None) == from_zero(log)
        kept.save()
        assert kept.newest() == (from_zero(log), from_zero(log).seq)
        assert kept.newest_seq() == from_zero(log).seq
    assert [saved.seq for saved in kept.saved()] == [28, 21, 20]


async def test_any_moment_can_be_asked_for(append: Append, folder: Path, log: Path) -> None:
    kept = Snapshots(folder, log, counting())
    for _ in range(3):
        await append(10)
        kept.save()
    for seq in range(31):
        assert kept.as_of(seq) == from_zero(log, seq)


async def test_a_snapshot_of_the_head_is_not_written_twice(append: Append, folder: Path, log: Path) -> None:
    await append(5)
    kept = Snapshots(folder, log, counting())
    assert kept.save() == 5
    written = kept.saved()[0].path.stat().st_mtime_ns
    assert kept.save() == 5
    assert kept.saved()[0].path.stat().st_mtime_ns == written


async def test_a_damaged_snapshot_is_passed_over_wherever_it_is_hit(
    append: Append, folder: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Snapshots(folder, log, counting())
    await append(20)
    kept.save()
    await append(20)
    kept.save()
    path = kept.saved()[0].path
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert kept.newest()[1] == kept.newest_seq() == 20
        path.write_bytes(whole[:at])
        assert kept.newest()[1] == 20
    assert kept.as_of(None) == from_zero(log)
    assert "is not used" in caplog.text
    assert kept.save() == 40  # and is made anew
    assert path.read_bytes() == whole


async def test_a_state_of_another_version_is_not_used(append: Append, folder: Path, log: Path) -> None:
    await append(5)
    Snapshots(folder, log, counting(version=1)).save()
    assert Snapshots(folder, log, counting(version=2)).newest()[1] == 0


async def test_a_snapshot_of_another_log_is_not_used(append: Append, folder: Path, log: Path) -> None:
    await append(9)
    kept = Snapshots(folder, log, counting())
    kept.save()
    for name in ("events.db", "events.head", "events.db.verified"):
        log.with_name(name).unlink()
    await append(3)
    assert kept.newest()[1] == kept.newest_seq() == 0  # ahead of this log
    await append(8)
    assert kept.save() == 11
    assert [saved.seq for saved in kept.saved()] == [11, 9]
    assert kept.newest(10)[1] == 0  # at 9 this log holds another event
    assert kept.as_of(None) == from_zero(log)


async def test_what_is_ahead_of_the_log_is_cleared_away(append: Append, folder: Path, log: Path) -> None:
    await append(9)
    kept = Snapshots(folder, log, counting())
    kept.save()
    shutil.copy(kept.saved()[0].path, folder / f"{900:012}.snapshot")
    await append(1)
    kept.save()
    assert [saved.seq for saved in kept.saved()] == [10, 9]


async def test_strangers_in_the_folder_are_left_alone(append: Append, folder: Path, log: Path) -> None:
    await append(3)
    strangers = [folder / "notes.txt", folder / "x.snapshot"]
    Snapshots(folder, log, counting()).save()
    for stranger in strangers:
        stranger.write_text("mine")
    await append(3)
    assert Snapshots(folder, log, counting()).save() == 6
    assert all(stranger.exists() for stranger in strangers)


def test_the_ladder_keeps_ever_fewer_of_the_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "RUNG", 10**9)
    kept: list[int] = []
    for seq in range(20_000, 4_000_001, 20_000):
        kept = [old for old in [*kept, seq] if old not in thinned([*kept, seq])]
    assert kept[-3:] == [3_960_000, 3_980_000, 4_000_000]
    assert len(kept) <= 14
    assert kept[0] <= 40_000
    for age in (100_000, 400_000, 1_500_000):  # something near is left to start from
        assert any(4_000_000 - 4 * age <= seq <= 4_000_000 - age for seq in kept)


def test_no_moment_is_far_from_a_snapshot() -> None:
    kept: list[int] = []
    for seq in range(20_000, 4_000_001, 20_000):
        kept = [old for old in [*kept, seq] if old not in thinned([*kept, seq])]
    assert len(kept) <= 4_000_000 // RUNG + 14
    assert max(later - seq for seq, later in pairwise([0, *kept])) <= RUNG + 20_000


async def test_on_a_long_way_snapshots_are_left_behind(
    append: Append, folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "RUNG", 10)
    await append(37)

    assert Snapshots(folder, log, counting()).save() == 37

    assert sorted(one.seq for one in Snapshots(folder, log, counting()).saved()) == [10, 20, 30, 37]
    state, seq = Snapshots(folder, log, counting()).newest(25)
    assert (seq, state.seq, sum(state.counts.values())) == (20, 20, 20)


async def test_snapshots_of_another_version_make_room(
    append: Append, folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "RUNG", 10)
    await append(15)
    Snapshots(folder, log, counting(version=99)).save()
    await append(2)

    Snapshots(folder, log, counting()).save()

    found = Snapshots(folder, log, counting())
    assert {one.seq for one in found.saved()} == {10, 17}
    assert all(found.newest(one.seq)[1] == one.seq for one in found.saved())


# The daemon's own state ---------------------------------------------------------------------------


async def test_the_daemons_state_is_restored(append: Append, folder: Path, log: Path) -> None:
    await append(30)
    Snapshots(folder, log, CORE).save()
    await append(5)
    assert snapshots.newest(folder, log)[1] == 30
    restored = snapshots.restore(folder, log)
    assert restored.seq == 35
    assert CORE.hash(restored) == CORE.hash(CORE.onto(CORE.empty(), read_log(log)))


@pytest.mark.story
async def test_a_child_process_makes_it(
    append: Append, folder: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await append(30)
    assert await snapshots.make(folder, log) == 30
    assert snapshots.newest(folder, log)[1] == 30
    assert await snapshots.make(folder, log.with_name("nothing.db")) == 0
    assert "no snapshot was made" in caplog.text
