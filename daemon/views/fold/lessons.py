"""What people made of what was learned, kept as it happened: the mode, what plans take over, what was shown."""

from daemon.views.fold.statement import Statement, json
from schema import events as e

LessonEvent = (
    e.LearningModeChanged | e.InsightShown | e.InsightWithdrawn | e.InsightDismissed | e.AdviceAdopted
    | e.PresetSuggested | e.SuggestionDropped
)  # fmt: skip


def fold(envelope: e.Envelope, event: LessonEvent) -> list[Statement]:
    return [(KEPT, (envelope.seq, envelope.at, json(event)))]


KEPT = "INSERT INTO lessons VALUES (?, ?, ?)"
