"""The events of learning as of any seq: what was shown, withdrawn and taken over by then."""

from typing import NamedTuple

import msgspec

from daemon.views.fold.lessons import LessonEvent
from daemon.views.readers import Reading

_EVENT: msgspec.json.Decoder[LessonEvent] = msgspec.json.Decoder(LessonEvent)


class Lesson(NamedTuple):
    seq: int
    at: float
    event: LessonEvent


async def lessons(db: Reading, upto: int) -> tuple[Lesson, ...]:
    """In order."""
    rows = await db.all("SELECT seq, at, event FROM lessons WHERE seq <= ? ORDER BY seq", (upto,))
    return tuple(Lesson(row["seq"], row["at"], _EVENT.decode(row["event"])) for row in rows)


async def run_stars(db: Reading, run: str) -> int:
    """The verdict on a run as a whole; 0: none."""
    return await db.number("SELECT stars FROM run_verdicts WHERE run = ? ORDER BY seq DESC LIMIT 1", (run,))
