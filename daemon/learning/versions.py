"""The ways in which claims have been and can be made, by number: so that old history can be read by another of them.

A number stays what it is. A change by which the same verdicts would give other claims gets the next one, as a function
from what was fitted to what is to be told; `schema.insights.ALGORITHM` names the one in use.
"""

from collections.abc import Callable, Mapping

from daemon.learning.model import Fit, PoolFit
from schema.errors import Refused
from schema.insights import ALGORITHM


class Unspiked(PoolFit):
    """Every knob is taken to do something: what the model says without the point mass at zero (docs/learning.md 5)."""

    @classmethod
    def of(cls, whole: PoolFit) -> "Unspiked":
        made = cls.__new__(cls)
        vars(made).update(vars(whole))
        return made

    def matters(self, knob: str) -> float:
        return 1.0


def unspiked(fit: Fit) -> Fit:
    return fit._replace(pools={name: Unspiked.of(pool) for name, pool in fit.pools.items()})


def as_fitted(fit: Fit) -> Fit:
    return fit


VERSIONS: Mapping[int, tuple[str, Callable[[Fit], Fit]]] = {
    0: ("blocked and shrunken: it takes every setting to do something, and so claims too much", unspiked),
    1: ("blocked, shrunken and spiked: half of all settings are expected to do nothing", as_fitted),
}
"""What each is, for people, and how it reads a fit."""


def seen_by(algorithm: int, fit: Fit) -> Fit:
    """Raises Refused for a number that never was one."""
    if algorithm not in VERSIONS:
        known = ", ".join(f"{number} ({about})" for number, (about, _) in VERSIONS.items())
        raise Refused(f"there is no algorithm {algorithm}.", where="--algorithm", remedy=f"There are: {known}.")
    return VERSIONS[algorithm][1](fit)


assert ALGORITHM in VERSIONS
