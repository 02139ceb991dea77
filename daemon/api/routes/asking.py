"""Asking a language model for better settings of a pack: the question before its run, and the answer after it."""

from aiohttp import web

from daemon.api.asked import body
from daemon.api.house import House
from daemon.api.route import Route
from daemon.api.told import answer
from daemon.api.wish import wish
from daemon.views.select import NotFound
from schema.commands import Command, SuggestPresets
from schema.ids import JobId, Seq
from schema.requests_learning import Answered, AnswerRequest, Question, QuestionRequest


async def question(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, QuestionRequest)
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.question(asked))


async def answered(house: House, request: web.Request) -> web.StreamResponse:
    """Checked before it is kept, and shown against what the pack is made with now."""
    asked = await body(request, AnswerRequest)
    await house.views.shown(house.ledger.durable)
    run = await house.views.run_id(asked.run)
    job = await house.views.job(JobId(f"{run}.1"))
    if job is None:
        raise NotFound(f"{run} has no job.", remedy="`stablenew job list` shows what there is.")
    found = await house.learning.answered(job, asked.pack)

    async def make() -> Command:
        return SuggestPresets(suggestions=found)

    kept = await wish(house, request, asked, make)
    ids = {one.id for one in found}
    shown = [one for one in (await house.learning.suggestions()).items if one.suggestion.id in ids]
    return answer(Answered(command=kept.command, seq=Seq(kept.seq), run=run, items=tuple(shown)))


ROUTES = (
    Route(
        method="POST", path="/v1/learn/question", run=question, takes=QuestionRequest, gives=Question,
        scope="run",
        does="What a language model would be asked about a pack, as a run to be submitted; nothing is queued.",
    ),
    Route(
        method="POST", path="/v1/learn/answer", run=answered, takes=AnswerRequest, gives=Answered,
        scope="all", does="Keep what such a run came to as suggestions; they are never applied by themselves.",
    ),
)  # fmt: skip
