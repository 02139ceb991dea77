"""Scores: what a person's stars stand for on the scale on which their liking is a bell curve (docs/learning.md 2).

A person who gives fives to everything says little with one; how often each star is given decides what it is worth.
"""

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np

from daemon.learning.levels import Floats
from daemon.learning.moments import OUTCOMES, Moments

DUEL = 0.8
"""Score of the better picture of a duel; the worse one's is its negative."""

STARS = 5
_NORMAL = NormalDist()


def given(all_moments: Iterable[Moments]) -> Floats:
    """How often each outcome occurs: [OUTCOMES]."""
    found = np.zeros(OUTCOMES)
    for one in all_moments:
        found += np.diagonal(one.square)[one.width :]
    return found


def scores(counts: Floats, kinds: int = STARS) -> Floats:
    """The score of each outcome: the mean of a standard normal between its cut points, with one pseudo-count each.

    (Ridit scores on the normal scale: Bross 1958; mean of a truncated normal.) Outcomes from `kinds` on, but for those
    of duels, do not occur and score 0.
    """
    shares = (counts[:kinds] + 1.0) / (counts[:kinds].sum() + kinds)
    edges = [0.0, *(_NORMAL.pdf(_NORMAL.inv_cdf(float(cut))) for cut in np.cumsum(shares)[:-1]), 0.0]
    found = np.zeros(OUTCOMES)
    found[:kinds] = (np.array(edges[:-1]) - np.array(edges[1:])) / shares
    found[STARS:] = -DUEL, 0.0, DUEL
    return found


def stars_sd(counts: Floats) -> float:
    """Stars in one unit of score: the standard deviation of a person's stars; 1.1 as long as nobody knows."""
    some, values = counts[:STARS], np.arange(1.0, STARS + 1)
    total = float(some.sum()) + 4.0  # as if four ratings of that spread had been given before
    known = float(some.sum())
    mean = float(some @ values) / known if known else 3.0
    return float(np.sqrt((some @ (values - mean) ** 2 + 4.0 * 1.1**2) / total))
