"""Entries of manifests and sidecars, made from the records of a run, its jobs and their stages."""

from daemon.artifacts.manifest import (
    Artifact,
    Durations,
    Manifest,
    ManifestJob,
    ManifestPack,
    ManifestPick,
    ManifestStage,
    Sidecar,
    VideoSummary,
)
from schema.pages import JobRecord, RunRecord, StageRecord, iso
from schema.plans import Measures
from schema.words import words_in


def stage_entry(stage: StageRecord, artifacts: tuple[Artifact, ...]) -> ManifestStage:
    return ManifestStage(
        id=stage.id,
        kind=stage.kind,
        state=stage.state,
        attempts=stage.attempts,
        node=stage.node,
        node_name=stage.node_name,
        backend=stage.backend,
        started=_when(stage.started),
        ended=_when(stage.ended),
        durations=_durations(stage.measures),
        effective=dict(stage.effective),
        reported=dict(stage.reported),
        suspect=stage.suspect,
        filters=stage.filters,
        reason=stage.reason,
        artifacts=artifacts,
    )


def job_entry(
    job: JobRecord, stages: tuple[ManifestStage, ...], finals: tuple[Artifact, ...], earlier: tuple[Artifact, ...]
) -> ManifestJob:
    spec, words = job.spec, words_in(job)
    return ManifestJob(
        id=job.id,
        name=spec.name,
        state=job.state,
        created=iso(job.created),
        ended=_when(job.ended),
        pack=spec.pack,
        prompt_number=spec.prompt_number,
        variant=spec.variant,
        style=spec.style,
        template=spec.template,
        prompt=words.prompt,
        negative_template=spec.negative_template,
        negative=words.negative,
        seed=spec.seed,
        seeds=tuple(spec.seed if artifact.seed is None else artifact.seed for artifact in finals),
        overlay=dict(spec.overlay),
        origins=dict(spec.origins),
        picks=tuple(ManifestPick(key=pick.key, value=pick.value, source=pick.source) for pick in spec.picks),
        axes=dict(spec.axes),
        stages=stages,
        finals=finals,
        earlier=earlier,
        reason=job.reason,
        planned_prompt=spec.prompt if words != (spec.prompt, spec.negative) else "",
        planned_negative=spec.negative if words != (spec.prompt, spec.negative) else "",
    )


def sidecar(run: RunRecord, job: JobRecord, image: Artifact, stages: tuple[ManifestStage, ...]) -> Sidecar:
    spec, words = job.spec, words_in(job)
    return Sidecar(
        format="stablenew-picture-1",
        image=image,
        run=run.row.id,
        run_name=run.spec.name,
        plan_hash=run.spec.plan_hash,
        base=run.spec.base,
        job=job.id,
        name=spec.name,
        created=iso(job.created),
        pack=spec.pack,
        prompt_number=spec.prompt_number,
        variant=spec.variant,
        style=spec.style,
        template=spec.template,
        prompt=words.prompt,
        negative_template=spec.negative_template,
        negative=words.negative,
        seed=spec.seed,
        overlay=dict(spec.overlay),
        origins=dict(spec.origins),
        picks=tuple(ManifestPick(key=pick.key, value=pick.value, source=pick.source) for pick in spec.picks),
        axes=dict(spec.axes),
        stages=stages,
    )


def run_entry(
    run: RunRecord, folder: str, jobs: tuple[ManifestJob, ...], video_path: str | None, video: VideoSummary | None
) -> Manifest:
    row, spec = run.row, run.spec
    return Manifest(
        format="stablenew-manifest-1",
        run=row.id,
        name=spec.name,
        state=row.state,
        created=iso(row.created),
        ended=_when(row.ended),
        folder=folder,
        plan_hash=spec.plan_hash,
        seed=spec.seed,
        pipeline=spec.pipeline,
        base=spec.base,
        packs=tuple(
            ManifestPack(name=p.name, sha256=p.sha256, prompts=p.prompts, jobs=p.jobs, variants=p.variants)
            for p in spec.packs
        ),
        randomizer=spec.randomizer,
        preset=spec.preset,
        profile=spec.profile,
        total=row.jobs,
        finished=row.finished,
        failed=row.failed + row.attention,
        cancelled=row.cancelled,
        jobs=jobs,
        video_path=video_path,
        video_summary=video,
        video_reason=run.film_reason,
    )


def _durations(measures: Measures) -> Durations:
    return Durations(
        waited_s=measures.waited_s,
        moved_s=measures.moved_s,
        loaded_s=measures.loaded_s,
        executed_s=measures.executed_s,
    )


def _when(at: float | None) -> str | None:
    return None if at is None else iso(at)
