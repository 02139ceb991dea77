"""The plan of a run: every job with its final prompt, seed and settings. Preview and submit call the same function.

Limits apply in this order: max-prompts (each pack), limit (all variants together), count, max-images (each pack).
`count` N gives each variant N jobs with the seeds seed, seed+1, ...; every variant has the same seeds. Where a job
makes a batch of pictures, its seeds follow one another, and the next job's begin behind them: no picture is made twice.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from daemon.prompting import tokens
from daemon.prompting.effective import check_seed, config_of, difference
from daemon.prompting.heirs import inherited
from daemon.prompting.needs import words_need
from daemon.prompting.recipe import Recipe, Shelf, make_recipe, pack_values, prompt_values, vary
from daemon.prompting.runs import run_spec
from daemon.prompting.sources import Source, Taken, check_locks, in_order, read_sources
from daemon.prompting.steps import steps_of
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.packs import PackPrompt
from schema.pipeline import PipelineConfig
from schema.plans import JobSpec, Plain, RunSpec, Scalar, StageStep
from schema.requests import RunRequest
from schema.settings import Settings
from schema.stages import Txt2Img

MAX_WARNINGS = 20


class Plan(Plain, frozen=True, kw_only=True):
    spec: RunSpec
    """`spec.base` is the SHA-256 of `base`."""
    jobs: tuple[JobSpec, ...]
    base: bytes
    """`PipelineConfig.canonical()`: to be kept in the artifact store."""
    plan_hash: str
    seed: int
    warnings: tuple[str, ...] = ()
    spoken: frozenset[str] = frozenset()
    """Ids of the stages of which a preset, a pack, a prompt, `--set` or the last run said something."""


class _Look(NamedTuple):
    """What the jobs of one prompt have in common besides their words."""

    overlay: Mapping[str, Scalar]
    stages: tuple[StageStep, ...] | None
    origins: Mapping[str, str]
    digest: str
    """Of the effective config."""
    batch: int
    """Pictures that a job makes at once, each with a seed of its own."""


def make_plan(
    request: RunRequest,
    *,
    library: Shelf,
    settings: Settings,
    drawn_seed: int,
    now: float,
    drawn_folder: str,
) -> Plan:
    """Deterministic in its arguments, changes none of them. Raises Refused.

    `drawn_seed` counts when the request has no seed; `drawn_folder` makes the results folder's name unique;
    `now` is Unix seconds, for ages and past times.
    """
    _check(request)
    seed = drawn_seed if request.seed is None else request.seed
    check_seed(seed, request.count)
    recipe = make_recipe(request, library, settings)
    sources = read_sources(request, library)
    locks = check_locks(request.lock, sources)
    chosen = _chosen(request, sources, seed, settings.run.max_variants)
    painter = _Painter(request, recipe, sources, locks)
    jobs: list[JobSpec] = []
    digest = hashlib.sha256()
    for taken, copies in chosen:
        for job, look in painter.jobs(taken, seed, copies):
            jobs.append(job)
            digest.update(msgspec.json.encode((job.prompt, job.negative, job.seed, look)))
    plan_hash = digest.hexdigest()
    _check_hash(request, plan_hash)
    base = recipe.base.canonical()
    spec = run_spec(request, recipe, sources, jobs, base, plan_hash, seed, now, drawn_folder)
    warnings = (*recipe.warnings, *painter.warnings, *_left_as_they_are(sources, locks))
    return Plan(
        spec=spec,
        jobs=tuple(jobs),
        base=base,
        plan_hash=plan_hash,
        seed=seed,
        warnings=_short(warnings),
        spoken=frozenset(key.partition(".")[0] for key in painter.spoken) | recipe.repeated,
    )


def _check(request: RunRequest) -> None:
    for flag, number in (
        ("--count", request.count),
        ("--limit", request.limit),
        ("--max-images", request.max_images),
        ("--max-prompts", request.max_prompts),
    ):
        if number is not None and number < 1:
            raise Refused(f"{number} is too small; it must be at least 1.", where=flag)
    if request.plan_hash is not None and request.seed is None:
        raise Refused("needs --seed: without it every plan draws another.", where="--plan-hash", remedy="Add --seed.")
    for flag, text in (("--node", request.node), ("--backend", request.backend), ("--name", request.name)):
        if text is not None and (not text.strip() or len(text) > 200):
            raise Refused("must have 1 to 200 characters.", where=flag)
    if request.image is not None and (len(request.image) != 64 or set(request.image) - set("0123456789abcdef")):
        raise Refused("is no SHA-256 of an uploaded picture.", where="image", remedy="Upload the picture first.")


def _chosen(request: RunRequest, sources: tuple[Source, ...], seed: int, most: int) -> list[tuple[Taken, int]]:
    """The prompts that are left after the limits, each with its number of jobs. Counts before anything is made."""
    prompts: Counter[str] = Counter()
    images: Counter[str] = Counter()
    chosen: list[tuple[Taken, int]] = []
    total = variants = 0
    for taken in in_order(sources, request.order, seed):
        pack = taken.source.stem
        prompts[pack] += 1
        if request.max_prompts is not None and prompts[pack] > request.max_prompts:
            continue
        if request.limit is not None and variants >= request.limit:
            break
        variants += 1
        copies = request.count
        if request.max_images is not None:
            copies = min(copies, request.max_images - images[pack])
        if copies > 0:
            images[pack] += copies
            total += copies
            chosen.append((taken, copies))
    if total > most:
        raise Refused(
            f"the plan would have {total} jobs; run.max_variants allows {most}.",
            where="run",
            remedy="Lower --count, give --limit or --max-images, or raise run.max_variants in config.toml.",
        )
    return chosen


class _Painter:
    """Makes the jobs of one prompt after another; works out what prompts share only once."""

    def __init__(
        self,
        request: RunRequest,
        recipe: Recipe,
        sources: tuple[Source, ...],
        locks: Mapping[str, str],
    ) -> None:
        self.warnings: list[str] = []
        self.spoken: set[str] = {*recipe.preset, *recipe.fixed}
        """Keys that somebody wrote, also where they say what the pipeline says anyway."""
        self._recipe = recipe
        self._locks = locks
        self._seed_origin = "drawn" if request.seed is None else "--seed"
        self._negative = bool(request.negative)
        self._backend = request.backend
        self._steps = steps_of(recipe.base)
        self._looks: dict[tuple[tuple[str, Scalar], ...], _Look] = {}
        self._packs: dict[str, dict[str, Scalar]] = {}
        self._digits = max(2, len(str(max(len(source.prompts) for source in sources))))
        for source in sources:
            if source.pack:
                values, told_of = pack_values(recipe, source.pack.preset, source.pack.file)
                self._packs[source.stem] = values
                self.warnings += [*source.pack.warnings, *told_of]
                self.spoken |= values.keys()

    def jobs(self, taken: Taken, seed: int, copies: int) -> Iterator[tuple[JobSpec, str]]:
        """Each with the digest of its effective config."""
        source, prompt = taken
        look = self._look(source, prompt)
        origins = {**self._recipe.origins, **self._of_words(source, prompt), **look.origins}
        added = source.negative if source.pack else ""
        negative = ", ".join(filter(None, [prompt.negative, added]))
        words, unwanted = tokens.lock(prompt.text, self._locks), tokens.lock(negative, self._locks)
        needs = words_need(words, unwanted)
        check_seed(seed, copies * look.batch)
        for one in range(seed, seed + copies * look.batch, look.batch):
            yield (
                JobSpec(
                    name=f"{source.stem}-{prompt.number:0{self._digits}}-v1-s{one}",
                    pack=source.pack.name if source.pack else None,
                    prompt_number=prompt.number,
                    template=prompt.text,
                    prompt=words,
                    negative_template=negative,
                    negative=unwanted,
                    seed=one,
                    overlay=dict(look.overlay),
                    origins=origins,
                    stages=look.stages,
                    needs=needs,
                    backend=None if self._backend is not None else prompt.backend,
                ),
                look.digest,
            )

    def _of_words(self, source: Source, prompt: PackPrompt) -> dict[str, str]:
        origin = source.origin(prompt)
        found = {"prompt": origin, "seed": self._seed_origin}
        if prompt.negative and source.pack:
            found["negative"] = f"{origin}, --negative" if self._negative else origin
        elif self._negative:
            found["negative"] = "--negative"
        if prompt.backend and self._backend is None:
            found["backend"] = origin
        return found

    def _look(self, source: Source, prompt: PackPrompt) -> _Look:
        own = self._packs.get(source.stem, {})
        mine: dict[str, Scalar] = {}
        where = source.origin(prompt)
        if prompt.overrides:
            mine, told_of = prompt_values(self._recipe, prompt.overrides, where)
            self.warnings += told_of
            self.spoken |= mine.keys()
        values = {**own, **mine}
        key = tuple(sorted(values.items()))
        made = self._looks.get(key)
        if made is None:
            made = self._looks[key] = self._make(vary(self._recipe, values, where))
        if not made.overlay:
            return made
        pack = f"pack {source.pack.file}" if source.pack else ""
        origins = {name: where if name in mine else pack if name in own else "refine preset" for name in made.overlay}
        return made._replace(origins=origins)

    def _make(self, pipeline: PipelineConfig) -> _Look:
        steps = steps_of(pipeline)
        return _Look(
            overlay=difference(pipeline, self._recipe.base),
            stages=None if steps == self._steps else steps,
            origins={},
            digest=config_digest(pipeline),
            batch=next((stage.batch for stage in pipeline.running() if isinstance(stage, Txt2Img)), 1),
        )


def config_digest(pipeline: PipelineConfig) -> str:
    """Of the effective settings of all stages that run, in order; not of their ids, nor the pipeline's name."""
    config = list(config_of(inherited(pipeline)).values())
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def _check_hash(request: RunRequest, plan_hash: str) -> None:
    if request.plan_hash is not None and request.plan_hash.strip().lower() != plan_hash:
        raise Refused(
            f"the plan is another one by now: its hash is {plan_hash}.",
            where="--plan-hash",
            remedy="Look at it again with `stablenew plan`, then submit with the new hash.",
        )


def _left_as_they_are(sources: tuple[Source, ...], locks: Mapping[str, str]) -> list[str]:
    """One warning for each pack or prompt that holds slots, wildcards or choices."""
    warnings: list[str] = []
    for source in sources:
        found: dict[str, str] = {}
        for prompt in source.prompts:
            text = tokens.lock(f"{prompt.text}\n{prompt.negative}", locks)
            for token in tokens.unexpanded(text):
                found.setdefault(token, source.origin(prompt))
        if found:
            shown = ", ".join(f"{told(token, 40)}" for token in list(found)[:6])
            more = f" and {len(found) - 6} more" if len(found) > 6 else ""
            warnings.append(f"{next(iter(found.values()))}: left as it is: {shown}{more}; nothing is put in its place.")
    return warnings


def _short(warnings: tuple[str, ...]) -> tuple[str, ...]:
    each = tuple(dict.fromkeys(told(text, 300) for text in warnings))
    if len(each) <= MAX_WARNINGS:
        return each
    return (*each[:MAX_WARNINGS], f"... and {len(each) - MAX_WARNINGS} more warnings.")
