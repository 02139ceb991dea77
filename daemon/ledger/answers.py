"""What a command is answered with, read off its events: now, and when its key comes again in a year."""

from collections.abc import Sequence

from schema.events import (
    AccessGranted,
    AccessRevoked,
    CommandRedone,
    CommandUndone,
    ComparisonTakenBack,
    Envelope,
    Event,
    ImageRated,
    ImagesCompared,
    NothingChanged,
    PicturesDeleted,
    RunRated,
)
from schema.ids import CommandId
from schema.scenes import Answer

MOST_SUBJECTS = 1000


def answer_of(command: CommandId, envelopes: Sequence[Envelope]) -> Answer:
    """`envelopes` are the command's own, in order. Of a run that is rated with its pictures, these are told."""
    events = [envelope.event for envelope in envelopes]
    if any(isinstance(event, ImageRated) for event in events):
        events = [event for event in events if not isinstance(event, RunRated)]
    subjects = tuple(dict.fromkeys(name for event in events for name in _subjects(event)))
    return Answer(
        command=command,
        seq=envelopes[-1].seq if envelopes else 0,
        subjects=subjects[:MOST_SUBJECTS],
        changed=len(subjects),
        nothing=all(isinstance(event, NothingChanged) for event in events),
    )


def _subjects(event: Event) -> tuple[str, ...]:
    if isinstance(event, PicturesDeleted):
        return event.images
    name = _subject(event)
    return (name,) if name else ()


def _subject(event: Event) -> str | None:
    """The id of what the event is about."""
    if isinstance(event, ImagesCompared | ComparisonTakenBack):
        return event.better
    if isinstance(event, CommandUndone | CommandRedone):
        return None
    if isinstance(event, AccessGranted):
        return event.access.name
    if isinstance(event, AccessRevoked):
        return event.name
    for kind in ("job", "run", "image", "node", "model"):
        name: str | None = getattr(event, kind, None)
        if name is not None:
            return name
    return None
