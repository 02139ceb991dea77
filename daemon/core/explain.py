"""Says in words why a job waits and why a node is idle."""

from collections.abc import Mapping
from itertools import islice

from daemon.core.ahead import next_step, steps_of
from daemon.core.filing import indexed, shelf_for
from daemon.core.fits import OTHER, Ask, ask_of, fits, knows_real, nodes_for_work
from daemon.core.index import Shelf
from daemon.core.queue import opens_at
from daemon.core.rules import Rules
from daemon.core.settle import decision
from daemon.core.state import Attention, Held, Job, Node, Queued, Run, Running, State, trusted
from daemon.core.ties import tie_of
from daemon.core.vitals import Vitals, blocked
from daemon.scheduling import windows
from daemon.scheduling.fitness import STAND_IN
from daemon.scheduling.groups import Pick
from schema.ids import JobId, NodeId
from schema.plans import StageStep

LISTS = 8
"""Waiting lists that are looked at to say why a node is idle."""

MOST = 4
"""Nodes of which is said why a job does not go there."""


def explain(state: State, name: JobId, now: float, vitals: Vitals, rules: Rules) -> list[str]:
    """Sentences, the most important first. Empty: the job has ended or is not known."""
    job = state.jobs.get(name)
    if job is None:
        return []
    match job.phase:
        case Running(token=token, node=node, hold=hold):
            at = state.attempts[token].attempt.stage
            there = _node_name(state, node)
            sentences = [f"Runs '{at}' on {there} for {max(0.0, now - job.phase.since):.0f} s."]
            if (silent := vitals.silent.get(node)) is not None:
                sentences.append(f"{there} has given no sign of life for {silent:.0f} s; soon it runs elsewhere.")
            return [*sentences, "It is held when this stage has ended."] if hold else sentences
        case Held():
            return [_why_held(state, job)]
        case Attention(reason=reason):
            return [f"It needs attention: {reason}", "Retry it, skip the stage, or cancel it."]
        case Queued():
            return _why_waiting(state, job, now, vitals, rules)


def _why_held(state: State, job: Job) -> str:
    last = job.done[-1].stage if job.done else None
    if not any(step.id == last and step.review for step in steps_of(state, job)):
        return "It is held; release it to let it run."
    return (
        f"Its words wait to be looked at: `stablenew job show {job.id}`; `stablenew job edit {job.id} --prompt ...`"
        f" writes over them, and `stablenew job release {job.id}` has pictures made of them."
    )


def why_idle(state: State, node: Node, vitals: Vitals) -> str:
    """Empty: it is not idle."""
    if node.lost or node.busy is not None:
        return ""
    if node.drained:
        return "it is drained and gets nothing new"
    if not trusted(node):
        return node.trouble or "its probe has shown no picture yet"
    if state.paused:
        return "the queue is paused"
    index = indexed(state)
    if not index.counts["shelf"] and not index.delayed:
        return "nothing waits"
    if full := blocked(vitals):
        return full
    decided = "" if index.queue is None else index.queue.idle.get(node.id, "")
    return _unfit_here(state, node, vitals) or decided or "nothing that waits may run here now"


def _unfit_here(state: State, node: Node, vitals: Vitals) -> str:
    """What keeps the first of the first few waiting lists from it; empty: something could run here."""
    real, first = knows_real(state, vitals), ""
    waiting = ((shelf, line) for shelf, line in indexed(state).shelves.items() if line.keys)
    for shelf, line in islice(waiting, LISTS):
        reason = _unfit(state, ask_of(state, shelf, real), node, vitals)
        if not reason:
            return ""
        first = (
            first or f"{state.jobs[JobId(line.keys[0][5])].spec.name} cannot run here: {_named(state, shelf, reason)}"
        )
    return first


