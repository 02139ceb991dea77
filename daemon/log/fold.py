"""What a log folds to: the few functions that snapshots and replays need of a state; tests may pass others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from daemon.core import apply, state
from schema.events import Envelope

S = TypeVar("S")


@dataclass(frozen=True)
class Fold(Generic[S]):
    version: int
    """Snapshots of another version are not used."""
    empty: Callable[[], S]
    apply: Callable[[S, Envelope], None]
    canonical: Callable[[S], bytes]
    """The same bytes for the same facts."""
    revive: Callable[[bytes], S]
    """Of canonical bytes; raises msgspec.DecodeError or ValueError."""
    hash: Callable[[S], str]
    """Of the canonical bytes, as hex digits."""

    def onto(self, state: S, envelopes: Iterable[Envelope]) -> S:
        """The same state, with the envelopes folded in."""
        apply = self.apply
        for envelope in envelopes:
            apply(state, envelope)
        return state


CORE: Fold[state.State] = Fold(
    version=state.STATE_VERSION,
    empty=state.State,
    apply=apply.apply,
    canonical=state.canonical,
    revive=state.revive,
    hash=state.state_hash,
)
"""The live state of the daemon."""
