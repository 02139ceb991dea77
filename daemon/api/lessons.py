"""What the routes need of the learning part. `daemon/learner` is it."""

from collections.abc import AsyncIterator
from typing import Literal, NamedTuple, Protocol

from schema.commands import AdoptAdvice
from schema.errors import Refused
from schema.experiments import Duel, LearningRunResult
from schema.ids import RunId
from schema.insights import Insights, Report, TrackRecord
from schema.lessons import Suggestion
from schema.pages import ImageRow, JobRecord, Page
from schema.requests_learning import (
    AdoptRequest,
    Favourites,
    LearningRuns,
    LearnStatus,
    Mixes,
    MixesRequest,
    Proposals,
    Question,
    QuestionRequest,
    Suggestions,
)


class InboxAsked(NamedTuple):
    pack: str = ""
    run: str = ""
    """A whole id; empty: of all runs."""
    offset: int = 0
    limit: int = 50


class LearningDoor(Protocol):
    """Every method raises Refused where what is asked for is not there. None of them computes on the loop."""

    async def status(self) -> LearnStatus: ...
    async def insights(self, pack: str = "", as_of: str = "", algorithm: int | None = None) -> Insights:
        """`as_of`: a seq, an ISO time or an age; empty: now."""
        ...

    async def report(self) -> Report: ...
    async def track(self) -> TrackRecord: ...
    async def profiles(self) -> Insights:
        """By style instead of pack."""
        ...

    async def favourites(self, runs: int, by: Literal["rating", "uses"]) -> Favourites: ...
    async def proposals(self, pack: str = "") -> Proposals: ...
    async def mixes(self, asked: MixesRequest) -> Mixes: ...
    async def runs(self) -> LearningRuns: ...
    async def result(self, run: RunId) -> LearningRunResult: ...
    async def inbox(self, asked: InboxAsked) -> Page[ImageRow]: ...
    async def duel(self, pack: str = "", without: frozenset[frozenset[str]] = frozenset()) -> Duel | None:
        """`without`: pairs of pictures that are not to be offered."""
        ...

    async def suggestions(self) -> Suggestions: ...
    async def advised(self, asked: AdoptRequest) -> AdoptAdvice:
        """What plans would take over, as a command."""
        ...

    async def checked(self, suggestions: tuple[Suggestion, ...]) -> tuple[Suggestion, ...]:
        """Raises Refused for settings that no stage has."""
        ...

    async def question(self, asked: QuestionRequest) -> Question:
        """What a language model would be asked."""
        ...

    async def answered(self, job: JobRecord, pack: str) -> tuple[Suggestion, ...]:
        """By the job that asked one; `pack`: that it asked about, empty: whichever it is. Raises Refused for an answer
        that is no preset of that pack."""
        ...

    async def claim_key(self, beginning: str) -> str:
        """Of a claim that was shown."""
        ...

    def records(self, after: int, *, whole: bool) -> AsyncIterator[bytes]:
        """JSON lines."""
        ...

    async def bundle(self, redact: str, max_mb: float) -> bytes:
        """A zip of at most so many megabytes; 0: as large as usual."""
        ...


class NobodyLearns:
    """Where nothing learns."""

    async def status(self) -> LearnStatus:
        raise _nobody()

    async def insights(self, pack: str = "", as_of: str = "", algorithm: int | None = None) -> Insights:
        raise _nobody()

    async def report(self) -> Report:
        raise _nobody()

    async def track(self) -> TrackRecord:
        raise _nobody()

    async def profiles(self) -> Insights:
        raise _nobody()

    async def favourites(self, runs: int, by: Literal["rating", "uses"]) -> Favourites:
        raise _nobody()

    async def proposals(self, pack: str = "") -> Proposals:
        raise _nobody()

    async def mixes(self, asked: MixesRequest) -> Mixes:
        raise _nobody()

    async def runs(self) -> LearningRuns:
        raise _nobody()

    async def result(self, run: RunId) -> LearningRunResult:
        raise _nobody()

    async def inbox(self, asked: InboxAsked) -> Page[ImageRow]:
        raise _nobody()

    async def duel(self, pack: str = "", without: frozenset[frozenset[str]] = frozenset()) -> Duel | None:
        raise _nobody()

    async def suggestions(self) -> Suggestions:
        raise _nobody()

    async def advised(self, asked: AdoptRequest) -> AdoptAdvice:
        raise _nobody()

    async def checked(self, suggestions: tuple[Suggestion, ...]) -> tuple[Suggestion, ...]:
        raise _nobody()

    async def question(self, asked: QuestionRequest) -> Question:
        raise _nobody()

    async def answered(self, job: JobRecord, pack: str) -> tuple[Suggestion, ...]:
        raise _nobody()

    async def claim_key(self, beginning: str) -> str:
        raise _nobody()

    def records(self, after: int, *, whole: bool) -> AsyncIterator[bytes]:
        raise _nobody()

    async def bundle(self, redact: str, max_mb: float) -> bytes:
        raise _nobody()


def _nobody() -> Refused:
    return Refused("nobody here learns from verdicts.")
