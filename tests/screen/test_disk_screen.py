"""The trash in the gallery, and the disk: what is shown, what is asked before anything is deleted for good."""

from pathlib import Path

import pytest
from screen_disk import DiskDaemon

from schema.diskuse import Cut
from tui.widgets.diskwords import nothing, question


@pytest.fixture
async def daemon(tmp_path: Path):
    fake = DiskDaemon(tmp_path / "api.sock")
    fake.put_away(3)
    await fake.begin()
    yield fake
    await fake.end()


async def to_gallery(eyes) -> None:
    await eyes.press("g", "i")
    await eyes.sees("[Gallery]", "315 pictures")


@pytest.mark.long
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_the_disk_at_its_sizes(show, picture_of, width: int, height: int) -> None:
    async with show(width, height) as eyes:
        await eyes.press("g", "i")
        await eyes.sees("[Gallery]")
        await eyes.press("M")
        await eyes.sees("final pictures", "91.0 GB free", "1 file is damaged", "knights 0")
        await eyes.quiet()
        picture_of(eyes, f"disk-{width}x{height}")


@pytest.mark.slow
async def test_nothing_is_deleted_for_good_before_it_is_asked(show, daemon) -> None:
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("M")
        await eyes.sees("knights 0")
        await eyes.press("j", "s")
        await eyes.sees("Delete 6 pictures of earlier stages of kn01gt7a", "1 rated stays")
        await eyes.press("n")
        assert [body.get("dry_run") for body in daemon.sent("/v1/disk/prune")] == [True]
        await eyes.press("s")
        await eyes.sees("for good?")
        await eyes.press("y")
        await eyes.sees("6 deleted for good, 5.2 MB free again")
        assert daemon.sent("/v1/disk/prune")[-1] == {"filter": "run:kn01gt7a", "stages": True}


@pytest.mark.long
async def test_enter_shows_the_pictures_of_a_run(show, daemon) -> None:
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("M")
        await eyes.sees("knights 0")
        await eyes.press("j", "j", "enter")
        await eyes.sees("[Gallery]", "run:kn02gt7a")


@pytest.mark.long
async def test_a_check_says_which_picture_is_damaged(show, daemon) -> None:
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("M")
        await eyes.sees("knights 0")
        await eyes.press("c")
        await eyes.sees("2 files read", "1 damaged or gone", "im000007")


@pytest.mark.long
async def test_the_trash_is_seen_emptied_and_left(show, daemon) -> None:
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("D")
        await eyes.sees("only what is in the trash")
        await eyes.press("T")
        await eyes.sees("Trash", "3 pictures in the trash", "u out of it", "D delete for good", "T back")
        assert "d trash" not in eyes.text()
        await eyes.press("u")
        await eyes.until(lambda: daemon.sent("/v1/images/restore"))
        assert daemon.sent("/v1/images/restore") == [{"select": ["im000000"]}]
        await eyes.press("a", "D")
        await eyes.sees("Delete 6 pictures in the trash for good?")
        await eyes.press("y")
        await eyes.until(lambda: len(daemon.sent("/v1/disk/empty")) == 2)
        assert daemon.sent("/v1/disk/empty")[-1] == {"select": ["state:trashed"]}
        await eyes.press("T")
        await eyes.sees("315 pictures", "d trash")


def test_a_question_says_how_much_and_what_stays() -> None:
    cut = Cut(finals=1, stages=2, files=3, bytes=9, unfinished=2)
    assert question(cut, 2_000_000, "of kn00gt7a") == (
        "Delete 3 pictures of kn00gt7a for good? 2.0 MB",
        "2 of them are of earlier stages; 2 of unfinished jobs stay; this cannot be taken back.",
    )
    assert nothing(Cut(rated=1)) == "nothing to delete: 1 rated stays; 0 takes stars back"
