"""What the terminal UI asks of the past: a moment's scene, an event, a difference. Raises Refused or NoDaemon."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from schema.events import Event
from schema.ids import Seq
from schema.scenes import NodeScene, QueueScene, RunningJob, RunScene, Scene, Standing
from schema.sentences import sentence
from schema.then import Difference, Moment
from tui.link.ask import Asker

_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/status`."""

    version: str
    state: str
    trouble: str = ""
    head: int
    queue: QueueScene
    running: tuple[RunningJob, ...] = ()
    runs: tuple[RunScene, ...] = ()
    nodes: tuple[NodeScene, ...] = ()
    concerns: tuple[str, ...] = ()
    moment: Moment | None = None


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/log/{seq}`."""

    seq: int
    at: float
    actor: str
    type: str
    event: dict[str, object]
    cause: int | None = None
    command: str | None = None
    hash: str = ""
    """Of the chain up to and with it, hex."""

    @property
    def words(self) -> str:
        """As a sentence; of an event this version does not know its name."""
        try:
            return sentence(msgspec.convert(self.event, Event))
        except msgspec.ValidationError:
            return self.type


class Then(NamedTuple):
    version: str
    scene: Scene
    moment: Moment
    happening: Happening | None
    """The last event that counts; None: none does."""


async def then(asker: Asker, when: str) -> Then:
    """All at WHEN: a seq, an ISO time or an age."""
    found = await asker.get("/v1/status", Status, {"as_of": when})
    moment = found.moment or Moment(seq=Seq(found.head), at=None, newest=Seq(found.head), asked=when)
    scene = Scene(head=found.head, queue=found.queue, running=found.running, runs=found.runs, nodes=found.nodes)
    return Then(found.version, scene, moment, await happening(asker, moment.seq) if moment.seq else None)


async def happening(asker: Asker, seq: int) -> Happening:
    return await asker.get(f"/v1/log/{seq}", Happening, {"as_of": seq})


async def difference(asker: Asker, before: int, after: int | None) -> Difference:
    """`after`: None is now, also for one who looks at a moment: asked as of that, it would be the moment itself."""
    end = {"after": after} if after is not None else {}
    return await asker.get("/v1/diff", Difference, {"before": before, "as_of": "", **end})


def standing(moment: Moment) -> Standing:
    """How the daemon stands towards one who looks at a moment."""
    return Standing(state="read-only", moment=moment)


def when(text: str, clock: Callable[[], float]) -> str:
    """WHEN as the daemon reads it: `22:00` is the last time that the clock showed it."""
    typed = text.strip()
    if (found := _OF_DAY.fullmatch(typed)) is None:
        return typed
    now = datetime.fromtimestamp(clock()).astimezone()
    then = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    return (then if then <= now else then - timedelta(days=1)).isoformat()
