"""What stages that make words are given besides the words: the session so far, and the LoRAs there are to choose from.

Between the past, the library and the orders.
"""

from collections.abc import Awaitable, Callable, Sequence

from daemon.past import Past
from daemon.prompting.memory import Earlier, how_many, told
from daemon.prompting.profiles import Profile
from daemon.scheduling.able import Known
from schema.ids import JobId
from schema.models import Candidate
from schema.names import plain
from schema.pages import JobRecord
from schema.stages import GeneratePrompt, LlmEnhance
from schema.words import words_in

Candidates = Callable[[str, str], Awaitable[Sequence[Candidate]]]
"""LoRAs that may fit a prompt, given with the checkpoint it is for (empty: any)."""

MOST = 200
"""LoRAs that an order carries."""


class Session:
    def __init__(
        self,
        past: Past,
        profile: Callable[[str], Profile | None],
        candidates: Candidates,
        known: Callable[[], Sequence[Known]],
    ) -> None:
        """`profile` answers None for one that is not there, or not any more; `known`: every node with its card."""
        self._past = past
        self._profile = profile
        self._candidates = candidates
        self._known = known

    async def context(self, job: JobId, stage: GeneratePrompt | LlmEnhance, profile: str | None) -> str:
        """Empty: nothing is known, or nothing is wanted."""
        portrait = None if profile is None else self._profile(profile)
        most = how_many(stage, portrait)
        records = await self._past.earlier(job, most) if most else ()
        earlier = [_earlier(record) for record in records]
        return told(portrait, [one for one in earlier if one.prompt.strip()])

    async def loras(self, words: str, model: str | None) -> tuple[Candidate, ...]:
        """Only those that some node has: no picture could be made with the others."""
        there = _had(self._known())
        found = await self._candidates(words, model or "")
        return tuple(one for one in found if there is None or plain(one.name).rpartition("/")[2] in there)[:MOST]


def from_cards(known: Callable[[], Sequence[Known]]) -> Candidates:
    """By the names alone that nodes have: where there is no index of models."""

    async def candidates(words: str, model: str) -> Sequence[Candidate]:
        del words, model
        names = {plain(name): name for one in known() if one.card for card in one.card.backends for name in card.loras}
        return [Candidate(name=plain_name(name)) for _, name in sorted(names.items())]

    return candidates


def plain_name(name: str) -> str:
    """As a prompt names it: without its file's ending."""
    return name[: len(plain(name))] if name.lower().replace("\\", "/").startswith(plain(name)) else name


def _had(known: Sequence[Known]) -> frozenset[str] | None:
    """Stems of all LoRAs on all nodes; None: somebody takes any name, or nobody says what it has."""
    cards = [card for one in known if one.card for card in one.card.backends]
    names = [name for card in cards for name in card.loras]
    if not names:
        return None
    return frozenset(plain(name).rpartition("/")[2] for name in names)


def _earlier(record: JobRecord) -> Earlier:
    images = [image for stage in record.stages for image in stage.images]
    tags = tuple(dict.fromkeys(tag for image in images for tag in image.tags))
    return Earlier(words_in(record).prompt, max((image.stars for image in images), default=0), tags)
