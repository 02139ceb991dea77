"""What stands around prompts, and what is drawn besides their words: templates, profiles, styles, overlays, edits."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plan_world`

from plan_world import Shelf, plan, prompts, refusal, txt

from daemon.prompting.effective import job_config
from schema.requests import Edit, TextFile

MIRA = """
name: Mira
character: young cartographer
setting: rainy harbour town
style: ink
negative: crowd
wildcards: {sky: {dawn: 3, dusk: 0}}
loras: [{name: ink_line, weight: 0.7}]
"""

TASTEFUL = """
name: tasteful
styles: [{name: ink, weight: 2}, soft]
grades: [warm tones, cool tones]
loras: [{name: sea_haze, weight: [0.4, 0.8], probability: 0.5}]
embeddings: [fine_detail]
fields:
  txt2img.cfg: [5.0, 7.5]
  txt2img.steps: {values: [20, 30], weights: [1, 3]}
  upscale.factor: {from: 1.5, to: 2.5, step: 0.5}
"""

SHELF = Shelf(
    profiles={"mira": MIRA},
    templates={
        "portrait": 'prompt: "portrait of {character}, {prompt}, window light"\nset: {txt2img.width: 640, up.x: 1}',
        "plain": 'prompt: "wide view of {prompt}"\nnegative: frame',
    },
    overlays={"tasteful": TASTEFUL},
)


def test_a_style_stands_around_and_a_template_around_the_prompt():
    made = plan(prompt="a boat", negative="fog", style=("INK", "soft"), template="plain", library=SHELF, seed=1)
    (job,) = made.jobs
    assert (job.prompt, job.negative) == ("wide view of a boat, ink drawing, soft light", "frame, fog, photo")
    assert (job.style, job.template) == ("ink, soft", job.prompt)
    assert job.origins["prompt"] == "--prompt, template plain, style ink, style soft"
    assert (made.spec.randomizer.template, made.spec.randomizer.styles) == ("plain", ("ink", "soft"))
    assert "Did you mean 'ink'?" in refusal(prompt="a", style=("inc",), library=SHELF)
    assert "there is no template 'x'" in refusal(prompt="a", template="x", library=SHELF)


def test_a_profile_says_who_and_where_and_brings_its_loras():
    made = plan(prompt="at the quay", profile="mira", library=SHELF, seed=1)
    (job,) = made.jobs
    assert job.prompt == "young cartographer, at the quay, rainy harbour town <lora:ink_line:0.7>, ink drawing"
    assert (job.negative, job.style, made.spec.profile) == ("crowd, photo", "ink", "mira")
    assert job.needs == ("loras:ink_line",)
    made = plan(prompt="at the quay <lora:ink_line:0.2>", profile="mira", template="portrait", library=SHELF)
    assert made.jobs[0].prompt.startswith("portrait of young cartographer, at the quay <lora:ink_line:0.2>, rainy")
    assert job_config(made.base, {})["txt2img"]["width"] == 640
    assert made.jobs[0].origins["txt2img.width"] == "template portrait"
    assert "template portrait: not used here: up.x." in made.warnings
    file = TextFile(name="other.yaml", text="character: an old gardener")
    assert prompts(plan(prompt="in spring", profile=file)) == ["an old gardener, in spring"]


def test_a_template_stands_above_the_pipeline_and_below_everything_else():
    assert job_config(*base(template="portrait"))["txt2img"]["width"] == 640
    assert job_config(*base(template="portrait", set=("txt2img.width=768",)))["txt2img"]["width"] == 768
    pack = TextFile(name="p.json", text='{"slots": [{"text": "a"}], "preset_data": {"txt2img": {"width": 512}}}')
    made = plan(pack, template="portrait", library=SHELF)
    assert job_config(made.base, made.jobs[0].overlay)["txt2img"]["width"] == 512


def base(**flags):
    made = plan(prompt="a", library=SHELF, **flags)
    return made.base, made.jobs[0].overlay


def test_the_template_that_a_pack_names_is_filled_with_what_the_pack_gives():
    slot = {"text": "a boat", "template_id": "hers", "template_variables": {"place": "the quay"}}
    pack = TextFile(name="p.json", text=json.dumps({"slots": [slot]}))
    shelf = Shelf(templates={"hers": "prompt: '{prompt} at {place}, evening'"})
    made = plan(pack, library=shelf)
    assert prompts(made) == ["a boat at the quay, evening"] and not made.warnings
    made = plan(pack, library=Shelf())
    assert prompts(made) == ["a boat"]
    assert made.warnings == ("p.json prompt 1: there is no template 'hers' in the library. Its text is used as it is.",)


def test_a_fault_has_its_place_in_the_prompt_whatever_stands_around():
    assert refusal(prompt="a {red boat", style=("ink",), template="plain", library=SHELF).startswith("--prompt:1:3: ")
    profile = TextFile(name="m.yaml", text='character: "an {old|young"')
    assert refusal(prompt="a boat", profile=profile).startswith("profile m.yaml: in 'an {old|young': ")
    broken = Shelf(templates={"b": "prompt: 'wide {soft|hard {prompt}'"})
    assert refusal(prompt="a boat", template="b", library=broken).startswith("template b.yaml: in 'wide {soft|hard")
    told = plan(prompt="a __sly__", template="plain", library=SHELF).warnings
    assert told[0].startswith("--prompt with what stands around it:1:16: there is no wildcard 'sly'")


def test_an_overlay_draws_within_its_limits_and_says_what_it_drew():
    made = plan(prompt="a boat", overlay="tasteful", variants=200, library=SHELF, seed=3)
    assert len(made.jobs) == 200 and len({job.name for job in made.jobs}) == 200
    configs = [job_config(made.base, job.overlay) for job in made.jobs]
    cfgs = [one["txt2img"]["cfg"] for one in configs]
    assert all(5.0 <= cfg <= 7.5 for cfg in cfgs) and len(set(cfgs)) > 50
    steps = [one["txt2img"]["steps"] for one in configs]
    assert set(steps) == {20, 30} and 120 < steps.count(30) < 180
    assert {one["upscale"]["factor"] for one in configs} == {1.5, 2.0, 2.5}
    loras = [job for job in made.jobs if "<lora:sea_haze:" in job.prompt]
    assert 70 < len(loras) < 130
    styles = [job.style for job in made.jobs]
    assert set(styles) == {"ink", "soft"} and 100 < styles.count("ink") < 165
    first = made.jobs[0]
    assert first.origins["txt2img.cfg"] == "overlay tasteful"
    assert first.origins["prompt"] == "--prompt, overlay tasteful"
    assert [pick.key for pick in first.picks][:2] == ["overlay style", "overlay grade"]
    assert first.picks[0].source == "tasteful.yaml:3"
    assert made.spec.randomizer.overlay == "tasteful"


def test_an_overlay_leaves_alone_what_a_person_fixed():
    pack = txt("p", "a boat <lora:sea_haze:0.1>\n#! txt2img.cfg=9")
    made = plan(
        pack, overlay="tasteful", variants=40, set=("txt2img.steps=12",), vary=("upscale.factor=3,4",), library=SHELF
    )
    for job in made.jobs:
        config = job_config(made.base, job.overlay)
        assert config["txt2img"]["cfg"] == 9.0 and config["txt2img"]["steps"] == 12
        assert config["upscale"]["factor"] == float(job.axes["upscale.factor"])
        assert job.prompt.count("<lora:sea_haze:") == 1
    assert "tasteful.yaml:9: txt2img.steps is fixed and does not vary." in made.warnings


def test_each_draw_has_a_stream_of_its_own():
    def drawn(text=TASTEFUL, **flags):
        overlay = TextFile(name="tasteful.yaml", text=text)
        made = plan(prompt="a boat", overlay=overlay, variants=30, seed=3, library=SHELF, **flags)
        return [
            (job.style, job.overlay, [pick.value for pick in job.picks if pick.key == "overlay grade"])
            for job in made.jobs
        ]

    before, after = drawn(), drawn(TASTEFUL.replace("grades: [warm tones, cool tones]", "grades: [misty]"))
    assert [one[:2] for one in before] == [one[:2] for one in after]
    again = drawn(reroll=("overlay style=1",))
    assert [one[1:] for one in before] == [one[1:] for one in again]
    assert [one[0] for one in before] != [one[0] for one in again]
    assert drawn() == before
    assert "has a slot 'overlay styles'" in refusal(
        prompt="a", overlay="tasteful", reroll=("overlay styles=1",), library=SHELF
    )


def test_at_most_so_many_vary_at_once():
    overlay = TextFile(name="calm.yaml", text=TASTEFUL + "most: 2\n")
    made = plan(prompt="a boat", overlay=overlay, variants=60, library=SHELF)
    counts = {len(job.overlay) + len(job.picks) for job in made.jobs}
    assert counts <= {1, 2} and 2 in counts  # a draw may be what the base says anyway
    none = TextFile(name="never.yaml", text="grades: [misty]\nprobability: 0")
    assert set(prompts(plan(prompt="a boat", overlay=none, variants=20))) == {"a boat"}


def test_an_overlay_that_does_not_fit_is_refused_or_told():
    wrong = TextFile(name="w.yaml", text="fields: {txt2img.steps: [0, 30]}")
    assert "too small" in refusal(prompt="a", overlay=wrong)
    other = TextFile(name="w.yaml", text="fields: {refiner.steps: [5, 30]}")
    assert plan(prompt="a", overlay=other).warnings == (
        "w.yaml:1: not used, the pipeline has no such stage: refiner.steps.",
    )
    assert "Did you mean 'ink'?" in refusal(
        prompt="a", overlay=TextFile(name="w.yaml", text="styles: [inx]"), library=SHELF
    )


def test_edits_write_over_one_variant_or_one_job():
    pack = txt("harbour", "a boat\n\na buoy")
    edits = (
        Edit(name="harbour-02-v1", prompt="two buoys", negative="fog"),
        Edit(name="harbour-01-v1-s6", prompt="a ship"),
    )
    made = plan(pack, seed=5, count=2, edits=edits)
    assert [(job.prompt, job.negative) for job in made.jobs] == [
        ("a boat", ""), ("a ship", ""), ("two buoys", "fog"), ("two buoys", "fog"),
    ]  # fmt: skip
    assert made.jobs[1].origins["prompt"] == made.jobs[3].origins["negative"] == "edited"
    assert made.jobs[1].template == "a boat"
    assert made.plan_hash != plan(pack, seed=5, count=2).plan_hash
    assert "Did you mean 'harbour-02-v1-s5'?" in refusal(pack, seed=5, edits=(Edit(name="harbour-2-v1-s5"),))


@pytest.mark.parametrize("flag", ["search", "lock", "reroll"])
def test_literal_prompts_have_nothing_to_vary(flag):
    made = plan(prompt="a {red|blue} boat [[x]] __sky__", literal=True)
    assert prompts(made) == ["a {red|blue} boat [[x]] __sky__"] and not made.warnings
    assert "--literal: expands nothing" in refusal(
        prompt="a", literal=True, **{flag: ("a=>b" if flag == "search" else "a=1",)}
    )
