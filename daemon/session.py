"""What stages that make words are given besides the words: the session so far, and the LoRAs there are to choose from.

Between the past, the library and the orders.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

from daemon.past import Past
from daemon.prompting.memory import Earlier, how_many, told
from daemon.prompting.profiles import Profile, read_profile
from daemon.scheduling.able import Known
from schema.errors import Refused
from schema.ids import JobId
from schema.models import Candidate
from schema.names import plain
from schema.pages import JobRecord
from schema.requests import TextFile
from schema.stages import GeneratePrompt, LlmEnhance
from schema.words import words_in

log = logging.getLogger(__name__)

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


def profiles(read: Callable[[str], TextFile]) -> Callable[[str], Profile | None]:
    """Profiles by name, out of texts that `read` raises Refused for where they are not."""

    def profile(name: str) -> Profile | None:
        try:
            file = read(name)
            return read_profile(file.name, file.text)
        except Refused as gone:  # the run was planned with it; its words are in the prompts already
            log.warning("profile %s: %s", name, gone)
            return None

    return profile


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
