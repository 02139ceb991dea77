"""Whether a knob matters at all: half of them do nothing, and a claim about one of those is false whatever its size.

Savage-Dickey density ratio (Dickey 1971; docs/learning.md 5) on the knob's contrasts, all other effects integrated out:
how much the ratings have raised or lowered the density of "all levels are alike" under a slab of plausible size.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

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


class Evidence(NamedTuple):
    """On one knob of L levels in one pool, all other effects integrated out."""

    mean: Floats
    """Of its levels' effects by now: [L]."""
    cov: Floats
    """[L, L]"""
    prior_mean: Floats
    """Before the pool's own ratings, as they were fitted."""
    prior_cov: Floats
    others_mean: Floats
    """Before them, going by other packs alone."""
    others_cov: Floats
    others: bool
    """Other packs know this knob."""
    kernel: Floats
    """How alike its levels are."""


def log_odds(some: Sequence[Evidence], slab: float) -> Floats:
    """ln of (all levels alike : they differ) of knobs of one number of levels."""
    seen, before = (
        np.linalg.inv(np.stack(each)) for each in ([one.cov for one in some], [one.prior_cov for one in some])
    )
    precision = seen - before
    precision = (precision + precision.swapaxes(1, 2)) / 2.0
    means, priors = np.stack([one.mean for one in some]), np.stack([one.prior_mean for one in some])
    pull = (seen @ means[:, :, None] - before @ priors[:, :, None])[:, :, 0]
    own = slab**2 * np.stack([one.kernel for one in some])
    found = log_bayes_factors(precision, pull, own, np.zeros_like(pull))
    if (known := np.array([one.others for one in some])).any():
        expected = np.stack([one.others_mean for one in some])[known]
        spread = np.stack([one.others_cov for one in some])[known]
        found[known] = either(found[known], log_bayes_factors(precision[known], pull[known], spread, expected))
    return found


def log_bayes_factors(precision: Floats, pull: Floats, prior: Floats, middle: Floats) -> Floats:
    """ln of (all levels alike : they differ) of some knobs of L levels each, from what is said of their levels alone
    and what is expected of them if they differ: the covariance `prior` around `middle`.

    precision: [knobs, L, L], pull: [knobs, L], prior: [knobs, L, L], middle: [knobs, L]; returns [knobs]
    """
    levels = pull.shape[1]
    inverse = np.linalg.inv(prior)
    cov = np.linalg.inv(precision + inverse)
    mean = cov @ (pull[:, :, None] + inverse @ middle[:, :, None])
    contrasts = np.hstack([np.eye(levels - 1), -np.ones((levels - 1, 1))])
    return _log_densities_at_0(contrasts @ mean, contrasts @ cov @ contrasts.T) - _log_densities_at_0(
        contrasts @ middle[:, :, None], contrasts @ prior @ contrasts.T
    )


def either(alone: Floats, alike: Floats) -> Floats:
    """ln of (all levels alike : they differ) where they may differ in a way of their own, or as in other packs."""
    return -np.logaddexp(math.log(1.0 - ALIKE) - alone, math.log(ALIKE) - alike)


def chance(log_factor: float, null: float) -> float:
    """That the knob matters, where `null` is the chance beforehand that it does not."""
    odds = log_factor + math.log(null / (1.0 - null))
    return 1.0 / (1.0 + math.exp(min(odds, 700.0)))


def null_share(matter: list[float]) -> float:
    """Chance beforehand that a knob does nothing in a pack, from what it does in the others."""
    return (SEEN * EVEN + sum(1.0 - one for one in matter)) / (SEEN + len(matter))


def _log_densities_at_0(mean: Floats, cov: Floats) -> Floats:
    """But for the factor of 2 pi, which is the same in both."""
    root = np.linalg.cholesky((cov + cov.swapaxes(1, 2)) / 2.0)
    standard = np.linalg.solve(root, mean)[:, :, 0]
    found: Floats = -0.5 * (standard**2).sum(axis=1) - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return found
