"""The run as a whole: its name, its packs, when it may start, its film. The jobs are the plan's work."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from daemon.prompting.draft import Draft
from daemon.prompting.experiments import learning_plan
from daemon.prompting.limits import digits
from daemon.prompting.sources import Source
from daemon.prompting.steps import steps_of
from daemon.prompting.texts import stem, told
from daemon.prompting.times import read_time, read_window
from schema.dialects import backend_called
from schema.errors import Refused
from schema.ids import Sha256
from schema.plans import FilmSpec, JobSpec, PackRef, Randomizer, RunSpec
from schema.stages import Video


def run_spec(
    drafted: Draft, jobs: Sequence[JobSpec], base: bytes, plan_hash: str, now: float, drawn_folder: str
) -> RunSpec:
    """`base` is the canonical pipeline; `now` in Unix seconds. Raises Refused for times that make no sense."""
    request, recipe, sources = drafted.request, drafted.recipe, drafted.sources
    packs, film = _packs(sources, jobs), recipe.base.film()
    name = told(request.name or _name(sources), 80)
    not_before = read_time(request.at, "--at", now) if request.at is not None else None
    deadline = read_time(request.deadline, "--deadline", now) if request.deadline is not None else None
    if deadline is not None and deadline <= (not_before or now):
        raise Refused("the deadline is before the run may start.", where="--deadline", remedy="Give a later time.")
    return RunSpec(
        name=name,
        base=Sha256(hashlib.sha256(base).hexdigest()),
        plan_hash=plan_hash,
        seed=drafted.seed,
        jobs=len(jobs),
        pipeline=recipe.name,
        stages=steps_of(recipe.base),
        packs=packs,
        lane=request.lane or ("batch" if packs else "interactive"),
        window=read_window(request.window) if request.window is not None else None,
        not_before=not_before,
        deadline=deadline,
        hold=request.hold,
        node=request.node,
        backend=None if request.backend is None else backend_called(request.backend),
        whole=request.whole,
        learning=request.learning or ("active" if request.experiment else drafted.phrasing.lessons.mode),
        experiment=request.experiment,
        learning_plan=learning_plan(request, drafted.grid, drafted.cells),
        preset=request.preset,
        profile=profile.name if (profile := drafted.phrasing.profile) else None,
        randomizer=_randomizer(drafted),
        film=None if film is None else film_spec(film),
        folder="-".join(filter(None, [drawn_folder, stem(name, 60)])),
    )


def _packs(sources: tuple[Source, ...], jobs: Sequence[JobSpec]) -> tuple[PackRef, ...]:
    """How much of each pack is in the plan. Jobs are told apart by the stems of their names."""
    made = Counter(job.name.rsplit("-", 3)[0] for job in jobs)
    variants = {(job.name.rsplit("-", 3)[0], job.prompt_number, job.variant) for job in jobs}
    used = Counter(name for name, _ in {(name, number) for name, number, _ in variants})
    varied = Counter(name for name, _, _ in variants)
    return tuple(
        PackRef(
            name=source.pack.name,
            sha256=source.pack.sha256,
            prompts=used[source.stem],
            jobs=made[source.stem],
            variants=varied[source.stem],
        )
        for source in sources
        if source.pack
    )


def _randomizer(drafted: Draft) -> Randomizer:
    request = drafted.request
    return Randomizer(
        order=request.order,
        matrix=request.matrix or "all",
        limit=request.limit,
        locks=drafted.spaces.locks,
        count=request.count,
        max_images=request.max_images,
        max_prompts=request.max_prompts,
        variants=request.variants,
        search=request.search,
        overlay=overlay.name if (overlay := drafted.phrasing.overlay) else None,
        styles=drafted.phrasing.names,
        template=template.name if (template := drafted.phrasing.template) else None,
        axes=drafted.grid.levels(),
        rerolls=drafted.spaces.rerolls,
        chances=drafted.spaces.chances,
        space=digits(drafted.space),
    )


def film_spec(film: Video) -> FilmSpec:
    """The stage as a run keeps it, with the container that fits the codec where none is named."""
    return FilmSpec(
        fps=film.fps,
        codec=film.codec,
        container=film.container or ("webm" if film.codec == "vp9" else "mp4"),
        width=film.width,
        height=film.height,
        bitrate=film.bitrate,
        seconds=film.seconds,
        trim_from=film.trim_from,
        trim_to=film.trim_to,
        frames=film.frames,
    )


def _name(sources: tuple[Source, ...]) -> str:
    """`harbour`, `harbour and 2 more`, or how the prompt begins."""
    first = sources[0]
    name = first.pack.name if first.pack else (first.prompts[0].text or "picture")
    return told(name, 40) if len(sources) == 1 else f"{told(name, 40)} and {len(sources) - 1} more"
