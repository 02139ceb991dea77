"""What the overlay of weights becomes: a new value each time, so that whoever was handed the old one keeps it."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from daemon.core.state import State
from schema import events as e
from schema.feedback import Feedback, WeightKind, Weights
from schema.ids import Seq


def folded(state: State, event: e.FeedbackSwitched | e.WeightsAdjusted | e.WeightsReset, envelope: e.Envelope) -> None:
    feedback = state.feedback
    match event:
        case e.FeedbackSwitched(now=now):
            state.feedback = replace(feedback, on=now)
        case e.WeightsAdjusted(kind=kind, name=name, was=was, now=now, since=since):
            kept = {value: weight for value, weight in weights_of(feedback, kind, name).items() if value not in was}
            state.feedback = _since(_with(feedback, kind, name, {**kept, **now}), kind, name, since)
        case e.WeightsReset(kind=kind, name=name):
            state.feedback = _since(_with(feedback, kind, name, {}), kind, name, envelope.seq)


def tables(feedback: Feedback) -> Iterator[tuple[WeightKind, Mapping[str, Weights]]]:
    yield "wildcard", feedback.wildcards
    yield "pack", feedback.packs


def weights_of(feedback: Feedback, kind: WeightKind, name: str) -> Weights:
    return (feedback.wildcards if kind == "wildcard" else feedback.packs).get(name, {})


def subject(kind: WeightKind, name: str) -> str:
    """The key of `Feedback.since`."""
    return f"{kind} {name}"


def _with(feedback: Feedback, kind: WeightKind, name: str, weights: Weights) -> Feedback:
    table = dict(feedback.wildcards if kind == "wildcard" else feedback.packs)
    if weights:
        table[name] = dict(sorted(weights.items()))
    else:
        table.pop(name, None)
    return replace(feedback, wildcards=table) if kind == "wildcard" else replace(feedback, packs=table)


def _since(feedback: Feedback, kind: WeightKind, name: str, seq: Seq | None) -> Feedback:
    if seq is None:
        return feedback
    kept = {key: each for key, each in feedback.since.items() if key != subject(kind, name)}
    return replace(feedback, since={**kept, subject(kind, name): seq} if seq else kept)
