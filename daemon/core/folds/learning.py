"""What was made of what verdicts teach: a new value each time, so that whoever was handed the old one keeps it."""

from collections.abc import Mapping
from typing import TypeVar, assert_never

from msgspec.structs import replace

from daemon.core.state import State
from schema import events as e
from schema.lessons import Adopted, Lessons

V = TypeVar("V")

LessonEvent = (
    e.LearningModeChanged | e.InsightShown | e.InsightWithdrawn | e.InsightDismissed | e.AdviceAdopted
    | e.PresetSuggested | e.SuggestionDropped | e.RecordsImported | e.RecordsForgotten
)  # fmt: skip


def folded(state: State, event: LessonEvent, envelope: e.Envelope) -> None:
    state.lessons = after(state.lessons, event, envelope.at)


def after(lessons: Lessons, event: LessonEvent, at: float) -> Lessons:
    """`at`: when it happened, Unix seconds."""
    match event:
        case e.LearningModeChanged(now=now):
            return replace(lessons, mode=now)
        case e.InsightShown(claim=claim):
            return replace(lessons, shown=_with(lessons.shown, claim.key, replace(claim, at=at)))
        case e.InsightWithdrawn(claim=claim):
            return replace(lessons, shown=_without(lessons.shown, claim.key))
        case e.InsightDismissed(claim=claim, again=again):
            dismissed = replace(claim, dismissed=not again)
            return replace(lessons, shown=_with(lessons.shown, claim.key, dismissed))
        case e.AdviceAdopted(pack=pack, now=adopted):
            there = _without(lessons.adopted, pack) if adopted == Adopted() else _with(lessons.adopted, pack, adopted)
            return replace(lessons, adopted=there)
        case e.PresetSuggested(suggestion=one):
            return replace(lessons, suggestions=_with(lessons.suggestions, one.id, one))
        case e.SuggestionDropped(suggestion=one):
            return replace(lessons, suggestions=_without(lessons.suggestions, one.id))
        case e.RecordsImported(source=source, records=records):
            total = lessons.imported.get(source, 0) + len(records)
            return replace(lessons, imported=_with(lessons.imported, source, total))
        case e.RecordsForgotten(source=source):
            return replace(lessons, imported=_without(lessons.imported, source))
        case _:
            assert_never(event)


def _with(table: Mapping[str, V], key: str, value: V) -> dict[str, V]:
    return {**table, key: value}


def _without(table: Mapping[str, V], key: str) -> dict[str, V]:
    return {name: value for name, value in table.items() if name != key}
