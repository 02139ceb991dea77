"""The diffusers backend over tiny models of random weights, in its real process, on the CPU.

Skipped without torch. The pictures mean nothing; that they are made, repeat, differ and can be stopped does.
"""

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_world`

from diffusers_world import Notes, make_models, painted, work

from agent.backends import BackendTrouble, Cancelled, Made
from agent.backends.diffusers import PROCESS, Diffusers
from schema.parts import Control, Hires, Shape, Switch
from schema.stages import (
    Detail,
    ImageStage,
    Img2Img,
    Interrogate,
    Refine,
    Refiner,
    Resize,
    Score,
    Txt2Img,
    Upscale,
)

pytestmark = [
    pytest.mark.torch,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("torch", "diffusers", "peft")), reason="needs stablenew[diffusers]"
    ),
]

TXT = Txt2Img(id="t", model="toy", width=64, height=64, steps=4)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def backend(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diffusers]:
    yield from opened(models, tmp_path_factory.mktemp("home"))


def opened(models: Path, home: Path, *words: str) -> Iterator[Diffusers]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # the machine's other tests want to live too
        backend = Diffusers(models, home, time.monotonic, argv=(*PROCESS, *words))
        yield backend
        backend.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return painted(tmp_path / "photo.png")


def run(backend: Diffusers, config: ImageStage, *inputs: Path, notes: Notes | None = None, **more: object) -> Made:
    return backend.run(work(config, *inputs, **more), notes or Notes())  # type: ignore[arg-type]


def seen(made: Made, number: int = 0) -> Image.Image:
    return Image.open(io.BytesIO(made.pictures[number].content)).convert("RGB")


def kept(made: Made, path: Path) -> Path:
    path.write_bytes(made.pictures[0].content)
    return path


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of brightness, 0 to 255."""
    return ImageStat.Stat(ImageChops.difference(one, other).convert("L")).mean[0]


# txt2img --------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_picture_and_another_another(backend):
    one, again, other = (run(backend, TXT, seed=seed) for seed in (7, 7, 8))
    assert one.pictures[0].content == again.pictures[0].content
    assert distance(seen(one), seen(other)) > 1
    assert seen(one).size == (64, 64) and one.suspect is None


def test_it_is_what_diffusers_itself_makes(backend, models):
    """The same picture as ten lines of diffusers without us: our own reading of prompts changes nothing."""
    import torch
    from diffusers import StableDiffusionPipeline

    bare = StableDiffusionPipeline.from_pretrained(str(models / "toy"), local_files_only=True)
    bare.set_progress_bar_config(disable=True)
    expected = bare(
        "a lighthouse by the sea", negative_prompt="fog", width=64, height=64, num_inference_steps=4,
        guidance_scale=7.0, generator=torch.Generator("cpu").manual_seed(7),
    ).images[0]  # fmt: skip
    assert distance(seen(run(backend, TXT, seed=7)), expected) <= 0.01


def test_a_batch_is_what_its_seeds_make_one_by_one(backend):
    batch = run(backend, TXT.model_copy(update={"batch": 3}), seed=20)
    assert [drawn.seed for drawn in batch.pictures] == [20, 21, 22]
    for drawn in batch.pictures:
        assert run(backend, TXT, seed=drawn.seed).pictures[0].content == drawn.content


def test_the_record_says_what_was_really_used(backend):
    made = run(backend, Txt2Img(id="t", width=64, height=64, steps=3, sampler="k_euler", model="TOY"))
    assert {name: made.effective[name] for name in ("model", "vae", "sampler", "scheduler", "steps", "batch")} == {
        "model": "toy", "vae": "built in", "sampler": "Euler", "scheduler": "Automatic", "steps": 3, "batch": 1,
    }  # fmt: skip
    told = made.reported
    assert (told["family"], told["pipeline"], told["dtype"]) == ("sd1", "StableDiffusionPipeline", "float32")
    assert told["torch"] and told["diffusers"] and told["steps_run"] == 3
    assert float(told["models_gb"] or 0) > 0 and float(told["peak_gb"] or 0) > 0


@pytest.mark.parametrize(
    "update",
    [
        {"cfg": 3.0}, {"steps": 6}, {"sampler": "DPM++ 2M"}, {"sampler": "Euler", "scheduler": "Karras"},
        {"vae": "soft"}, {"clip_skip": 2}, {"tiling": True}, {"variation": 0.4, "variation_seed": 3},
        {"model": "other"},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_shows(backend, update):
    assert distance(seen(run(backend, TXT)), seen(run(backend, TXT.model_copy(update=update)))) > 0.01


def test_settings_of_one_stage_do_not_leak_into_the_next(backend):
    before = run(backend, TXT).pictures[0].content
    run(backend, TXT.model_copy(update={"tiling": True, "vae": "soft", "sampler": "DPM++ 2M SDE", "clip_skip": 2}),
        prompt="a (boat:1.4) <lora:bright:1> seaglow", reduced=True)  # fmt: skip
    assert run(backend, TXT).pictures[0].content == before


def test_tiling_makes_edges_meet(backend):
    def seam(picture: Image.Image) -> float:
        left, right = picture.crop((0, 0, 1, picture.height)), picture.crop((picture.width - 1, 0, *picture.size))
        inner = picture.crop((1, 0, 2, picture.height))
        return distance(left, right) / max(0.1, distance(left, inner))

    seams = {
        tiling: sum(
            seam(seen(run(backend, TXT.model_copy(update={"tiling": tiling, "steps": 8}), seed=s))) for s in range(3)
        )
        for tiling in (False, True)
    }
    assert seams[True] < seams[False]


def test_every_sampler_of_the_card_paints(backend):
    card = backend.card()
    assert len(card.samplers) >= 14
    for sampler in card.samplers:
        made = run(backend, TXT.model_copy(update={"sampler": sampler, "width": 32, "height": 32, "steps": 3}))
        assert made.effective["sampler"] == sampler and made.suspect is None, sampler


def test_every_flag_of_a_recipe_is_one_its_class_knows():
    import inspect

    import diffusers

    from agent.backends.diffusers.samplers import recipe, samplers, schedulers

    for sampler in samplers():
        for scheduler in schedulers():
            try:
                made = recipe(sampler, scheduler)
            except BackendTrouble:
                continue
            takes = inspect.signature(getattr(diffusers, made.name).__init__).parameters
            assert set(made.options) <= set(takes), (sampler, scheduler)


def test_a_variation_goes_to_the_next_seed_where_none_is_named(backend):
    """As on a WebUI; and every picture of a batch to the next of its own."""
    varied = TXT.model_copy(update={"variation": 0.3, "batch": 2})
    made = run(backend, varied, seed=20)
    named = run(backend, varied.model_copy(update={"variation_seed": 21}), seed=20)
    assert made.effective["variation_seed"] == 21
    assert made.pictures == named.pictures
    assert made.pictures[0].content != run(backend, TXT, seed=20).pictures[0].content
    assert made.pictures[1] == run(backend, varied.model_copy(update={"batch": 1}), seed=21).pictures[0]


def test_what_a_family_has_not_is_told(backend):
    made = run(backend, TXT.model_copy(update={"guidance": 3.5}))
    assert (made.reported["left_out"], made.effective["guidance"]) == ("guidance 3.5: sd1 has none", None)


def test_a_careful_stage_is_decoded_in_full_precision(backend, photo):
    for stage in (TXT, TXT.model_copy(update={"model": "xl"}), Img2Img(id="i", model="toy", steps=4)):
        made = run(backend, stage, *(() if isinstance(stage, Txt2Img) else (photo,)), careful=True)
        assert made.reported["decoded_in"] == "float32" and made.pictures
    assert run(backend, TXT, careful=True).pictures == run(backend, TXT).pictures, "here all of it is"


def test_a_vae_that_overflows_in_half_does_not_when_it_is_careful():
    import torch
    from diffusers_world import vae

    from agent.backends.diffusers.inside.precise import precise

    half = vae(9).eval()
    with torch.no_grad():
        half.decoder.conv_in.bias.fill_(60_000.0)
        half.decoder.conv_in.weight.fill_(9_000.0)
    half = half.to(torch.float16)
    latents = torch.ones(1, 4, 8, 8, dtype=torch.float16)
    with torch.inference_mode():
        assert not torch.isfinite(half.decode(latents).sample).all()
        with precise(half):
            assert torch.isfinite(half.decode(latents).sample).all()
        assert half.dtype == torch.float16 and not torch.isfinite(half.decode(latents).sample).all()


def test_hires_paints_twice_at_two_sizes(backend):
    for upscaler, steps in (("Latent", 0), ("Lanczos", 2)):
        notes = Notes()
        config = TXT.model_copy(update={"sampler": "Euler", "hires": Hires(scale=1.5, upscaler=upscaler, steps=steps)})
        made = run(backend, config, notes=notes)
        assert seen(made).size == (96, 96)
        assert made.effective["hires.steps"] == (steps or 4)
        assert {"sampling", "hires"} <= set(notes.doings())
        assert made.reported["steps_run"] == 4 + (steps or 4), "all its steps are run, whatever its strength"


def test_the_refiner_takes_over_within_the_sampling(backend):
    xl = Txt2Img(id="t", model="xl", width=64, height=64, steps=5, refiner=Switch(model="xl-refiner", switch_at=0.6))
    made = run(backend, xl)
    assert (made.reported["refined_by"], made.reported["steps_run"]) == ("one schedule", 5)
    mixed = run(backend, TXT.model_copy(update={"refiner": Switch(model="other", switch_at=0.5)}))
    assert mixed.reported["refined_by"] == "img2img"
    assert mixed.effective["model"] == "toy" and mixed.effective["refiner.model"] == "other"


# Prompts --------------------------------------------------------------------------------------


def test_weights_long_prompts_loras_and_embeddings_all_show(backend):
    plain = seen(run(backend, TXT, prompt="a boat at sea"))
    for prompt in (
        "a (boat:1.4) at sea",
        "a boat at sea <lora:bright:1>",
        "a boat at sea seaglow",
        "a boat BREAK at sea",
    ):
        assert distance(plain, seen(run(backend, TXT, prompt=prompt))) > 0.005, prompt


def test_a_prompt_of_any_length_is_heard_to_its_end(backend):
    long = "a boat, " * 40
    made, other = (run(backend, TXT, prompt=long + end) for end in ("red", "blue"))
    assert int(made.reported["prompt_windows"] or 0) > 1
    assert made.pictures[0].content != other.pictures[0].content


def test_a_lora_counts_by_its_weight_and_goes_away_again(backend):
    pictures = [seen(run(backend, TXT, prompt=f"a boat{lora}")) for lora in
                ("", "<lora:bright:0.3>", "<lora:bright:1>", "")]  # fmt: skip
    assert 0 < distance(pictures[0], pictures[1]) < distance(pictures[0], pictures[2])
    assert distance(pictures[0], pictures[3]) == 0
    made = run(backend, TXT, prompt="a boat <lora:bright:0.3> <lora:trained:0.5>")
    assert made.reported["loras"] == "bright.safetensors:0.3, trained.safetensors:0.5"
    assert distance(pictures[0], seen(run(backend, TXT, prompt="a boat<lora:trained:1>"))) > 0
    assert distance(pictures[0], seen(run(backend, TXT, prompt="a boat"))) == 0


def test_an_embedding_means_nothing_in_later_prompts(backend):
    """given its name within another word; when it was learned in between; then the picture is as before."""
    inside = "oceanseaglowx, a boat"
    before = run(backend, TXT.model_copy(update={"model": "other"}), prompt=inside)
    learned = run(backend, TXT.model_copy(update={"model": "other"}), prompt="a boat SeaGlow")
    after = run(backend, TXT.model_copy(update={"model": "other"}), prompt=inside)
    assert learned.reported["embeddings"] == "seaglow.safetensors" and "embeddings" not in after.reported
    assert before.pictures[0].content == after.pictures[0].content


def test_an_embedding_is_the_same_however_it_is_named(backend):
    plain = run(backend, TXT, prompt="a boat, seaglow").pictures[0].content
    for prompt in ("a boat, <embedding:seaglow>", "a boat, embedding:seaglow", "a boat, <seaglow>",
                   "a boat, <embedding:seaglow.safetensors:1>"):  # fmt: skip
        assert run(backend, TXT, prompt=prompt).pictures[0].content == plain, prompt


def test_an_embedding_for_other_models_is_a_mere_word_unless_it_is_named_as_one(backend):
    xl = TXT.model_copy(update={"model": "xl"})
    assert run(backend, xl, prompt="a boat, seaglow").reported["embeddings_unfit"] == "seaglow.safetensors"
    with pytest.raises(BackendTrouble, match="does not fit xl: it is not made for SDXL"):
        run(backend, xl, prompt="a boat, <embedding:seaglow>")


@pytest.mark.parametrize(
    ("update", "prompt", "says"),
    [
        ({"model": "toi"}, "a", "no model 'toi' here; the nearest are toy"),
        ({"sampler": "Eular"}, "a", "no sampler 'Eular'; the nearest are Euler"),
        ({"vae": "sooft"}, "a", "no VAE 'sooft'"),
        ({}, "a <lora:brigt:1>", "no LoRA 'brigt' here; the nearest are bright.safetensors"),
        ({}, "a <embedding:seeglow>", "no embedding 'seeglow' here; the nearest are seaglow.safetensors"),
        ({"model": "xl"}, "a <lora:bright:1>", "is made for sd1, and xl is sdxl"),
        ({"width": 60}, "a", "60x64 is no multiple of 8 pixels; the nearest is 64x64"),
        ({"hypernetwork": "old"}, "a", "no hypernetworks"),
        ({"encoders": ("t5.safetensors",)}, "a", "leave out t5.safetensors"),
        ({"model": "xl-refiner"}, "a", "is a refiner"),
        ({"hires": Hires(upscaler="4x-sharp")}, "a", "no upscaler"),
        ({"controls": (Control(model="lines"),)}, "a", "needs an image"),
        ({"controls": (Control(model="lynes", image="a" * 64),)}, "a", "no ControlNet 'lynes'"),
    ],
)
def test_bad_requests_are_named_and_leave_it_well(backend, update, prompt, says):
    with pytest.raises(BackendTrouble, match=says) as told:
        run(backend, TXT.model_copy(update=update), prompt=prompt)
    assert told.value.trouble == "bad-request"
    assert run(backend, TXT).pictures


# Pictures ------------------------------------------------------------------------------------


def test_img2img_goes_further_from_the_picture_with_more_denoise(backend, photo):
    before = Image.open(photo).convert("RGB")
    far = [distance(before, seen(run(backend, Img2Img(id="i", model="toy", steps=8, denoise=d), photo)))
           for d in (0.0, 0.25, 1.0)]  # fmt: skip
    assert far[0] == 0 and far[0] < far[1] < far[2]


def test_img2img_takes_any_size_and_gives_what_was_asked(backend, photo):
    made = run(backend, Img2Img(id="i", model="toy", steps=4, denoise=0.5, width=71, height=53, resize="crop"), photo)
    assert seen(made).size == (71, 53)
    assert (made.effective["width"], made.effective["height"]) == (71, 53)


@pytest.mark.parametrize("padding", [None, 4])
def test_outside_the_mask_nothing_changes(backend, photo, padding):
    corner = Shape(points=((0.0, 0.0), (0.4, 0.4)))
    config = Img2Img(id="i", model="toy", steps=4, denoise=1.0, mask_shapes=(corner,), mask_blur=0, fill="noise",
                     mask_padding=padding)  # fmt: skip
    before, after = Image.open(photo).convert("RGB"), seen(run(backend, config, photo))
    box = (0, 0, 26, 26)
    assert distance(before.crop(box), after.crop(box)) > 1
    before.paste(0, box), after.paste(0, box)
    assert ImageChops.difference(before, after).getbbox() is None


def test_a_mask_can_be_what_a_detector_finds(backend, photo):
    config = Img2Img(id="i", model="toy", steps=3, mask_detector="faces", mask_confidence=0.1)
    made = run(backend, config, photo)
    assert int(made.reported["regions"] or 0) >= 1
    nothing = run(backend, config.model_copy(update={"mask_confidence": 1.0}), photo)
    assert (nothing.reported["regions"], nothing.reported["steps_run"]) == (0, 0)
    assert distance(seen(nothing), Image.open(photo).convert("RGB")) == 0


def test_a_controlnet_steers(backend, photo):
    sha = "a" * 64
    unit = Control(model="lines", image=sha, processor="canny", weight=1.0)
    free = seen(run(backend, TXT))
    made = run(backend, TXT.model_copy(update={"controls": (unit,)}), controls={sha: photo})
    assert made.reported["pipeline"] == "StableDiffusionControlNetPipeline"
    assert distance(free, seen(made)) > 0.05
    two = (unit, unit.model_copy(update={"weight": 0.5, "end": 0.5}))
    assert (
        distance(seen(made), seen(run(backend, TXT.model_copy(update={"controls": two}), controls={sha: photo}))) > 0.01
    )
    over = run(backend, Img2Img(id="i", model="toy", steps=4, controls=(Control(model="lines"),)), photo)
    assert over.reported["pipeline"] == "StableDiffusionControlNetImg2ImgPipeline"
    with pytest.raises(BackendTrouble, match="no ControlNet processor 'depth', only canny"):
        run(backend, TXT.model_copy(update={"controls": (unit.model_copy(update={"processor": "depth"}),)}),
            controls={sha: photo})  # fmt: skip


def test_detail_paints_what_was_found_and_nothing_else(backend, photo):
    config = Detail(id="d", model="toy", detector="faces", confidence=0.1, steps=4, denoise=0.9, max_regions=1,
                    mask_blur=0, dilate=0, padding=8)  # fmt: skip
    made = run(backend, config, photo)
    left, top, right, bottom = map(int, str(made.reported["boxes"]).split(","))
    before, after = Image.open(photo).convert("RGB"), seen(made)
    changed = ImageChops.difference(before, after).getbbox()
    assert changed and left <= changed[0] and top <= changed[1] and changed[2] <= right and changed[3] <= bottom
    assert made.effective["prompt"] == "a lighthouse by the sea" and made.reported["labels"] == "face"


def test_detail_counts_what_it_is_told_to(backend, photo):
    base = Detail(id="d", model="toy", detector="faces", confidence=0.1, steps=2)
    for update, regions in (({"classes": ("hand",)}, 0), ({"max_area": 0.0001}, 0), ({"confidence": 1.0}, 0),
                            ({"max_regions": 2}, 2), ({"merge": "merge"}, 3)):  # fmt: skip
        assert run(backend, base.model_copy(update=update), photo).reported["regions"] == regions, update
    strong = base.model_copy(update={"steps": 4, "denoise": 0.9})
    loud, quiet = (run(backend, strong.model_copy(update={"noise": noise}), photo) for noise in (1.4, None))
    assert distance(seen(loud), seen(quiet)) > 0.01


def test_upscale_resizes_and_repaints_in_tiles(backend, photo):
    plain = run(backend, Upscale(id="u", factor=2.0), photo)
    assert seen(plain).size == (128, 128) and plain.effective["upscaler"] == "Lanczos"
    config = Upscale(id="u", factor=2.0, tile=64, overlap=16, denoise=0.4, steps=4, model="toy", sampler="Euler")
    notes = Notes()
    again = run(backend, config, photo, notes=notes)
    assert seen(again).size == (128, 128)
    assert again.reported["tiles"] == 9 and "tile 9/9" in notes.doings()
    assert distance(seen(plain), seen(again)) > 0.1
    with pytest.raises(BackendTrouble, match="no upscaler"):
        run(backend, Upscale(id="u", upscaler="4x-sharp"), photo)


def test_it_says_what_it_sees(backend, photo):
    caption = run(backend, Interrogate(id="c"), photo)
    assert caption.reported["caption"] and caption.pictures == ()
    assert run(backend, Interrogate(id="c"), photo).reported["caption"] == caption.reported["caption"]
    score = run(backend, Score(id="s", against="a boat"), photo)
    assert 0 <= float(score.reported["score"] or 0) <= 1 and score.pictures == ()
    assert score.effective["against"] == "a boat" and score.effective["model"] == "small"


def test_the_whole_studio_pipeline_in_one_process(backend, tmp_path):
    """Nine stages; the face restorer's place is taken by its plain sibling, as spandrel is not to be had here."""
    stages: list[ImageStage] = [
        TXT,
        Refiner(id="refiner", model="other", steps=8, switch_at=0.6),
        Detail(id="faces", detector="faces", confidence=0.1, steps=3, max_regions=1),
        Detail(id="hands", detector="faces", classes=("face",), confidence=0.1, steps=3, max_regions=2),
        Detail(id="eyes", detector="faces", confidence=0.1, steps=3, max_regions=1, prompt="eyes"),
        Upscale(id="upscale", factor=2.0, tile=64, overlap=8, denoise=0.3, steps=4, model="toy"),
        Score(id="score"),
        Refine(id="refine"),
        Resize(id="resize", width=100, height=100),
    ]
    pids, last, made = set(), None, None
    for stage in stages:
        made = run(backend, stage, *([last] if last else []))
        assert made.suspect is None, stage.id
        assert set(type(stage).model_fields) - {"id", "type", "enabled"} <= {n.split(".")[0] for n in made.effective}
        if made.pictures:
            last = kept(made, tmp_path / f"{stage.id}.png")
        pids.add(backend._child.pid)
    assert len(pids) == 1 and seen(made).size == (100, 100)


# The process ----------------------------------------------------------------------------------


def test_previews_are_made_while_somebody_watches(backend):
    slow = TXT.model_copy(update={"width": 128, "height": 128, "steps": 60})
    watched, alone = Notes(previews=True), Notes()
    run(backend, slow, notes=watched)
    run(backend, TXT, notes=alone)
    assert watched.shown and alone.shown == []
    assert max(Image.open(io.BytesIO(watched.shown[0])).size) == 320


def test_cancel_within_a_step_and_the_next_stage_is_well(backend):
    long = TXT.model_copy(update={"steps": 400})
    notes = Notes(until=lambda step, steps, doing: doing == "sampling" and step >= 3)
    before = backend._child.pid
    with pytest.raises(Cancelled):
        run(backend, long, notes=notes)
    assert notes.wished and time.monotonic() - notes.wished < 2.0
    assert run(backend, TXT).pictures and backend._child.pid == before


def test_kill_minus_nine_in_the_middle_of_a_stage(backend):
    expected = run(backend, TXT).pictures[0].content
    pid = backend._child.pid
    notes = Notes(until=lambda step, steps, doing: doing == "sampling" and step == 5 and os.kill(pid, signal.SIGKILL))
    with pytest.raises(BackendTrouble, match="SIGKILL") as told:
        run(backend, TXT.model_copy(update={"steps": 400}), notes=notes)
    assert told.value.trouble == "lost"
    assert run(backend, TXT).pictures[0].content == expected
    assert backend._child.pid != pid


def test_memory_ends_one_stage_and_not_the_process(models, tmp_path):
    """given a process that may have one gigabyte; when a picture needs more; then only that one is out of memory."""
    for backend in opened(models, tmp_path, "--ram-gb", "1"):
        with pytest.raises(BackendTrouble, match="memory is full") as told:
            run(backend, TXT.model_copy(update={"width": 2048, "height": 2048}))
        assert told.value.trouble == "out-of-memory"
        before = backend._child.pid
        assert run(backend, TXT).pictures and backend._child.pid == before


def test_models_come_and_go_by_use_and_are_counted(models, tmp_path):
    """given room for two small painters; the third throws out the one used longest ago."""
    for backend in opened(models, tmp_path, "--limit-gb", "0.015"):
        resident = []
        for name in ("toy", "other", "toy", "xl"):
            made = run(backend, TXT.model_copy(update={"model": name}))
            resident.append(backend.memory().resident)
            assert float(made.reported["models_gb"] or 0) <= 0.015
        assert resident == [("toy",), ("other", "toy"), ("toy", "other"), ("xl",)] or resident[-1][0] == "xl"
        assert int(made.reported["evicted"] or 0) >= 1
        assert run(backend, TXT).loaded_s > 0 and run(backend, TXT).loaded_s < 0.1


def test_a_model_that_never_fits_is_out_of_memory(models, tmp_path):
    for backend in opened(models, tmp_path, "--limit-gb", "0.001"):
        with pytest.raises(BackendTrouble, match="toy needs") as told:
            run(backend, TXT)
        assert told.value.trouble == "out-of-memory"


def test_free_gives_everything_back(models, tmp_path):
    for backend in opened(models, tmp_path):
        first = run(backend, TXT)
        assert backend.memory().resident == ("toy",)
        pid = backend._child.pid
        backend.free()
        assert backend.memory().resident == () and backend.card().state == "ready"
        again = run(backend, TXT)
        assert again.pictures[0].content == first.pictures[0].content
        assert again.loaded_s > 0 and backend._child.pid != pid


def test_nan_makes_a_picture_suspect(models, tmp_path):
    """given a VAE that computes no numbers, as SDXL's does in half precision."""
    import torch
    from diffusers import AutoencoderKL

    broken = AutoencoderKL.from_pretrained(str(models / "vae" / "soft"))
    with torch.no_grad():
        broken.decoder.conv_out.bias.fill_(float("nan"))
    broken.save_pretrained(models / "vae" / "broken")
    for backend in opened(models, tmp_path):
        made = run(backend, TXT.model_copy(update={"vae": "broken"}))
        assert made.suspect and "NaN" in made.suspect and made.pictures


def test_a_torn_model_is_named(models, tmp_path):
    import shutil

    shutil.copytree(models / "toy", models / "torn")
    weights = models / "torn" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    for backend in opened(models, tmp_path):
        with pytest.raises(BackendTrouble, match="torn cannot be loaded") as told:
            run(backend, TXT.model_copy(update={"model": "torn"}))
        assert told.value.trouble == "bad-request"
        assert run(backend, TXT).pictures
    shutil.rmtree(models / "torn")


def test_a_pickle_beside_safetensors_is_never_opened(models, tmp_path):
    """given good weights under a name that nobody looks for, and pickles under the usual one; then it is refused."""
    import shutil

    import torch
    from safetensors.torch import load_file

    toy = tmp_path / "models" / "toy"
    shutil.copytree(models / "toy", toy)
    weights = toy / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    for backend in opened(tmp_path / "models", tmp_path):
        assert run(backend, TXT).pictures
        weights.rename(weights.with_name("other.safetensors"))
        backend.free()
        with pytest.raises(BackendTrouble, match="toy cannot be loaded"):
            run(backend, TXT)


def test_nothing_reaches_for_the_network(models, tmp_path):
    """Every connection is refused by the process itself here; all is found on the disk."""
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*a, **k):\n    raise AssertionError('the network was asked')\n"
        "socket.socket.connect = refuse\nsocket.getaddrinfo = refuse\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(guard))
        for backend in opened(models, tmp_path):
            assert run(backend, TXT).pictures
            with pytest.raises(BackendTrouble, match="no model"):
                run(backend, TXT.model_copy(update={"model": "someone/model-of-the-hub"}))
