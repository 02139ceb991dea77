"""Windows on the events that fall through a sieve, however many there are: their seqs are kept, and grow with the log.

What is looked through once is not looked through again. A look is short, and others read in between.
"""

import sqlite3
from array import array
from bisect import bisect_right
from collections.abc import Sequence

from daemon.log.rows import TOLD, envelopes
from daemon.log.sieved import sieved
from daemon.sieve import Bound, Found, Part, Sieve
from schema.events import Envelope

KEPT = 4
"""Sieves whose seqs are kept, those used last: eight bytes for each event that falls through."""

LOOK, FAR_LOOK = 20_000, 200_000
"""Events looked through at once; and where an index leads to them, so that few of them are read."""


class _Sifted:
    def __init__(self) -> None:
        self.seqs = array("q")
        """Of all that fall through, in order."""
        self.upto = 0
        """So far the log is looked through."""


class Sifter:
    """`db` reads the log. Used by one thread at a time. Raises sqlite3.Error and LogFromNewer."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._kept: dict[Sieve, _Sifted] = {}

    def ahead(self, sieve: Sieve, upto: int) -> bool:
        """Looks through a stretch of the log; whether there is more of it up to `upto`."""
        if sieve == Sieve():
            return False
        sifted = self._of(sieve)
        if sifted.upto >= upto:
            return False
        last = min(upto, sifted.upto + (FAR_LOOK if sieve.jobs or sieve.runs or sieve.commands else LOOK))
        where = sieved(self._db, sieve, sifted.upto, last)
        rows = self._db.execute(f"SELECT seq FROM events WHERE {where.sql} ORDER BY seq", where.values)
        sifted.seqs.extend(seq for (seq,) in rows)
        sifted.upto = last
        return last < upto

    def part(self, sieve: Sieve, part: Part) -> Found:
        while self.ahead(sieve, part.upto):
            pass
        seqs: Sequence[int] = range(1, part.upto + 1) if sieve == Sieve() else self._of(sieve).seqs
        first = bisect_right(seqs, self._before(part.since, part.upto) if part.since is not None else 0)
        last = bisect_right(seqs, min(part.upto, self._upto(part.until, part.upto)))
        total = max(0, last - first)
        begin, end = min(part.offset, total), min(part.offset + part.limit, total)
        if part.newest_first:
            wanted = [seqs[at] for at in range(last - 1 - begin, last - 1 - end, -1)]
        else:
            wanted = [seqs[at] for at in range(first + begin, first + end)]
        return Found(self._events(wanted), total)

    def _of(self, sieve: Sieve) -> _Sifted:
        sifted = self._kept.pop(sieve) if sieve in self._kept else _Sifted()
        self._kept[sieve] = sifted
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return sifted

    def _events(self, seqs: Sequence[int]) -> tuple[Envelope, ...]:
        rows = self._db.execute(f"SELECT {TOLD} FROM events WHERE seq IN ({','.join(map(str, seqs))})")  # integers
        found: dict[int, Envelope] = {envelope.seq: envelope for envelope in envelopes(rows)}
        return tuple(found[seq] for seq in seqs)

    def _before(self, since: Bound, newest: int) -> int:
        """The last event before it."""
        if since.seq is not None:
            return since.seq - 1
        return self._behind(since.at or 0.0, newest, inclusive=False)

    def _upto(self, until: Bound | None, newest: int) -> int:
        if until is None:
            return newest
        return until.seq if until.seq is not None else self._behind(until.at or 0.0, newest, inclusive=True)

    def _behind(self, at: float, newest: int, *, inclusive: bool) -> int:
        """How many events there were by then. Halved again and again: a clock that was set back may be off a little."""
        micros, low, high = round(at * 1_000_000), 0, newest
        while low < high:
            middle = (low + high + 1) // 2
            (then,) = self._db.execute("SELECT ts_us FROM events WHERE seq=?", (middle,)).fetchone()
            if then < micros or (inclusive and then == micros):
                low = middle
            else:
                high = middle - 1
        return low
