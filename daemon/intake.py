"""Makes orders of assignments, and stored pictures of what an agent made: between prompting, artifacts and the fleet.

A picture is stored with the texts other programs read, which say how it was made up to this stage.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from daemon.artifacts import infotext, parameters
from daemon.artifacts.store import ArtifactStore, HostilePicture, Missing, Seen
from daemon.core.state import Brief
from daemon.fleet.results import Rejected
from daemon.past import Past
from daemon.prompting.effective import effective, stage_config
from daemon.prompting.pipelines import model_of
from daemon.prompting.steps import asked_backend
from daemon.session import Session
from schema.errors import Refused
from schema.ids import ImageId, Sha256
from schema.observations import NewImage
from schema.orders import AttemptReport, Order, Product, Result
from schema.pages import JobRecord
from schema.plans import PROMPTING, Plain, Scalar, StageStep
from schema.stages import GeneratePrompt, ImageStage, Img2Img, LlmEnhance, SelectLoras, Txt2Img, WordStage
from schema.words import words_in

MADE_BY_MODELS = frozenset({"txt2img", "img2img", "refiner", "detail", "upscale", "face_restore"})

LATENT = 8
"""Pixels of one latent: a second pass ends on a whole one."""


HASHES = {
    "model_hash": "Model hash", "vae_hash": "VAE hash", "lora_hashes": "Lora hashes", "ti_hashes": "TI hashes",
}  # fmt: skip
"""What our `parameters` text takes over from a server's own."""


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
        previews: Callable[[], bool] = lambda: False,
        session: Session | None = None,
    ) -> None:
        """`previews`: whether unfinished pictures are wanted just now; `session`: for stages that make words."""
        self._previews = previews
        self._session = session
        self._store = store
        self._past = past
        self._epoch = epoch
        self._draw_id = draw_id
        self._version = version
        self._base = lru_cache(maxsize=64)(lambda sha256: store.path(sha256).read_bytes())

    async def order(self, brief: Brief) -> Order:
        """Raises Refused where the base config is missing or cannot be read."""
        spec = brief.job_spec
        config = stage_config(self._base(brief.run_spec.base), brief.step.id, spec.overlay)
        attempt = brief.attempt
        asked = asked_backend(brief.step, spec.backend, brief.run_spec.backend)
        order = Order(
            job=attempt.job,
            stage=attempt.stage,
            token=attempt.token,
            epoch=self._epoch(),
            config=msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json"))),
            backend=brief.backend or asked or None,
            prompt=spec.prompt,
            negative=spec.negative,
            seed=spec.seed,
            inputs=inputs_of(config, brief.inputs),
            preset=brief.run_spec.preset,
            previews=self._previews(),
            reduced=brief.reduced,
            careful=brief.careful,
        )
        return order if self._session is None else await self._for_words(order, config, brief, self._session)

    async def _for_words(self, order: Order, config: ImageStage | WordStage, brief: Brief, session: Session) -> Order:
        match config:
            case GeneratePrompt() | LlmEnhance():
                context = await session.context(order.job, config, brief.run_spec.profile)
                return msgspec.structs.replace(order, context=context)
            case SelectLoras():
                model = model_of(effective(self._base(brief.run_spec.base), brief.job_spec.overlay))
                return msgspec.structs.replace(order, candidates=await session.loras(order.prompt, model))
            case _:
                return order

    def watched(self) -> bool:
        return self._previews()

    def input(self, sha256: Sha256) -> Path:
        try:
            return self._store.path(sha256)
        except Missing as gone:
            raise Missing(
                f"the file of a picture that it begins from is gone ({sha256[:12]})",
                remedy="Begin a new run from another picture, or see what `stablenew disk check` says of that file",
            ) from gone

    async def examine(self, claim: Sha256, body: AsyncIterator[bytes]) -> Seen:
        """Raises Rejected, OSError."""
        try:
            return await self._store.examine(body, claim=claim)
        except HostilePicture as fault:
            raise Rejected(f"its picture {fault}") from fault

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
        words = words_in(job, before=report.stage)
        spoken = msgspec.structs.replace(job.spec, prompt=words.prompt, negative=words.negative)
        kind = next((step.kind for step in steps if step.id == report.stage), "")
        seed = job.spec.seed if product.seed is None else product.seed
        doubt: str | None = None

        def texts(seen: Seen) -> dict[str, str]:
            nonlocal doubt
            doubt = _doubt(kind, result.effective, seen)
            capsule = Capsule(
                version=self._version,
                job=job.id,
                run=job.run,
                stage=report.stage,
                token=report.token,
                prompt=words.prompt,
                negative=words.negative,
                seed=seed,
                effective={step.id: dict(effective) for step, effective in done},
            )
            return {
                "parameters": infotext.parameters(spoken, done, seen.width, seen.height, seed, self._version),
                "stablenew": msgspec.json.encode(capsule, order="sorted").decode(),
            }

        try:
            file = await self._store.accept(body, claim=product.sha256, texts=texts)
        except HostilePicture as fault:
            raise Rejected(f"a picture of {report.job} ({report.stage}) {fault}") from fault
        picture = msgspec.structs.replace(file, seed=product.seed)
        return NewImage(image=ImageId(self._draw_id()), file=picture, suspect=doubt)


