"""ControlNet, upscaling, and the stages that only extensions of ComfyUI can do."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_world`

from comfy_fake import ComfyFake
from comfy_nodes import Names
from comfy_world import (
    SMALL,
    backend,
    graph,
    made,
    nodes,
    one,
    origin,
    picture,
    size_of,
    trouble,
)

from schema.parts import Control, Shape
from schema.stages import Detail, FaceRestore, Img2Img, Upscale

pytestmark = pytest.mark.servers

BOX = Shape(points=((0.25, 0.25), (0.5, 0.75)))
IMAGE = "c" * 64


@pytest.fixture
def fake() -> Iterator[ComfyFake]:
    with ComfyFake() as server:
        yield server


@pytest.fixture
def rich() -> Iterator[ComfyFake]:
    """With the extensions that some stages need."""
    names = Names(detectors=["bbox/face_yolov8n.pt", "segm/person_yolov8n-seg.pt"], face_models=["codeformer.pth"])
    with ComfyFake(names, impact=True, faces=True, aux=True) as server:
        yield server


def test_extensions_add_kinds_and_lists(rich: ComfyFake) -> None:
    card = backend(rich).card()
    assert {"detail", "face_restore"} <= set(card.kinds) and card.restorers == ("CodeFormer",)
    assert card.detectors == ("bbox/face_yolov8n.pt", "segm/person_yolov8n-seg.pt")
    assert card.control_processors == ("canny", "depth_anything")


def test_control_units_steer_both_prompts_with_a_map_of_their_picture(rich: ComfyFake, tmp_path: Path) -> None:
    units = (
        Control(model="edges", processor="canny", image=IMAGE, weight=0.7, end=0.8, threshold_a=100, threshold_b=200),
        Control(model="edges", processor="depth_anything", image=IMAGE, resolution=384),
    )
    made(rich, SMALL.model_copy(update={"controls": units}), controls={IMAGE: picture(tmp_path)})
    first, second = nodes(graph(rich), "ControlNetApplyAdvanced")
    assert (first["strength"], first["start_percent"], first["end_percent"]) == (0.7, 0.0, 0.8)
    assert origin(rich, second, "positive") == origin(rich, second, "negative") == "ControlNetApplyAdvanced"
    canny = one(rich, "Canny")
    assert (canny["low_threshold"], canny["high_threshold"]) == (0.3922, 0.7843)
    assert one(rich, "DepthAnythingPreprocessor")["resolution"] == 384


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (Control(model="edges"), "names no picture"),
        (Control(model="edgy", image=IMAGE), "no ControlNet model 'edgy'; the nearest are edges.safetensors"),
        (Control(model="edges", image=IMAGE, processor="depth_zoe"), "no preprocessor 'depth_zoe'"),
        (Control(model="edges", image=IMAGE, mode="prompt"), "no mode 'prompt'"),
        (Control(model="edges", image=IMAGE, start=0.5, end=0.5), "make `end` larger"),
    ],
)
def test_what_a_control_unit_cannot_do_is_told(fake: ComfyFake, tmp_path: Path, unit: Control, words: str) -> None:
    told = trouble(fake, SMALL.model_copy(update={"controls": (unit,)}), controls={IMAGE: picture(tmp_path)})
    assert told.trouble == "bad-request" and words in told.sentence


def test_an_upscale_ends_at_the_exact_size_by_every_way(fake: ComfyFake, tmp_path: Path) -> None:
    path = picture(tmp_path)
    assert size_of(made(fake, Upscale(id="s"), path)) == (192, 128)
    assert one(fake, "ImageScale")["upscale_method"] == "lanczos"
    by_model = made(fake, Upscale(id="s", upscaler="sharp_4x", factor=1.5), path)
    assert size_of(by_model) == (144, 96) and by_model.effective["upscaler"] == "sharp_4x.pth"
    assert (by_model.effective["tile"], by_model.effective["overlap"]) == (512, 32), "its own, whatever was asked"
    mixed = made(
        fake, Upscale(id="s", upscaler="sharp_2x", upscaler2="Bicubic", blend=0.3, width=150, height=130), path
    )
    assert size_of(mixed) == (150, 130) and one(fake, "ImageBlend")["blend_factor"] == 0.3


def test_an_upscale_with_denoise_is_sampled_again(fake: ComfyFake, tmp_path: Path) -> None:
    config = Upscale(id="s", factor=1.5, denoise=0.4, steps=3, tile=64, overlap=8, model="toy", sampler="Heun")
    done = made(fake, config, picture(tmp_path))
    assert one(fake, "VAEEncodeTiled")["overlap"] == 16, "an overlap as large as the tile divides by zero"
    assert (
        one(fake, "KSampler")["denoise"] == 0.4 and done.effective["sampler"] == "Heun" and size_of(done) == (144, 96)
    )
    assert "UltimateSDUpscale" in str(done.reported["sampled"])


def test_detail_finds_filters_and_paints_through_the_impact_pack(rich: ComfyFake, tmp_path: Path) -> None:
    config = Detail(id="s", detector="face", steps=3, confidence=0.4, dilate=6, max_regions=2, min_area=0.01,
                    denoise=0.35, mask_blur=8, model="toy", prompt="a smile", width=768)  # fmt: skip
    done = made(rich, config, picture(tmp_path))
    found, painted = one(rich, "BboxDetectorSEGS"), one(rich, "DetailerForEach")
    assert (found["threshold"], found["dilation"], found["labels"]) == (0.4, 6, "all")
    assert (painted["denoise"], painted["feather"], painted["guide_size"], painted["cycle"]) == (0.35, 8, 768, 1)
    assert one(rich, "ImpactSEGSRangeFilter")["min_value"] == 61
    assert one(rich, "ImpactSEGSOrderedFilter")["take_count"] == 2
    assert done.effective["detector"] == "bbox/face_yolov8n.pt" and done.effective["prompt"] == "a smile"
    assert "a smile" in [inputs["text"] for inputs in nodes(graph(rich), "CLIPTextEncode")]


def test_detail_by_shape_uses_the_other_output(rich: ComfyFake, tmp_path: Path) -> None:
    made(rich, Detail(id="s", detector="person", steps=2, classes=("person", "dog")), picture(tmp_path))
    found = one(rich, "SegmDetectorSEGS")
    assert found["segm_detector"][1] == 1 and found["labels"] == "person, dog"


def test_detail_refuses_what_would_silently_not_act(rich: ComfyFake, tmp_path: Path) -> None:
    told = trouble(rich, Detail(id="s", steps=2, shift_x=5, merge="merge"), picture(tmp_path))
    assert told.trouble == "bad-request" and "shift_x, merge" in told.sentence


def test_a_detectors_mask_is_found_first_and_joined_with_the_drawn_one(rich: ComfyFake, tmp_path: Path) -> None:
    config = Img2Img(id="s", steps=2, mask_detector="face", mask_shapes=(BOX,))
    done = made(rich, config, picture(tmp_path))
    assert len(rich.prompts) == 2 and nodes(rich.prompts[0], "BboxDetectorCombined_v2")
    assert done.reported["prompt_id"].count(",") == 1 and size_of(done) == (96, 64)


def test_faces_are_restored_by_the_strength_asked(rich: ComfyFake, tmp_path: Path) -> None:
    done = made(rich, FaceRestore(id="s", strength=0.6, fidelity=0.8), picture(tmp_path))
    assert one(rich, "FaceRestoreCFWithModel")["codeformer_fidelity"] == 0.8
    assert one(rich, "ImageBlend")["blend_factor"] == 0.6 and done.effective["restorer"] == "CodeFormer"


@pytest.mark.parametrize("config", [Detail(id="s"), FaceRestore(id="s")])
def test_a_stage_whose_nodes_are_not_there_is_refused(fake: ComfyFake, tmp_path: Path, config) -> None:
    assert trouble(fake, config, picture(tmp_path)).trouble == "bad-request"
