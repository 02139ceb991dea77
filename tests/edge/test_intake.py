"""Orders as they leave and pictures as they come in: every input is named, and what cannot be right is doubted."""

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from daemon.artifacts.store import ArtifactStore
from daemon.core.state import Brief
from daemon.intake import HouseIntake, inputs_of
from schema.errors import Refused
from schema.ids import JobId, NodeId, RunId, Sha256, StageId, Token
from schema.observations import Attempt
from schema.orders import AttemptReport, Product, Result
from schema.pages import JobRecord, RunRecord, RunRow
from schema.pipeline import PipelineConfig
from schema.plans import JobSpec, RunSpec, Scalar, StageStep
from schema.stages import STAGE

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


@pytest.mark.parametrize(
    ("config", "before", "inputs"),
    [
        ({"type": "upscale"}, (A, B), (A, B)),
        ({"type": "img2img"}, (A, B), (A, B)),
        ({"type": "img2img", "mask": C}, (A, B), (A, B, C)),
        ({"type": "img2img", "image": D, "mask": C}, (A,), (D, C)),
        ({"type": "txt2img", "controls": [{"model": "edge", "image": C}, {"model": "depth"}]}, (), (C,)),
        ({"type": "img2img", "image": D, "mask": C, "controls": [{"model": "edge", "image": D}]}, (), (D, C)),
    ],
)
def test_an_order_names_every_picture_that_the_agent_needs(config, before, inputs):
    assert inputs_of(STAGE.validate_python(config), before) == inputs


class Past:
    """One job of one run."""

    def __init__(self, *steps: StageStep) -> None:
        spec = RunSpec(name="r", base=Sha256(A), plan_hash="p", seed=1, jobs=1, stages=steps)
        self._run = RunRecord(row=RunRow(id=RunId("r"), name="r", state="active", created=1.0, jobs=1), spec=spec)
        self._job = JobRecord(
            id=JobId("r.1"), run=RunId("r"), state="running", created=1.0, spec=JobSpec(name="j", seed=7), stages=()
        )

    async def job(self, job: JobId) -> JobRecord:
        return self._job

    async def run(self, run: RunId) -> RunRecord:
        return self._run


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    opened = ArtifactStore(tmp_path / "art")
    yield opened
    await opened.close()


def intake(store: ArtifactStore, past: Past, *, watched: bool = False) -> HouseIntake:
    return HouseIntake(store, past, lambda: 1, lambda: "image1", "0", previews=lambda: watched)


async def suspicion(
    store: ArtifactStore, kind: str, picture: Image.Image, effective: dict[str, Scalar] | None = None
) -> str | None:
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    raw = packed.getvalue()
    claim = Sha256(hashlib.sha256(raw).hexdigest())

    async def body() -> AsyncIterator[bytes]:
        yield raw

    report = AttemptReport(job=JobId("r.1"), stage=StageId("s"), token=Token(5), state="done")
    new = await intake(store, Past(StageStep(id=StageId("s"), kind=kind))).accept(
        report, Result(backend="webui", effective=effective or {}), Product(sha256=claim, bytes=len(raw)), body()
    )
    return new.suspect


def scene(size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.radial_gradient("L").resize(size).convert("RGB")


BLACK = Image.new("RGB", (64, 48))


async def test_a_black_picture_is_doubted_where_a_model_made_it(store: ArtifactStore):
    assert await suspicion(store, "txt2img", BLACK) == "the picture is black"
    assert await suspicion(store, "upscale", Image.new("RGB", (64, 48), "grey")) == "the picture is of one colour"
    assert await suspicion(store, "txt2img", scene()) is None
    assert await suspicion(store, "resize", BLACK) is None, "it only follows its input"


@pytest.mark.parametrize(
    ("kind", "effective", "doubt"),
    [
        ("txt2img", {"width": 64, "height": 48}, None),
        ("txt2img", {"width": 512, "height": 48}, "the picture has 64x48 pixels instead of 512x48"),
        ("txt2img", {"width": 32, "height": 24, "hires.scale": 2.0}, None),
        ("txt2img", {"width": 40, "height": 30, "hires.scale": 1.5}, None),
        ("txt2img", {"width": 64, "height": 48, "hires.scale": 2.0}, "the picture has 64x48 pixels instead of 128x96"),
        ("txt2img", {"width": 512, "height": 512, "workflow.name": "mine"}, None),
        ("img2img", {"width": None, "height": None}, None),
        ("img2img", {"width": 32, "height": 24}, "the picture has 64x48 pixels instead of 32x24"),
        ("detail", {"width": 512, "height": 512}, None),
    ],
)
async def test_a_picture_of_another_size_is_doubted(store: ArtifactStore, kind, effective, doubt):
    assert await suspicion(store, kind, scene(), effective) == doubt


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize(
    ("brief", "job", "run", "told"),
    [
        ("webui", None, None, "webui"), (None, "comfyui", "webui", "comfyui"), (None, None, "webui", "webui"),
        (None, "", "webui", None), (None, None, None, None),
    ],
)  # fmt: skip
async def test_an_order_says_who_runs_it_and_whether_anybody_watches(store, watched, brief, job, run, told):
    base = PipelineConfig.model_validate([{"type": "txt2img", "id": "s"}]).canonical()
    spec = RunSpec(name="r", base=await store.put_blob(base), plan_hash="p", seed=1, jobs=1, backend=run)
    attempt = Attempt(job=JobId("r.1"), stage=StageId("s"), token=Token(5), node=NodeId("n"))
    made = await intake(store, Past(), watched=watched).order(
        Brief(
            attempt=attempt, run=RunId("r"), run_spec=spec, job_spec=JobSpec(name="j", backend=job), backend=brief,
            step=StageStep(id=StageId("s"), kind="txt2img"), careful=watched,
        )
    )  # fmt: skip
    assert (made.backend, made.previews, made.careful) == (told, watched, watched)
    assert msgspec.msgpack.decode(made.config)["type"] == "txt2img"


async def test_a_picture_whose_file_is_gone_is_told_with_what_to_do(store: ArtifactStore):
    with pytest.raises(
        Refused, match=r"^the file of a picture that it begins from is gone \(abcdef012345\)\. Begin a new"
    ):
        intake(store, Past(StageStep(id=StageId("s"), kind="img2img"))).input(Sha256("abcdef0123456789" * 4))
