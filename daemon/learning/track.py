"""The program's own record: of the claims it made, how many still stand."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from daemon.learning.wording import CLEARLY
from schema.insights import TrackRecord
from schema.lessons import InsightShown, InsightWithdrawn

LATER = 100
"""Ratings of its pack after which a claim has been put to the test."""


class _Fate(NamedTuple):
    pack: str
    sure: bool
    """It was shown at 95 % at some time."""
    ratings: int
    """Of the pack when it was first shown that sure, or shown at all."""
    stands: bool


def track(events: Iterable[InsightShown | InsightWithdrawn], ratings: Mapping[str, int]) -> TrackRecord:
    """`events` in the order of the log; `ratings`: of each pack by now. A claim is told by its key, however often it
    was shown; one that was taken back and shown again is a second claim."""
    fates: list[_Fate] = []
    open_now: dict[str, int] = {}
    for event in events:
        claim, at = event.claim, open_now.get(event.claim.key)
        if isinstance(event, InsightWithdrawn):
            if at is not None:
                fates[open_now.pop(claim.key)] = fates[at]._replace(stands=False)
            continue
        sure = claim.confidence >= CLEARLY
        if at is None:
            open_now[claim.key] = len(fates)
            fates.append(_Fate(claim.pack, sure, claim.ratings, stands=True))
        elif sure and not fates[at].sure:
            fates[at] = fates[at]._replace(sure=True, ratings=claim.ratings)
    return _counted(fates, ratings)


def _counted(fates: list[_Fate], ratings: Mapping[str, int]) -> TrackRecord:
    sure = [fate for fate in fates if fate.sure]
    tends = [fate for fate in fates if not fate.sure]
    judged = [fate for fate in sure if not fate.stands or ratings.get(fate.pack, 0) - fate.ratings >= LATER]
    stand = sum(fate.stands for fate in sure)
    return TrackRecord(
        clearly=len(sure),
        clearly_standing=stand,
        tends=len(tends),
        tends_standing=sum(fate.stands for fate in tends),
        withdrawn=sum(not fate.stands for fate in fates),
        judged=len(judged),
        judged_standing=sum(fate.stands for fate in judged),
        text=_told(len(sure), stand, len(judged), sum(fate.stands for fate in judged)),
    )


def _told(sure: int, stand: int, judged: int, judged_stand: int) -> str:
    if not sure:
        return "Nothing was claimed at 95 % yet."
    claims = f"Of {sure} claim{'' if sure == 1 else 's'} at 95 %, {stand} still stand{'s' if stand == 1 else ''}"
    if not judged:
        return f"{claims}; none has been put to the test by {LATER} later ratings yet."
    return f"{claims}; of the {judged} put to the test since, {judged_stand}."
