"""When a node has failed too often in a row to be given more of the same, or anything at all."""

from typing import NamedTuple

from daemon.core.rules import Rules
from daemon.core.state import Brief, Job, Node
from schema.errors import Trouble
from schema.events import NodeBarred
from schema.ids import JobId

ANYTHING = "*"
"""The key of a node's strikes and bars that are about no checkpoint in particular."""

COUNTED: frozenset[Trouble] = frozenset({"backend", "suspect"})
"""Troubles that may be the node's fault. Too little memory is nobody's, a bad request the job's."""


class Row(NamedTuple):
    """Different jobs that failed in a row."""

    own: tuple[JobId, ...]
    """With one checkpoint."""
    all: tuple[JobId, ...]
    """With whichever."""


def barred(node: Node, model: str | None, now: float) -> bool:
    """Whether it is given none of this checkpoint now. A clock that jumps back lifts a bar rather than keep it."""
    return any(since <= now < until for key in (ANYTHING, model or "") for since, until in _bar(node, key))


def cooling(node: Node, now: float) -> bool:
    """Whether it is given nothing at all now."""
    return any(since <= now < until for since, until in _bar(node, ANYTHING))


def lifts_at(node: Node, now: float) -> float | None:
    """When the next of its bars falls, Unix seconds; None: it has none."""
    return min((until for since, until in node.barred.values() if since <= now < until), default=None)


def struck(node: Node, model: str | None, job: Job, trouble: Trouble) -> Row | None:
    """The rows with this failure in them; None: it does not count. Of a job that failed elsewhere too, it is the job
    that is doubted.
    """
    if trouble not in COUNTED or any(other != node.id for other in job.failed_on):
        return None
    own, all_ = node.strikes.get(model or "", ()), node.strikes.get(ANYTHING, ())
    return Row(_with(own, job.id), _with(all_, job.id))


def bar(node: Node, brief: Brief, job: Job, trouble: Trouble, rules: Rules) -> NodeBarred | None:
    """What this failure, which is not folded yet, makes of the node."""
    model = brief.step.model or ""
    row = struck(node, model, job, trouble)
    if row is None:
        return None
    models = {one for one, jobs in node.strikes.items() if one != ANYTHING and not set(jobs).isdisjoint(row.all)}
    if len(row.all) >= rules.strikes and len(models | {model}) > 1:
        why = f"{len(row.all)} jobs with {len(models | {model})} checkpoints failed in a row"
        return NodeBarred(node=node.id, model=None, seconds=rules.cooling, reason=why)
    if len(row.own) >= rules.strikes:
        what = f"with {model}" if model else "without a checkpoint"
        why = f"{len(row.own)} jobs {what} failed in a row"
        return NodeBarred(node=node.id, model=model, seconds=rules.barred_for, reason=why)
    return None


def _bar(node: Node, key: str) -> list[tuple[float, float]]:
    found = node.barred.get(key)
    return [] if found is None else [found]


def _with(row: tuple[JobId, ...], job: JobId) -> tuple[JobId, ...]:
    return row if job in row else (*row, job)
