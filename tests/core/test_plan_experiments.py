"""Experiments as plans: one variable with everything else fixed, or several mixed in blocks of one prompt and seed."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plan_world`

from plan_world import Shelf, plan, refusal, txt

from daemon.prompting.effective import job_config
from schema.requests import Mix, TextFile

BOATS = txt("boats", "a {red|blue} boat at {dawn|dusk}\n\na ship\n\na raft\n")
STEPS = ("txt2img.steps=15, 20, .., 35",)


def mixed(*sets, groups=None, **flags):
    mixes = tuple(Mix(set=one, group=group) for one, group in zip(sets, groups or range(len(sets)), strict=True))
    return plan(BOATS, mixes=mixes, experiment="explore", **flags)


def test_a_learning_run_varies_one_thing_and_shares_words_and_seeds():
    made = plan(BOATS, vary=STEPS, count=2, max_prompts=1, seed=5, experiment="learning")
    assert len(made.jobs) == 5 * 2
    assert {job.prompt for job in made.jobs} == {made.jobs[0].prompt}
    assert Counter((job.seed, job.axes["txt2img.steps"]) for job in made.jobs) == Counter(
        {(seed, level): 1 for seed in (5, 6) for level in ("15", "20", "25", "30", "35")}
    )
    configs = [job_config(made.base, job.overlay) for job in made.jobs]
    assert [config["txt2img"]["steps"] for config in configs[::2]] == [15, 20, 25, 30, 35]
    others = [{**config, "txt2img": {**config["txt2img"], "steps": None}} for config in configs]
    assert all(other == others[0] for other in others)


def test_its_spec_says_what_it_wants_to_find_out():
    spec = plan(BOATS, vary=STEPS, count=2, experiment="learning").spec
    assert (spec.experiment, spec.learning) == ("learning", "active")
    assert spec.learning_plan.variables == {"txt2img.steps": (15, 20, 25, 30, 35)}
    assert (spec.learning_plan.kind, spec.learning_plan.seeds) == ("learning", 2)
    assert spec.learning_plan.question == "Steps: is 15, 20, 25, 30 or 35 best?"
    assert plan(BOATS, vary=STEPS, learning="passive", experiment="learning").spec.learning == "passive"
    ordinary = plan(BOATS, vary=STEPS).spec
    assert (ordinary.experiment, ordinary.learning_plan, ordinary.learning) == (None, None, "passive")


def test_several_prompts_each_get_every_level():
    made = plan(BOATS, vary=("txt2img.cfg=4,7",), count=3, experiment="learning")
    assert len(made.jobs) == 3 * 2 * 3
    for number in (1, 2, 3):
        mine = [job for job in made.jobs if job.prompt_number == number]
        assert len({job.prompt for job in mine}) == 1 and len(mine) == 6


def test_what_an_overlay_draws_is_drawn_once_for_all_levels():
    shelf = Shelf(overlays={"mood": "styles: [ink, soft]\nfields:\n  txt2img.steps: {from: 10, to: 40}\n"})
    made = plan(BOATS, library=shelf, overlay="mood", vary=("txt2img.cfg=4,7,9",), max_prompts=1, seed=3,
                experiment="learning")  # fmt: skip
    steps = {job_config(made.base, job.overlay)["txt2img"]["steps"] for job in made.jobs}
    assert len(steps) == 1 and len({job.prompt for job in made.jobs}) == 1
    free = plan(BOATS, library=shelf, overlay="mood", vary=("txt2img.cfg=4,7,9",), max_prompts=1, seed=3)
    assert len({job_config(free.base, job.overlay)["txt2img"]["steps"] for job in free.jobs}) > 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"vary": ()}, "varies one thing, and 0 are named"),
        ({"vary": ("txt2img.cfg=4,5", "txt2img.steps=9,10")}, "varies one thing, and 2 are named"),
        ({"count": 4}, "1 to 3 seeds, not 4"),
        ({"count": 0}, "at least 1"),
        ({"vary": ("txt2img.steps=20",)}, "has one level"),
        ({"vary": ("txt2img.steps=20,20.0",)}, "has one level"),
        ({"vary": ("seed=1,2",)}, "seeds are what all levels of a learning run share"),
        ({"vary": ("words=boat,ship",)}, "words are what all levels of a learning run share"),
        ({"limit": 3}, "made whole"),
        ({"max_images": 3}, "made whole"),
        ({"learning": "off"}, "nothing is learned of it"),
        ({"mixes": (Mix(set={}),)}, "has no mixes"),
    ],
)
def test_what_is_no_learning_run_is_refused(flags, said):
    asked = {"vary": STEPS, "count": 2, "experiment": "learning", **flags}
    assert said in refusal(BOATS, **asked)


def test_a_levels_type_is_that_of_the_field():
    def levels(vary):
        (found,) = plan(BOATS, vary=(vary,), experiment="learning").spec.learning_plan.variables.values()
        return found

    assert levels("txt2img.cfg=4,5.5") == (4.0, 5.5)
    assert levels("txt2img.sampler=Euler a,DDIM") == ("Euler a", "DDIM")
    assert levels("lora:film=none,0.4,0.8") == (None, 0.4, 0.8)
    assert levels("txt2img.tiling=true,false") == (True, False)
    assert levels("style=ink,none") == ("ink", "none")


def test_mixes_of_one_group_share_prompt_and_seed():
    steps = [{"txt2img.steps": at} for at in (10, 20, 30, 40, 10, 20)]
    made = mixed(*steps, groups=(0, 0, 1, 1, 7, 7), seed=50)
    assert [(job.prompt_number, job.seed) for job in made.jobs] == [
        (1, 50),
        (1, 50),
        (2, 51),
        (2, 51),
        (3, 52),
        (3, 52),
    ]
    assert [job_config(made.base, job.overlay)["txt2img"]["steps"] for job in made.jobs] == [10, 20, 30, 40, 10, 20]
    assert len({job.prompt for job in made.jobs}) == 3
    assert len({job.name for job in made.jobs}) == len(made.jobs)


def test_groups_go_over_the_prompts_round_by_round_and_over_their_words():
    made = mixed(*[{"txt2img.steps": 10 + at} for at in range(7)], seed=1)
    assert [job.prompt_number for job in made.jobs] == [1, 2, 3, 1, 2, 3, 1]
    assert len({job.prompt for job in made.jobs if job.prompt_number == 1}) > 1
    alone = mixed({"txt2img.steps": 1}, {"txt2img.steps": 2}, max_prompts=1)
    assert [job.prompt_number for job in alone.jobs] == [1, 1]


def test_an_explore_run_mixes_fields_loras_and_styles():
    made = mixed(
        {"txt2img.cfg": 4.5, "lora:film": 0.6, "style": "ink"}, {"txt2img.cfg": 9, "lora:film": None, "style": None},
        groups=(0, 0), max_prompts=1, seed=2,
    )  # fmt: skip
    first, second = made.jobs
    assert first.prompt == f"{second.prompt}, ink drawing <lora:film:0.6>" and first.style == "ink"
    assert second.style is None
    assert first.axes == {"lora:film": "0.6", "style": "ink", "txt2img.cfg": "4.5"}
    assert second.axes == {"lora:film": "none", "style": "none", "txt2img.cfg": "9"}
    assert first.origins["txt2img.cfg"] == "explore"
    plan_of = made.spec.learning_plan
    assert (plan_of.kind, plan_of.seeds, made.spec.learning) == ("explore", 1, "active")
    assert plan_of.variables == {"lora:film": (0.6, None), "style": ("ink", None), "txt2img.cfg": (4.5, 9)}
    assert plan_of.question == "Which LoRA film, style and CFG go best together?"


def test_a_lora_that_the_prompt_names_can_be_mixed_out():
    pack = TextFile(name="harbour.txt", text="a harbour <lora:film:0.8>")
    mixes = (Mix(set={"lora:film": 0.0}), Mix(set={"lora:film": 0.3}))
    made = plan(pack, mixes=mixes, experiment="explore")
    assert [job.prompt for job in made.jobs] == ["a harbour <lora:film:0>", "a harbour <lora:film:0.3>"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"mixes": ()}, "no pictures to make"),
        ({"vary": STEPS}, "say what varies"),
        ({"count": 2}, "say what varies"),
        ({"learning": "off"}, "nothing is learned of it"),
        ({"set": ("txt2img.steps=9",)}, "txt2img.steps is held by --set"),
        ({"mixes": (Mix(set={"txt2img.stepz": 9}),)}, "Did you mean 'steps'"),
        ({"mixes": (Mix(set={"nowhere.steps": 9}),)}, "no stage 'nowhere'"),
        ({"mixes": (Mix(set={"words": "x"}),)}, "nothing that an explore run can set"),
        ({"mixes": (Mix(set={"lora:film": "strong"}),)}, "is no number"),
        ({"mixes": (Mix(set={"style": "nobody's"}),)}, "nobody's"),
        ({"experiment": None}, "mixes are those of an explore run"),
    ],
)
def test_what_is_no_explore_run_is_refused(flags, said):
    asked = {"mixes": (Mix(set={"txt2img.steps": 10}),), "experiment": "explore", **flags}
    assert said in refusal(BOATS, **asked)


def test_the_same_request_is_the_same_plan_whatever_the_daemon_draws_or_the_time():
    for asked in (
        {"vary": STEPS, "count": 3, "experiment": "learning"},
        {"mixes": (Mix(set={"txt2img.cfg": 4}), Mix(set={"txt2img.cfg": 6}, group=1)), "experiment": "explore"},
    ):
        one, other = (
            plan(BOATS, seed=9, **asked),
            plan(BOATS, seed=9, drawn=1, now=1_800_000_000.0, folder="x", **asked),
        )
        assert one.jobs == other.jobs and one.plan_hash == other.plan_hash
        assert plan(BOATS, seed=9, node="attic", **asked).plan_hash == one.plan_hash
        assert plan(BOATS, seed=10, **asked).plan_hash != one.plan_hash
