"""What the fleet has learned of its own speed and memory: asked by placing and forecasts, taught by the fold.

The fold only keeps the last measurements. What they come to is worked out when somebody asks (`daemon.core.learned`).
"""

from collections.abc import Iterable

from daemon.core.learned import Learned
from daemon.core.state import Brief, Moves, Node, State
from daemon.scheduling import peaks
from daemon.scheduling.costs import ALPHA, ENOUGH, KEPT, Cost, Estimate, estimate, expected, nearest_cost, units
from daemon.scheduling.families import cost_key
from schema.events import StageFinished
from schema.plans import StageStep

LOAD_S = 8.0
"""Seconds that a checkpoint takes to load where nobody has measured one: 2 s and 6 GB from a plain SSD."""

MOVE_S = 0.5
"""Seconds that it takes to bring a picture to another node where nobody has measured it."""

LEAST_LOAD = 0.05
"""Seconds; below it nothing was loaded."""

MODELS = 64
"""Checkpoints whose time to load is remembered per node."""


def learned(state: State) -> Learned:
    """What all measurements come to, worked out now if there are new ones."""
    if state.learned is None:
        state.learned = Learned()
    if state.learned.stale:
        state.learned.learn(state.nodes)
    return state.learned


def speed_of(state: State, node: Node) -> float:
    """How many times as fast as a node of speed 1: measured, at first its card's hint."""
    return learned(state).speeds.get(node.id) or max(node.speed, 0.01)


def foretell(state: State, node: Node, step: StageStep) -> Estimate | None:
    """Seconds that the stage would execute there. None: no such stage was measured on any node."""
    known, key = learned(state), cost_key(step.kind, step.model)
    near, own = nearest_cost(known.bases, key), cost_there(state, node, key)
    line = None if near is None else expected(own, known.prior(node, near))
    if near is None or line is None:
        return None
    errors = known.errors(node, key) if own is not None else ()
    alike = known.alike(state.nodes, near) if len(errors) < ENOUGH else ()
    return estimate(own, units(step), line, errors, alike)


def expected_seconds(state: State, node: Node, step: StageStep) -> float | None:
    """The same without its interval, which costs more to know."""
    known, key = learned(state), cost_key(step.kind, step.model)
    near = nearest_cost(known.bases, key)
    line = None if near is None else expected(cost_there(state, node, key), known.prior(node, near))
    return None if line is None else line.at(units(step))


def cost_there(state: State, node: Node, key: str) -> Cost | None:
    """None: no such stage was measured there. The same object as long as none was since."""
    return learned(state).cost(node, key) if key in node.costs else None


def base_seconds(state: State, step: StageStep) -> float | None:
    """Seconds on a node of speed 1: the work of the stage. None: no stage of its kind was measured on any node."""
    known = learned(state)
    near = nearest_cost(known.bases, cost_key(step.kind, step.model))
    return None if near is None else known.lines[near].at(units(step))


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
    """Keeps what a finished stage measured. `before`: the node of the one before it in its job; None: it is first."""
    node, step, measured = state.nodes.get(brief.attempt.node), brief.step, event.measures
    if node is None:
        return
    key = cost_key(step.kind, step.model)
    if measured.executed_s > 0.0:
        rows = node.costs.get(key)
        if rows is None:
            rows = node.costs[key] = []
        rows.append((measured.executed_s, step.megapixels, step.steps))
        if len(rows) > KEPT:
            del rows[0]
        if state.learned is not None:
            state.learned.stale = True
    if measured.loaded_s > LEAST_LOAD and step.model is not None:
        _learn_load(node, step.model, measured.loaded_s)
    if before is not None and measured.moved_s > 0.0:
        node.moves = _moved(node.moves, measured.moved_s, before != node.id)
    if event.suspect is None:
        old = state.peaks.get(key, ())
        well = peaks.went_well(old, step.megapixels, node.vram_gb, measured.peak_vram_gb, brief.reduced)
        if well is not old:
            state.peaks[key] = well


def learn_shortage(state: State, brief: Brief) -> None:
    """Folds that a stage ran out of memory."""
    node = state.nodes.get(brief.attempt.node)
    if node is not None and node.vram_gb > 0.0 and not brief.reduced:
        key = cost_key(brief.step.kind, brief.step.model)
        state.peaks[key] = peaks.ran_out(state.peaks.get(key, ()), brief.step.megapixels, node.vram_gb)


def mean_speed(state: State, nodes: Iterable[Node]) -> float:
    speeds = [speed_of(state, node) for node in nodes]
    return _mean(speeds) if speeds else 1.0


def _mean(values: Iterable[float]) -> float:
    """In an order of its own: maps come back from a snapshot in another one, and sums of floats depend on it."""
    in_order = sorted(values)
    return sum(in_order) / len(in_order)


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