def inputs_of(config: ImageStage | WordStage, before: tuple[Sha256, ...]) -> tuple[Sha256, ...]:
    """What the agent needs of pictures: those of the stage before, or the one to begin from; masks and controls."""
    if not isinstance(config, Txt2Img | Img2Img):
        return before
    named = [unit.image for unit in config.controls if unit.image]
    if isinstance(config, Img2Img):
        before = (Sha256(config.image),) if config.image else before
        named = [config.mask, *named] if config.mask else named
    return tuple(dict.fromkeys((*before, *(Sha256(name) for name in named))))


def _doubt(kind: str, effective: Mapping[str, Scalar], seen: Seen) -> str | None:
    """Why the picture may be broken; None: it looks like one. What only follows its input is not doubted."""
    if kind in MADE_BY_MODELS and seen.flat:
        return f"the picture is {seen.flat}"
    wanted = _wanted_size(kind, effective)
    if wanted is None or max(abs(seen.width - wanted[0]), abs(seen.height - wanted[1])) <= wanted[2]:
        return None
    return f"the picture has {seen.width}x{seen.height} pixels instead of {wanted[0]}x{wanted[1]}"


def _wanted_size(kind: str, effective: Mapping[str, Scalar]) -> tuple[int, int, int] | None:
    """Width, height and by how many pixels each may differ; None where the stage says nothing of it."""
    width, height, scale = effective.get("width"), effective.get("height"), effective.get("hires.scale")
    if kind not in ("txt2img", "img2img") or effective.get("workflow.name") is not None:
        return None
    if not isinstance(width, int) or not isinstance(height, int):
        return None
    if isinstance(scale, int | float) and not isinstance(scale, bool):
        return round(width * scale), round(height * scale), LATENT
    return width, height, 0


def _done(
    job: JobRecord, steps: tuple[StageStep, ...], report: AttemptReport, result: Result
) -> list[tuple[StageStep, dict[str, Scalar]]]:
    """The stages that made this picture, in order, each with the config it really used and the hashes of its files."""
    made = (stage for stage in job.stages if stage.state == "done" and stage.kind not in PROMPTING)
    used = {stage.id: _hashed(stage.effective, stage.reported) for stage in made}
    used[report.stage] = _hashed(result.effective, result.reported)
    done = []
    for step in steps:
        if step.id in used:
            done.append((step, used[step.id]))
        if step.id == report.stage:
            break
    return done


def _hashed(effective: Mapping[str, Scalar], reported: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """With the hashes that a server told, in a field of their own or in its infotext."""
    told = reported.get("infotext")
    said = parameters.read(told) if isinstance(told, str) else parameters.Infotext()
    hashes = {name: reported.get(name) or said.get(key) for name, key in HASHES.items()}
    return {**{name: value for name, value in hashes.items() if value}, **effective}
