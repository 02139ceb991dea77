"""The fake daemon's log as a list: as long as its past says, each event made up from its number; lines of programs."""

from typing import TYPE_CHECKING

from aiohttp import web

from schema.events import Envelope, Event, JobHeld, QueuePaused, StageFailed
from schema.ids import CommandId, JobId, NodeId, Seq, StageId, Token
from schema.logpages import EventRow, ProgramLine, event_row
from schema.pages import Page

if TYPE_CHECKING:
    from screen_daemon import FakeDaemon

MINUTE = 60.0
JOB = JobId("kn00gt7a.4")
HOSTILE = "out of memory [b]bold[/b] \x1b[2J\x07 and back"


def event_of(seq: int) -> Event:
    if seq % 10 == 7:
        return StageFailed(
            job=JOB, stage=StageId("txt2img"), token=Token(1), node=NodeId("n-attic"), trouble="out-of-memory",
            reason=HOSTILE,
        )  # fmt: skip
    return JobHeld(job=JOB) if seq % 2 else QueuePaused()


class Journal:
    def __init__(self, daemon: "FakeDaemon") -> None:
        self.daemon = daemon
        self.lines = [self.line(n) for n in range(60)]

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/v1/events", self.events)
        app.router.add_get("/v1/lines", self.list_lines)

    def envelope(self, seq: int) -> Envelope:
        """Every fourth came of a wish; the others followed from the event before."""
        asked, actor = seq % 4 == 0, "daemon" if seq % 10 == 7 else "uid:1000"
        return Envelope(
            seq=Seq(seq), at=self.at(seq), epoch=Seq(1), actor=actor, event=event_of(seq),
            cause=None if asked or seq == 1 else Seq(seq - 1), command=CommandId(f"wish{seq}") if asked else None,
        )  # fmt: skip

    def at(self, seq: int) -> float:
        return self.daemon.now - (self.daemon.past.newest - seq) * MINUTE

    def line(self, number: int) -> ProgramLine:
        level = "warning" if number % 10 == 9 else "info"
        return ProgramLine(
            id=f"daemon.jsonl:{number * 100}", at=self.daemon.now - 60 + number, level=level, program="daemon",
            source="daemon.fleet", says=f"node attic did not answer, look {number}", folder="/state/logs",
            trace="Traceback\n  File \"x.py\", line 3" if level == "warning" else "", about={"job": JOB},
        )  # fmt: skip

    async def events(self, request: web.Request) -> web.Response:
        from screen_daemon import fault

        self.daemon.note(request)
        newest = int(request.query.get("as_of", self.daemon.past.newest))
        found: range | list[int] = range(1, newest + 1)
        for word in request.query.get("filter", "").split():
            key, _, value = word.partition(":")
            if key == "kind" and value == "trouble":
                found = [seq for seq in found if seq % 10 == 7]
            elif key == "job":
                found = [seq for seq in found if seq % 2 and value == JOB]
            elif key == "command":
                found = [seq for seq in found if value == f"wish{seq}"]
            elif key != "kind":
                return fault(f"a filter has no '{key}:'.", remedy="Use one of kind:, job:.")
        if request.query.get("sort") == "newest":
            found = found[::-1]
        rows = [event_row(self.envelope(seq)) for seq in self.window(found, request)]
        return self.reply(rows, len(found), newest)

    async def list_lines(self, request: web.Request) -> web.Response:
        self.daemon.note(request)
        wanted = request.query.get("filter", "")
        lines = [line for line in self.lines if wanted != "level:warning" or line.level == "warning"]
        if request.query.get("sort") == "newest":
            lines = lines[::-1]
        offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
        return self.reply(lines[offset : offset + limit], len(lines), self.daemon.past.newest)

    @staticmethod
    def window(found: range | list[int], request: web.Request) -> range | list[int]:
        offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
        return found[offset : offset + limit]

    @staticmethod
    def reply(items: list[EventRow] | list[ProgramLine], total: int, head: int) -> web.Response:
        from screen_daemon import reply

        return reply(Page(items=tuple(items), total=total, head=head))
