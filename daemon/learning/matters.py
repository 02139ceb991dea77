"""Whether a knob matters at all: half of them do nothing, and a claim about one of those is false whatever its size.

Savage-Dickey density ratio (Dickey 1971) on the knob's contrasts, all other effects integrated out: how much the
ratings have raised or lowered the density of "all levels are alike" under a slab of plausible size.
"""

import math

import numpy as np

from daemon.learning.levels import Floats

LEAST_SLAB = 0.2
"""Scores; effects smaller than that are hard to see, and a narrower slab would call everything an effect."""

EVEN = 0.5
"""Chance beforehand that a knob does nothing."""

ALIKE = 0.75
"""Chance that a knob which does something does about what it does in other packs. In worlds of 4 packs with 100
ratings each that finds three tenths more of what is there (power .30 for .24), and as few false claims."""

SEEN = 2.0
"""Packs that EVEN is worth."""


def slab(scales: Floats) -> float:
    """Size of effects of the knobs that have some: root mean square of the larger half of the fitted scales."""
    if not len(scales):
        return LEAST_SLAB
    larger = np.sort(scales)[len(scales) // 2 :]
    return max(LEAST_SLAB, float(np.sqrt((larger**2).mean())))


def log_bayes_factor(precision: Floats, pull: Floats, prior: Floats, middle: Floats | None = None) -> float:
    """ln of (all levels alike : they differ), from what is said of this knob's levels alone and what is expected of
    them if they differ: the slab's covariance around zero, or around `middle`.

    precision: [L, L], pull: [L], prior: [L, L], middle: [L]
    """
    levels = len(pull)
    expected = np.zeros(levels) if middle is None else middle
    inverse = np.linalg.inv(prior)
    cov = np.linalg.inv(precision + inverse)
    mean = cov @ (pull + inverse @ expected)
    contrasts = np.hstack([np.eye(levels - 1), -np.ones((levels - 1, 1))])
    return _log_density_at_0(contrasts @ mean, contrasts @ cov @ contrasts.T) - _log_density_at_0(
        contrasts @ expected, contrasts @ prior @ contrasts.T
    )


def either(alone: float, alike: float) -> float:
    """ln of (all levels alike : they differ) where they may differ in a way of their own, or as in other packs."""
    return -float(np.logaddexp(math.log(1.0 - ALIKE) - alone, math.log(ALIKE) - alike))


def chance(log_factor: float, null: float) -> float:
    """That the knob matters, where `null` is the chance beforehand that it does not."""
    odds = log_factor + math.log(null / (1.0 - null))
    return 1.0 / (1.0 + math.exp(min(odds, 700.0)))


def null_share(matter: list[float]) -> float:
    """Chance beforehand that a knob does nothing in a pack, from what it does in all packs."""
    return (SEEN * EVEN + sum(1.0 - one for one in matter)) / (SEEN + len(matter))


def _log_density_at_0(mean: Floats, cov: Floats) -> float:
    """But for the factor of 2 pi, which is the same in both."""
    root = np.linalg.cholesky((cov + cov.T) / 2.0)
    return -0.5 * float((np.linalg.solve(root, mean) ** 2).sum()) - float(np.log(np.diagonal(root)).sum())
