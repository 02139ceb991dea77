"""The past of the fake daemon: 5,310 events, one a minute, of which some are known by name."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from schema.logpages import event_whole
from schema.pages import iso
from schema.then import Difference, JobChange, Moment

if TYPE_CHECKING:
    from screen_daemon import FakeDaemon

NEWEST = 5310
MINUTE = 60.0


class Past:
    def __init__(self, daemon: "FakeDaemon") -> None:
        self.daemon = daemon
        self.newest = NEWEST
        self.differs: list[tuple[str, str]] = []
        """The ends of every difference that was asked for."""

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/v1/log/{seq}", self.event)
        app.router.add_get("/v1/diff", self.diff)

    def moment(self, when: str) -> Moment | None:
        """None: it is no WHEN."""
        from datetime import datetime

        if when.isdecimal():
            seq = int(when)
        elif when == "2h":
            seq = self.newest - 120
        else:
            try:
                back = self.daemon.now - datetime.fromisoformat(when).timestamp()
            except ValueError:
                return None
            seq = max(0, min(self.newest, self.newest - round(back / MINUTE)))
        at = self.daemon.now - (self.newest - seq) * MINUTE if seq else None
        return Moment(seq=seq, at=at, newest=self.newest, asked=when)

    def status(self, when: str) -> web.Response:
        moment = self.moment(when)
        if moment is None or moment.seq > self.newest:
            told = {"error": f"`{when}` is no point in time.", "where": "as_of", "remedy": "Give an age like 2h."}
            return web.json_response(told, status=400)
        scene = msgspec.to_builtins(msgspec.structs.replace(self.daemon.scene(), head=moment.seq, runs=()))
        for job in scene.get("running", ()):
            job["since"] = iso(job["since"])
        told = msgspec.to_builtins(moment) | {"at": iso(moment.at) if moment.at is not None else None}
        return web.json_response({**scene, "version": "0.1.0", "state": "read-only", "moment": told})

    async def event(self, request: web.Request) -> web.Response:
        self.daemon.note(request)
        seq = int(request.match_info["seq"])
        whole = event_whole(self.daemon.journal.envelope(seq), bytes([seq % 256]) * 32)
        return web.json_response(msgspec.to_builtins(whole))

    async def diff(self, request: web.Request) -> web.Response:
        before, after = request.query["before"], request.query.get("after") or request.query.get("as_of", "")
        self.differs.append((before, after))
        ends = (self.moment(before), self.moment(after or str(self.newest)))
        found = Difference(
            before=ends[0],
            after=ends[1],
            events=1240,
            kinds={"StageFinished": 800, "ArtifactStored": 440},
            runs=("kn00gt7a",),
            jobs=tuple(
                JobChange(job=f"kn00gt7a.{n}", name=f"[b]knights-0{n}", was="queued", now="finished")
                for n in range(1, 6)
            ),
            jobs_changed=5,
            images=("im000001", "im000002"),
            images_stored=440,
            ratings=12,
            settings={"queue": ("paused", "open"), "node studio": ("", "there, with webui")},
        )
        told = msgspec.to_builtins(found)
        for end, moment in zip(("before", "after"), ends, strict=True):
            told[end]["at"] = iso(moment.at) if moment.at is not None else None
        return web.json_response(told)
