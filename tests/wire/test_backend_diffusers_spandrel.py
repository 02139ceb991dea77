"""Upscalers and face restorers as spandrel's models of random weights; skipped where spandrel cannot be imported."""

import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageChops

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_world`

from diffusers_notes import Notes, painted, until, work
from diffusers_world import sd_model, yolos

from agent.backends import BackendTrouble, Made
from agent.backends.diffusers import Diffusers
from agent.pictures import seen
from schema.stages import Detail, FaceRestore, Refine, Refiner, Resize, Txt2Img, Upscale

pytestmark = [
    pytest.mark.torch,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("torch", "diffusers", "spandrel", "torchvision")),
        reason="needs stablenew[diffusers] and spandrel, which needs torchvision",
    ),
]


def compact(path: Path, scale: int) -> Path:
    """Spandrel's smallest architecture; of scale 1 it stands for a face restorer."""
    import torch
    from safetensors.torch import save_file
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    net = Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=scale)
    save_file(net.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diffusers]:
    models = tmp_path_factory.mktemp("models")
    sd_model(models / "toy")
    yolos(models / "detectors" / "faces")
    compact(models / "upscalers" / "2x-plain.safetensors", 2)
    compact(models / "restorers" / "plain.safetensors", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        backend = Diffusers(models, models, time.monotonic)
        until(lambda: backend.card().state == "ready", "it never started")
        yield backend
        backend.close()


def size(made: Made) -> tuple[int, int]:
    return seen(made.pictures[0].content).size


def test_the_card_lists_them(backend):
    card = backend.card()
    assert "2x-plain.safetensors" in card.upscalers and card.restorers == ("plain.safetensors",)
    assert "face_restore" in card.kinds and "No upscaler" not in card.note


def test_a_model_enlarges_again_and_again_in_tiles_without_seams(backend, tmp_path):
    photo = painted(tmp_path / "a.png", (80, 60))
    notes = Notes()
    tiled = backend.run(work(Upscale(id="u", upscaler="2x-plain", factor=4, tile=64, overlap=16), photo), notes)
    assert size(tiled) == (320, 240) and "upscaling" in notes.doings()
    whole = backend.run(work(Upscale(id="u", upscaler="2x-plain", factor=4, tile=0), photo), Notes())
    (tmp_path / "t.png").write_bytes(tiled.pictures[0].content)
    (tmp_path / "w.png").write_bytes(whole.pictures[0].content)
    apart = ImageChops.difference(Image.open(tmp_path / "t.png"), Image.open(tmp_path / "w.png")).getextrema()
    assert max(high for _, high in apart) <= 3, "what a tile does not see beyond its edge is faded over"


def test_two_upscalers_can_be_mixed(backend, tmp_path):
    photo = painted(tmp_path / "a.png")
    config = Upscale(id="u", upscaler="2x-plain", upscaler2="Lanczos", blend=0.5)
    half, whole = (backend.run(work(config.model_copy(update={"blend": b}), photo), Notes()) for b in (0.5, 0.0))
    assert half.pictures[0].content != whole.pictures[0].content


def test_hires_takes_a_model_too(backend):
    from schema.parts import Hires

    config = Txt2Img(id="t", width=64, height=64, steps=3, hires=Hires(scale=2.0, upscaler="2x-plain"))
    assert size(backend.run(work(config), Notes())) == (128, 128)


def test_faces_are_restored_and_the_rest_is_kept(backend, tmp_path):
    photo = painted(tmp_path / "a.png", (128, 128))
    made = backend.run(work(FaceRestore(id="f", restorer="plain", strength=1.0), photo), Notes())
    assert int(made.reported["faces"] or 0) >= 1 and made.effective["restorer"] == "plain.safetensors"
    assert made.pictures[0].content != photo.read_bytes()
    with pytest.raises(BackendTrouble, match="no face restorer 'gfpgan'"):
        backend.run(work(FaceRestore(id="f", restorer="gfpgan"), photo), Notes())


def test_all_nine_stages_of_the_studio_in_one_process(backend, tmp_path):
    """txt2img, refiner, three detailers, upscaler and the three stages after it."""
    passes = {"detector": "faces", "confidence": 0.1, "steps": 3, "max_regions": 1}
    stages = [
        Txt2Img(id="txt2img", width=64, height=64, steps=4),
        Refiner(id="refiner", steps=8, switch_at=0.6),
        Detail(id="faces", **passes), Detail(id="hands", **passes), Detail(id="eyes", **passes, restore_face=True),
        Upscale(id="upscale", upscaler="2x-plain", factor=2.0, tile=64, overlap=8),
        FaceRestore(id="face_restore", restorer="plain"),
        Refine(id="refine"),
        Resize(id="resize", width=100, height=100),
    ]  # fmt: skip
    pids, inputs = set(), []
    for stage in stages:
        made = backend.run(work(stage, *inputs), Notes())
        assert made.suspect is None, stage.id
        path = tmp_path / stage.id
        path.write_bytes(made.pictures[0].content)
        inputs = [path]
        pids.add(backend._child.pid)
    assert len(pids) == 1 and size(made) == (100, 100)
    assert set(backend.memory().resident) == {"toy", "faces", "2x-plain.safetensors", "plain.safetensors"}
