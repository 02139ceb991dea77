"""Models as people spoke of them, and how often each was used with what success."""

from typing import NamedTuple

from daemon.views.readers import Reading
from schema.models import ModelKey, ModelVerdict


class Used(NamedTuple):
    list: str
    name: str
    """As in `used`: plain, without folders; of checkpoints as the job spelled it."""
    uses: int
    """Finished jobs."""
    rating: float | None
    """Mean stars of those whose pictures were rated."""


async def said(db: Reading) -> tuple[ModelVerdict, ...]:
    tags: dict[str, list[str]] = {}
    for row in await db.all("SELECT model, tag FROM model_tags ORDER BY model, tag"):
        tags.setdefault(row["model"], []).append(row["tag"])
    return tuple(
        ModelVerdict(
            model=ModelKey(row["key"]),
            name=row["name"],
            tags=tuple(tags.get(row["key"], ())),
            stars=row["stars"],
            favourite=None if row["favourite"] is None else bool(row["favourite"]),
        )
        for row in await db.all("SELECT key, name, stars, favourite FROM models")
    )


async def used(db: Reading) -> tuple[Used, ...]:
    rows = [*await db.all(WORDS), *await db.all(CHECKPOINTS)]
    return tuple(Used(row["list"], row["name"], row["uses"], row["rating"]) for row in rows)


WORDS = (
    "SELECT used.list, used.name, count(*) AS uses, avg(nullif(jobs.stars, 0)) AS rating"
    " FROM used JOIN jobs ON jobs.id = used.job WHERE jobs.state = 'finished' GROUP BY used.list, used.name"
)
CHECKPOINTS = (
    "SELECT 'models' AS list, model AS name, count(*) AS uses, avg(nullif(stars, 0)) AS rating"
    " FROM jobs WHERE state = 'finished' AND model IS NOT NULL GROUP BY model"
)
