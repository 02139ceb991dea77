"""What plans take over from verdicts: where it stands among all that says something, and that it is told."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from plan_world import NOW, Shelf, prompts, txt

from daemon.prompting.effective import job_config
from daemon.prompting.plan import make_plan
from daemon.prompting.recipe import LastRun
from schema.lessons import Adopted, Lessons
from schema.pipeline import STANDARD
from schema.requests import RunRequest, TextFile
from schema.settings import Settings

BAYS = txt("bays", "a bay at __sky__, gulls\n\na bay at __sky__, boats\n")
SKIES = {"sky": "dusk\ndawn\nnoon\n"}
PACK = '{"name": "keep", "slots": [{"text": "a keep"}], "preset_data": {"txt2img": {"steps": 11, "cfg_scale": 4}}}'
KEEP = TextFile(name="keep.json", text=PACK)


def plan(*packs, adopted=None, mode="passive", library=None, **flags):
    lessons = Lessons(mode=mode, adopted=adopted or {})
    return make_plan(
        RunRequest(packs=packs, **flags), library=library or Shelf(wildcards=SKIES), settings=Settings(),
        drawn_seed=7, now=NOW, drawn_folder="f", lessons=lessons,
    )  # fmt: skip


def settings(**values):
    return {"bays": Adopted(settings={key.replace("__", "."): value for key, value in values.items()})}


def of(made, number=0):
    return job_config(made.base, made.jobs[number].overlay)["txt2img"]


def test_what_was_learned_is_planned_and_says_where_it_came_from():
    made = plan(BAYS, adopted=settings(txt2img__steps=33, txt2img__cfg=5.5))
    assert (of(made)["steps"], of(made)["cfg"]) == (33, 5.5)
    assert made.jobs[0].origins["txt2img.steps"] == "learned for bays"
    assert "txt2img" in made.spoken
    assert made.plan_hash != plan(BAYS).plan_hash


def test_nothing_learned_changes_nothing():
    assert plan(BAYS, adopted={"other": Adopted(settings={"txt2img.steps": 9})}) == plan(BAYS)


def test_it_stands_above_the_packs_own_settings():
    made = plan(KEEP, adopted={"keep": Adopted(settings={"txt2img.steps": 33})})
    assert (of(made)["steps"], of(made)["cfg"]) == (33, 4.0)
    assert made.jobs[0].origins["txt2img.steps"] == "learned for keep"
    assert made.jobs[0].origins["txt2img.cfg"] == "pack keep.json"


@pytest.mark.parametrize(
    ("flags", "steps"),
    [({"set": ("txt2img.steps=9",)}, 9), ({"preset": "fast"}, 8), ({"vary": ("txt2img.steps=7",)}, 7)],
)
def test_whatever_a_person_says_of_this_run_goes_before_it(flags, steps):
    library = Shelf(wildcards=SKIES, presets={"fast": "txt2img: {steps: 8}"})
    made = plan(BAYS, adopted=settings(txt2img__steps=33), library=library, **flags)
    assert of(made)["steps"] == steps
    assert "learned" not in made.jobs[0].origins.get("txt2img.steps", "")


def test_a_prompts_own_override_goes_before_it():
    made = plan(txt("bays", "#! txt2img.steps=6\na boat\n\na buoy\n"), adopted=settings(txt2img__steps=33))
    assert (of(made)["steps"], of(made, 1)["steps"]) == (6, 33)
    assert made.jobs[0].origins["txt2img.steps"].startswith("pack bays.txt")


def test_what_does_not_fit_is_told_and_refuses_no_plan():
    made = plan(BAYS, adopted=settings(nowhere__steps=3, txt2img__steps=33, txt2img__cfg="much", style="oil"))
    assert of(made)["steps"] == 33
    (warning,) = [one for one in made.warnings if "not used here" in one]
    assert "nowhere.steps" in warning and "txt2img.cfg" in warning and "style" in warning


def test_it_stands_above_the_last_run_for_whoever_starts_from_there():
    library = Shelf(wildcards=SKIES, last=LastRun(STANDARD.canonical(), {"txt2img.steps": 12}, "standard"))
    assert of(plan(BAYS, library=library, last=True))["steps"] == 12
    made = plan(BAYS, adopted=settings(txt2img__steps=33), library=library, last=True)
    assert (of(made)["steps"], made.jobs[0].origins["txt2img.steps"]) == (33, "learned for bays")
    said = plan(BAYS, adopted=settings(txt2img__steps=33), library=library, last=True, set=("txt2img.steps=12",))
    assert of(said)["steps"] == 12


def test_prompts_without_a_pack_have_a_name_of_their_own():
    adopted = {"(prompts)": Adopted(settings={"txt2img.steps": 33})}
    assert of(plan(prompt="a fox", adopted=adopted))["steps"] == 33


def test_weights_count_where_values_are_drawn_and_are_told():
    adopted = {"bays": Adopted(weights={"__sky__": {"noon": 9.0, "dusk": 0.2}})}
    drawn = plan(BAYS, adopted=adopted, matrix="random", variants=60)
    plain = plan(BAYS, matrix="random", variants=60)
    assert sum("noon" in one for one in prompts(drawn)) > 1.5 * sum("noon" in one for one in prompts(plain))
    (pick,) = next(job.picks for job in drawn.jobs if "noon" in job.prompt)
    assert "learned x9.00" in pick.source
    assert prompts(plan(BAYS, adopted=adopted, matrix="all")) == prompts(plan(BAYS, matrix="all"))


def test_weights_count_for_choices_too_that_stand_in_the_prompt():
    adopted = {"(prompts)": Adopted(weights={"{fog|snow}": {"fog": 4.0, "snow": 0.1}})}
    asked = {"prompt": "a quiet bay in {fog|snow}", "matrix": "random", "variants": 60}
    drawn = [job.prompt for job in plan(**asked, adopted=adopted).jobs]
    assert sum("fog" in one for one in drawn) > 50 and sum("fog" in job.prompt for job in plan(**asked).jobs) < 45


def test_factors_have_bounds_so_that_no_value_dies():
    adopted = {"bays": Adopted(weights={"sky": {"noon": 1e9}})}
    drawn = plan(BAYS, adopted=adopted, matrix="random", variants=80)
    assert any("dusk" in one for one in prompts(drawn))


def test_defaults_of_the_randomizer_fill_what_the_request_leaves_open():
    adopted = {"bays": Adopted(randomizer={"matrix": "random", "variants": 4, "order": "random", "noise": 3})}
    made = plan(BAYS, adopted=adopted)
    assert (made.spec.randomizer.matrix, made.spec.randomizer.variants, len(made.jobs)) == ("random", 4, 8)
    assert any("learned for bays" in one and "matrix random" in one for one in made.warnings)
    said = plan(BAYS, adopted=adopted, matrix="all", limit=2)
    assert (said.spec.randomizer.matrix, said.spec.randomizer.variants) == ("all", None)


def test_packs_that_disagree_on_the_randomizer_change_nothing():
    adopted = {"bays": Adopted(randomizer={"matrix": "random"})}
    made = plan(BAYS, KEEP, adopted=adopted)
    assert made.spec.randomizer.matrix == "all"
    assert any("differ from pack to pack" in one for one in made.warnings)


@pytest.mark.parametrize(("mode", "said", "learning"), [("active", None, "active"), ("off", "passive", "passive")])
def test_the_programs_mode_is_that_of_runs_that_do_not_say(mode, said, learning):
    assert plan(BAYS, mode=mode, learning=said).spec.learning == learning


def test_loras_get_the_weight_that_was_learned():
    adopted = {"bays": Adopted(settings={"lora:film": 0.4, "lora:ink": 0.0, "lora:grain": 0.6})}
    made = plan(txt("bays", "a boat <lora:film:1> <lora:ink:0.9>\n"), adopted=adopted)
    assert made.jobs[0].prompt == "a boat <lora:film:0.4> <lora:ink:0> <lora:grain:0.6>"
    assert made.jobs[0].origins["prompt"].endswith("learned for bays")
    assert set(made.jobs[0].needs) >= {"loras:film", "loras:grain"}
    assert not [one for one in made.warnings if "not used" in one]
