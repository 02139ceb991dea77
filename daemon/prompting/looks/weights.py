"""What looks make of weights: a wildcard's values likelier or rarer within bounds, a goal that was missed said louder.

Cautious on purpose: nothing below a least number of looks, nothing for words that who looked has never used, no small
steps, and never to nothing, so that a value that came out badly is still tried.
"""

from collections.abc import Mapping, Sequence
from math import exp, log
from typing import NamedTuple

from daemon.prompting.looks.goals import goals_of
from schema.feedback import LEAST, MOST, Effect, Weights

SCALE = 0.35
"""How much better than the others a value must come out for its weight to grow e-fold; of things seen or not."""

LUCK = 0.3
"""Of the width of an interval, by which a difference counts less: about one standard deviation."""

LEAST_LOOKS, LEAST_OF_ALL = 5, 20
"""Pictures of a value, and of all values of its name together."""

STEP = log(1.15)
"""Smaller changes are not worth an event."""

NOTHING = log(1.05)
"""A weight that is nearer to 1 is 1."""

LOUDER = 1.15
"""The weight a missed goal is said with: the smallest step by which models can be seen to heed it."""

LEAST_MISSES, RECENT = 4, 8
"""Looks at a goal before it is called missed, and how many of the newest count."""

MISSED, HEEDED = 0.25, 0.67
"""Share of looks in which it was seen: at most this for one to be said louder, at least that to leave it again."""

LOUDEST = 3
"""Goals of one pack: where everything is said louder, nothing is."""


class Weighed(NamedTuple):
    weights: Weights
    reason: str


class GoalsSeen(NamedTuple):
    """What one look at a picture of a pack found."""

    seen: tuple[str, ...]
    missed: tuple[str, ...]


def weigh(effects: Sequence[Effect], old: Mapping[str, float], nameable: frozenset[str]) -> Weighed | None:
    """Of the values of one wildcard. None: leave it as it is. `nameable`: all that who looked has ever named."""
    one = _one_measure(effects)
    able = [each for each in one if each.n >= LEAST_LOOKS and (each.mean > 0 or _could_be(each, nameable))]
    if len(able) < 2 or sum(each.n for each in one) < LEAST_OF_ALL:
        return None
    middle = sum(each.likely for each in able) / len(able)
    weights = {each.value: _held(exp(_sure(each, middle) / SCALE)) for each in able}
    weights = {value: old.get(value, 1.0) if _close(weight, old.get(value, 1.0)) else weight
               for value, weight in weights.items()}  # fmt: skip
    kept = {value: weight for value, weight in old.items() if value not in weights}
    after = {value: weight for value, weight in {**kept, **weights}.items() if weight != 1.0}
    return None if after == dict(old) else Weighed(after, _told(able, after, old))


def _one_measure(effects: Sequence[Effect]) -> list[Effect]:
    """What captions say where there is enough of that, else what scorers say."""
    by_caption = [each for each in effects if each.by == "caption"]
    enough = sum(each.n for each in by_caption) >= LEAST_OF_ALL
    return by_caption if enough else [each for each in effects if each.by == "score"]


def _could_be(effect: Effect, nameable: frozenset[str]) -> bool:
    """Never named in its own pictures: that counts only if it has been in others."""
    return effect.by == "score" or any(name in nameable for goal in goals_of(effect.value) for name in goal.names)


def _sure(effect: Effect, middle: float) -> float:
    """How much better or worse it comes out than the others, less what may be luck."""
    luck = (effect.high - effect.low) * LUCK
    apart = effect.likely - middle
    return max(0.0, apart - luck) if apart > 0 else min(0.0, apart + luck)


def _held(weight: float) -> float:
    """Within bounds; what is next to nothing is nothing."""
    held = round(min(max(weight, LEAST), MOST), 2)
    return 1.0 if abs(log(held)) < NOTHING else held


def _close(one: float, other: float) -> bool:
    return abs(log(one) - log(other)) < STEP


def _told(able: Sequence[Effect], after: Weights, old: Mapping[str, float]) -> str:
    """`dusk 1.6 (came out at 0.83 in 12 pictures), dawn 0.6 (0.10 in 10)`: those that change most."""
    changed = [each for each in able if after.get(each.value, 1.0) != old.get(each.value, 1.0)]
    changed.sort(key=lambda each: (-abs(log(after.get(each.value, 1.0))), each.value))
    told = [f"{each.value[:40]} {after.get(each.value, 1.0):g} ({each.mean:.2f} in {each.n} pictures)"
            for each in changed[:4]]  # fmt: skip
    more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
    how = "named in captions" if able[0].by == "caption" else "scored"
    return f"{how}: {', '.join(told)}{more}"


def louder(looks: Sequence[GoalsSeen], old: Mapping[str, float], nameable: frozenset[str]) -> Weighed | None:
    """Goals of one pack's prompts, its looks newest first. None: leave it as it is."""
    found: dict[str, list[bool]] = {}
    for look in looks:
        for goal in look.seen:
            found.setdefault(goal, []).append(True)
        for goal in look.missed:
            found.setdefault(goal, []).append(False)
    shares = {goal: (sum(told[:RECENT]) / len(told[:RECENT]), len(told[:RECENT])) for goal, told in found.items()}
    enough = {goal: share for goal, (share, n) in shares.items() if n >= LEAST_MISSES}
    kept = [goal for goal in old if enough.get(goal, 0.0) < HEEDED]
    fresh = [goal for goal, share in enough.items() if goal not in old and share <= MISSED and _heard(goal, nameable)]
    fresh.sort(key=lambda goal: (enough[goal], -shares[goal][1], goal))
    after = dict.fromkeys([*kept, *fresh][: max(LOUDEST, len(kept))], LOUDER)
    if after == dict(old):
        return None
    told = [f"{goal[:40]} was seen in {shares[goal][0]:.0%} of its last {shares[goal][1]} pictures"
            for goal in sorted({*after} ^ {*old}) if goal in shares]  # fmt: skip
    return Weighed(after, "; ".join(told[:4]))


def _heard(goal: str, nameable: frozenset[str]) -> bool:
    """Who looked knows the word for what it is about."""
    return any(each.names[-1] in nameable for each in goals_of(goal))
