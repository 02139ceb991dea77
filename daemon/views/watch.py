"""What a client that waits for jobs or runs begins with."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.views import select
from daemon.views.filters import is_pair
from daemon.views.readers import Reading
from schema.events import JobPhase
from schema.ids import JobId, RunId


class Watched(NamedTuple):
    seq: int
    """What the views had folded in by then."""
    jobs: dict[JobId, JobPhase]
    runs: tuple[RunId, ...]
    """Those that were named as runs."""
    unfinished: frozenset[RunId]
    """Of those."""


async def watched(db: Reading, names: Sequence[str], now: float, among: Sequence[str]) -> Watched:
    """Refused as `select.job_ids`."""
    ids = await select.job_ids(db, names, now, among)
    runs = []
    for name in names:
        if "." not in name and not is_pair(name) and " " not in name.strip():
            runs.append(await select.run_id(db, name.strip()))
    return Watched(
        seq=await db.number("SELECT seq FROM meta"),
        jobs=await _phases(db, ids),
        runs=tuple(dict.fromkeys(runs)),
        unfinished=frozenset(
            [run for run in runs if await db.number("SELECT ended IS NULL FROM runs WHERE id = ?", (run,))]
        ),
    )


async def _phases(db: Reading, jobs: Sequence[JobId]) -> dict[JobId, JobPhase]:
    found: dict[JobId, JobPhase] = dict.fromkeys(jobs, "queued")
    for at in range(0, len(jobs), 500):
        chunk = jobs[at : at + 500]
        rows = await db.all(f"SELECT id, state FROM jobs WHERE id IN ({', '.join('?' * len(chunk))})", chunk)
        found.update((row["id"], row["state"]) for row in rows)
    return found
