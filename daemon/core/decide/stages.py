"""What comes back from the nodes: accepted, adopted, refused, or a reason to try again.

The token fences: an answer counts only for the attempt that is open, or for one given up while its stage still waits.
"""

from typing import Literal

from daemon.core.ahead import next_step
from daemon.core.decide.failing import broke, doubted
from daemon.core.decide.nodes import lost
from daemon.core.decide.runs import goes_on
from daemon.core.rules import Rules
from daemon.core.state import Running, State
from daemon.core.wording import fault_in, kind_of, words_now
from schema import events as e
from schema import observations as o
from schema.ids import run_of
from schema.plans import PICTURELESS, WORDED

Verdict = Literal["accept", "cancelled", "known", "closed", "fenced", "future", "mismatch"]


def returned(state: State, news: o.StageReturned, rules: Rules) -> list[e.Event]:
    at = news.attempt
    match verdict(state, at):
        case "accept":
            if fault := _fault(state, news):
                return _useless(state, news, fault, rules)
            if news.suspect is not None and rules.suspects == "retry":
                return _suspect(state, news, news.suspect, rules)
            job = state.jobs.get(at.job)  # one that needed attention may be the reason why its run goes on
            return [*([] if job is None else goes_on(state.runs[job.run])), *_accepted(news)]
        case "cancelled":
            return [e.StageCancelled(job=at.job, stage=at.stage, token=at.token, node=at.node)]
        case "known":
            return []
        case "closed" | "fenced" | "future" | "mismatch" as reason:
            return [e.LateResultRefused(job=at.job, stage=at.stage, token=at.token, node=at.node, reason=reason)]


def verdict(state: State, at: o.Attempt) -> Verdict:
    """What an answer of this attempt is worth now."""
    if at.token > state.seq:
        return "future"
    if (brief := state.attempts.get(at.token)) is not None:
        if brief.attempt != at:
            return "mismatch"
        return "cancelled" if brief.cancelled else "accept"
    job = state.jobs.get(at.job)
    if job is None:
        return "closed"
    if any(done.token == at.token for done in job.done):
        return "known"
    step = next_step(state, job)
    if step is None or step.id != at.stage:
        return "closed"
    if isinstance(job.phase, Running):
        return "fenced"
    if job.late is None or at.token > job.late:
        return "mismatch"
    if at.token != job.late:
        return "fenced"
    if at.node != job.late_on:
        return "mismatch"
    # The stage waits again: the result of the attempt that was given up last saves its work.
    node = state.nodes.get(at.node)
    return "accept" if node is not None and (node.link != "lan" or node.certificate) else "closed"


def _fault(state: State, news: o.StageReturned) -> str:
    """Why those behind it would have nothing to go on with; empty: they have."""
    job = state.jobs.get(news.attempt.job)
    kind = "" if job is None else kind_of(state, job, news.attempt.stage)
    if not news.images and kind not in PICTURELESS:
        return "it came back without a picture"
    return fault_in(kind, words_now(job), news.reported) if job is not None and kind in WORDED else ""


def _useless(state: State, news: o.StageReturned, why: str, rules: Rules) -> list[e.Event]:
    """Those behind it would have nothing to go on with."""
    at = news.attempt
    if at.token in state.attempts:
        return broke(state, o.StageBroke(attempt=at, trouble="backend", reason=why), rules)
    return [e.LateResultRefused(job=at.job, stage=at.stage, token=at.token, node=at.node, reason="closed")]


def _suspect(state: State, news: o.StageReturned, why: str, rules: Rules) -> list[e.Event]:
    """Made once more, carefully; then the job needs attention, with the pictures that came of it to look at."""
    at, brief = news.attempt, state.attempts.get(news.attempt.token)
    if brief is None:  # given up meanwhile: no reason to adopt it
        return [e.LateResultRefused(job=at.job, stage=at.stage, token=at.token, node=at.node, reason="closed")]
    doubts = _doubts(news)
    if doubts.count(None) > 0:
        why = f"{len(doubts) - doubts.count(None)} of {len(doubts)} pictures: {why}"
    job = state.jobs[at.job]
    return [*([] if job.suspects == 0 else _stored(news)), *doubted(state, brief, job, why, rules)]


def _doubts(news: o.StageReturned) -> tuple[str | None, ...]:
    """Of each picture: its own, or that of the whole attempt where nobody saw in which of them it is."""
    each = tuple(new.suspect for new in news.images)
    return each if any(each) else tuple(news.suspect for _ in each)


def _accepted(news: o.StageReturned) -> list[e.Event]:
    at = news.attempt
    finished = e.StageFinished(
        job=at.job,
        stage=at.stage,
        token=at.token,
        node=at.node,
        backend=news.backend,
        images=tuple(new.image for new in news.images),
        files=tuple(new.file.sha256 for new in news.images),
        effective=news.effective,
        reported=news.reported,
        measures=news.measures,
        suspect=news.suspect,
        filters=news.filters,
    )
    return [*_stored(news), finished]


def _stored(news: o.StageReturned) -> list[e.Event]:
    at = news.attempt
    return [
        e.ArtifactStored(
            image=new.image,
            job=at.job,
            run=run_of(at.job),
            stage=at.stage,
            token=at.token,
            index=index,
            file=new.file,
            suspect=doubt,
        )
        for index, (new, doubt) in enumerate(zip(news.images, _doubts(news), strict=True))
    ]


def gone(state: State, news: o.AttemptGone, rules: Rules) -> list[e.Event]:
    brief = state.attempts.get(news.attempt.token)
    if brief is None or brief.attempt != news.attempt:
        return []
    return lost(state, brief, news.reason, rules)
