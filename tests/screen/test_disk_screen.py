"""The trash in the gallery, and the disk: what is shown, what is asked before anything is deleted for good."""

import json
import sys
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `screen_daemon`

from screen_daemon import FakeDaemon, page, reply
from screen_things import NOON

from schema.diskuse import Checked, CheckLine, Count, Cut, DamagedFile, Disk, DiskUse, FolderUse, RunUse
from schema.pages import Page
from tui.widgets.diskwords import nothing, question

USE = DiskUse(
    finals=Count(pictures=318, bytes=420_000_000), stages=Count(pictures=640, bytes=310_000_000),
    films=Count(pictures=2, bytes=9_000_000), trash=Count(pictures=3, bytes=4_000_000),
    rated=Count(pictures=25, bytes=33_000_000),
    folders=(
        FolderUse(name="pictures and other artifacts", path="/data/art", files=970, bytes=740_000_000),
        FolderUse(name="log", path="/state/events.db", files=3, bytes=2_100_000),
    ),
    disks=(Disk(path="/", holds=("log",), free=91_000_000_000, total=240_000_000_000),), damaged=1,
)  # fmt: skip
DAMAGED = DamagedFile(file="ab" * 32, fault="it is gone", path="/data/art/ab/x.png", images=("im000007",))


def run_use(number: int) -> RunUse:
    return RunUse(
        run=f"kn{number:02d}gt7a", name=f"knights {number}", created=NOON, state="finished", finals=40 - number,
        finals_bytes=40_000_000, stages=80, stages_bytes=31_000_000, film_bytes=0, trash=number % 2,
        trash_bytes=1000, rated=number, bytes=71_000_000 - number * 1_000_000,
    )  # fmt: skip


class DiskDaemon(FakeDaemon):
    """With a trash of three pictures, and a disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.cut = Cut(finals=2, stages=4, files=6, bytes=5_200_000, rated=1)
        others = self.lectern.add_routes

        def add_routes(app: web.Application) -> None:
            others(app)
            app.router.add_get("/v1/disk", self.disk)
            app.router.add_get("/v1/disk/runs", self.disk_runs)

        self.lectern.add_routes = add_routes  # type: ignore[method-assign]
        self.images = [
            msgspec.structs.replace(image, trashed=n < 3) for n, image in enumerate(self.images)
        ]  # fmt: skip

    async def disk(self, request: web.Request) -> web.Response:
        return reply(USE)

    async def disk_runs(self, request: web.Request) -> web.Response:
        self.note(request)
        return reply(Page(items=tuple(map(run_use, range(30))), total=30, head=9))

    async def list_images(self, request: web.Request) -> web.Response:
        if "state:trashed" not in request.query.get("filter", ""):
            return await super().list_images(request)
        self.note(request)
        return page([image for image in self.images if image.trashed], request)

    def do(self, path: str, body: dict[str, object]) -> bytes:
        if path == "/v1/disk/check":
            lines = (CheckLine(progress=Checked(files=1, of=2)), CheckLine(done=Checked(files=2, damaged=(DAMAGED,))))
            return b"\n".join(map(msgspec.json.encode, lines))
        answer = super().do(path, body)
        if not path.startswith("/v1/disk/"):
            return answer
        cut = json.loads(msgspec.json.encode(self.cut))
        done = self.cut.finals + self.cut.stages
        return json.dumps({**json.loads(answer), "changed": done, "bytes": self.cut.bytes, "cut": cut}).encode()


@pytest.fixture
async def daemon(tmp_path: Path):
    fake = DiskDaemon(tmp_path / "api.sock")
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
