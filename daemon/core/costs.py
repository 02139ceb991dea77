"""What the fleet has learned of its own speed and memory: asked by placing and forecasts, taught by the fold.

A stage's base is its cost on a node of speed 1, learned over the whole fleet; a node has a speed, first its card's
hint, and beside it what was measured there of each kind of stage and model family.
"""

from collections.abc import Iterable

from daemon.core.state import Brief, Moves, Node, State
from daemon.scheduling import peaks
from daemon.scheduling.costs import (
    ALPHA,
    KEPT,
    Cost,
    Estimate,
    Line,
    estimate,
    learn,
    line_of,
    nearest_cost,
    quicker,
    seconds_at,
    units,
)
from daemon.scheduling.families import cost_key
from schema.events import StageFinished
from schema.plans import StageStep

LOAD_S = 8.0
"""Seconds that a checkpoint takes to load where nobody has measured one: 2 s and 6 GB from a plain SSD."""

MOVE_S = 0.5
"""Seconds that it takes to bring a picture to another node where nobody has measured it."""

LEAST_LOAD = 0.05
"""Seconds; below it nothing was loaded."""

SETTLED = 3
"""Measurements after which a node's speed and a stage's base are known well enough to teach one another."""

MODELS = 64
"""Checkpoints whose time to load is remembered per node."""


def speed_of(node: Node) -> float:
    """How many times as fast as a node of speed 1: measured, at first its card's hint."""
    return node.pace or max(node.speed, 0.01)


def foretell(state: State, node: Node, step: StageStep) -> Estimate | None:
    """Seconds that the stage would execute there. None: no such stage was measured on any node."""
    base = nearest_cost(state.bases, cost_key(step.kind, step.model))
    own = node.costs.get(cost_key(step.kind, step.model))
    alike = base.errors if base is not None else ()
    return estimate(own, units(step), _prior(base, units(step), speed_of(node)), alike)


def base_seconds(state: State, step: StageStep) -> float | None:
    """Seconds on a node of speed 1: the work of the stage. None: no stage of its kind was measured on any node."""
    base = nearest_cost(state.bases, cost_key(step.kind, step.model))
    return seconds_at(base, units(step), None)


def load_seconds(state: State, node: Node, model: str) -> float:
    """Until the checkpoint is loaded there, if it is not resident."""
    if (own := node.loads.get(model)) is not None:
        return own
    if node.loads:
        return _mean(node.loads.values())
    elsewhere = [other.loads[model] for other in state.nodes.values() if model in other.loads]
    elsewhere = elsewhere or [each for other in state.nodes.values() for each in other.loads.values()]
    return _mean(elsewhere) if elsewhere else LOAD_S


def move_seconds(node: Node) -> float:
    """What it takes longer there to go on with a picture that another node made."""
    if not node.moves.moved_count:
        return MOVE_S
    kept = node.moves.kept if node.moves.kept_count else 0.0
    return max(0.0, node.moves.moved - kept)


def need_gb(state: State, step: StageStep) -> float:
    """Memory that a node should have for it, planned or learned; 0: nothing is known.

    Learned from what happened: where no node has so much, what the plan says alone binds.
    """
    return max(step.vram_gb, peaks.need_gb(state.peaks, cost_key(step.kind, step.model), step.megapixels))


def learn_from(state: State, brief: Brief, event: StageFinished, before: str | None) -> None:
    """Folds what a finished stage measured. `before`: the node of the one before it in its job; None: it is first."""
    node, step, measured = state.nodes.get(brief.attempt.node), brief.step, event.measures
    if node is None:
        return
    if measured.executed_s > 0.0:
        _learn_seconds(state, node, step, measured.executed_s)
    if step.model is not None and measured.loaded_s > LEAST_LOAD:
        _learn_load(node, step.model, measured.loaded_s)
    if before is not None and measured.moved_s > 0.0:
        node.moves = _moved(node.moves, measured.moved_s, before != node.id)
    if event.suspect is None:
        key = cost_key(step.kind, step.model)
        well = peaks.went_well(
            state.peaks.get(key, ()), step.megapixels, node.vram_gb, measured.peak_vram_gb, brief.reduced
        )
        state.peaks[key] = well


def learn_shortage(state: State, brief: Brief) -> None:
    """Folds that a stage ran out of memory."""
    node = state.nodes.get(brief.attempt.node)
    if node is not None and node.vram_gb > 0.0 and not brief.reduced:
        key = cost_key(brief.step.kind, brief.step.model)
        state.peaks[key] = peaks.ran_out(state.peaks.get(key, ()), brief.step.megapixels, node.vram_gb)


def mean_speed(nodes: Iterable[Node]) -> float:
    speeds = [speed_of(node) for node in nodes]
    return _mean(speeds) if speeds else 1.0


def _learn_seconds(state: State, node: Node, step: StageStep, seconds: float) -> None:
    key, x = cost_key(step.kind, step.model), units(step)
    base, own = state.bases.get(key), node.costs.get(key)
    measured = sum(cost.count for cost in node.costs.values())
    node.costs[key], error = learn(own, step, seconds, _prior(base, x, speed_of(node)))
    told = seconds_at(base, x, None)
    if told and len(state.nodes) > 1:
        node.pace = quicker(speed_of(node), told, seconds, measured)
    if base is not None and base.count >= SETTLED and measured < SETTLED:
        return  # Until its speed is known, what it took says more of the node than of the stage.
    pooled = base.errors if base is not None else ()
    learned, _ = learn(base, step, seconds * speed_of(node), None)
    learned.errors = (*pooled, error)[-KEPT:] if own is not None and error is not None else pooled
    state.bases[key] = learned


def _mean(values: Iterable[float]) -> float:
    """In an order of its own: maps come back from a snapshot in another one, and sums of floats depend on it."""
    in_order = sorted(values)
    return sum(in_order) / len(in_order)


def _prior(base: Cost | None, x: float, speed: float) -> Line | None:
    """What the fleet's experience says of a node of that speed."""
    if base is None or seconds_at(base, x, None) is None:
        return None
    line = line_of(base)
    drift = (seconds_at(base, x, None) or 0.0) / max(line.at(x), 1e-9)
    return Line(line.fixed * drift / speed, line.per_unit * drift / speed)


def _learn_load(node: Node, model: str, seconds: float) -> None:
    before = node.loads.pop(model, None)
    node.loads[model] = seconds if before is None else before + 2.0 * ALPHA * (seconds - before)
    if len(node.loads) > MODELS:
        del node.loads[min(name for name in node.loads if name != model)]


def _moved(moves: Moves, seconds: float, changed: bool) -> Moves:
    def mean(old: float, count: int) -> float:
        return old + max(ALPHA, 1.0 / (count + 1)) * (seconds - old)

    if changed:
        return Moves(
            moved=mean(moves.moved, moves.moved_count),
            moved_count=moves.moved_count + 1,
            kept=moves.kept,
            kept_count=moves.kept_count,
        )
    return Moves(
        moved=moves.moved,
        moved_count=moves.moved_count,
        kept=mean(moves.kept, moves.kept_count),
        kept_count=moves.kept_count + 1,
    )
