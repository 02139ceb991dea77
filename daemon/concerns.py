"""What a person should know although the work goes on: a failed backup, a damaged file, a log that grows too fast.

Vitals: the last word on each subject, forgotten with the process.
"""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class Concerns:
    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}
        self.heard: Callable[[str, str], None] = lambda subject, sentence: None
        """Told of every new sentence and its subject."""

    def tell(self, subject: str, sentence: str) -> None:
        """One sentence with its remedy, as `status` shows it, in place of what was told of this subject before."""
        if self._sentences.get(subject) != sentence:
            log.warning("%s", sentence)
            self.heard(subject, sentence)
        self._sentences[subject] = sentence

    def settle(self, subject: str) -> None:
        """It is no concern any more."""
        self._sentences.pop(subject, None)

    def sentences(self) -> tuple[str, ...]:
        """In the order in which their subjects came up."""
        return tuple(self._sentences.values())
