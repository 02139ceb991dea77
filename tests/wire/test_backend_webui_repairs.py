"""What reaches a WebUI for stages that mend a finished picture: details, enlarging, faces; and words about it."""

import base64
import io
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_world import SMALL, World, painted, world

from agent.backends import BackendTrouble
from schema.parts import Control, Workflow
from schema.stages import Detail, FaceRestore, Img2Img, Interrogate, Refine, Refiner, Upscale

pytestmark = pytest.mark.servers

FLAVOURS = ("a1111", "forge")
UPLOAD = "a" * 64


@pytest.fixture(params=FLAVOURS)
def one(request: pytest.FixtureRequest):
    with world(Engine(request.param)) as made:
        yield made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return painted(tmp_path / "in.png")


def shown(text: object) -> Image.Image:
    assert isinstance(text, str)
    return Image.open(io.BytesIO(base64.b64decode(text)))


# Detail -----------------------------------------------------------------------------------------


def test_another_model_in_detail_is_found_out(one: World, picture: Path) -> None:
    one.server.adetailer = True
    one.engine.swap_model = "other"
    with pytest.raises(BackendTrouble, match="used model 'other' where 'toy"):
        one.run(Detail(model="toy", steps=4), picture)


def test_a_vae_that_went_missing_before_detail_is_found_out(picture: Path) -> None:
    with world(Engine("forge")) as one:
        one.server.adetailer = True
        one.backend.card()
        one.engine.vaes.remove("sea.safetensors")
        with pytest.raises(BackendTrouble, match="used module 'none' where 'sea"):
            one.run(Detail(vae="sea", steps=4), picture)


def test_what_detail_leaves_open_is_recorded_as_it_was_used(one: World, picture: Path) -> None:
    one.server.adetailer = True
    used = one.run(Detail(steps=4), picture, prompt="a face <lora:HAZE:1>", negative="fog").effective
    assert (used["prompt"], used["negative"]) == ("a face <lora:haze:1>", "fog")
    assert (used["width"], used["height"]) == (64, 64)
    used = one.run(Detail(steps=4, prompt="a smile", width=96), picture, prompt="a face").effective
    assert (used["prompt"], used["width"], used["height"]) == ("a smile", 96, 96)


def test_every_field_of_detail_reaches_adetailer(one: World, picture: Path) -> None:
    one.server.adetailer = True
    one.server.controlnet = True
    config = Detail(
        model="other", vae="sea", sampler="Euler a", scheduler="Karras", steps=11, cfg=5.5, clip_skip=2,
        detector="hand", prompt="a hand <embedding:fine_detail>", negative="gloves", confidence=0.4, denoise=0.35,
        mask_blur=5, dilate=6, padding=40, max_regions=2, rank_by="confidence", classes=("hand", "face"),
        min_area=0.01, max_area=0.9, shift_x=3, shift_y=-4, merge="invert", only_masked=False, width=768, height=512,
        noise=1.1, restore_face=True, control="control_canny", control_processor="canny", control_weight=0.5,
        control_start=0.1, control_end=0.8,
    )  # fmt: skip
    one.run(config, picture)
    sent = one.last("/img2img")
    enabled, skipped, fields = sent["alwayson_scripts"]["ADetailer"]["args"]  # type: ignore[index]
    own_vae = (
        {"ad_use_vae": False} if one.engine.flavour == "forge" else {"ad_use_vae": True, "ad_vae": "sea.safetensors"}
    )
    assert (enabled, skipped) == (True, True)
    assert fields == {
        "ad_model": "hand_yolov8n.pt", "ad_model_classes": "hand, face", "ad_prompt": "a hand fine_detail",
        "ad_negative_prompt": "gloves", "ad_confidence": 0.4, "ad_mask_k": 2, "ad_mask_filter_method": "Confidence",
        "ad_mask_min_ratio": 0.01, "ad_mask_max_ratio": 0.9, "ad_dilate_erode": 6, "ad_x_offset": 3,
        "ad_y_offset": -4, "ad_mask_merge_invert": "Merge and Invert", "ad_mask_blur": 5,
        "ad_denoising_strength": 0.35, "ad_inpaint_only_masked": False, "ad_inpaint_only_masked_padding": 40,
        "ad_use_inpaint_width_height": True, "ad_inpaint_width": 768, "ad_inpaint_height": 512, "ad_use_steps": True,
        "ad_steps": 11, "ad_use_cfg_scale": True, "ad_cfg_scale": 5.5, "ad_use_checkpoint": True,
        "ad_checkpoint": "other.safetensors", "ad_use_sampler": True, "ad_sampler": "Euler a",
        "ad_scheduler": "Karras", "ad_use_noise_multiplier": True, "ad_noise_multiplier": 1.1,
        "ad_use_clip_skip": True, "ad_clip_skip": 2, "ad_restore_face": True,
        "ad_controlnet_model": "control_canny [ab12cd34]", "ad_controlnet_module": "canny",
        "ad_controlnet_weight": 0.5, "ad_controlnet_guidance_start": 0.1, "ad_controlnet_guidance_end": 0.8,
        **own_vae,
    }  # fmt: skip


