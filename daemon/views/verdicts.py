"""Verdicts for learning: every rated picture with the config it was made with, as of any seq.

Only events up to that seq have a say in what is answered, so that a replay of the truncated log says the same.
"""

import sqlite3
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from daemon.views.rows import texts
from schema.pages import iso
from schema.records import LOOSE, Record, Settings

_RECORD = msgspec.json.Decoder(Record)
_SETTINGS = msgspec.json.Decoder(Settings)


class Verdicts(NamedTuple):
    """What was said behind one seq and up to another."""

    seq: int
    """Up to which."""
    records: tuple[Record, ...]
    """In the order they were given: rated and tagged pictures, duels (`better_than`), and imported ones. Where several
    have the same id, the last one holds. No stars and no tags: taken back, or only there for a duel it is in.
    """
    afresh: bool
    """They are all there are, not only those behind `after`: something was taken back that cannot be told one by one.
    """


def merged(known: dict[tuple[str, str, str], Record], news: Verdicts) -> None:
    """Brings what a caller keeps up to date: by id, and for duels by the other picture and time."""
    if news.afresh:
        known.clear()
    for record in news.records:
        known[record.id, record.better_than, record.at if record.better_than else ""] = record


def read_verdicts(opened: Callable[[], sqlite3.Connection], upto: int | None, after: int) -> Verdicts:
    """On a connection of its own, for a thread of its own: of a long past it takes a while."""
    db = opened()
    try:
        newest = int(db.execute("SELECT seq FROM meta").fetchone()[0])
        seq = newest if upto is None else min(upto, newest)
        asked = {"upto": seq, "after": after}
        afresh = not after or db.execute(TAKEN_BACK, asked).fetchone() is not None
        asked["after"] = 0 if afresh else after
        return Verdicts(seq, tuple(_Reader(db, asked).records()), afresh)
    finally:
        db.close()


_sitting = lru_cache(maxsize=64)(iso)


class _Reader:
    """Configs and tags are decoded once: most pictures share theirs with others."""

    def __init__(self, db: sqlite3.Connection, asked: dict[str, int]) -> None:
        self._db = db
        self._asked = asked
        self._params: dict[str, Settings] = {}
        self._tags: dict[str | None, tuple[str, ...]] = {None: (), "[]": ()}
        self._told: set[str] = set()

    def records(self) -> Iterator[Record]:
        news = bool(self._asked["after"])
        dueling = self._dueling()
        for query in (RATED, TAGGED):
            for row in self._db.execute(query.format(which=ONLY_NEWS if news else ""), self._asked):
                record = self._record(row)
                if record.stars or record.tags or news or record.id in dueling:
                    self._told.add(record.id)
                    yield record
        yield from self._duels()
        for (record,) in self._db.execute(IMPORTED, self._asked):
            yield _RECORD.decode(record)

    def _dueling(self) -> set[str]:
        return {image for row in self._db.execute(DUELING, self._asked) for image in row}

    def _duels(self) -> Iterator[Record]:
        """Each behind records of both its pictures, which say what these were made with."""
        rows = self._db.execute(DUELS, self._asked).fetchall()
        pictures = {row[IMAGE]: self._record(row) for row in self._db.execute(DUELISTS, self._asked)}
        self._told |= {row[0] for row in self._db.execute(SAID_BEFORE, self._asked)}
        for at, sitting, better, worse, tie in rows:
            if better not in pictures or worse not in pictures:  # one may be broken, or not to be learned from
                continue
            told = iso(at), iso(sitting)
            for image in (better, worse):
                if image not in self._told:
                    self._told.add(image)
                    yield msgspec.structs.replace(pictures[image], at=told[0], session=told[1])
            yield msgspec.structs.replace(
                pictures[better], at=told[0], session=told[1], better_than=worse, tie=bool(tie)
            )

    def _record(self, row: tuple[object, ...]) -> Record:
        at, sitting, image, stars, whole, tags, seed, run, pack, backend, params, prompt, made = row
        return Record(
            id=image,  # type: ignore[arg-type]  # the tables are strict: every column is of its own type
            at=iso(at),  # type: ignore[arg-type]
            session=_sitting(sitting),
            pack=pack or LOOSE,  # type: ignore[arg-type]
            prompt=prompt,  # type: ignore[arg-type]
            seed=seed,  # type: ignore[arg-type]
            run=run,  # type: ignore[arg-type]
            params=self._settings(params),  # type: ignore[arg-type]
            stars=stars,  # type: ignore[arg-type]
            tags=self._tagged(tags),  # type: ignore[arg-type]
            backend=backend,  # type: ignore[arg-type]
            whole=bool(whole),
            made=iso(made),  # type: ignore[arg-type]
        )

    def _settings(self, digest: str) -> Settings:
        found = self._params.get(digest)
        if found is None:
            row = self._db.execute("SELECT json FROM params WHERE digest = ?", (digest,)).fetchone()
            found = self._params[digest] = _SETTINGS.decode(row[0])
        return found

    def _tagged(self, tags: str | None) -> tuple[str, ...]:
        found = self._tags.get(tags)
        if found is None:
            assert tags is not None
            found = self._tags[tags] = texts(tags)
        return found