def _why_waiting(state: State, job: Job, now: float, vitals: Vitals, rules: Rules) -> list[str]:
    run, step = state.runs[job.run], next_step(state, job)
    if step is None:
        return ["All its stages are done."]
    sentences = [*_the_queue(state, vitals), *_its_run(run, now)]
    shelf = shelf_for(run, job, step)
    opens = opens_at(shelf.terms, now, rules)
    if opens is not None and run.spec.window and not run.paused and shelf.terms.not_before <= now:
        sentences.append(f"Its stages begin between {windows.between(run.spec.window)} only.")
    due = _due_at(job, now)
    if due is not None:
        sentences.append(f"Its last attempt failed ({job.trouble}); it is tried again in {due - now:.0f} s.")
    sentences += _the_nodes(state, shelf, step, now, vitals)
    sentences += _without_its_backends(state, job, shelf, vitals)
    return sentences or _its_turn(state, job, shelf, now, vitals, rules)


def _due_at(job: Job, now: float) -> float | None:
    """None: due. As `settle` sees it."""
    if not isinstance(job.phase, Queued) or not 0.0 <= now - job.phase.since < job.phase.again_in:
        return None
    return job.phase.since + job.phase.again_in


def _the_queue(state: State, vitals: Vitals) -> list[str]:
    sentences = ["The queue is paused."] if state.paused else []
    if full := blocked(vitals):
        sentences.append(f"No stage is started: {full}.")
    return sentences


def _its_run(run: Run, now: float) -> list[str]:
    sentences = ["Its run is paused."] if run.paused else []
    if run.spec.not_before is not None and run.spec.not_before > now:
        sentences.append(f"Its run starts in {run.spec.not_before - now:.0f} s.")
    return sentences


def _the_nodes(state: State, shelf: Shelf, step: StageStep, now: float, vitals: Vitals) -> list[str]:
    """Empty: somebody who is there can run it."""
    there, ask = nodes_for_work(state, vitals), ask_of(state, shelf, knows_real(state, vitals))
    found = fits(ask, there, vitals, now)
    if any(not fit.reason for fit in found):
        return _bound(state, shelf, ask, now, vitals)
    reasons = "; ".join(dict.fromkeys(_named(state, shelf, fit.reason) for fit in found))
    if away := _away(state, ask, vitals, now):
        return [f"It waits for {', '.join(away)}{': ' if reasons else ''}{reasons}."]
    if not there:
        return ["No node is there." if not state.nodes else "All nodes are lost or drained."]
    return [f"No node can run '{step.id}': {reasons}."]


def _bound(state: State, shelf: Shelf, ask: Ask, now: float, vitals: Vitals) -> list[str]:
    """It could run, were it not for the one node that it has to go to."""
    tie = tie_of(state, shelf, ask, vitals)
    if tie is None:
        return []
    if tie.node.id not in {node.id for node in nodes_for_work(state, vitals)}:
        return [f"{_capital(tie.why)}, which {_absence(tie.node)}."]
    reason = _unfit(state, ask, tie.node, vitals, now)
    if not reason or (shelf.terms.whole is not None and tie.node.id != state.pin):
        return []  # What a run that stays whole cannot do at home it does elsewhere.
    return [f"{_capital(tie.why)}: {reason}."]


def _absence(node: Node) -> str:
    return "is lost" if node.lost else "is drained" if node.drained else "takes nothing new now"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _unfit(state: State, ask: Ask, node: Node, vitals: Vitals, now: float | None = None) -> str:
    """Why this node cannot run it, in words; empty: it can. Without `now` bars do not count."""
    return fits(ask, [node], vitals, float("inf") if now is None else now)[0].reason


def _named(state: State, shelf: Shelf, reason: str) -> str:
    only = shelf.terms.node
    return f"the run is for {_node_name(state, only)} only" if only and reason == OTHER else reason


def _without_its_backends(state: State, job: Job, shelf: Shelf, vitals: Vitals) -> list[str]:
    """It was meant for backends of which nobody knows any more."""
    if shelf.backend or state.runs[job.run].spec.stand_in or knows_real(state, vitals):
        return []
    return [
        "Other backends than sketch were known when it was submitted, and none is now: connect one again, or"
        f" `stablenew job edit {job.id} --backend {STAND_IN}` lets sketch draw it."
    ]