def test_three_passes_are_three_stages(one: World, picture: Path) -> None:
    one.server.adetailer = True
    for detector in ("face", "hand", "face_yolov8n.pt"):
        one.run(Detail(detector=detector, steps=4), picture)
    sent = [body["alwayson_scripts"]["ADetailer"]["args"][2]["ad_model"] for body in one.server.bodies("/img2img")]
    assert sent == ["face_yolov8n.pt", "hand_yolov8n.pt", "face_yolov8n.pt"]


def test_an_older_adetailer_takes_the_names_it_knows(picture: Path) -> None:
    with world(Engine(detail_fields=("ad_mask_k_largest",))) as one:
        one.server.adetailer = True
        one.run(Detail(max_regions=2, steps=4), picture)
        fields = one.last("/img2img")["alwayson_scripts"]["ADetailer"]["args"][2]  # type: ignore[index]
        assert fields["ad_mask_k_largest"] == 2
        assert "ad_mask_k" not in fields
        with pytest.raises(BackendTrouble, match="rank_by"):
            one.run(Detail(max_regions=2, rank_by="confidence", steps=4), picture)


def test_an_adetailer_that_refused_its_arguments_is_found_out(picture: Path) -> None:
    with world(Engine(detail_fields=("ad_mask_k_biggest",))) as one:
        one.server.adetailer = True
        with pytest.raises(BackendTrouble, match="did not run"):
            one.run(Detail(max_regions=2, steps=4), picture)


# Upscale, restore, interrogate -------------------------------------------------------------------


def test_one_picture_is_upscaled_alone(one: World, picture: Path) -> None:
    made = one.run(Upscale(upscaler="4x-sharp", upscaler2="Lanczos", blend=0.3, factor=2.0), picture)
    sent = one.last("/extra-single-image")
    expected = {
        "resize_mode": 0, "upscaling_resize": 2.0, "upscaler_1": "4x-sharp", "upscaler_2": "Lanczos",
        "extras_upscaler_2_visibility": 0.3, "gfpgan_visibility": 0.0, "codeformer_visibility": 0.0,
        "codeformer_weight": 0.0, "upscaling_crop": True, "show_extras_results": True,
    }  # fmt: skip
    assert {key: sent[key] for key in expected} == expected
    assert (made.reported["width"], made.suspect, made.effective["upscaler"]) == (128, None, "4x-sharp")


def test_several_pictures_are_upscaled_in_one_request(one: World, picture: Path) -> None:
    made = one.run(Upscale(upscaler="4x-sharp"), picture, picture)
    assert [image["name"] for image in one.last("/extra-batch-images")["imageList"]] == ["0.png", "1.png"]  # type: ignore[attr-defined]
    assert [each.seed for each in made.pictures] == [7, 8]


def test_an_upscale_to_a_size(one: World, picture: Path) -> None:
    one.run(Upscale(upscaler="4x-sharp", width=200, height=120), picture)
    sent = one.last("/extra-single-image")
    assert (sent["resize_mode"], sent["upscaling_resize_w"], sent["upscaling_resize_h"]) == (1, 200, 120)
    with pytest.raises(BackendTrouble, match="divisible by 8"):
        one.run(Upscale(upscaler="4x-sharp", width=201, height=120), picture)


