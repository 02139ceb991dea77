"""A lower bound on the time that work of several checkpoints takes on nodes that must load them: by prices.

Give each kind of work a price per second at speed 1. A node that works for t seconds and must load a checkpoint first
earns at most speed x max over kinds of price x (t - loading): whatever else it loads and does only costs it more. So
all nodes together must be able to earn the price of all the work, whichever prices they are. The best prices are found
by raising those of kinds that are left over (a Lagrangean dual, by multiplicative weights); any prices prove a bound.
"""

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

ROUNDS = 80

STEP = 0.6
"""How far prices move in the first round, per part of the work that is left over; less and less later."""


class Kind(NamedTuple):
    """Work that the same nodes can do with the same checkpoint."""

    work: float
    """Seconds at speed 1."""
    loads: tuple[float | None, ...]
    """Seconds before each node can begin with it; None: it cannot."""


def priced_bound(kinds: Sequence[Kind], speeds: Sequence[float]) -> float:
    """No node-time shorter than this is enough, if all nodes begin at once."""
    prices, best = [1.0] * len(kinds), 0.0
    whole = sum(kind.work for kind in kinds)
    if whole <= 0.0:
        return 0.0
    for number in range(ROUNDS):
        t = _least(kinds, speeds, prices)
        best = max(best, t)
        made = _made(kinds, speeds, prices, t)
        step = STEP / (1.0 + number / 8.0)
        prices = [
            price * exp(step * max(-4.0, min(4.0, (kind.work - done) / (kind.work + whole / len(kinds)))))
            for price, kind, done in zip(prices, kinds, made, strict=True)
        ]
    return best


def _least(kinds: Sequence[Kind], speeds: Sequence[float], prices: Sequence[float]) -> float:
    """Least t for which the nodes earn the price of all work: what they earn is convex in t, so Newton's steps from
    above never pass it.
    """
    asked = sum(price * kind.work for price, kind in zip(prices, kinds, strict=True))
    t = max(load for kind in kinds for load in kind.loads if load is not None)
    t += asked / max(_slope(kinds, speeds, prices, t + 1.0), 1e-12) + 1.0
    earned, slope = _earned(kinds, speeds, prices, t)
    while earned < asked:
        t *= 2.0
        earned, slope = _earned(kinds, speeds, prices, t)
    for _ in range(40):
        less = t - (earned - asked) / max(slope, 1e-12)
        if less >= t - 1e-9 * t:
            break
        t = less
        earned, slope = _earned(kinds, speeds, prices, t)
    return t * (1.0 - 1e-6)


def _slope(kinds: Sequence[Kind], speeds: Sequence[float], prices: Sequence[float], t: float) -> float:
    return _earned(kinds, speeds, prices, t)[1]


def _earned(kinds: Sequence[Kind], speeds: Sequence[float], prices: Sequence[float], t: float) -> tuple[float, float]:
    """By all nodes within t, and what a second more would bring."""
    earned = slope = 0.0
    for at, speed in enumerate(speeds):
        most, more = 0.0, 0.0
        for kind, price in zip(kinds, prices, strict=True):
            load = kind.loads[at]
            if load is not None and load < t and (price * (t - load), price) > (most, more):
                most, more = price * (t - load), price
        earned += speed * most
        slope += speed * more
    return earned, slope


def _made(kinds: Sequence[Kind], speeds: Sequence[float], prices: Sequence[float], t: float) -> list[float]:
    """Work of each kind, if every node does what brings it most."""
    made = [0.0] * len(kinds)
    for at, speed in enumerate(speeds):
        best, which, done = 0.0, -1, 0.0
        for number, (kind, price) in enumerate(zip(kinds, prices, strict=True)):
            load = kind.loads[at]
            if load is not None and price * (t - load) > best:
                best, which, done = price * (t - load), number, speed * (t - load)
        if which >= 0:
            made[which] += done
    return made
