"""Makes orders of assignments, and stored pictures of what an agent made: between prompting, artifacts and the fleet.

A picture is stored with the texts other programs read, which say how it was made up to this stage.
"""

from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from pathlib import Path

import msgspec

from daemon.artifacts import infotext
from daemon.artifacts.store import ArtifactStore, HostilePicture, Seen
from daemon.core.state import Brief
from daemon.fleet.dispatcher import Rejected
from daemon.past import Past
from daemon.prompting.effective import stage_config
from schema.errors import Refused
from schema.ids import ImageId, Sha256
from schema.observations import NewImage
from schema.orders import AttemptReport, Order, Product, Result
from schema.pages import JobRecord
from schema.plans import Plain, Scalar, StageStep
from schema.stages import Img2Img


class Capsule(Plain, frozen=True, kw_only=True):
    """What the `stablenew` text of a picture holds, as canonical JSON."""

    version: str
    job: str
    run: str
    stage: str
    token: int
    prompt: str
    negative: str
    seed: int
    effective: dict[str, dict[str, Scalar]]
    """Per stage so far, in order."""


class HouseIntake:
    def __init__(
        self,
        store: ArtifactStore,
        past: Past,
        epoch: Callable[[], int],
        draw_id: Callable[[], str],
        version: str,
    ) -> None:
        self._store = store
        self._past = past
        self._epoch = epoch
        self._draw_id = draw_id
        self._version = version
        self._base = lru_cache(maxsize=64)(lambda sha256: store.path(sha256).read_bytes())

    def order(self, brief: Brief) -> Order:
        """Raises Refused where the base config is missing or cannot be read."""
        spec = brief.job_spec
        config = stage_config(self._base(brief.run_spec.base), brief.step.id, spec.overlay)
        inputs = brief.inputs
        if isinstance(config, Img2Img):
            inputs = (Sha256(config.image),) if config.image else inputs[:1]
            inputs += (Sha256(config.mask),) if config.mask else ()
        attempt = brief.attempt
        return Order(
            job=attempt.job,
            stage=attempt.stage,
            token=attempt.token,
            epoch=self._epoch(),
            config=msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json"))),
            backend=brief.backend or spec.backend or brief.run_spec.backend,
            prompt=spec.prompt,
            negative=spec.negative,
            seed=spec.seed,
            inputs=inputs,
            preset=brief.run_spec.preset,
            reduced=brief.reduced,
        )

    def input(self, sha256: Sha256) -> Path:
        return self._store.path(sha256)

    async def accept(
        self, report: AttemptReport, result: Result, product: Product, body: AsyncIterator[bytes]
    ) -> NewImage:
        try:
            job = await self._past.job(report.job)
        except Refused as unknown:  # a spool may be older than the log, or belong to one that is gone
            raise Rejected(str(unknown)) from unknown
        run = await self._past.run(job.run)
        steps = run.spec.stages if job.spec.stages is None else job.spec.stages
        done = _done(job, steps, report, result)
        seed = job.spec.seed if product.seed is None else product.seed

        def texts(seen: Seen) -> dict[str, str]:
            capsule = Capsule(
                version=self._version,
                job=job.id,
                run=job.run,
                stage=report.stage,
                token=report.token,
                prompt=job.spec.prompt,
                negative=job.spec.negative,
                seed=seed,
                effective={step.id: dict(effective) for step, effective in done},
            )
            return {
                "parameters": infotext.parameters(job.spec, done, seen.width, seen.height, seed, self._version),
                "stablenew": msgspec.json.encode(capsule, order="sorted").decode(),
            }

        try:
            file = await self._store.accept(body, claim=product.sha256, texts=texts)
        except HostilePicture as fault:
            raise Rejected(f"a picture of {report.job} ({report.stage}) {fault}") from fault
        return NewImage(image=ImageId(self._draw_id()), file=msgspec.structs.replace(file, seed=product.seed))


def _done(
    job: JobRecord, steps: tuple[StageStep, ...], report: AttemptReport, result: Result
) -> list[tuple[StageStep, dict[str, Scalar]]]:
    """The stages that made this picture, in order, each with the config it really used."""
    used = {stage.id: dict(stage.effective) for stage in job.stages if stage.state == "done"}
    used[report.stage] = dict(result.effective)
    done = []
    for step in steps:
        if step.id in used:
            done.append((step, used[step.id]))
        if step.id == report.stage:
            break
    return done
