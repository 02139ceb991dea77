"""Where learning stands, counted: what was rated, what waits, what is news. Pure, and cheap: nothing is fitted."""

from collections.abc import Iterable

from daemon.views.inbox import Waiting
from schema.experiments import Proposal
from schema.ids import Seq
from schema.insights import ALGORITHM, Insights
from schema.lessons import Lessons
from schema.records import LOOSE
from schema.requests_learning import LearnStatus, PackCount


def counted(
    lessons: Lessons,
    waiting: Waiting,
    taught: Iterable[tuple[str, str, int]],
    seq: Seq,
    latest: Insights | None,
    proposal: Proposal | None,
) -> LearnStatus:
    """`taught`: packs (empty: none) with their backend and how many ratings count; `latest`: the newest insights, if
    any were made."""
    packs = tuple(PackCount(pack=pack or LOOSE, backend=backend, ratings=n) for pack, backend, n in taught)
    return LearnStatus(
        seq=seq,
        mode=lessons.mode,
        algorithm=ALGORITHM,
        ratings=sum(one.ratings for one in packs) + sum(lessons.imported.values()),
        inbox=waiting.total,
        asked=waiting.asked,
        packs=packs,
        runs=waiting.experiments,
        news=None if latest is None else news(latest, lessons),
        proposal=proposal,
        adopted=lessons.adopted,
        shown=tuple(lessons.shown.values()),
        suggestions=tuple(lessons.suggestions.values()),
        imported=lessons.imported,
    )


def news(latest: Insights, lessons: Lessons) -> int:
    """Claims nobody was told, and claims to be taken back."""
    fresh = sum(claim.key not in lessons.shown for one in latest.packs for claim in one.claims)
    return fresh + sum(gone.key in lessons.shown for one in latest.packs for gone in one.withdrawn)
