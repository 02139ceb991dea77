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
from schema.parts import Control, Hires, Shape, Switch
from schema.stages import Img2Img, Refiner

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


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("<lora:haze:0.7>", "<lora:haze:0.7>"),
        ("<lora:haze_alias:0.7>", "<lora:haze_alias:0.7>"),
        ("<lora:Haze_v1.safetensors:0.7>", "<lora:haze_v1:0.7>"),
        ("<LoRA: HAZE :0.7:0.5>", "<lora:haze:0.7:0.5>"),
        ("<lora:sub/haze>", "<lora:haze>"),
        ("<lyco:HAZE_ALIAS.pt:1>", "<lyco:haze_alias:1>"),
        ("<hypernet:Watercolour.pt:1>", "<hypernet:watercolour:1>"),
    ],
)
def test_a_network_is_sent_by_the_name_that_the_server_looks_up(one: World, written: str, sent: str) -> None:
    """It compares letter by letter, and drops what it does not find without a word."""
    one.engine.loras.append("haze_v1")
    made = one.run(prompt=f"a boat {written}", negative=written)
    asked = one.last("/txt2img")
    assert (asked["prompt"], asked["negative_prompt"]) == (f"a boat {sent}", sent)
    assert made.reported.get("prompt", f"a boat {written}") == f"a boat {sent}"


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
