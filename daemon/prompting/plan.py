"""The plan of a run: every job with its final prompt, seed and settings. Preview and submit call the same function.

Limits apply in this order: max-prompts (each pack), limit (all variants together), count, max-images (each pack).
`count` N gives each variant N jobs with the seeds seed, seed+1, ...; every variant has the same seeds. Where a job
makes a batch of pictures, its seeds follow one another, and the next job's begin behind them: no picture is made twice.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from daemon.prompting.draft import Draft, draft
from daemon.prompting.edits import Edits
from daemon.prompting.experiments import batch_of, deal_mixes
from daemon.prompting.limits import check_total, over_total, sample
from daemon.prompting.looks.lean import Lean
from daemon.prompting.painter import Painter
from daemon.prompting.recipe import Shelf
from daemon.prompting.runs import run_spec
from daemon.prompting.spaces import Dealt, Worded
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.lessons import Lessons
from schema.plans import JobSpec, Plain, RunSpec
from schema.prompts import Segment
from schema.requests import RunRequest
from schema.settings import Settings

MAX_WARNINGS = 20

QUICK = 5_000
"""Jobs of a plan that is only looked at, up to which it is made whole."""


class Plan(Plain, frozen=True, kw_only=True):
    spec: RunSpec
    """`spec.base` is the SHA-256 of `base`."""
    jobs: tuple[JobSpec, ...]
    base: bytes
    """`PipelineConfig.canonical()`: to be kept in the artifact store."""
    plan_hash: str
    seed: int
    warnings: tuple[str, ...] = ()
    total: int = 0
    """Jobs of the whole plan, also where only a sample was made."""
    segments: tuple[Segment, ...] = ()
    """Of the prompt of the command line, or of the first pack's first prompt, as it was written."""
    spoken: frozenset[str] = frozenset()
    """Ids of the stages of which a preset, a pack, a prompt, `--set` or the last run said something."""


def make_plan(
    request: RunRequest,
    *,
    library: Shelf,
    settings: Settings,
    drawn_seed: int,
    now: float,
    drawn_folder: str,
    leaning: Lean | None = None,
    lessons: Lessons | None = None,
    show: int | None = None,
) -> Plan:
    """Deterministic in its arguments, changes none of them. Raises Refused.

    `drawn_seed` counts when the request has no seed; `drawn_folder` makes the results folder's name unique;
    `now` is Unix seconds, for ages and past times; `leaning` is what looks at pictures suggest for wildcards;
    `lessons` the mode of learning, and what plans take over from verdicts. With
    `show` only a sample is made of a plan of very many jobs, without a hash, and what is too much is told.
    """
    drafted = draft(request, library, settings, drawn_seed, leaning or Lean(), lessons or Lessons())
    if show is None:
        check_total(drafted.jobs, settings.run.max_variants)
        return paint(drafted, now, drawn_folder)
    if drafted.jobs <= QUICK:
        return paint(drafted, now, drawn_folder)
    over = over_total(drafted.jobs, settings.run.max_variants)
    some = drafted._replace(shares=sample(drafted.shares, show), warnings=(*over, *drafted.warnings))
    return msgspec.structs.replace(paint(some, now, drawn_folder), plan_hash="")


def paint(drafted: Draft, now: float, drawn_folder: str) -> Plan:
    """Makes the jobs of a draft."""
    request, recipe = drafted.request, drafted.recipe
    edits = Edits(request.edits)
    painter = Painter(request, recipe, drafted.sources, drafted.phrasing, drafted.drawer, edits)
    jobs: list[JobSpec] = []
    digest = hashlib.sha256()
    for worded, dealt, first, copies in _dealt(drafted):
        for job, look in painter.jobs(worded, dealt, first, copies):
            jobs.append(job)
            digest.update(msgspec.json.encode((job.prompt, job.negative, job.seed, look)))
    if len(jobs) == drafted.jobs:
        edits.check([job.name for job in jobs])
    plan_hash = digest.hexdigest()
    _check_hash(request, plan_hash)
    base = recipe.base.canonical()
    return Plan(
        spec=run_spec(drafted, jobs, base, plan_hash, now, drawn_folder),
        jobs=tuple(jobs),
        base=base,
        plan_hash=plan_hash,
        seed=drafted.seed,
        warnings=_short((*recipe.warnings, *painter.warnings, *drafted.warnings)),
        total=drafted.jobs,
        segments=drafted.segments(),
        spoken=frozenset(key.partition(".")[0] for key in painter.spoken) | recipe.repeated,
    )


def _dealt(drafted: Draft) -> Iterator[tuple[Worded, Dealt, int, int]]:
    """Each variant with its first seed and how many jobs it gets."""
    if drafted.cells:
        batch = batch_of(drafted.recipe.base)
        mixes = drafted.request.mixes
        for worded, dealt, seed in deal_mixes(
            mixes, drafted.cells, drafted.worded, drafted.spaces, drafted.seed, batch
        ):
            yield worded, dealt, seed, 1
        return
    for share in drafted.shares:
        worded, left = drafted.worded[share.at], share.jobs
        for dealt in drafted.spaces.deal(worded, share.variants):
            copies = min(drafted.request.count, left)
            left -= copies
            yield worded, dealt, drafted.seed, copies


def _check_hash(request: RunRequest, plan_hash: str) -> None:
    if request.plan_hash is not None and request.plan_hash.strip().lower() != plan_hash:
        raise Refused(
            f"the plan is another one by now: its hash is {plan_hash}.",
            where="--plan-hash",
            remedy="Look at it again with `stablenew plan`, then submit with the new hash.",
        )


def _short(warnings: tuple[str, ...]) -> tuple[str, ...]:
    each = tuple(dict.fromkeys(told(text, 300) for text in warnings))
    if len(each) <= MAX_WARNINGS:
        return each
    return (*each[:MAX_WARNINGS], f"... and {len(each) - MAX_WARNINGS} more warnings.")
