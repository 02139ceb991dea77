"""Weights that looks at pictures suggest: switched on and off, adjusted within bounds, taken back."""

from collections.abc import Mapping

from daemon.core.folds.feedback import subject, tables, weights_of
from daemon.core.state import State
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.feedback import LEAST, MOST, WeightKind
from schema.ids import Seq

MOST_VALUES = 500
"""Of one name: those that differ most from 1."""


def change(state: State, command: c.SwitchFeedback | c.ResetFeedback) -> list[e.Event]:
    match command:
        case c.SwitchFeedback(on=on):
            was = state.feedback.on
            return [] if on == was else [e.FeedbackSwitched(was=was, now=on)]
        case c.ResetFeedback(names=names):
            return _reset(state, names)


def weighed(state: State, news: o.LooksWeighed) -> list[e.Event]:
    """Nothing while it is switched off: news may arrive behind the switch."""
    if not state.feedback.on:
        return []
    old, new = weights_of(state.feedback, news.kind, news.name), _bounded(news.weights)
    changed = sorted(value for value in {*old, *new} if old.get(value) != new.get(value))
    if not changed:
        return []
    return [
        e.WeightsAdjusted(
            kind=news.kind,
            name=news.name,
            was={value: old[value] for value in changed if value in old},
            now={value: new[value] for value in changed if value in new},
            reason=news.reason,
        )
    ]


def _bounded(weights: Mapping[str, float]) -> dict[str, float]:
    held = {value: min(max(weight, LEAST), MOST) for value, weight in weights.items() if weight == weight}
    far = sorted(held, key=lambda value: (-max(held[value], 1.0 / held[value]), value))[:MOST_VALUES]
    return {value: held[value] for value in far if held[value] != 1.0}


def _reset(state: State, names: tuple[str, ...]) -> list[e.Event]:
    there = [(kind, name) for kind, table in tables(state.feedback) for name in table]
    unknown = [name for name in names if all(name != known for _, known in there)]
    if unknown:
        known = ", ".join(name for _, name in there[:8])
        raise Refused(
            f"Nothing was adjusted for '{unknown[0]}'.", remedy=f"There are {known}." if known else "Nothing is at all."
        )
    return [_back(state, kind, name) for kind, name in there if not names or name in names]


def _back(state: State, kind: WeightKind, name: str) -> e.WeightsReset:
    return e.WeightsReset(
        kind=kind,
        name=name,
        was=weights_of(state.feedback, kind, name),
        since=state.feedback.since.get(subject(kind, name), Seq(0)),
    )


def inverse(state: State, event: e.FeedbackSwitched | e.WeightsAdjusted | e.WeightsReset) -> e.Event | None:
    """What makes up for the event; None: it makes no sense any more."""
    match event:
        case e.FeedbackSwitched(was=was, now=now):
            return e.FeedbackSwitched(was=now, now=was) if state.feedback.on == now else None
        case e.WeightsAdjusted(kind=kind, name=name):
            return _back(state, kind, name) if weights_of(state.feedback, kind, name) else None
        case e.WeightsReset(kind=kind, name=name, was=was, since=since):
            if weights_of(state.feedback, kind, name):
                return None
            return e.WeightsAdjusted(kind=kind, name=name, now=was, since=since, reason="its reset was taken back")
