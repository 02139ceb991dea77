"""Says in words why a job waits and why a node is idle."""

from itertools import islice

from daemon.core.filing import indexed, shelf_for
from daemon.core.rules import Rules
from daemon.core.settle import kept_for_live, knows_real, machine_of, machines, offer_of, opens_at
from daemon.core.state import Attention, Held, Job, Node, Queued, Run, Running, State, next_step
from daemon.core.vitals import Vitals, blocked
from daemon.scheduling.fitness import STAND_IN
from daemon.scheduling.place import Offer, may_take, unfit
from schema.ids import JobId

LISTS = 8
"""Waiting lists that are looked at to say why a node is idle."""


def explain(state: State, name: JobId, now: float, vitals: Vitals, rules: Rules) -> list[str]:
    """Sentences, the most important first. Empty: the job has ended or is not known."""
    job = state.jobs.get(name)
    if job is None:
        return []
    match job.phase:
        case Running(token=token, node=node, hold=hold):
            at = state.attempts[token].attempt.stage
            sentences = [f"Runs '{at}' on {_node_name(state, node)} for {max(0.0, now - job.phase.since):.0f} s."]
            return [*sentences, "It is held when this stage has ended."] if hold else sentences
        case Held():
            return ["It is held; release it to let it run."]
        case Attention(reason=reason):
            return [f"It needs attention: {reason}", "Retry it, skip the stage, or cancel it."]
        case Queued():
            return _why_waiting(state, job, now, vitals, rules)


def why_idle(state: State, node: Node, vitals: Vitals) -> str:
    """Empty: it is not idle."""
    if node.lost or node.busy is not None:
        return ""
    if node.drained:
        return "it is drained and gets nothing new"
    if state.paused:
        return "the queue is paused"
    index = indexed(state)
    if not index.shelves and not index.delayed:
        return "nothing waits"
    return blocked(vitals) or _unfit_here(state, node, vitals) or "nothing that waits may run here now"


def _unfit_here(state: State, node: Node, vitals: Vitals) -> str:
    """What keeps the first of the first few waiting lists from it; empty: something could run here."""
    machine, real, first = machine_of(state, node, vitals), knows_real(state, vitals), ""
    for shelf, keys in islice(indexed(state).shelves.items(), LISTS):
        job = state.jobs[JobId(keys[0][3])]
        step = next_step(state, job)
        reason = unfit(_with_name(state, offer_of(job, step, shelf, real)), machine) if step is not None else ""
        if not reason:
            return ""
        first = first or f"{job.spec.name} cannot run here: {reason}"
    return first


def _why_waiting(state: State, job: Job, now: float, vitals: Vitals, rules: Rules) -> list[str]:
    run, step = state.runs[job.run], next_step(state, job)
    if step is None:
        return ["All its stages are done."]
    sentences = [*_the_queue(state, vitals), *_its_run(run, now)]
    shelf = shelf_for(run, job, step)
    opens = opens_at(shelf, now, rules)
    if opens is not None and run.spec.window and not run.paused and shelf.not_before <= now:
        sentences.append(f"Its run may start stages from {run.spec.window} only.")
    due = _due_at(job, now)
    if due is not None:
        sentences.append(f"Its last attempt failed ({job.trouble}); it is tried again in {due - now:.0f} s.")
    offer = _with_name(state, offer_of(job, step, shelf, knows_real(state, vitals)))
    sentences += _the_nodes(state, offer, now, vitals, rules)
    sentences += _without_its_backends(state, job, offer, vitals)
    return sentences or [*_all_busy(state, offer, vitals), _its_turn(state, job)]


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


def _the_nodes(state: State, offer: Offer, now: float, vitals: Vitals, rules: Rules) -> list[str]:
    there = machines(state, vitals)
    fitting = [machine for machine in there if not unfit(offer, machine)]
    if not fitting:
        reasons = "; ".join(dict.fromkeys(unfit(offer, machine) for machine in there))
        if away := _away(state, offer, vitals):
            return [f"It waits for {', '.join(away)}{': ' if reasons else ''}{reasons}."]
        if not there:
            return ["No node is there." if not state.nodes else "All nodes are lost or drained."]
        return [f"No node can run '{offer.step.id}': {reasons}."]
    kept = kept_for_live(state, now, rules)
    idle = [machine for machine in fitting if machine.idle]
    if idle and not any(may_take(offer, machine, kept, state.mode) for machine in idle):
        return [f"{idle[0].name} is kept for the interactive lane (mode {state.mode})."]
    return []


def _without_its_backends(state: State, job: Job, offer: Offer, vitals: Vitals) -> list[str]:
    """It was meant for backends of which nobody knows any more."""
    if offer.backend or state.runs[job.run].spec.stand_in or knows_real(state, vitals):
        return []
    return [
        "Other backends than sketch were known when it was submitted, and none is now: connect one again, or"
        f" `stablenew job edit {job.id} --backend {STAND_IN}` lets sketch draw it."
    ]


def _away(state: State, offer: Offer, vitals: Vitals) -> list[str]:
    """The nodes that could run it by all that is known of them, but are not there: `forge-pc (lost)`."""
    return [
        f"{node.name} ({'lost' if node.lost else 'drained'})"
        for node in state.nodes.values()
        if (node.lost or node.drained) and not unfit(offer, machine_of(state, node, vitals))
    ]


def _all_busy(state: State, offer: Offer, vitals: Vitals) -> list[str]:
    fitting = [machine for machine in machines(state, vitals) if not unfit(offer, machine)]
    if any(machine.idle for machine in fitting):
        return []
    names = ", ".join(machine.name for machine in fitting)
    return [f"{names} {'is' if len(fitting) == 1 else 'are'} busy."]


def _its_turn(state: State, job: Job) -> str:
    place = indexed(state).places[job.id]
    lane = state.runs[job.run].spec.lane
    before = sum(
        1
        for other in indexed(state).places.values()
        if other.where in ("shelf", "delayed") and other.key < place.key and state.runs[other.run].spec.lane == lane
    )
    if not before:
        return "It is next."
    return (
        f"{before} jobs of the {lane} lane are before it." if before > 1 else f"1 job of the {lane} lane is before it."
    )


def _with_name(state: State, offer: Offer) -> Offer:
    return offer._replace(node_name=_node_name(state, offer.node))


def _node_name(state: State, node: str) -> str:
    return next((one.name for one in state.nodes.values() if one.id == node), node)
