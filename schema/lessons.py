"""What people made of what was learned: the mode, what plans took over, what was shown; its events and wishes."""

import msgspec

from schema.happened import Happened
from schema.ids import RunId, Seq
from schema.insights import Withdrawn
from schema.plans import Learning, Plain, Scalar
from schema.records import Record, Settings


class Adopted(Plain, frozen=True, kw_only=True):
    """What plans of a pack take over from what was learned: above the pack's own settings, below `--preset` and
    `--set`. Reversible; nobody's file is changed."""

    settings: Settings = {}
    weights: dict[str, dict[str, float]] = {}
    """Wildcard to value to the factor of its weight where values are drawn."""
    randomizer: Settings = {}
    """`matrix`, `variants`, `order`: defaults of a run of this pack that does not say otherwise."""


class Shown(Plain, frozen=True, kw_only=True):
    """A claim as a person saw it."""

    key: str
    pack: str
    param: str
    better: tuple[Scalar, ...]
    worse: tuple[Scalar, ...]
    confidence: float
    text: str
    algorithm: int
    upto: Seq
    """Head of the log that it was made from."""
    ratings: int = 0
    """Of the pack at that time."""
    at: float = 0.0
    """Unix seconds; filled in by the fold."""
    dismissed: bool = False


class Suggestion(Plain, frozen=True, kw_only=True):
    """A preset that somebody else proposes, a language model for instance. Never applied by itself."""

    id: str
    pack: str
    settings: Settings
    why: str = ""
    source: str = ""


class Lessons(Plain, frozen=True, kw_only=True):
    """Part of the live state."""

    mode: Learning = "passive"
    """Of runs that do not say otherwise."""
    adopted: dict[str, Adopted] = {}
    shown: dict[str, Shown] = {}
    """Claims that stand as they were shown last, by key."""
    suggestions: dict[str, Suggestion] = {}
    imported: dict[str, int] = {}
    """Source to how many records of other programs are in the log."""


class LearningModeChanged(Happened, frozen=True, kw_only=True):
    was: Learning
    now: Learning


class RunRated(Happened, frozen=True, kw_only=True):
    """A verdict on a run as a whole; its pictures are rated with it (`ImageRated.whole`). 0: taken back."""

    run: RunId
    stars: int
    was: int = 0


class InsightShown(Happened, frozen=True, kw_only=True):
    """A person was shown a claim that did not stand before, or that became sure."""

    claim: Shown
    was: Shown | None = None


class InsightWithdrawn(Happened, frozen=True, kw_only=True):
    """A person was told that a claim no longer holds."""

    claim: Shown
    """As it was shown."""
    confidence: float
    """By now."""
    text: str
    upto: Seq


class InsightDismissed(Happened, frozen=True, kw_only=True):
    """A person does not want to be told this again, or (`again`) does after all."""

    claim: Shown
    again: bool = False


class AdviceAdopted(Happened, frozen=True, kw_only=True):
    """Plans of this pack take `now` over from here on; the empty one: nothing any more."""

    pack: str
    was: Adopted
    now: Adopted
    why: str = ""
    confidence: float | None = None


class PresetSuggested(Happened, frozen=True, kw_only=True):
    suggestion: Suggestion


class SuggestionDropped(Happened, frozen=True, kw_only=True):
    suggestion: Suggestion
    """As it was."""


class RecordsImported(Happened, frozen=True, kw_only=True):
    """Records of another program, or of another installation; many files or pieces of one have one source."""

    source: str
    records: tuple[Record, ...]


class RecordsForgotten(Happened, frozen=True, kw_only=True):
    """All of this source."""

    source: str
    records: int


# Wishes -----------------------------------------------------------------------------------------


class _Wish(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class SetLearningMode(_Wish, frozen=True, kw_only=True):
    mode: Learning


class TellInsights(_Wish, frozen=True, kw_only=True):
    """What a person has just been shown, and told to be no longer so; what stands already makes no event."""

    claims: tuple[Shown, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    upto: Seq = Seq(0)
    """Head of the log that they follow from."""


class DismissInsight(_Wish, frozen=True, kw_only=True):
    key: str
    again: bool = False


class AdoptAdvice(_Wish, frozen=True, kw_only=True):
    pack: str
    now: Adopted
    why: str = ""
    confidence: float | None = None


class SuggestPresets(_Wish, frozen=True, kw_only=True):
    suggestions: tuple[Suggestion, ...]


class DropSuggestion(_Wish, frozen=True, kw_only=True):
    id: str


class ImportRecords(_Wish, frozen=True, kw_only=True):
    source: str
    records: tuple[Record, ...]


class ForgetRecords(_Wish, frozen=True, kw_only=True):
    source: str
