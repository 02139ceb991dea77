"""What a failed attempt leads to: tried again there or elsewhere, shown to a person, and held against its node."""

from daemon.core.breaker import bar
from daemon.core.decide.nodes import closed, lost, parked_after_losses, waiting_for
from daemon.core.memory import biggest, in_words
from daemon.core.rules import Rules
from daemon.core.state import Brief, Job, Node, State, trusted
from schema import events as e
from schema import observations as o
from schema.errors import Trouble
from schema.ids import NodeId

SUSPECT_REMEDY = 'look at its model, VAE and sampler, then retry it; daemon.suspects = "keep" keeps such pictures'


def broke(state: State, news: o.StageBroke, rules: Rules) -> list[e.Event]:
    """Trouble of an attempt that nobody waits for any more is of no interest, but frees its node."""
    brief = state.attempts.get(news.attempt.token)
    if brief is None or brief.attempt != news.attempt:
        return []
    job = waiting_for(state, brief)
    if job is None:
        return [closed(brief, news.reason)]
    match news.trouble:
        case "lost":
            return lost(state, brief, news.reason, rules)
        case "cancelled":
            at = brief.attempt
            cancelled = e.StageCancelled(job=at.job, stage=at.stage, token=at.token, node=at.node)
            return [cancelled, *parked_after_losses(job, news.reason, rules)]
        case "bad-request":
            return [
                _failed(brief, news.trouble, news.reason),
                e.JobFailed(job=job.id, trouble=news.trouble, reason=news.reason),
            ]
        case "out-of-memory":
            return _too_large(state, brief, job, news.reason)
        case "suspect":
            return doubted(state, brief, job, news.reason, rules)
        case "backend":
            return _failed_there(state, brief, job, news.reason, rules)


def doubted(state: State, brief: Brief, job: Job, why: str, rules: Rules) -> list[e.Event]:
    """The first suspect attempt of a stage is made again at once, carefully; the second needs a person, and so does one
    behind other failures.
    """
    struck = _struck(state, brief, job, "suspect", rules)
    if job.suspects == 0 and (job.attempts == 0 or job.attempts + 1 < rules.retries):
        return [_failed(brief, "suspect", why, again_in=0.0), *struck]
    often = "twice" if job.suspects else f"at attempt {job.attempts + 1}"
    parked = e.JobParked(job=job.id, trouble="suspect", reason=f"{why}, {often}; {SUSPECT_REMEDY}")
    return [_failed(brief, "suspect", why), parked, *struck]


def _failed_there(state: State, brief: Brief, job: Job, reason: str, rules: Rules) -> list[e.Event]:
    """Other nodes first; what several of them cannot do is the job's fault, and the queue goes on without it."""
    struck = _struck(state, brief, job, "backend", rules)
    attempts, nodes = job.attempts + 1, tuple(dict.fromkeys((*job.failed_on, brief.attempt.node)))
    if attempts < rules.retries and len(nodes) < rules.nodes_tried:
        return [_failed(brief, "backend", reason, again_in=rules.backoff_after(attempts)), *struck]
    where = f", on {_names(state, nodes)}" if len(nodes) > 1 else ""
    why = f"{reason} (attempt {attempts} of {max(attempts, rules.retries)}{where})"
    return [_failed(brief, "backend", reason), e.JobParked(job=job.id, trouble="backend", reason=why), *struck]


def _too_large(state: State, brief: Brief, job: Job, reason: str) -> list[e.Event]:
    """Once more with the memory-saving profile, then on nodes with more memory, each by the same rule."""
    if not brief.reduced:
        return [_failed(brief, "out-of-memory", reason, again_in=0.0, reduced=True)]
    node = state.nodes.get(brief.attempt.node)
    had = max(job.floor_gb, node.vram_gb if node is not None else 0.0)
    able = [one for one in state.nodes.values() if _could_take(state, one, job, brief)]
    if node is not None and node.vram_gb > job.floor_gb and any(one.vram_gb > had for one in able):
        return [_failed(brief, "out-of-memory", reason, again_in=0.0)]
    return [
        _failed(brief, "out-of-memory", reason),
        e.JobParked(job=job.id, trouble="out-of-memory", reason=in_words(reason, biggest(able))),
    ]


def _could_take(state: State, node: Node, job: Job, brief: Brief) -> bool:
    """As far as is known without its card; one that has not come back since the daemon's start may well do so."""
    there = not node.lost or node.came < state.epoch
    meant = state.runs[job.run].spec.node in (None, node.id, node.name)
    return there and trusted(node) and meant and brief.step.kind in node.kinds


def _struck(state: State, brief: Brief, job: Job, trouble: Trouble, rules: Rules) -> list[e.Event]:
    node = state.nodes.get(brief.attempt.node)
    barred = None if node is None else bar(node, brief, job, trouble, rules)
    return [] if barred is None else [barred]


def _names(state: State, nodes: tuple[NodeId, ...]) -> str:
    names = [state.nodes[node].name if node in state.nodes else node for node in nodes]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _failed(
    brief: Brief, trouble: Trouble, reason: str, *, again_in: float | None = None, reduced: bool = False
) -> e.StageFailed:
    at = brief.attempt
    return e.StageFailed(
        job=at.job,
        stage=at.stage,
        token=at.token,
        node=at.node,
        trouble=trouble,
        reason=reason,
        again_in=again_in,
        reduced=reduced,
    )
