"""Deleting for good: what a rule chooses, what follows it on the disk, and what a crash in between leaves."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `disk_world`

from disk_world import PNG, DiskWorld, disk_world

from daemon.ledger import Origin
from schema import commands as c
from schema import observations as o
from schema.events import PicturesDeleted
from schema.ids import CommandId, Sha256
from schema.settings import DiskSettings


@pytest.fixture
async def fresh(tmp_path):
    async with disk_world(tmp_path, settings=DiskSettings(trash_days=7)) as open_one:
        yield open_one


async def trashed(it: DiskWorld, *images: str) -> str:
    return await it.wish(c.TrashImages(images=images))


async def rated(it: DiskWorld, image: str, stars: int) -> None:
    await it.wish(c.RateImages(ratings=(c.Rating(image=image, stars=stars, was=0),)))


async def test_a_deleted_picture_is_nowhere_and_its_verdict_is_still_learned(fresh) -> None:
    it = await fresh()
    first, second = await it.run("rk2a", 2)
    await rated(it, first.id, 4)
    await trashed(it, first.id)

    await it.delete(await it.rule(trash=True, rated=True))

    assert [row.id for row in await it.finals("rk2a")] == [second.id]
    assert await it.views.image(first.id) is None
    assert not it.store.has(Sha256(first.sha256))
    assert [record.stars for record in (await it.views.verdicts()).records] == [4]
    folder = it.places.results / "folder-rk2a"
    assert it.lying(folder) == ["rk2a-2-01-txt2img.png", "rk2a-2-02-upscale.png", "rk2a-2.png"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [len(job["finals"]) for job in manifest["jobs"]] == [0, 1]
    named = {final["file"] for job in manifest["jobs"] for final in job["finals"]}
    assert named == {"rk2a-2.png"}


async def test_rated_pictures_favourites_and_unfinished_jobs_stay(fresh) -> None:
    it = await fresh()
    one, other, third = await it.run("rk2a", 3)
    await rated(it, one.id, 1)
    await it.wish(c.TagImages(images=(c.Tagging(image=other.id, tags=()),), add=("favourite",)))
    await it.submit("rk2b", 1)
    await it.step()  # its first stage is there, its second is still to come

    doomed = await it.rule()

    assert third.id in doomed.images and not {one.id, other.id, "rk2b-1-txt2img"} & set(doomed.images)
    assert (doomed.cut.rated, doomed.cut.unfinished) == (2, 1)
    assert {one.id, other.id} <= set((await it.rule(rated=True)).images)


@pytest.mark.long
async def test_what_a_person_painted_over_in_a_results_folder_stays(fresh) -> None:
    it = await fresh()
    first, second = await it.run("rk2a", 2)
    folder = it.places.results / "folder-rk2a"
    (folder / "mine.png").write_bytes(b"painted over")
    (folder / "mine.png").replace(folder / "rk2a-1.png")
    copied = (folder / "rk2a-2.png").read_bytes()
    (folder / "rk2a-2.png").unlink()
    (folder / "rk2a-2.png").write_bytes(copied)

    await trashed(it, first.id, second.id)
    await it.delete(await it.rule(trash=True))

    assert it.lying(folder) == ["rk2a-1.png"] and (folder / "rk2a-1.png").read_bytes() == b"painted over"
    assert not it.store.has(Sha256(first.sha256)) and not it.store.has(Sha256(second.sha256))


async def test_the_ledger_itself_keeps_what_an_unfinished_job_needs(fresh) -> None:
    it = await fresh()
    await it.submit("rk2b", 1)
    await it.step()
    row = await it.views.image("rk2b-1-txt2img")

    await it.wish(c.DeletePictures(images=(row.id,), files=(Sha256(row.sha256),), bytes=9, reason="a stale look-up"))

    assert not [event for event in it.events if isinstance(event, PicturesDeleted)]
    assert it.file(row).exists()


@pytest.mark.long
async def test_with_a_final_picture_its_earlier_stages_go_and_stages_alone_leave_finals(fresh) -> None:
    it = await fresh()
    first, second = await it.run("rk2a", 2)

    assert set((await it.rule(stages=True)).images) == {"rk2a-1-txt2img", "rk2a-2-txt2img"}
    await trashed(it, first.id)
    assert set((await it.rule(trash=True)).images) == {"rk2a-1-txt2img", first.id}
    assert set((await it.rule("run:rk2a")).images) == {"rk2a-2-txt2img", second.id}


@pytest.mark.long
async def test_the_best_of_each_run_stay(fresh) -> None:
    it = await fresh()
    one, two, three = await it.run("rk2a", 3)
    (alone,) = await it.run("rk2b", 1)
    await rated(it, one.id, 2)
    await rated(it, two.id, 5)

    doomed = await it.rule(keep_best=1, rated=True)

    assert {one.id, three.id} <= set(doomed.images) and not {two.id, alone.id} & set(doomed.images)
    assert doomed.cut.best == 2
    assert "rk2a-2-txt2img" not in (await it.rule(keep_best=1, stages=True)).images


@pytest.mark.long
async def test_frames_of_a_film_that_is_to_be_made_stay(fresh) -> None:
    it = await fresh()
    rows = await it.run("rk2a", 2, film=True)

    assert (await it.rule()).images == () and len(rows) == 2


@pytest.mark.long
async def test_a_file_that_another_picture_has_stays(fresh) -> None:
    it = await fresh()
    content = PNG + b"twice"
    await it.submit("rk2a", 2)
    for _ in range(4):
        await it.step(content)
    first, second = await it.finals("rk2a")
    await trashed(it, first.id)

    doomed = await it.rule(trash=True)
    await it.delete(doomed)

    assert first.id in doomed.images and doomed.files == ()
    assert it.file(second).read_bytes() == content


@pytest.mark.long
async def test_a_file_that_an_unfinished_run_begins_from_stays_until_it_is_done(fresh) -> None:
    it = await fresh()
    (row,) = await it.run("rk2a", 1)
    await it.submit("rk2b", 1, base=json.dumps({"stages": [{"image": row.sha256}]}).encode())

    doomed = await it.rule("run:rk2a")
    await it.delete(doomed)

    assert row.id in doomed.images and it.store.has(Sha256(row.sha256))
    for _ in range(2):
        await it.step()
    await it.deleting.finish()
    assert not it.store.has(Sha256(row.sha256))


async def test_a_crash_between_event_and_file_is_made_up_for_at_the_next_start(fresh) -> None:
    it = await fresh()
    (row,) = await it.run("rk2a", 1)
    doomed = await it.rule()
    for task in it.tasks[-2:]:  # results folders and files
        task.cancel()
    await asyncio.wait(it.tasks[-2:])
    command = c.DeletePictures(images=doomed.images, files=doomed.files, bytes=1, reason="all")
    await it.ledger.command(command, Origin("uid:1", CommandId("crash")))
    assert it.file(row).exists() and it.lying(it.places.results)

    again = await fresh()
    async with asyncio.timeout(10):
        while again.lying(again.places.artifacts) or again.lying(again.places.results):  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.005)

    assert not again.store.has(Sha256(row.sha256)) and await again.views.image(row.id) is None


@pytest.mark.long
async def test_the_same_file_that_came_in_anew_is_not_lost(fresh) -> None:
    """A picture of these very bytes may be about to be stored, though no event tells of it yet."""
    it = await fresh()
    (row,) = await it.run("rk2a", 1)
    doomed = await it.rule()
    later = it.now + 600
    os.utime(it.file(row), (later, later))
    it.now = later + 5

    await it.delete(doomed)
    assert it.file(row).exists()

    it.now = later + 7200
    await it.deleting.finish()
    assert not it.store.has(Sha256(row.sha256))


@pytest.mark.long
async def test_the_trash_is_emptied_by_itself_after_its_days_but_for_rated_pictures(fresh) -> None:
    it = await fresh()
    one, other, late = await it.run("rk2a", 3)
    await rated(it, other.id, 3)
    await trashed(it, one.id, other.id)
    it.now += 6 * 86_400
    await trashed(it, late.id)
    assert await it.room.empty_trash() == 0

    it.now += 86_400 + 60
    assert await it.room.empty_trash() == 2  # with the picture of the stage before

    await it.caught_up()
    deleted = [event for event in it.events if isinstance(event, PicturesDeleted)]
    assert [event.reason for event in deleted] == ["trash_days = 7"]
    assert (await it.rule(trash=True)).images[0] == late.id


async def test_undo_of_a_trash_brings_back_what_is_left_of_it(fresh) -> None:
    it = await fresh()
    one, other = await it.run("rk2a", 2)
    done = await trashed(it, one.id, other.id)
    doomed = await it.rule(trash=True, only=frozenset([one.id]))
    await it.delete(doomed)

    events = await it.log.events_of(done)
    await it.wish(c.Undo(done=done, events=events, deleted=await it.views.deleted([one.id, other.id])))

    assert [row.id for row in await it.finals("rk2a")] == [other.id]
    text = it.events[-1].text
    assert text == "trash 2 pictures; 1 of them was deleted for good since"


@pytest.mark.long
async def test_a_job_is_run_again_from_where_its_pictures_are_gone(fresh) -> None:
    it = await fresh()
    await it.run("rk2a", 1)
    await it.delete(await it.rule(stages=True))

    (ended,) = await it.views.ended(["rk2a.1"])

    assert [done.stage for done in ended.done] == ["upscale"]


@pytest.mark.long
async def test_what_lies_where_is_measured_once(fresh) -> None:
    it = await fresh()
    one, _ = await it.run("rk2a", 2)
    await trashed(it, one.id)

    use = await it.room.use()
    (run,) = (await it.views.rooms(window())).items

    folders = {folder.name: folder for folder in use.folders}
    assert (use.finals.pictures, use.stages.pictures, use.trash.pictures) == (2, 2, 1)
    assert folders["pictures and other artifacts"].bytes >= use.finals.bytes + use.stages.bytes
    results = it.places.results
    copies = sum(path.stat().st_size for path in results.rglob("*") if path.is_file() and path.stat().st_nlink == 1)
    assert folders["results, beyond links"].bytes == copies
    assert (run.finals, run.stages, run.trash, run.bytes) == (2, 2, 1, use.finals.bytes + use.stages.bytes)


def window():
    from daemon.views.lists import Window

    return Window()


async def test_news_of_what_is_no_damage_changes_nothing(fresh) -> None:
    it = await fresh()
    head = it.ledger.durable
    await it.ledger.observe(o.FileChecked(file=Sha256("a" * 64)))
    assert it.ledger.durable == head


@pytest.mark.damages  # what was looked up is not true any more when it is told
async def test_a_file_that_another_picture_got_after_the_look_up_stays(fresh) -> None:
    it = await fresh()
    content = PNG + b"twice"
    await it.submit("rk2a", 1)
    await it.step()
    await it.step(content)
    stale = await it.rule()
    await it.submit("rk2b", 1)
    await it.step()
    await it.step(content)

    await it.delete(stale)

    (row,) = await it.finals("rk2b")
    assert row.sha256 in stale.files and it.file(row).read_bytes() == content
