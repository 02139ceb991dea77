"""The queue as a whole: look, pause, resume, clear, mode; and taking back the last change."""

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec
from aiohttp import web

from daemon.api.asked import ACTOR, body, no_body
from daemon.api.faults import NotAllowed
from daemon.api.house import House
from daemon.api.route import Answering, Route
from daemon.api.told import answer
from daemon.api.which import node_of
from daemon.api.wish import wish
from schema.commands import CancelJobs, Command, PauseQueue, PinLane, Redo, ResumeQueue, SetQueueMode, Undo
from schema.errors import Refused
from schema.events import (
    CommandRedone,
    CommandUndone,
    Envelope,
    ImageRestored,
    ImageTrashed,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobReopened,
    PictureImported,
    QueueMode,
)
from schema.ids import CommandId, ImageId, JobId, run_of
from schema.requests import ModeRequest, PinRequest
from schema.scenes import Answer, QueueScene

ANY = "any"
"""No node in particular."""


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    command: CommandId
    seq: int
    subjects: tuple[str, ...]
    changed: int
    repeated: bool
    text: str
    """What was taken back, in words; or that nothing was left of it to take back."""
    nothing: bool
    """Whether nothing was left: its jobs have ended since."""


async def show(house: House, request: web.Request) -> web.StreamResponse:
    return answer(house.ledger.scene().queue)


def _verb(command: Command) -> Answering:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        await no_body(request)

        async def make() -> Command:
            return command

        return answer(await wish(house, request, type(command).__name__, make))

    return run


async def clear(house: House, request: web.Request) -> web.StreamResponse:
    """What runs goes on; what needs attention stays."""
    await no_body(request)

    async def make() -> Command:
        return CancelJobs(
            jobs=await house.views.resolve(["state:queued", "state:held"]), reason="the queue was cleared"
        )

    return answer(await wish(house, request, "clear", make))


async def mode(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, ModeRequest)
    modes: Sequence[QueueMode] = get_args(QueueMode)
    wanted = next((each for each in modes if each == asked.mode), None)
    if wanted is None:
        raise Refused(f"there is no mode '{asked.mode}'.", where="mode", remedy=f"Use one of {', '.join(modes)}.")

    async def make() -> Command:
        return SetQueueMode(mode=wanted)

    return answer(await wish(house, request, asked, make))


async def pin(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, PinRequest)

    async def make() -> Command:
        free = asked.node in (None, "", ANY)
        return PinLane(node=None if free else node_of(house.ledger.scene().nodes, asked.node or ""))

    return answer(await wish(house, request, asked, make))


async def undo(house: House, request: web.Request) -> web.StreamResponse:
    return await _take_back(house, request, "undo")


async def redo(house: House, request: web.Request) -> web.StreamResponse:
    return await _take_back(house, request, "redo")


async def _take_back(house: House, request: web.Request, verb: Literal["undo", "redo"]) -> web.StreamResponse:
    """The ledger checks that the command is still on top when it takes it back."""
    await no_body(request)
    only = request.query.get("command")

    async def make() -> Command:
        top = await (house.ledger.undo_top() if verb == "undo" else house.ledger.redo_top())
        if only is not None and top != only:
            raise Refused("something else was done since.", where="command", remedy="Without it the last is taken.")
        if top is None:
            raise Refused(
                f"there is nothing to {verb}.", remedy="Only changes to the queue and verdicts are taken back."
            )
        events = await house.log.events_of(top)
        _check_reach(house, request[ACTOR], events)
        ended = await house.views.ended(_jobs_that_ended(events))
        runs = await house.views.ended_runs(list(dict.fromkeys(run_of(job.job) for job in ended)))
        deleted = await house.views.deleted(_pictures_moved(events))
        return (Undo if verb == "undo" else Redo)(done=top, events=events, ended=ended, runs=runs, deleted=deleted)

    done = await wish(house, request, verb, make)
    *made_up, last = await house.log.events_of(done.command)
    return answer(
        TakenBack(
            command=done.command, seq=done.seq, subjects=done.subjects, changed=done.changed, repeated=done.repeated,
            text=last.event.text if isinstance(last.event, CommandUndone | CommandRedone) else "", nothing=not made_up,
        )
    )  # fmt: skip


def _check_reach(house: House, actor: str, events: Sequence[Envelope]) -> None:
    """Over TCP, who may not everything takes back their own alone: others may have had to ask for more."""
    access = house.ledger.access.get(actor.removeprefix("api:")) if actor.startswith("api:") else None
    if access is not None and access.scope != "all" and events and events[0].actor != actor:
        raise NotAllowed(
            f"the last wish was by somebody else, and {access.name} takes back its own alone.", where="Authorization",
            remedy="An access with the scope `all` takes back everybody's.",
        )  # fmt: skip


def _jobs_that_ended(events: Sequence[Envelope]) -> list[JobId]:
    """Jobs that the events ended or brought back: to take that back one must know them whole."""
    found: dict[JobId, None] = {}
    for envelope in events:
        match envelope.event:
            case JobCancelled(job=job) | JobFinished(job=job) | JobFailed(job=job) | JobReopened(job=job):
                found[job] = None
            case _:
                pass
    return list(found)


def _pictures_moved(events: Sequence[Envelope]) -> list[ImageId]:
    """Those that went into the trash or came out of it: what was deleted since stays so."""
    return [one.event.image for one in events if isinstance(one.event, ImageTrashed | ImageRestored | PictureImported)]


ROUTES = (
    Route(
        method="GET", path="/v1/queue", run=show, gives=QueueScene,
        scope="read", does="The queue: counts, mode, estimate.",
    ),
    Route(
        method="POST", path="/v1/queue/pause", run=_verb(PauseQueue()), gives=Answer,
        scope="run", does="Start no more stages.",
    ),
    Route(
        method="POST", path="/v1/queue/resume", run=_verb(ResumeQueue()), gives=Answer,
        scope="run", does="Start stages again.",
    ),
    Route(method="POST", path="/v1/queue/clear", run=clear, gives=Answer, scope="run", does="Cancel all that waits."),
    Route(
        method="POST", path="/v1/queue/mode", run=mode, takes=ModeRequest, gives=Answer,
        scope="run", does="How lanes share the nodes: share, warm or free.",
    ),
    Route(
        method="POST", path="/v1/queue/pin", run=pin, takes=PinRequest, gives=Answer,
        scope="run", does="The node that the interactive lane goes to; `any` or null: whichever is done first.",
    ),
    Route(
        method="POST", path="/v1/undo", run=undo, gives=TakenBack, query=("command",),
        scope="run", does="Take back the last change; with `command` only if it is that command's.",
    ),
    Route(method="POST", path="/v1/redo", run=redo, gives=TakenBack, scope="run", does="Do again what was taken back."),
)  # fmt: skip
