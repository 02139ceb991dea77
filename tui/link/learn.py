"""What the terminal UI asks of the learning part. Raises Refused or NoDaemon throughout."""

from collections.abc import Iterable

import msgspec

from schema.experiments import Duel, LearningRunResult
from schema.insights import Claim, Insights, PackInsight, Report, TrackRecord, Withdrawn
from schema.lessons import Shown
from schema.pages import ImageRow
from schema.plans import Learning
from schema.requests_learning import (
    AdoptRequest,
    Advice,
    Answered,
    AnswerRequest,
    DismissRequest,
    DropRequest,
    DuelAnswer,
    Favourites,
    LearningModeRequest,
    LearningRuns,
    LearnStatus,
    Proposals,
    Question,
    QuestionRequest,
    Suggestions,
    TellRequest,
)
from tui.link.ask import PATIENCE, Asker, Told
from tui.link.query import quoted


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures that wait for a verdict, in an order that tells nothing of how they were made."""

    items: tuple[ImageRow, ...]
    total: int
    head: int = 0


async def status(asker: Asker) -> LearnStatus:
    """Mode and counts; cheap."""
    return await asker.get("/v1/learn", LearnStatus)


async def insights(asker: Asker, pack: str = "", as_of: str = "", algorithm: int | None = None) -> Insights:
    """`as_of`: a seq, an ISO time or an age; empty: now."""
    query: dict[str, str | int] = {**({"pack": pack} if pack else {}), **({"as_of": as_of} if as_of else {})}
    if algorithm is not None:
        query["algorithm"] = algorithm
    return await asker.get("/v1/learn/insights", Insights, query)


async def report(asker: Asker) -> Report:
    return await asker.get("/v1/learn/report", Report)


async def track(asker: Asker) -> TrackRecord:
    return await asker.get("/v1/learn/track", TrackRecord)


async def profiles(asker: Asker) -> Insights:
    """What works with each style, over all packs: the styles stand in the place of packs."""
    return await asker.get("/v1/learn/profiles", Insights)


async def favourites(asker: Asker, *, runs: int = 0, by: str = "") -> Favourites:
    """Of the last `runs` runs (0: as many as usual), `by` `rating` or `uses`."""
    query: dict[str, str | int] = {**({"runs": runs} if runs else {}), **({"by": by} if by else {})}
    return await asker.get("/v1/learn/favourites", Favourites, query)


async def proposals(asker: Asker, pack: str = "") -> Proposals:
    return await asker.get("/v1/learn/proposals", Proposals, {"pack": pack} if pack else None)


async def runs(asker: Asker) -> LearningRuns:
    return await asker.get("/v1/learn/runs", LearningRuns)


async def result(asker: Asker, run: str) -> LearningRunResult:
    return await asker.get(f"/v1/learn/runs/{quoted(run)}", LearningRunResult)


async def inbox(asker: Asker, *, pack: str = "", run: str = "", limit: int = 50, offset: int = 0) -> Inbox:
    query: dict[str, str | int] = {"limit": limit, "offset": offset}
    query |= {**({"pack": pack} if pack else {}), **({"run": run} if run else {})}
    return await asker.get("/v1/learn/inbox", Inbox, query)


async def duel(asker: Asker, pack: str = "", *, without: Iterable[tuple[str, str]] = ()) -> Duel | None:
    """`without`: pairs that are not to be offered, whichever of the two is left."""
    pairs = ",".join(f"{one}:{other}" for one, other in without)
    query = {**({"pack": pack} if pack else {}), **({"without": pairs} if pairs else {})}
    return (await asker.get("/v1/learn/duel", DuelAnswer, query)).duel


async def suggestions(asker: Asker) -> Suggestions:
    return await asker.get("/v1/learn/suggestions", Suggestions)


# Wishes -----------------------------------------------------------------------------------------


async def set_mode(asker: Asker, mode: Learning) -> Told:
    return await asker.command("/v1/learn/mode", LearningModeRequest(mode=mode))


async def tell(asker: Asker, shown: Insights, packs: Iterable[PackInsight] | None = None) -> Told:
    """Says that a person has just been shown these packs' claims and withdrawals; None: all of them."""
    told = tuple(shown.packs if packs is None else packs)
    claims = tuple(seen(claim, one.ratings, shown) for one in told for claim in one.claims)
    gone: tuple[Withdrawn, ...] = tuple(each for one in told for each in one.withdrawn)
    return await asker.command("/v1/learn/told", TellRequest(claims=claims, withdrawn=gone, upto=shown.seq))


def seen(claim: Claim, ratings: int, of: Insights) -> Shown:
    """The claim as a person saw it."""
    return Shown(
        key=claim.key, pack=claim.pack, param=claim.param, better=claim.better, worse=claim.worse,
        confidence=claim.confidence, text=claim.text, algorithm=of.algorithm, upto=of.seq, ratings=ratings,
    )  # fmt: skip


async def dismiss(asker: Asker, key: str, *, again: bool = False) -> Told:
    return await asker.command("/v1/learn/dismiss", DismissRequest(key=key, again=again))


async def adopt(asker: Asker, pack: str, *take: Advice) -> Told:
    """Takes over what the insights of now recommend; `undo` takes it back."""
    return await asker.command("/v1/learn/adopt", AdoptRequest(pack=pack, take=take))


async def adopt_suggestion(asker: Asker, name: str) -> Told:
    return await asker.command("/v1/learn/adopt", AdoptRequest(suggestion=name))


async def question(asker: Asker, pack: str, wish: str) -> Question:
    """What a language model would be asked, as a run to be submitted."""
    return await asker.long("/v1/learn/question", QuestionRequest(pack=pack, wish=wish), Question, PATIENCE)


async def answered(asker: Asker, run: str, pack: str) -> Answered:
    """Has the answer of such a run checked and kept as suggestions."""
    return await asker.long("/v1/learn/answer", AnswerRequest(run=run, pack=pack), Answered, PATIENCE)


async def drop_suggestion(asker: Asker, name: str) -> Told:
    return await asker.command("/v1/learn/drop", DropRequest(id=name))