IMAGE = 2
"""The column that holds the picture's id."""

TAKEN_BACK = (
    "SELECT 1 FROM comparisons WHERE taken_back > :after AND taken_back <= :upto AND seq <= :after"
    " UNION ALL SELECT 1 FROM imported WHERE forgotten > :after AND forgotten <= :upto AND seq <= :after LIMIT 1"
)
MADE = (
    " images.seed, m.run, m.pack, m.backend, m.params, wordings.prompt, images.created FROM ({}) AS v"
    " CROSS JOIN images ON images.id = v.image CROSS JOIN makings AS m ON m.token = images.token"
    " CROSS JOIN wordings ON wordings.digest = m.words"
    " WHERE m.n <= :upto AND m.counts AND images.suspect IS NULL"
)
"""Pictures that nothing is learned of have no part: suspect ones, and those of runs with learning off."""

RATED = (
    "SELECT v.at, v.sitting, v.image, v.stars, v.whole, (SELECT tags FROM taggings WHERE image = v.image"
    " AND seq <= :upto ORDER BY seq DESC LIMIT 1),"
    + MADE.format("SELECT max(seq) AS seq, at, sitting, image, stars, whole FROM verdicts"
                  " WHERE seq <= :upto {which} GROUP BY image")
    + " ORDER BY v.seq"
)  # fmt: skip
TAGGED = (
    "SELECT v.at, v.sitting, v.image, 0, 0, v.tags,"
    + MADE.format("SELECT max(seq) AS seq, at, sitting, image, tags FROM taggings"
                  " WHERE seq <= :upto {which} GROUP BY image")
    + " AND NOT EXISTS (SELECT 1 FROM verdicts WHERE image = v.image AND seq <= :upto) ORDER BY v.seq"
)  # fmt: skip
ONLY_NEWS = (
    "AND image IN (SELECT image FROM verdicts WHERE seq > :after AND seq <= :upto"
    " UNION SELECT image FROM taggings WHERE seq > :after AND seq <= :upto)"
)
STANDING = "seq > :after AND seq <= :upto AND (taken_back IS NULL OR taken_back > :upto)"
DUELS = f"SELECT at, sitting, better, worse, tie FROM comparisons WHERE {STANDING} ORDER BY seq"
DUELING = f"SELECT better, worse FROM comparisons WHERE {STANDING}"
DUELISTS = "SELECT 0.0, 0.0, v.image, 0, 0, NULL," + MADE.format(
    f"(SELECT better AS image FROM comparisons WHERE {STANDING} UNION SELECT worse FROM comparisons WHERE {STANDING})"
)
SAID_BEFORE = (
    f"SELECT image FROM (SELECT better AS image FROM comparisons WHERE {STANDING} UNION SELECT worse FROM comparisons"
    f" WHERE {STANDING}) AS v WHERE EXISTS (SELECT 1 FROM verdicts WHERE image = v.image AND seq <= :after)"
    " OR EXISTS (SELECT 1 FROM taggings WHERE image = v.image AND seq <= :after)"
)
IMPORTED = (  # what is of this installation is known better here
    "SELECT record FROM imported WHERE seq > :after AND seq <= :upto AND (forgotten IS NULL OR forgotten > :upto)"
    " AND NOT EXISTS (SELECT 1 FROM images JOIN makings USING (token)"
    " WHERE images.id = imported.picture AND makings.n <= :upto) ORDER BY seq, number"
)
