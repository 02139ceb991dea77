"""Files read and held against their names: damage is found and told, and mended where a good copy lies."""

import asyncio
import shutil
import sys
import time
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `disk_world`

from disk_world import DiskWorld, disk_world

from daemon.scrub import Mark
from schema.diskuse import Checked
from schema.events import FileDamaged, FileMended
from schema.ids import Sha256


@pytest.fixture
async def fresh(tmp_path):
    async with disk_world(tmp_path) as open_one:
        yield open_one


@pytest.fixture
async def copying(tmp_path):
    """A house whose results folders hold copies instead of links."""
    async with disk_world(tmp_path, links=False) as open_one:
        yield open_one


async def checked(it: DiskWorld, percent: float = 100.0) -> Checked:
    return [found async for found in it.scrub.check(percent)][-1]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.long
async def test_whole_files_say_nothing(fresh) -> None:
    it = await fresh()
    await it.run("rk2a", 2)

    found = await checked(it)

    assert (found.files, found.damaged, found.mended) == (5, (), ())  # four pictures and a base config
    assert not [event for event in it.events if isinstance(event, FileDamaged | FileMended)]


@pytest.mark.parametrize("how", ["flipped", pytest.param("gone", marks=pytest.mark.long)])
async def test_damage_without_a_copy_is_told_until_the_file_is_put_back(fresh, how: str) -> None:
    it = await fresh()
    (row,) = await it.run("rk2a", 1)
    path = it.file(row)
    good = path.read_bytes()
    shutil.rmtree(it.places.results)
    damage(path) if how == "flipped" else path.unlink()

    found = await checked(it)
    again = await checked(it)

    assert [(one.file, one.images, one.jobs) for one in found.damaged] == [(row.sha256, (row.id,), (row.job,))]
    assert again.damaged == found.damaged and it.ledger.damaged == (row.sha256,)
    assert len([event for event in it.events if isinstance(event, FileDamaged)]) == 1
    path.unlink(missing_ok=True)
    path.write_bytes(good)
    assert [one.source for one in (await checked(it)).mended] == ["put back by hand"]
    assert it.ledger.damaged == ()


@pytest.mark.long
async def test_a_flipped_bit_is_mended_from_the_copy_in_the_results_folder(copying) -> None:
    it = await copying()
    (row,) = await it.run("rk2a", 1)
    good = it.file(row).read_bytes()
    damage(it.file(row))

    found = await checked(it)

    assert [(one.source, one.images) for one in found.mended] == [("results", (row.id,))] and found.damaged == ()
    assert it.file(row).read_bytes() == good and it.ledger.damaged == ()
    await it.caught_up()
    assert [type(event) for event in it.events[-2:]] == [FileDamaged, FileMended]


async def test_a_flipped_bit_in_a_file_with_two_names_is_mended_from_a_backup_under_both(fresh) -> None:
    it = await fresh()
    (row,) = await it.run("rk2a", 1)
    path = it.file(row)
    linked = it.places.results / "folder-rk2a" / "rk2a-1.png"
    copy = it.places.backups / "art" / path.parent.name / path.name
    copy.parent.mkdir(parents=True)
    shutil.copy(path, copy)
    good = path.read_bytes()
    damage(path)
    assert linked.read_bytes() != good

    found = await checked(it)

    assert [one.source for one in found.mended] == ["backup"]
    assert path.read_bytes() == linked.read_bytes() == good and path.samefile(linked)


@pytest.mark.long
async def test_a_bad_copy_mends_nothing(copying) -> None:
    it = await copying()
    (row,) = await it.run("rk2a", 1)
    damage(it.file(row))
    for name in it.places.results.rglob("*.png"):
        damage(name)

    found = await checked(it)

    assert [one.file for one in found.damaged] == [row.sha256] and found.mended == ()


@pytest.mark.long
async def test_a_lost_file_is_linked_back_from_its_results_folder(fresh) -> None:
    it = await fresh()
    (row,) = await it.run("rk2a", 1)
    path = it.file(row)
    path.unlink()

    found = await checked(it)

    assert [one.source for one in found.mended] == ["results"]
    assert path.samefile(it.places.results / "folder-rk2a" / "rk2a-1.png") or path.read_bytes()


@pytest.mark.long
async def test_what_was_deleted_is_not_missed(fresh) -> None:
    it = await fresh()
    await it.run("rk2a", 1)
    await it.delete(await it.rule())

    assert (await checked(it)).damaged == () and it.ledger.damaged == ()


@pytest.mark.long
async def test_parts_of_the_store_come_round_to_all_of_it(fresh) -> None:
    it = await fresh()
    rows = await it.run("rk2a", 3)
    total = (await checked(it)).files
    damage(it.file(rows[1]))
    shutil.rmtree(it.places.results)

    parts = [await checked(it, 30.0) for _ in range(4)]

    assert total == 7 and [part.files for part in parts] == [2, 2, 2, 2]
    assert {one.file for part in parts for one in part.damaged} == {rows[1].sha256}
    assert it.scrub.checked is not None


@pytest.mark.long
async def test_damage_is_a_concern_until_the_picture_is_deleted(fresh) -> None:
    it = await fresh()
    (row,) = await it.run("rk2a", 1)
    shutil.rmtree(it.places.results)
    damage(it.file(row))
    await checked(it)
    telling = asyncio.create_task(it.room._keep_telling())

    async with asyncio.timeout(10):
        while not it.concerns.sentences():  # noqa: ASYNC110 - concerns tell nobody
            await asyncio.sleep(0.002)
    assert "1 file of the artifact store is damaged" in it.concerns.sentences()[0]
    telling.cancel()

    await it.delete(await it.rule())
    assert it.ledger.damaged == () and not it.store.has(Sha256(row.sha256))


@pytest.mark.long
@pytest.mark.parametrize(
    ("hour", "hours_ago", "checks"),
    [(3, 24, True), (3, 5, False), (14, 24, False), (14, 41, True), (3, None, True), (14, None, False)],
)
async def test_by_night_and_not_before_the_next_one(
    fresh, monkeypatch, hour: int, hours_ago: int | None, checks: bool
) -> None:
    it = await fresh()
    now = time.struct_time((2026, 11, 21, hour, 0, 0, 5, 325, 0))
    monkeypatch.setattr("daemon.diskroom.time.localtime", lambda _: now)
    if hours_ago is not None:
        (it.places.state / "scrub.json").write_bytes(msgspec.json.encode(Mark("", it.now - hours_ago * 3600)))
    before = it.scrub.checked

    await it.room._check_by_night()

    assert (it.scrub.checked != before) == checks
