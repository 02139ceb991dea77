"""The mode of learning, what plans take over from it, what was shown of it, and records from elsewhere."""

from collections.abc import Iterator
from typing import assert_never

from msgspec.structs import replace

from daemon.core.state import State
from daemon.learning.wording import CLEARLY
from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.lessons import Adopted, Shown

PIECE = 200
"""Records in one event."""

LessonCommand = (
    c.SetLearningMode | c.TellInsights | c.DismissInsight | c.AdoptAdvice | c.SuggestPresets | c.DropSuggestion
    | c.ImportRecords | c.ForgetRecords
)  # fmt: skip
LessonEvent = (
    e.LearningModeChanged | e.InsightDismissed | e.AdviceAdopted | e.PresetSuggested | e.SuggestionDropped
    | e.RecordsImported | e.RunRated
)  # fmt: skip


def decided(state: State, command: LessonCommand) -> list[e.Event]:
    lessons = state.lessons
    match command:
        case c.SetLearningMode(mode=mode):
            return [] if mode == lessons.mode else [e.LearningModeChanged(was=lessons.mode, now=mode)]
        case c.TellInsights():
            return list(_told(state, command))
        case c.DismissInsight(key=key, again=again):
            claim = lessons.shown.get(key)
            if claim is None:
                raise Refused(f"no claim '{key[:60]}' was shown.", remedy="See `stablenew learn insights`.")
            return [] if claim.dismissed is not again else [e.InsightDismissed(claim=claim, again=again)]
        case c.AdoptAdvice(pack=pack, now=now, why=why, confidence=confidence):
            was = lessons.adopted.get(pack, Adopted())
            return [] if was == now else [e.AdviceAdopted(pack=pack, was=was, now=now, why=why, confidence=confidence)]
        case c.SuggestPresets(suggestions=suggestions):
            return [e.PresetSuggested(suggestion=one) for one in suggestions if lessons.suggestions.get(one.id) != one]
        case c.DropSuggestion(id=name):
            one = lessons.suggestions.get(name)
            if one is None:
                raise Refused(f"there is no suggestion '{name[:60]}'.", remedy="See `stablenew learn list`.")
            return [e.SuggestionDropped(suggestion=one)]
        case c.ImportRecords(source=source, records=records):
            pieces = (records[at : at + PIECE] for at in range(0, len(records), PIECE))
            return [e.RecordsImported(source=source, records=piece) for piece in pieces]
        case c.ForgetRecords(source=source):
            total = lessons.imported.get(source)
            if total is None:
                raise Refused(f"no records came from '{source[:60]}'.", remedy="See `stablenew learn list`.")
            return [e.RecordsForgotten(source=source, records=total)]
        case _:
            assert_never(command)


def _told(state: State, command: c.TellInsights) -> Iterator[e.Event]:
    """Only what is new: a claim that did not stand, or is made "clearly" by now; a withdrawal of one that stood."""
    standing = state.lessons.shown
    for claim in command.claims:
        was = standing.get(claim.key)
        if was is None or (was.confidence < CLEARLY <= claim.confidence):
            yield e.InsightShown(claim=replace(claim, at=0.0, dismissed=was is not None and was.dismissed), was=was)
    for gone in command.withdrawn:
        stood: Shown | None = standing.get(gone.key)
        if stood is not None:
            yield e.InsightWithdrawn(claim=stood, confidence=gone.confidence, text=gone.text, upto=command.upto)


def inverse(state: State, event: LessonEvent) -> e.Event | None:
    """What makes up for the event; None: it makes no sense any more."""
    lessons = state.lessons
    match event:
        case e.LearningModeChanged(was=was, now=now):
            return e.LearningModeChanged(was=now, now=was) if lessons.mode == now else None
        case e.InsightDismissed(claim=claim, again=again):
            there = lessons.shown.get(claim.key)
            if there is None or there.dismissed is again:
                return None
            return e.InsightDismissed(claim=there, again=not again)
        case e.AdviceAdopted(pack=pack, was=was, now=now):
            changed = lessons.adopted.get(pack, Adopted()) != now
            return None if changed else e.AdviceAdopted(pack=pack, was=now, now=was, why="taken back")
        case e.PresetSuggested(suggestion=one):
            return e.SuggestionDropped(suggestion=one) if one.id in lessons.suggestions else None
        case e.SuggestionDropped(suggestion=one):
            return None if one.id in lessons.suggestions else e.PresetSuggested(suggestion=one)
        case e.RecordsImported(source=source):
            total = lessons.imported.get(source)
            return None if total is None else e.RecordsForgotten(source=source, records=total)
        case e.RunRated(run=run, stars=stars, was=was):
            return e.RunRated(run=run, stars=was, was=stars)
        case _:
            assert_never(event)
