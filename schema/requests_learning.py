"""What clients ask of the learning part, as JSON, and the answers that are made for them alone."""

from typing import Literal

import msgspec

from schema.experiments import Duel, LearningRunRow, Proposal, ProposedImage
from schema.ids import CommandId, RunId, Seq
from schema.insights import Favourite, Withdrawn
from schema.lessons import Adopted, Shown, Suggestion
from schema.plans import Learning, Plain, Scalar
from schema.records import Record
from schema.requests import RunRequest

MOST_IMPORTED = 20_000
"""Records of one request; a larger file is sent in pieces of the same source."""

Advice = Literal["preset", "cautious", "weights", "randomizer", "nothing"]
"""What of the present insights is taken over. `cautious`: only the knobs that are sure on their own. `nothing`: what
was taken over before is let go."""


class _Request(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class LearningModeRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/mode`."""

    mode: Learning


class TellRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/told`: sent by whoever has just shown claims to a person; what stands already makes no event."""

    claims: tuple[Shown, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    upto: Seq = Seq(0)
    """`Insights.seq` of what was shown."""


class DismissRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/dismiss`: not told again, or (`again`) after all."""

    key: str
    """`Claim.key`, or a unique beginning of it."""
    again: bool = False


class AdoptRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/adopt`: what plans of a pack take over from here on. One of `now`, `suggestion`, `take`."""

    pack: str = ""
    """May be left out with `suggestion`."""
    now: Adopted | None = None
    """Said by the client; replaces all that was taken over."""
    suggestion: str | None = None
    """Id of one: its settings are taken over; the weights and the randomizer's defaults stay."""
    take: tuple[Advice, ...] = ()
    """Made from the insights of now; what is not named stays as it was taken over before."""


class SuggestRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/suggest`: presets that somebody else proposes; never applied by themselves."""

    suggestions: tuple[Suggestion, ...]


class QuestionRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/question`: what a language model would be asked; nothing is queued."""

    pack: str
    wish: str
    """What the person wants, in words."""
    model: str | None = None
    """Of the language model's server; None: its first."""
    node: str | None = None


class AnswerRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/answer`: what a run that asked a language model came to is kept as suggestions."""

    run: str
    """Its id, or a unique beginning of it."""
    pack: str = ""
    """That it asked about; said to be sure."""


class DropRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/drop`."""

    id: str


class ImportRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/import`: many pieces of one file have one source."""

    source: str
    records: tuple[Record, ...]


class ForgetRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/forget`: all records of this source."""

    source: str


class MixesRequest(_Request, frozen=True, kw_only=True):
    """`POST /v1/learn/mixes`: how an explore run would mix its settings."""

    run: RunRequest
    """As it would be submitted, without mixes. With `vary` these knobs and levels are mixed, and no others."""
    images: int


# Answers ----------------------------------------------------------------------------------------


class PackCount(Plain, frozen=True, kw_only=True, omit_defaults=False):
    pack: str
    backend: str
    """`sketch`, or empty for all that make real pictures."""
    ratings: int


class LearnStatus(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn`: cheap; nothing is fitted for it."""

    seq: Seq
    mode: Learning
    """Of runs that do not say otherwise."""
    algorithm: int
    ratings: int
    """Verdicts that count now; duels count as one."""
    inbox: int
    """Final pictures that wait for a verdict."""
    asked: int
    """Of these, pictures of runs that learn actively: they come first."""
    packs: tuple[PackCount, ...]
    runs: int
    """Learning runs and explore runs that are under way or to be rated."""
    news: int | None = None
    """Claims that were not shown yet, by what is computed already; None: nothing is."""
    proposal: Proposal | None = None
    """What the program would try next, while it learns actively; made some time after a run or a verdict."""
    adopted: dict[str, Adopted] = {}
    shown: tuple[Shown, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    imported: dict[str, int] = {}


class Question(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`POST /v1/learn/question`."""

    run: RunRequest
    """The run that asks it: to be submitted as it stands, as any other."""
    told: str
    """All that the language model is told besides the wish."""


class Proposals(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn/proposals`: what would teach most, best first."""

    items: tuple[Proposal, ...]
    total: int


class Mixes(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`POST /v1/learn/mixes`: each picture with its settings; those of one group share prompt and seed."""

    images: tuple[ProposedImage, ...]
    variables: dict[str, tuple[Scalar, ...]]
    """Levels that are still open; one where a knob is decided."""
    why: str
    """One sentence."""


class Favourites(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn/favourites`: best first within each list."""

    items: tuple[Favourite, ...]
    total: int
    by: Literal["rating", "uses"]
    runs: int
    """That they were found in."""


class LearningRuns(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn/runs`: newest first."""

    items: tuple[LearningRunRow, ...]
    total: int


class DuelAnswer(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn/duel`."""

    duel: Duel | None
    """None: there are no two pictures worth comparing."""


class SuggestionChange(Plain, frozen=True, kw_only=True, omit_defaults=False):
    param: str
    was: str
    now: str


class SuggestionShown(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """A suggestion against what the pack is made with now."""

    suggestion: Suggestion
    changes: tuple[SuggestionChange, ...]


class Suggestions(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn/suggestions`."""

    items: tuple[SuggestionShown, ...]
    total: int


class Answered(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`POST /v1/learn/answer`."""

    command: CommandId
    seq: Seq
    run: RunId
    items: tuple[SuggestionShown, ...]
