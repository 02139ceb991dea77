"""How long work will take: learned seconds per unit of work, per node and stage kind."""

from collections.abc import Iterable, Mapping

from schema.plans import StageStep

ALPHA = 0.3
"""Weight of the newest measurement; docs/scheduling asks for at least 0.2."""


def units(step: StageStep) -> float:
    """How much work a stage is, to compare stages of one kind: megapixels times steps, at least a tenth."""
    return max(step.megapixels, 0.1) * max(step.steps, 1)


def learn(paces: Mapping[str, float], step: StageStep, seconds: float) -> float:
    """The new pace of the kind: weighted mean of seconds per unit; the first measurement counts whole."""
    now = seconds / units(step)
    before = paces.get(step.kind)
    return now if before is None else before + ALPHA * (now - before)


def seconds_for(paces: Mapping[str, float], step: StageStep) -> float | None:
    """None: such a stage was never measured there."""
    pace = paces.get(step.kind)
    return None if pace is None else pace * units(step)


def mean_paces(nodes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Over the nodes that have measured a kind; for work whose node is not known yet."""
    sums: dict[str, list[float]] = {}
    for paces in nodes:
        for kind, pace in paces.items():
            sums.setdefault(kind, []).append(pace)
    return {kind: sum(all_) / len(all_) for kind, all_ in sums.items()}


def seconds_of(work: Mapping[str, float], paces: Mapping[str, float]) -> float | None:
    """Of units per kind, on one node. None while a kind of it was never measured anywhere."""
    total = 0.0
    for kind, amount in work.items():
        if amount <= 0.0:
            continue
        if kind not in paces:
            return None
        total += amount * paces[kind]
    return total
