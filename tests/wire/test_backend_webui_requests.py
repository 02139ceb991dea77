"""What reaches a WebUI: every setting a person chose, spelled as the server does, and no default left to chance."""

import base64
import io
import sys
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_world`

from webui_engine import Engine
from webui_world import SMALL, World, painted, world

from agent.backends import BackendTrouble
from schema.parts import Control, Hires, Shape, Switch, Workflow
from schema.stages import Detail, FaceRestore, Img2Img, Interrogate, Refine, Refiner, Upscale

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


# txt2img ----------------------------------------------------------------------------------------


def test_every_field_that_changes_the_picture_is_sent(one: World) -> None:
    one.run(SMALL.model_copy(update={"cfg": 6.5, "sampler": "k_euler_a", "scheduler": "karras", "clip_skip": 2}))
    sent = one.last("/txt2img")
    expected = {
        "prompt": "a lighthouse", "negative_prompt": "fog", "seed": 7, "subseed": 8, "subseed_strength": 0.0,
        "sampler_name": "Euler a", "scheduler": "Karras", "steps": 4, "cfg_scale": 6.5, "width": 64, "height": 64,
        "batch_size": 1, "n_iter": 1, "restore_faces": False, "tiling": False, "send_images": True,
        "save_images": False, "do_not_save_grid": True, "override_settings_restore_afterwards": True,
        "enable_hr": False, "styles": [], "script_name": None, "alwayson_scripts": {}, "refiner_checkpoint": None,
    }  # fmt: skip
    assert {key: sent[key] for key in expected} == expected
    assert "infotext" not in sent  # Forge fails at it


def test_overrides_name_checkpoint_clip_skip_and_what_else_leaks(one: World) -> None:
    one.run(SMALL.model_copy(update={"clip_skip": 2, "vae": "sea"}))
    overrides = one.last("/txt2img")["override_settings"]
    assert isinstance(overrides, dict)
    forge = one.engine.flavour == "forge"
    vae = {"forge_additional_modules": ["sea.safetensors"]} if forge else {"sd_vae": "sea.safetensors"}
    assert overrides == {
        "sd_model_checkpoint": "toy.safetensors", "CLIP_stop_at_last_layers": 2, "samples_format": "png",
        "return_grid": False, "return_mask": False, "return_mask_composite": False, **vae,
    }  # fmt: skip


def test_hires_says_everything_of_its_second_pass(one: World) -> None:
    hires = Hires(scale=2.0, upscaler="4x-sharp", steps=3, denoise=0.4)
    made = one.run(SMALL.model_copy(update={"hires": hires, "cfg": 5.0}))
    sent = one.last("/txt2img")
    expected = {
        "enable_hr": True, "hr_scale": 2.0, "hr_upscaler": "4x-sharp", "hr_second_pass_steps": 3, "hr_cfg": 5.0,
        "denoising_strength": 0.4, "hr_additional_modules": ["Use same choices"],
    }  # fmt: skip
    assert {key: sent[key] for key in expected} == expected
    assert made.effective["hires.upscaler"] == "4x-sharp"
    assert (made.reported["width"], made.suspect) == (128, None)


def test_a_hires_pass_without_steps_of_its_own_is_recorded_with_those_it_took(one: World) -> None:
    made = one.run(SMALL.model_copy(update={"hires": Hires(upscaler="Latent")}))
    assert made.effective["hires.steps"] == 4


def test_the_refiner_within_the_sampling(one: World) -> None:
    made = one.run(SMALL.model_copy(update={"refiner": Switch(model="other", switch_at=0.6)}))
    sent = one.last("/txt2img")
    assert (sent["refiner_checkpoint"], sent["refiner_switch_at"]) == ("other.safetensors", 0.6)
    assert made.effective["refiner.model"] == "other.safetensors"


def test_a_batch_has_seeds_that_follow_one_another(one: World) -> None:
    made = one.run(SMALL.model_copy(update={"batch": 3}))
    assert one.last("/txt2img")["batch_size"] == 3
    assert [picture.seed for picture in made.pictures] == [7, 8, 9]


def test_a_variation_has_a_seed_that_can_be_asked_for_again(one: World) -> None:
    made = one.run(SMALL.model_copy(update={"variation": 0.3}))
    assert (one.last("/txt2img")["subseed"], one.last("/txt2img")["subseed_strength"]) == (8, 0.3)
    assert made.effective["variation_seed"] == 8


def test_embeddings_become_words_loras_stay_and_the_hypernetwork_joins_them(one: World) -> None:
    prompt = "a boat (<embedding:fine_detail>:1.2) <fine_detail> <lora:haze:0.7>"
    one.run(SMALL.model_copy(update={"hypernetwork": "watercolour"}), prompt=prompt, negative="<embedding:sdxl_words>")
    sent = one.last("/txt2img")
    assert sent["prompt"] == "a boat (fine_detail:1.2) fine_detail <lora:haze:0.7> <hypernet:watercolour:1>"
    assert sent["negative_prompt"] == "sdxl_words"


def test_text_encoders_and_guidance_of_forge() -> None:
    with world(Engine("forge")) as one:
        one.run(SMALL.model_copy(update={"encoders": ("t5",), "vae": "sea", "guidance": 2.5}))
        sent = one.last("/txt2img")
        assert sent["distilled_cfg_scale"] == 2.5
        assert sent["override_settings"]["forge_additional_modules"] == ["sea.safetensors", "t5.safetensors"]  # type: ignore[index]


@pytest.mark.parametrize("change", [{"encoders": ("t5",)}, {"guidance": 2.5}])
def test_what_only_forge_has_is_refused_by_the_other(change: dict[str, object]) -> None:
    with world(Engine("a1111")) as one:
        with pytest.raises(BackendTrouble, match="AUTOMATIC1111") as refused:
            one.run(SMALL.model_copy(update=change))
        assert refused.value.trouble == "bad-request"
        assert one.server.bodies("/txt2img") == []


# img2img ----------------------------------------------------------------------------------------


def test_img2img_with_a_drawn_mask(one: World, picture: Path) -> None:
    box = Shape(points=((0.0, 0.0), (0.5, 0.5)))
    config = Img2Img(steps=4, denoise=0.6, mask_shapes=(box,), mask_blur=6, mask_padding=24, fill="noise",
                     resize="crop", width=128, height=64)  # fmt: skip
    made = one.run(config, picture)
    sent = one.last("/img2img")
    expected = {
        "denoising_strength": 0.6, "mask_blur": 6, "mask_blur_x": 6, "mask_blur_y": 6, "inpainting_fill": 2,
        "inpaint_full_res": True, "inpaint_full_res_padding": 24, "inpainting_mask_invert": 0, "resize_mode": 1,
        "width": 128, "height": 64, "include_init_images": False,
    }  # fmt: skip
    assert {key: sent[key] for key in expected} == expected
    mask = shown(sent["mask"])
    assert (mask.size, mask.getpixel((5, 5)), mask.getpixel((60, 60))) == ((64, 64), 255, 0)
    assert shown(sent["init_images"][0]).size == (64, 64)  # type: ignore[index]
    assert made.effective["mask_padding"] == 24


def test_an_inverted_mask_is_inverted_before_it_is_sent(one: World, picture: Path) -> None:
    one.run(Img2Img(steps=4, mask_shapes=(Shape(points=((0.0, 0.0), (0.5, 0.5))),), mask_invert=True), picture)
    sent = one.last("/img2img")
    assert (shown(sent["mask"]).getpixel((5, 5)), sent["inpaint_full_res"]) == (0, False)


def test_a_mask_of_another_size_is_refused(one: World, picture: Path, tmp_path: Path) -> None:
    mask = painted(tmp_path / "mask.png", (32, 32))
    with pytest.raises(BackendTrouble, match="32x32") as refused:
        one.run(Img2Img(steps=4, mask=UPLOAD), picture, mask=mask)
    assert refused.value.trouble == "bad-request"


def test_a_detector_for_a_mask_is_not_to_be_had(one: World, picture: Path) -> None:
    with pytest.raises(BackendTrouble, match="detail"):
        one.run(Img2Img(steps=4, mask_detector="face"), picture)


def test_what_img2img_leaves_open_is_as_the_picture_was_made(one: World, tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "boats\nSteps: 9, Sampler: Heun, Schedule type: Karras, Seed: 1, Model: deep")
    made = one.run(Img2Img(steps=4), painted(tmp_path / "made.png", pnginfo=text))
    sent = one.last("/img2img")
    assert (sent["sampler_name"], sent["scheduler"]) == ("Heun", "Karras")
    assert sent["override_settings"]["sd_model_checkpoint"] == "sub/deep.safetensors"  # type: ignore[index]
    assert (made.effective["model"], made.effective["sampler"]) == ("sub/deep.safetensors", "Heun")


def test_what_a_foreign_picture_was_made_with_need_not_be_here(one: World, tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "boats\nSteps: 9, Sampler: Heun, Schedule type: Mine, Seed: 1, Model: far_away")
    made = one.run(Img2Img(steps=4), painted(tmp_path / "made.png", pnginfo=text))
    assert (made.effective["scheduler"], made.effective["model"]) == ("Automatic", "toy.safetensors")


def test_a_picture_whose_size_does_not_fit_is_made_to_fit_and_recorded(one: World, tmp_path: Path) -> None:
    made = one.run(Img2Img(steps=4, model="toy"), painted(tmp_path / "odd.png", (70, 65)))
    assert (one.last("/img2img")["width"], one.last("/img2img")["height"]) == (64, 64)
    assert (made.effective["width"], made.effective["height"], made.suspect) == (64, 64, None)


def test_several_pictures_go_one_by_one_each_with_its_seed(one: World, picture: Path) -> None:
    made = one.run(Img2Img(steps=4, model="toy"), picture, picture)
    assert [sent["seed"] for sent in one.server.bodies("/img2img")] == [7, 8]
    assert [each.seed for each in made.pictures] == [7, 8]


def test_the_refiner_stage_is_the_last_part_of_the_sampling(one: World, picture: Path) -> None:
    made = one.run(Refiner(model="other", switch_at=0.7, steps=10), picture)
    sent = one.last("/img2img")
    assert (sent["denoising_strength"], sent["override_settings"]["sd_model_checkpoint"]) == (0.3, "other.safetensors")  # type: ignore[index]
    assert made.effective["switch_at"] == 0.7


# ControlNet -------------------------------------------------------------------------------------


def test_controlnet_units_with_their_preprocessors(picture: Path) -> None:
    units = (
        Control(model="control_canny", processor="canny", weight=0.8, end=0.7, mode="control", resize="pad"),
        Control(model="control_canny", processor="invert", image=UPLOAD, threshold_a=50.0, low_vram=True),
    )
    with world(Engine("forge")) as one:
        made = one.run(Img2Img(steps=4, model="toy", controls=units), picture, controls={UPLOAD: picture})
        first, second = one.last("/img2img")["alwayson_scripts"]["ControlNet"]["args"]  # type: ignore[index]
    expected = {
        "enabled": True, "module": "canny", "model": "control_canny [ab12cd34]", "weight": 0.8, "guidance_end": 0.7,
        "control_mode": "ControlNet is more important", "resize_mode": "Resize and Fill", "processor_res": 512,
        "threshold_a": -1.0, "pixel_perfect": False,
    }  # fmt: skip
    assert {key: first[key] for key in expected} == expected
    assert (second["module"], second["threshold_a"], second["low_vram"]) == (
        "invert (from white bg & black line)", 50.0, True,
    )  # fmt: skip
    assert shown(first["image"]).size == (64, 64)
    assert (len(made.pictures), made.reported["extra_pictures"]) == (1, 2)


def test_more_units_than_the_server_has_would_be_dropped(picture: Path) -> None:
    units = tuple(Control(model="control_canny", image=UPLOAD) for _ in range(4))
    with world(Engine("forge")) as one, pytest.raises(BackendTrouble, match="3 ControlNet units"):
        one.run(SMALL.model_copy(update={"controls": units}), controls={UPLOAD: picture})


def test_no_controlnet_there(picture: Path) -> None:
    unit = Control(model="control_canny", image=UPLOAD)
    with world(Engine("a1111")) as one, pytest.raises(BackendTrouble, match="has no ControlNet"):
        one.run(SMALL.model_copy(update={"controls": (unit,)}), controls={UPLOAD: picture})


# Detail -----------------------------------------------------------------------------------------


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
    assert one.server.bodies("/options")[-2:] == [
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