def test_tiles_are_a_setting_that_is_put_back(one: World, tmp_path: Path) -> None:
    one.run(Upscale(upscaler="4x-sharp", tile=64, overlap=16), painted(tmp_path / "large.png", (128, 96)))
    assert one.engine.ended[-1]["tile"] == 64
    assert one.engine.options.posted[-2:] == [
        {"ESRGAN_tile": 64, "ESRGAN_tile_overlap": 16}, {"ESRGAN_tile": 192, "ESRGAN_tile_overlap": 8},
    ]  # fmt: skip
    assert all(type(value) is int for value in one.server.bodies("/options")[-1].values())


def test_a_picture_smaller_than_a_tile_is_done_in_one_piece(one: World, picture: Path) -> None:
    made = one.run(Upscale(upscaler="4x-sharp", tile=512), picture)
    assert (one.engine.ended[-1]["tile"], made.effective["tile"]) == (0, 0)


def test_a_plain_resize_touches_no_setting(one: World, picture: Path) -> None:
    one.run(Upscale(upscaler="Lanczos"), picture)
    assert not [body for body in one.engine.options.posted if "ESRGAN_tile" in body]


def test_a_repainting_upscale_is_the_script_sd_upscale(one: World, picture: Path) -> None:
    listener_config = Upscale(upscaler="4x-sharp", factor=2.0, denoise=0.3, tile=64, overlap=16, steps=5, model="other",
                              sampler="Heun", cfg=4.0)  # fmt: skip
    made = one.run(listener_config, picture)
    sent = one.last("/img2img")
    assert (sent["script_name"], sent["script_args"]) == ("SD upscale", [None, 16, "4x-sharp", 2.0])
    assert (sent["width"], sent["height"], sent["denoising_strength"], sent["cfg_scale"]) == (64, 64, 0.3, 4.0)
    assert (made.effective["model"], made.effective["sampler"]) == ("other.safetensors", "Heun")
    assert (made.reported["width"], made.pictures[0].seed, made.suspect) == (128, 7, None)


@pytest.mark.parametrize(
    ("restorer", "sent"),
    [("codeformer", (0.0, 0.8, 0.4)), ("GFPGAN", (0.8, 0.0, 0.0))],
)
def test_faces_are_restored_through_extras(restorer: str, sent: tuple[float, ...], picture: Path) -> None:
    with world(Engine(weights=True)) as one:
        made = one.run(FaceRestore(restorer=restorer, strength=0.8, fidelity=0.4), picture)
        body = one.last("/extra-single-image")
        assert (body["gfpgan_visibility"], body["codeformer_visibility"], body["codeformer_weight"]) == sent
        assert (body["upscaler_1"], made.effective["strength"]) == ("None", 0.8)


def test_interrogation_answers_in_words(picture: Path) -> None:
    with world(Engine(weights=True)) as one:
        made = one.run(Interrogate(model="deepdanbooru"), picture)
        assert one.last("/interrogate")["model"] == "deepdanbooru"
        assert (made.pictures, made.reported["caption"]) == ((), "a lighthouse, by deepdanbooru")
        assert made.effective == {"model": "deepdanbooru"}


def test_finishing_stages_need_no_server(picture: Path) -> None:
    with world() as one:
        made = one.run(Refine(), picture)
        assert len(made.pictures) == 1
        assert one.server.seen == []


@pytest.mark.parametrize("config", [Img2Img(), Refiner(), Upscale(), FaceRestore(), Interrogate()])
def test_a_stage_that_works_on_a_picture_is_refused_without_one(config: Img2Img) -> None:
    with world() as one, pytest.raises(BackendTrouble, match="needs a picture"):
        one.run(config)


def test_the_record_names_detectors_and_units_as_the_server_does(picture: Path) -> None:
    with world() as one:
        one.server.adetailer = True
        assert one.run(Detail(detector="face", steps=4), picture).effective["detector"] == "face_yolov8n.pt"
        made = one.run(Img2Img(steps=4, controls=(Control(model="control_canny", processor="Invert"),)), picture)
        assert "control_canny [ab12cd34]" in str(made.effective["controls"])
        assert "invert (from white" in str(made.effective["controls"])


def test_a_workflow_of_another_program_is_refused(one: World) -> None:
    with pytest.raises(BackendTrouble, match="comfyui"):
        one.run(SMALL.model_copy(update={"workflow": Workflow(name="mine", graph="{}")}))