def _away(state: State, ask: Ask, vitals: Vitals, now: float) -> list[str]:
    """The nodes that could run it by all that is known of them, but are not there: `forge-pc (lost)`."""
    return [
        f"{node.name} ({'lost' if node.lost else 'drained' if node.drained else 'silent'})"
        for node in state.nodes.values()
        if (node.lost or node.drained or node.id in vitals.silent) and not _unfit(state, ask, node, vitals, now)
    ]


def _its_turn(state: State, job: Job, shelf: Shelf, now: float, vitals: Vitals, rules: Rules) -> list[str]:
    """Somebody could run it, but not yet."""
    ask = ask_of(state, shelf, knows_real(state, vitals))
    there = nodes_for_work(state, vitals)
    found = list(zip(there, fits(ask, there, vitals, now), strict=True))
    fitting = [node for node, fit in found if not fit.reason]
    tie = tie_of(state, shelf, ask, vitals)
    if tie is not None and tie.node in fitting:
        fitting, first, last = [tie.node], [f"{_capital(tie.why)}."], []
    else:
        first, last = [], _not_elsewhere(state, ask, [fit.reason for _, fit in found if fit.reason], vitals, now)
    idle = [node for node in fitting if node.busy is None or node.busy in vitals.handed]
    outcome = decision(state, now, vitals, rules) if idle else None
    if outcome is not None and not isinstance(outcome.found, Pick):
        left = _left_idle(state, job, shelf, idle, outcome.found.reserved, outcome.found.idle, rules)
        return [*first, *left, *last]
    return [*first, *([] if idle else [_busy(fitting)]), _place(state, job, shelf), *last]


def _not_elsewhere(state: State, ask: Ask, unfit: list[str], vitals: Vitals, now: float) -> list[str]:
    """Why not the nodes that are away, and those that cannot run it."""
    away, reasons = _away(state, ask, vitals, now), list(dict.fromkeys(unfit))
    sentences = [f"Not there: {', '.join(away)}."] if away else []
    return (
        [*sentences, f"{'; '.join(reasons[:MOST])}{'; ...' if len(reasons) > MOST else ''}."] if reasons else sentences
    )


def _place(state: State, job: Job, shelf: Shelf) -> str:
    before, lane = _before(state, job), shelf.terms.lane
    if not before:
        return "It is next."
    return f"{before} job{'s' if before > 1 else ''} of the {lane} lane {'are' if before > 1 else 'is'} before it."


def _left_idle(
    state: State,
    job: Job,
    shelf: Shelf,
    idle: list[Node],
    reserved: Mapping[str, NodeId],
    reasons: Mapping[NodeId, str],
    rules: Rules,
) -> list[str]:
    """The policy has looked at it and waits all the same."""
    for name, node in reserved.items():
        if name.endswith(f" {job.id}"):
            return [f"It waits for {_node_name(state, node)}, which is busy and has it done soonest all the same."]
    kept = next((node for node in idle if reasons.get(node.id, "").startswith("it is kept")), None)
    if kept is not None and len(idle) == 1:
        return [f"{kept.name} is kept for the interactive lane (mode {state.mode})."]
    return [f"{node.name} is idle: {reasons[node.id]}." for node in idle if node.id in reasons] or ["It is next."]


def _busy(fitting: list[Node]) -> str:
    return f"{', '.join(node.name for node in fitting)} {'is' if len(fitting) == 1 else 'are'} busy."


def _before(state: State, job: Job) -> int:
    """How many jobs of its lane come first whatever the policy prefers: those of its pack, and what a person put
    before it.
    """
    places = indexed(state).places
    place, lane, pack = places[job.id], state.runs[job.run].spec.lane, job.spec.pack
    return sum(
        1
        for name, other in places.items()
        if other.where in ("shelf", "delayed")
        and other.key < place.key
        and (other.key[:3] < place.key[:3] or state.jobs[name].spec.pack == pack)
        and state.runs[other.run].spec.lane == lane
    )


def _node_name(state: State, node: str) -> str:
    return next((one.name for one in state.nodes.values() if one.id == node), node)
