"""What is different between two moments: two states, and what the events between them say of jobs that ended."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from daemon.core.state import Node, State, phase_name, trusted
from schema.ids import ImageId, JobId, RunId, number_of, run_of
from schema.then import Difference, JobChange, Moment

MOST = 200
"""Entries of a list; counts are whole."""


class Sight(NamedTuple):
    """What of a state is compared. Made before the state is folded on."""

    phases: dict[JobId, str]
    """Unfinished jobs and their state."""
    names: dict[JobId, str]
    settings: dict[str, str]
    """What a person set, and the fleet, in words."""


class Between(NamedTuple):
    """What the events between say."""

    kinds: Mapping[str, int]
    """Event type to how many."""
    submitted: frozenset[JobId]
    """Jobs that were not there before."""
    reopened: Mapping[JobId, str]
    """Job to how it had ended before it was first reopened."""
    ended: Mapping[JobId, str]
    """Job to how it ended last."""
    runs: tuple[RunId, ...]
    images: tuple[ImageId, ...]
    """The first ones that were stored."""
    images_stored: int
    ratings: int


def sight(state: State) -> Sight:
    return Sight(
        phases={job.id: phase_name(job.phase) for job in state.jobs.values()},
        names={job.id: job.spec.name for job in state.jobs.values()},
        settings=settings_of(state),
    )


def difference(
    was: Sight, now: Sight, between: Between, before: Moment, after: Moment, name_of: Callable[[JobId], str]
) -> Difference:
    """`name_of` is asked for jobs of which neither sight knows the name."""
    changes = changes_of(was, now, between)
    shown = sorted(changes, key=lambda job: (run_of(job), number_of(job)))[:MOST]
    return Difference(
        before=before,
        after=after,
        events=sum(between.kinds.values()),
        kinds=dict(between.kinds),
        runs=between.runs[:MOST],
        jobs=tuple(
            JobChange(job=job, name=now.names.get(job) or was.names.get(job) or name_of(job), was=then, now=since)
            for job in shown
            for then, since in (changes[job],)
        ),
        jobs_changed=len(changes),
        images=between.images[:MOST],
        images_stored=between.images_stored,
        ratings=between.ratings,
        settings=settings_changed(was.settings, now.settings),
        most=MOST,
    )


def changes_of(was: Sight, now: Sight, between: Between) -> dict[JobId, tuple[str, str]]:
    """Job to its state before and after, of those that have another one."""
    found: dict[JobId, tuple[str, str]] = {}
    for jobs in (was.phases, now.phases, between.submitted, between.reopened, between.ended):
        for job in jobs:
            if job in found:
                continue
            before = was.phases.get(job)
            if before is None:
                before = "" if job in between.submitted else between.reopened.get(job, between.ended.get(job, ""))
            after = now.phases.get(job) or between.ended.get(job, before)
            found[job] = before, after
    return {job: (before, after) for job, (before, after) in found.items() if before != after}


def settings_changed(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Name to what it was and what it is; empty: it was not there, or is no more."""
    names = dict.fromkeys((*was, *now))
    return {name: (was.get(name, ""), now.get(name, "")) for name in names if was.get(name, "") != now.get(name, "")}


def settings_of(state: State) -> dict[str, str]:
    pin = state.nodes.get(state.pin) if state.pin is not None else None
    found = {
        "queue": "paused" if state.paused else "open",
        "lanes": state.mode,
        "interactive work": f"on {pin.name if pin else state.pin} only" if state.pin is not None else "on any node",
        "learning": state.lessons.mode,
        "looks at pictures": "count where words are drawn" if state.feedback.on else "do not count",
    }
    found |= {f"run {run.id}": "paused" for run in state.runs.values() if run.paused}
    found |= {f"node {node.name or node.id}": _node_words(node) for node in state.nodes.values()}
    found |= {f"advice for {pack}": _listed(one.settings.items()) for pack, one in state.lessons.adopted.items()}
    for kind, drawn in (("wildcard", state.feedback.wildcards), ("pack", state.feedback.packs)):
        found |= {f"weights of {kind} {name}": _listed(weights.items()) for name, weights in drawn.items()}
    found |= {f"access {name}": access.scope for name, access in state.access.items()}
    if state.damaged:
        found["damaged files"] = str(len(state.damaged))
    return found


def _node_words(node: Node) -> str:
    if node.standing is not None:
        return node.standing
    words = "lost" if node.lost else "drained" if node.drained else "there" if trusted(node) else "not proved yet"
    return f"{words}, with {', '.join(node.backends)}" if node.backends and not node.lost else words


def _listed(pairs: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs) or "nothing"
