"""The diffusers backend over tiny models of random weights, in its real process, on the CPU: pictures from noise.

Skipped without torch. The pictures mean nothing; that they are made, repeat, differ and can be stopped does.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_trial`

from diffusers_notes import Notes
from diffusers_trial import NEEDS_TORCH, TXT, distance, run, seen
from PIL import Image

from agent.backends import BackendTrouble
from schema.parts import Hires, Switch
from schema.stages import Img2Img, Txt2Img

pytest_plugins = ["diffusers_fixtures"]
pytestmark = NEEDS_TORCH


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
