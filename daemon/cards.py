"""The newest card of every node that is known: of those that are there as they are now, of the others the last one."""

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import msgspec

from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.scheduling.able import Known
from schema.errors import Refused
from schema.ids import Sha256
from schema.orders import Card

log = logging.getLogger(__name__)


class Cards:
    def __init__(self, state: State, vitals: Vitals, path_of: Callable[[Sha256], Path]) -> None:
        self._state = state
        self._vitals = vitals
        self._kept = lru_cache(maxsize=64)(lambda sha256: _read(path_of, sha256))

    def known(self) -> tuple[Known, ...]:
        """In the order in which the nodes came. May be called from any thread."""
        return tuple(
            Known(node.id, node.name, self._vitals.cards.get(node.id) or self._last(node.card))
            for node in list(self._state.nodes.values())
        )

    def _last(self, sha256: Sha256 | None) -> Card | None:
        return None if sha256 is None else self._kept(sha256)


def _read(path_of: Callable[[Sha256], Path], sha256: Sha256) -> Card | None:
    """None where it cannot be read: then nothing is refused on its account."""
    try:
        return msgspec.json.decode(path_of(sha256).read_bytes(), type=Card)
    except (Refused, OSError, msgspec.DecodeError) as fault:
        log.warning("the card of a node that is away cannot be read: %s", fault)
        return None
