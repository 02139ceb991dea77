"""What is built of every stage: the nodes, what is written into them, and what is recorded as used."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_world`

from comfy_fake import ComfyFake
from comfy_world import (
    SMALL,
    Listener,
    backend,
    graph,
    made,
    nodes,
    one,
    origin,
    picture,
    pixels,
    size_of,
    trouble,
    work,
)

from agent.backends.comfyui.inpaint import _shaped
from agent.pictures.masks import Box
from schema.parts import Hires, Shape, Switch
from schema.stages import Img2Img, Post, Refiner, Txt2Img

pytestmark = pytest.mark.servers

BOX = Shape(points=((0.25, 0.25), (0.5, 0.75)))
IMAGE = "c" * 64


@pytest.fixture
def fake() -> Iterator[ComfyFake]:
    with ComfyFake() as server:
        yield server


def test_the_card_lists_what_the_server_has_under_the_names_people_know(fake: ComfyFake) -> None:
    card = backend(fake).card()
    assert card.state == "ready" and card.release == "0.3.64" and card.workflows
    assert card.kinds == ("txt2img", "img2img", "refiner", "upscale", "refine", "post", "resize")
    assert card.models == ("sub/toy.safetensors", "other.safetensors", "toy-flux-dev.safetensors")
    assert {"Euler", "Euler a", "DPM++ 2M", "res_multistep"} <= set(card.samplers)
    assert {"Normal", "Karras", "SGM Uniform"} <= set(card.schedulers)
    assert {"Lanczos", "sharp_4x.pth", "Latent"} <= set(card.upscalers)
    assert card.embeddings == ("faded",) and card.control_processors == ("canny",) and not card.detectors


def test_every_value_asked_for_reaches_the_sampler(fake: ComfyFake) -> None:
    config = SMALL.model_copy(update={"sampler": "DPM++ 2M Karras", "cfg": 5.5, "clip_skip": 2, "vae": "fine"})
    done = made(fake, config, seed=2**33)
    sampler = one(fake, "KSampler")
    assert {name: sampler[name] for name in ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")} == {
        "seed": 2**33, "steps": 4, "cfg": 5.5, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1.0,
    }  # fmt: skip
    assert one(fake, "CLIPSetLastLayer")["stop_at_clip_layer"] == -2
    assert origin(fake, one(fake, "VAEDecode"), "vae") == "VAELoader"
    used = done.effective
    assert (used["model"], used["vae"], used["sampler"], used["scheduler"]) == (
        "sub/toy.safetensors", "fine.safetensors", "DPM++ 2M", "Karras",
    )  # fmt: skip
    assert done.reported["prompt_id"] in fake.history and done.megapixels == 0.004096


def test_the_automatic_schedule_is_the_normal_one(fake: ComfyFake) -> None:
    assert made(fake, SMALL.model_copy(update={"scheduler": "Automatic"})).effective["scheduler"] == "Normal"


def test_the_server_s_own_sampler_names_are_taken_too(fake: ComfyFake) -> None:
    done = made(fake, SMALL.model_copy(update={"sampler": "dpmpp_sde_gpu", "scheduler": "ddim_uniform"}))
    assert one(fake, "KSampler")["sampler_name"] == "dpmpp_sde_gpu" and done.effective["scheduler"] == "DDIM"


def test_loras_are_chained_embeddings_named_and_brackets_weakened(fake: ComfyFake) -> None:
    done = made(
        fake, SMALL, prompt="a [grey] cat, <lora:glow:0.8>, (faded:1.1) <lora:style/ink:0.5:0.25> BREAK by night"
    )
    first, second = nodes(graph(fake), "LoraLoader")
    assert (first["lora_name"], first["strength_model"], first["strength_clip"]) == ("glow.safetensors", 0.8, 0.8)
    assert (second["lora_name"], second["strength_model"], second["strength_clip"]) == (
        "style/ink.safetensors", 0.25, 0.5,
    )  # fmt: skip
    assert (
        origin(fake, second, "model") == "LoraLoader" and origin(fake, one(fake, "KSampler"), "model") == "LoraLoader"
    )
    texts = [inputs["text"] for inputs in nodes(graph(fake), "CLIPTextEncode")]
    assert texts == ["a (grey:0.909) cat, (embedding:faded:1.1)", "by night", "fog"]
    assert origin(fake, one(fake, "KSampler"), "positive") == "ConditioningConcat"
    assert done.reported["loras"] == "glow.safetensors:0.8, style/ink.safetensors:0.25"
    assert done.reported["embeddings"] == "faded"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("[a (red:1.2) cat]", "(a (red:1.2) cat:0.909)"),
        ("[[cat]]", "((cat:0.909):0.909)"),
        (r"a \[cat\]", r"a \[cat\]"),
        ("[]", ""),
        ("<lora:glow:0.5>, cat,, <embedding:faded>", "cat, embedding:faded"),
        ("unfaded faded-ness", "unfaded faded-ness"),
    ],
)
def test_prompts_are_read_in_the_dialect_of_webui(fake: ComfyFake, written: str, sent: str) -> None:
    made(fake, SMALL, prompt=written)
    assert nodes(graph(fake), "CLIPTextEncode")[0]["text"] == sent


@pytest.mark.parametrize("prompt", ["a [cat:dog:0.5]", "a [cat|dog]", "a [cat:5]", "a [cat::0.5]", "a [[cat|dog]:0.3]"])
def test_a_prompt_that_changes_between_steps_is_refused_not_misread(fake: ComfyFake, prompt: str) -> None:
    told = trouble(fake, SMALL, prompt=prompt)
    assert told.trouble == "bad-request" and "between steps" in told.sentence


def test_a_batch_is_a_prompt_for_every_seed_so_that_each_can_be_made_again_alone(fake: ComfyFake) -> None:
    many = made(fake, SMALL.model_copy(update={"batch": 3}))
    assert [picture.seed for picture in many.pictures] == [7, 8, 9]
    (alone,) = made(fake, SMALL, seed=8).pictures
    assert pixels(alone.content) == pixels(many.pictures[1].content)


def test_flux_and_its_parts_are_loaded_each_from_its_file(fake: ComfyFake) -> None:
    config = SMALL.model_copy(
        update={"model": "toy-flux-dev", "encoders": ("clip_l", "t5xxl"), "vae": "fine", "guidance": 3.5, "cfg": 1.0}
    )
    done = made(fake, config)
    assert one(fake, "UNETLoader")["unet_name"] == "toy-flux-dev.safetensors"
    assert one(fake, "DualCLIPLoader")["type"] == "flux" and one(fake, "FluxGuidance")["guidance"] == 3.5
    assert origin(fake, one(fake, "KSampler"), "positive") == "FluxGuidance" and nodes(
        graph(fake), "EmptySD3LatentImage"
    )
    assert done.effective["encoders"] == "clip_l.safetensors, t5xxl.safetensors"
    bare = trouble(fake, config.model_copy(update={"encoders": ()}))
    assert bare.trouble == "bad-request" and "encoders" in bare.sentence


@pytest.mark.parametrize(
    ("upscaler", "kinds"),
    [("Latent", ["LatentUpscale"]), ("Lanczos", ["ImageScale", "VAEEncode"]),
     ("sharp_4x", ["ImageUpscaleWithModel", "ImageScale", "VAEEncode"])],
)  # fmt: skip
def test_hires_is_a_second_pass_over_the_enlarged(fake: ComfyFake, upscaler: str, kinds: list[str]) -> None:
    done = made(fake, SMALL.model_copy(update={"hires": Hires(scale=1.5, upscaler=upscaler, steps=3, denoise=0.4)}))
    assert all(nodes(graph(fake), kind) for kind in kinds) and size_of(done) == (96, 96)
    first, second = nodes(graph(fake), "KSampler")
    assert (first["steps"], first["denoise"], second["steps"], second["denoise"]) == (4, 1.0, 3, 0.4)


def test_the_refiner_within_takes_over_the_noise_where_the_first_leaves_it(fake: ComfyFake) -> None:
    done = made(fake, SMALL.model_copy(update={"steps": 10, "refiner": Switch(model="other", switch_at=0.7)}))
    first, second = nodes(graph(fake), "KSamplerAdvanced")
    assert (first["add_noise"], first["end_at_step"], first["return_with_leftover_noise"]) == ("enable", 7, "enable")
    assert (second["add_noise"], second["start_at_step"], second["return_with_leftover_noise"]) == (
        "disable", 7, "disable",
    )  # fmt: skip
    assert done.effective["refiner.model"] == "other.safetensors" and done.effective["model"] == "sub/toy.safetensors"


def test_img2img_paints_over_the_upload_at_the_size_asked(fake: ComfyFake, tmp_path: Path) -> None:
    done = made(fake, Img2Img(id="s", steps=2, denoise=0.6, width=128, height=64, resize="pad"), picture(tmp_path))
    assert origin(fake, one(fake, "VAEEncode"), "pixels") == "ResizeAndPadImage"
    assert one(fake, "KSampler")["denoise"] == 0.6 and size_of(done) == (128, 64) == (
        done.effective["width"], done.effective["height"],
    )  # fmt: skip


def test_a_picture_of_a_size_no_latent_has_keeps_itssize_of(fake: ComfyFake, tmp_path: Path) -> None:
    assert size_of(made(fake, Img2Img(id="s", steps=2), picture(tmp_path, (150, 131)))) == (150, 131)


def test_every_picture_of_the_stage_before_is_painted_with_its_own_seed(fake: ComfyFake, tmp_path: Path) -> None:
    two = [picture(tmp_path, name=f"{name}.png", size=size) for name, size in (("a", (64, 64)), ("b", (96, 64)))]
    done = made(fake, Img2Img(id="s", steps=2), *two)
    assert [drawn.seed for drawn in done.pictures] == [7, 8]


def test_the_refiner_stage_is_the_last_part_over_again(fake: ComfyFake, tmp_path: Path) -> None:
    made(fake, Refiner(id="s", steps=10, switch_at=0.8, model="other"), picture(tmp_path))
    assert one(fake, "KSampler")["denoise"] == 0.2


@pytest.mark.parametrize("fill", ["original", "fill", "noise", "nothing"])
def test_within_a_mask_the_latent_is_masked_and_the_rest_laid_over(fake: ComfyFake, tmp_path: Path, fill: str) -> None:
    done = made(fake, Img2Img(id="s", steps=2, mask_shapes=(BOX,), fill=fill), picture(tmp_path))
    kind = "VAEEncodeForInpaint" if fill == "nothing" else "SetLatentNoiseMask"
    assert origin(fake, one(fake, "KSampler"), "latent_image") == kind
    laid = one(fake, "ImageCompositeMasked")
    assert origin(fake, laid, "destination") == "LoadImage" and (laid["x"], laid["y"]) == (0, 0)
    assert size_of(done) == (96, 64)


def test_only_the_masks_surroundings_are_painted_at_full_size_in_the_pictures_shape(
    fake: ComfyFake, tmp_path: Path
) -> None:
    made(fake, Img2Img(id="s", steps=2, mask_shapes=(BOX,), mask_padding=4), picture(tmp_path))
    laid = one(fake, "ImageCompositeMasked")
    assert origin(fake, laid, "source") == "ImageScale"
    scale = one(fake, "ImageScale")
    assert (scale["width"], scale["height"], laid["x"], laid["y"]) == (60, 40, 6, 12)
    assert _shaped(Box(0, 0, 10, 10), (100, 50)) == Box(0, 0, 20, 10)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"variation": 0.3, "variation_seed": 5}, "variation"), ({"variation": 0.5}, "variation"),
     ({"tiling": True}, "seamless"), ({"encoders": ("clip_l",) * 4}, "at most three")],
)  # fmt: skip
def test_what_comfyui_cannot_do_is_refused_not_left_out(fake: ComfyFake, change, words: str) -> None:
    told = trouble(fake, SMALL.model_copy(update=change))
    assert told.trouble == "bad-request" and words in told.sentence


def test_less_memory_is_used_where_that_is_asked(fake: ComfyFake) -> None:
    made(fake, SMALL, reduced=True)
    assert one(fake, "VAEDecodeTiled")["tile_size"] == 256


def test_a_see_through_picture_is_flattened_as_we_would_read_it(fake: ComfyFake, tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(path)
    made(fake, Img2Img(id="s", steps=2), path)
    (content,) = fake.uploads.values()
    assert content != path.read_bytes()


def test_pictures_are_uploaded_as_they_are(fake: ComfyFake, tmp_path: Path) -> None:
    path = picture(tmp_path)
    made(fake, Img2Img(id="s", steps=2), path)
    assert list(fake.uploads.values()) == [path.read_bytes()]


def test_finishing_stages_never_reach_the_server(fake: ComfyFake, tmp_path: Path) -> None:
    done = made(fake, Post(id="s", processor="grayscale"), picture(tmp_path))
    assert size_of(done) == (96, 64) and not fake.asked


def test_progress_counts_all_passes_and_names_what_is_done(fake: ComfyFake) -> None:
    listener = Listener()
    backend(fake).run(work(SMALL.model_copy(update={"hires": Hires(scale=1.5, steps=3)})), listener)
    sampling = [(step, steps) for step, steps, doing in listener.steps if doing == "sampling"]
    assert sampling[-1] == (7, 7) and sampling == sorted(sampling)
    doings = list(dict.fromkeys(doing for _, _, doing in listener.steps))
    assert doings[0] == "asking the server" and "loading model" in doings and doings[-1] == "saving"


def test_every_node_has_a_title_a_person_can_read(fake: ComfyFake) -> None:
    made(fake, SMALL)
    titles = {node["class_type"]: node["_meta"]["title"] for node in graph(fake).values()}
    assert titles["KSampler"] == "sampler" and titles["CheckpointLoaderSimple"] == "model"


def test_what_two_stages_load_alike_is_one_node() -> None:
    from agent.backends.comfyui.graph import Graph

    graph_ = Graph()
    assert graph_.add("A", name="x") == graph_.add("A", name="x") != graph_.add("A", name="y")


def test_a_txt2img_without_any_model_named_takes_what_is_loaded(fake: ComfyFake) -> None:
    one_ = backend(fake)
    plain = Txt2Img(id="s", width=64, height=64, steps=2)
    assert one_.run(work(plain), Listener()).effective["model"] == "sub/toy.safetensors"
    one_.run(work(plain.model_copy(update={"model": "other"})), Listener())
    assert one_.run(work(plain, seed=9), Listener()).effective["model"] == "other.safetensors"
