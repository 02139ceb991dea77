"""What a node did in the last 24 hours: its finished stages, the pictures of these, how long they took."""

from collections.abc import Sequence
from math import ceil

from daemon.views.readers import Reading
from schema.ids import NodeId
from schema.pages import NodeDay

DAY = 24 * 3600.0

BEFORE = """
SELECT max(
  coalesce((SELECT n FROM jobs WHERE created < ?1 ORDER BY n DESC LIMIT 1), 0),
  coalesce((SELECT n FROM images WHERE created < ?1 ORDER BY n DESC LIMIT 1), 0))
"""
"""Seq of the last job or picture of before: found from the newest back, no more is read than the day has."""

DONE = """
SELECT token, started, ended FROM stages
WHERE job IN (SELECT id FROM jobs WHERE unlikely(touched > ?1))
  AND node = ?2 AND state = 'done' AND started <= ended AND ended > ?3 AND ended <= ?4
"""
"""Stages have no index by time: only those of jobs are read to which something happened since."""

MADE = "SELECT token, final FROM images WHERE n > ? AND node = ?"


async def node_day(db: Reading, node: NodeId, now: float) -> NodeDay:
    since = now - DAY
    before = await db.number(BEFORE, (since,))
    rows = await db.all(DONE, (before, node, since, now))
    if not rows:
        return NodeDay(node=node)
    tokens = {row["token"] for row in rows}
    finals = [row["final"] for row in await db.all(MADE, (before, node)) if row["token"] in tokens]
    pictures = len(finals)
    spans = sorted((max(since, row["started"]), row["ended"]) for row in rows)
    lasted = sorted(row["ended"] - row["started"] for row in rows)
    clock = now - spans[0][0]
    return NodeDay(
        node=node,
        stages=len(rows),
        pictures=pictures,
        finals=sum(finals),
        clock_s=round(clock, 3),
        worked_s=round(covered(spans), 3),
        per_hour=round(pictures * 3600 / clock, 2) if pictures and clock > 0 else None,
        p50_s=round(at_share(lasted, 0.5), 3),
        p95_s=round(at_share(lasted, 0.95), 3),
    )


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds in which at least one of these was; they are in order of their beginnings."""
    seconds, upto = 0.0, float("-inf")
    for begin, end in spans:
        seconds += max(0.0, end - max(begin, upto))
        upto = max(upto, end)
    return seconds


def at_share(ordered: Sequence[float], share: float) -> float:
    """The smallest of them that at least this share is not above."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
