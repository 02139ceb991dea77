"""Where insights are computed: the verdicts that were read so far, what was fitted to them, and what was made of it.

Used by one thread at a time, never by the loop. The statistics and numpy are loaded with the first question. Nothing
here is kept but what follows from the verdicts: everything may be forgotten at any time.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from daemon.algebra import load
from daemon.learner.adopting import Fed
from daemon.views.lessons import Lesson
from daemon.views.verdicts import Verdicts
from schema.ids import Seq
from schema.insights import ALGORITHM, Insights, Report, TrackRecord
from schema.lessons import InsightShown, InsightWithdrawn, Shown

if TYPE_CHECKING:
    from daemon.learning.model import Fit
    from daemon.learning.rows import Book, Row, Versus

MOST_KEPT = 16
"""Insights that are kept; a person looks at a few packs."""


class _Asked(NamedTuple):
    pack: str
    algorithm: int


class _Made(NamedTuple):
    shown: Mapping[str, Shown]
    insights: Insights


class Desk:
    def __init__(self) -> None:
        self.seq = 0
        """Up to which verdicts are read."""
        self._book: Book | None = None
        self._fit: Fit | None = None
        self._report: Report | None = None
        self._profiles: Insights | None = None
        self._made: dict[_Asked, _Made] = {}
        self.latest: Insights | None = None
        """Of all packs, as they were made last; what was said since may not be in them yet."""
        load()
        from daemon.learning.model import Fitter

        self._fitter = Fitter()

    def take(self, news: Verdicts) -> None:
        """What was said since `seq`."""
        from daemon.learning.rows import Book

        if self._book is None or news.afresh:
            self._book = Book(news.records)
            self._forget()
        elif news.records:
            self._book.add(news.records)
            self._forget()
        self.seq = news.seq

    def _forget(self) -> None:
        self._fit = self._report = self._profiles = None
        self._made.clear()

    def rows(self) -> "tuple[tuple[Row, ...], tuple[Versus, ...]]":
        return self._book.rows() if self._book is not None else ((), ())

    def fit(self) -> "Fit":
        if self._fit is None:
            self._fit = self._fitter.fit(*self.rows())
        return self._fit

    def insights(self, pack: str, shown: Mapping[str, Shown], algorithm: int) -> Insights:
        """`pack`: of this one alone; empty: of all. Raises Refused for an unknown algorithm."""
        from daemon.learning.insights import of_fit
        from daemon.learning.versions import seen_by

        asked = _Asked(pack, algorithm)
        kept = self._made.pop(asked, None)
        if kept is None or kept.shown != shown:
            fit = seen_by(algorithm, self.fit())
            made = of_fit(fit, shown=shown, seq=self.seq, algorithm=algorithm, packs={pack} if pack else None)
            kept = _Made(shown, made)
        self._made[asked] = kept  # the newest last
        if asked == _Asked("", ALGORITHM):
            self.latest = kept.insights
        while len(self._made) > MOST_KEPT:
            del self._made[next(iter(self._made))]
        return _at(kept.insights, self.seq)

    def report(self) -> Report:
        from daemon.learning.reports import report_of

        if self._report is None:
            self._report = report_of(self.fit(), seq=self.seq)
        return msgspec.structs.replace(self._report, seq=Seq(self.seq))

    def fed(self, pack: str) -> Fed:
        """Of the pool of this pack with most verdicts."""
        from daemon.learning.reports import randomizer_defaults, wildcard_weights
        from daemon.learning.rows import pack_of

        mine = [one for pool, one in self.fit().pools.items() if pack_of(pool)[0] == pack]
        if not mine:
            return Fed({}, {})
        most = max(mine, key=lambda one: one.n)
        return Fed(wildcard_weights(most), randomizer_defaults(most))

    def profiles(self) -> Insights:
        """What works with each style, over all packs."""
        from daemon.learning.profiles import profiles

        if self._profiles is None:
            self._profiles = profiles(*self.rows(), seq=self.seq)
        return _at(self._profiles, self.seq)

    def track(self, lessons: Iterable[Lesson], now: Insights) -> TrackRecord:
        """What would be taken back if somebody looked now stands no longer."""
        from daemon.learning.track import track

        told = [one.event for one in lessons if isinstance(one.event, InsightShown | InsightWithdrawn)]
        last = {event.claim.key: event.claim for event in told}
        gone = [each for one in now.packs for each in one.withdrawn if each.key in last]
        told += [
            InsightWithdrawn(claim=last[one.key], confidence=one.confidence, text=one.text, upto=now.seq)
            for one in gone
        ]
        ratings: dict[str, int] = {}
        for one in now.packs:
            ratings[one.pack] = ratings.get(one.pack, 0) + one.ratings
        return track(told, ratings)


def _at(insights: Insights, seq: int) -> Insights:
    """They follow from this seq as well: nothing was said meanwhile."""
    if insights.seq == seq:
        return insights
    return Insights(seq=Seq(seq), algorithm=insights.algorithm, packs=insights.packs)
