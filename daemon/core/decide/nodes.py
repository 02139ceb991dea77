"""Nodes come and go; the daemon's own start and end."""

from daemon.core.rules import Rules
from daemon.core.state import Brief, Job, Node, State
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.ids import NodeId


def daemon_began(state: State, news: o.DaemonBegan) -> list[e.Event]:
    """Nobody is there yet; what a loopback agent was at died with the last daemon and does not count."""
    events: list[e.Event] = [e.DaemonStarted(version=news.version, sqlite=news.sqlite, host=news.host)]
    for node in state.nodes.values():
        if not node.lost:
            events.append(e.NodeLost(node=node.id, reason="the daemon has just started"))
        if node.loopback:
            events += [closed(brief, "the agent ended with the daemon") for brief in open_on(state, node.id)]
    events += [e.FilmStarted(run=run.id) for run in state.runs.values() if run.film is not None]
    return events


def daemon_ends(news: o.DaemonEnds) -> list[e.Event]:
    return [e.DaemonStopped(reason=news.reason)]


def seen(state: State, news: o.NodeSeen) -> list[e.Event]:
    """News only if the node was away or its card says something else. One on the network that is not paired, or not
    any more, is not seen at all.
    """
    joined = news.joined
    node = state.nodes.get(joined.node)
    if joined.link == "lan" and (node is None or not node.certificate):
        return []
    return [] if node is not None and _is_old(node, joined) else [joined]


def _is_old(node: Node, joined: e.NodeJoined) -> bool:
    known = (node.name, node.instance, node.link, node.backends, node.kinds, node.vram_gb, node.speed, node.card)
    told = (joined.name, joined.instance, joined.link, joined.backends, joined.kinds, joined.vram_gb, joined.speed,
            joined.card)  # fmt: skip
    return not node.lost and node.standing is None and known == told


def gone(state: State, news: o.NodeGone, rules: Rules) -> list[e.Event]:
    """What it was at goes to another node; should its result come after all, it is adopted or fenced."""
    node = state.nodes.get(news.node)
    if node is None:
        return []
    kept_whole = node.came < state.epoch and any(run.node == node.id for run in state.runs.values())
    events: list[e.Event] = [e.NodeLost(node=node.id, reason=news.reason)] if not node.lost or kept_whole else []
    return [*events, *all_lost(state, node.id, news.reason, rules)]


def all_lost(state: State, node: NodeId, reason: str, rules: Rules) -> list[e.Event]:
    """Whatever is open there is lost."""
    return [event for brief in open_on(state, node) for event in lost(state, brief, reason, rules)]


def open_on(state: State, node: NodeId) -> list[Brief]:
    """The attempts that are open there."""
    return [brief for brief in state.attempts.values() if brief.attempt.node == node]


def lost(state: State, brief: Brief, reason: str, rules: Rules) -> list[e.Event]:
    """The attempt is closed and does not count; a job that is lost too often in a row is parked."""
    job = waiting_for(state, brief)
    return [closed(brief, reason), *([] if job is None else parked_after_losses(job, reason, rules))]


def waiting_for(state: State, brief: Brief) -> Job | None:
    """The job that still waits for this open attempt."""
    job = state.jobs.get(brief.attempt.job)
    return None if job is None or brief.cancelled else job


def parked_after_losses(job: Job, reason: str, rules: Rules) -> list[e.Event]:
    """Lost attempts do not count, but a job that is lost again and again may be what kills its nodes."""
    if job.losses + 1 < rules.losses:
        return []
    return [e.JobParked(job=job.id, trouble="lost", reason=f"{reason} ({job.losses + 1} times in a row)")]


def closed(brief: Brief, reason: str) -> e.Event:
    """An attempt whose job still waits for it is lost, any other is merely let go."""
    at = brief.attempt
    if brief.cancelled:
        return e.StageCancelled(job=at.job, stage=at.stage, token=at.token, node=at.node)
    return e.StageLost(job=at.job, stage=at.stage, token=at.token, node=at.node, reason=reason)


def drain_or_resume(state: State, command: c.DrainNode | c.ResumeNode) -> list[e.Event]:
    """To resume lifts what it was barred from too: a person has seen to it."""
    node = known(state, command.node)
    match command:
        case c.DrainNode():
            return [] if node.drained else [e.NodeDrained(node=node.id)]
        case c.ResumeNode():
            news = node.drained or node.strikes or node.barred
            return [e.NodeResumed(node=node.id, drained=node.drained)] if news else []


def forget(state: State, command: c.ForgetNode) -> list[e.Event]:
    node = known(state, command.node)
    if not node.lost:
        raise Refused(
            f"{node.name} is connected.", remedy="Only a lost node is forgotten: stop its agent, or drain it instead."
        )
    if open_on(state, node.id):
        raise Refused(f"{node.name} still has an attempt under way.", remedy="Cancel its job, or wait for the node.")
    waits = next((run for run in state.runs.values() if run.spec.node == node.id and not run.over), None)
    if waits is not None:
        raise Refused(
            f"run {waits.id} ({waits.spec.name}) is for {node.name} only.",
            remedy="Cancel that run, or wait for the node.",
        )
    return [e.NodeForgotten(node=node.id)]


def known(state: State, name: NodeId) -> Node:
    """Raises Refused."""
    node = state.nodes.get(name)
    if node is None:
        known = ", ".join(sorted(one.name for one in state.nodes.values())) or "none yet"
        raise Refused(f"There is no node {name}.", remedy=f"Known nodes: {known}.")
    return node
