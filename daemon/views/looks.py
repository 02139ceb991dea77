"""What looks at pictures add up to: of components of prompts, of a pack's goals, of one picture."""

from collections.abc import Sequence

import msgspec

from daemon.prompting.looks.effects import Counted
from daemon.prompting.looks.vocabulary import named
from daemon.prompting.looks.weights import GoalsSeen
from daemon.views.fold.looks import Told
from daemon.views.readers import Found, Reading
from schema.feedback import Look, Span
from schema.ids import ImageId

SPANS = 8
"""Stretches of time that looks are told apart by."""

_TOLD = msgspec.json.Decoder(Told)

EACH = (
    "SELECT kind, name, value, image, by, avg(hit) AS hit, avg(fulfilment) AS fulfilment, avg(style) AS style,"
    " max(at) AS at FROM parts WHERE n > ?1 {where} GROUP BY 1, 2, 3, 4, 5"
)
"""One row for each picture and component: who is looked at twice counts once."""


async def counted(db: Reading, name: str | None, kinds: Sequence[str], since: int = 0) -> tuple[Counted, ...]:
    """Of the components of these kinds, of one name or of all; of looks behind seq `since`."""
    marks = ", ".join(f"?{number}" for number in range(4, 4 + len(kinds)))
    where = f"AND kind IN ({marks})" + (" AND name = ?2" if name is not None else "")
    each = EACH.format(where=where)
    first, last = await _range(db, since)
    wide = max((last - first) / SPANS, 1.0)
    rows = await db.all(
        f"SELECT kind, name, value, by, min({SPANS - 1}, CAST((at - ?3) / {wide!r} AS INTEGER)) AS span,"
        " count(*) AS n, total(hit) AS total, total(hit * hit) AS squares, count(fulfilment) AS fulfilled,"
        " total(fulfilment) AS fulfilment, count(style) AS styled, total(style) AS style"
        f" FROM ({each}) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
        (since, name, first, *kinds),
    )
    found: dict[tuple[str, str, str, str], list[Found]] = {}
    for row in rows:
        found.setdefault((row["kind"], row["name"], row["value"], row["by"]), []).append(row)
    return tuple(_counted(spans, first, wide) for spans in found.values())


async def _range(db: Reading, since: int) -> tuple[float, float]:
    """Times of the first and the last look."""
    found = [
        await db.one(f"SELECT at FROM looks WHERE n > ? ORDER BY n {way} LIMIT 1", (since,)) for way in ("", "DESC")
    ]
    return (found[0]["at"], found[1]["at"]) if found[0] and found[1] else (0.0, 0.0)


def _counted(spans: Sequence[Found], first: float, wide: float) -> Counted:
    def added(column: str) -> float:
        return float(sum(span[column] for span in spans))

    fulfilled, styled = added("fulfilled"), added("styled")
    one = spans[0]
    return Counted(
        kind=one["kind"],
        name=one["name"],
        value=one["value"],
        by=one["by"],
        n=sum(span["n"] for span in spans),
        total=added("total"),
        squares=added("squares"),
        fulfilment=added("fulfilment") / fulfilled if fulfilled else None,
        style=added("style") / styled if styled else None,
        over=tuple(
            Span(since=first + span["span"] * wide, n=span["n"], mean=round(span["total"] / span["n"], 4))
            for span in spans
        ),
    )


async def goals_of(db: Reading, pack: str, since: int, limit: int) -> tuple[GoalsSeen, ...]:
    """What the newest looks at a pack's pictures found of its goals, newest first."""
    rows = await db.all(
        "SELECT told FROM looks WHERE pack = ? AND n > ? AND caption <> '' AND counts ORDER BY n DESC LIMIT ?",
        (pack, since, limit),
    )
    told = [_TOLD.decode(row["told"]) for row in rows]
    return tuple(GoalsSeen(each.seen, each.missed) for each in told)


async def nameable(db: Reading, limit: int) -> frozenset[str]:
    """Everything that the newest captions name."""
    rows = await db.all("SELECT caption FROM looks WHERE caption <> '' ORDER BY n DESC LIMIT ?", (limit,))
    return frozenset().union(*(named(row["caption"]) for row in rows))


async def names(db: Reading) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Wildcards and slots that were looked at, and packs."""
    wildcards = await db.all("SELECT DISTINCT name FROM parts WHERE kind IN ('wildcard', 'slot') ORDER BY 1")
    packs = await db.all("SELECT DISTINCT pack FROM looks WHERE pack IS NOT NULL ORDER BY 1")
    return tuple(row["name"] for row in wildcards), tuple(row["pack"] for row in packs)


async def total(db: Reading) -> int:
    """Pictures that were looked at."""
    return await db.number("SELECT count(DISTINCT image) FROM looks")


async def looks_of(db: Reading, images: Sequence[ImageId]) -> tuple[Look, ...]:
    """In the order of the pictures, of each in the order they were looked at."""
    found: list[Look] = []
    for image in images:
        rows = await db.all("SELECT * FROM looks WHERE image = ? ORDER BY n", (image,))
        found += [_look(row) for row in rows]
    return tuple(found)


def _look(row: Found) -> Look:
    told = _TOLD.decode(row["told"])
    return Look(
        image=row["image"],
        job=row["job"],
        stage=row["stage"],
        at=row["at"],
        looker=row["looker"],
        caption=row["caption"],
        score=row["score"],
        fulfilment=told.fulfilment,
        style=told.style,
        seen=told.seen,
        missed=told.missed,
        unwanted=told.unwanted,
    )
