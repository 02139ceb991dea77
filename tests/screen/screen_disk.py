"""A pretended daemon that has a disk, too: what takes room there, and a trash that can be looked into."""

import json
from pathlib import Path

import msgspec
from aiohttp import web
from screen_daemon import FakeDaemon, page, reply
from screen_things import NOON

from schema.diskuse import Checked, CheckLine, Count, Cut, DamagedFile, Disk, DiskUse, FolderUse, RunUse
from schema.pages import Page

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
    """With a disk, and a trash that can be looked into."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.cut = Cut(finals=2, stages=4, files=6, bytes=5_200_000, rated=1)
        others = self.lectern.add_routes

        def add_routes(app: web.Application) -> None:
            others(app)
            app.router.add_get("/v1/disk", self.disk)
            app.router.add_get("/v1/disk/runs", self.disk_runs)

        self.lectern.add_routes = add_routes  # type: ignore[method-assign]

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

    def put_away(self, many: int) -> None:
        """The newest are in the trash."""
        self.images = [msgspec.structs.replace(image, trashed=n < many) for n, image in enumerate(self.images)]
