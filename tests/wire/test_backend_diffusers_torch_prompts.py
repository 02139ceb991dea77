"""What the words of a prompt do to pictures that diffusers makes; skipped without torch."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_trial`

from diffusers_trial import NEEDS_TORCH, TXT, distance, run, seen

from agent.backends import BackendTrouble
from schema.parts import Control, Hires

pytest_plugins = ["diffusers_fixtures"]
pytestmark = NEEDS_TORCH


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
