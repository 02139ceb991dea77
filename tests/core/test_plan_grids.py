"""Grids: axes of fields, LoRAs, styles, seeds and words; every combination is a job, and every job says which."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plan_world`

from plan_world import plan, prompts, refusal, txt

from daemon.prompting.effective import job_config
from daemon.prompting.grids import with_known_loras
from schema.errors import Refused


def test_every_combination_of_two_fields_is_a_job():
    made = plan(prompt="a boat", vary=("txt2img.cfg=5,7.5", "txt2img.steps=10,20,30"), seed=1)
    assert [job.axes for job in made.jobs[:4]] == [
        {"txt2img.cfg": "5", "txt2img.steps": "10"},
        {"txt2img.cfg": "5", "txt2img.steps": "20"},
        {"txt2img.cfg": "5", "txt2img.steps": "30"},
        {"txt2img.cfg": "7.5", "txt2img.steps": "10"},
    ]
    assert [job.name for job in made.jobs] == [f"prompt-01-v{number}-s1" for number in range(1, 7)]
    fields = [job_config(made.base, job.overlay)["txt2img"] for job in made.jobs]
    assert [(one["cfg"], one["steps"]) for one in fields][-1] == (7.5, 30)
    assert made.jobs[3].origins["txt2img.cfg"] == "--vary"
    assert made.spec.randomizer.axes == {"txt2img.cfg": ("5", "7.5"), "txt2img.steps": ("10", "20", "30")}
    assert made.spec.randomizer.space == "6"


def test_loras_are_tried_over_names_and_strengths():
    made = plan(prompt="a boat <lora:film:0.3>", vary=("lora=sea_haze:0.4,film:0.8,none",), seed=1)
    assert prompts(made) == [
        "a boat <lora:film:0.3> <lora:sea_haze:0.4>",
        "a boat <lora:film:0.8>",
        "a boat <lora:film:0.3>",
    ]
    assert made.jobs[0].needs == ("loras:film", "loras:sea_haze")
    assert prompts(plan(prompt="a boat", vary=("lora:film=0.2,none",))) == ["a boat <lora:film:0.2>", "a boat"]
    made = plan(prompt="a boat", vary=("lora:film=0.2, 0.4, .., 0.8", "lora=a+b:0.5"), seed=1)
    assert prompts(made)[1] == "a boat <lora:film:0.4> <lora:a:1> <lora:b:0.5>"
    assert [job.axes["lora:film"] for job in made.jobs] == ["0.2", "0.4", "0.6", "0.8"]


def test_a_pattern_stands_for_every_lora_that_is_known():
    known = ("Sea_haze", "sea_foam", "film, old", "ink")
    assert with_known_loras(("seed=1,2", "lora=sea_*:0.6,none"), lambda: known) == (
        "seed=1,2", "lora=sea_foam:0.6||Sea_haze:0.6||none||",
    )  # fmt: skip
    (axis,) = with_known_loras(("lora=*",), lambda: known)
    assert prompts(plan(prompt="a boat", vary=(axis,)))[0] == "a boat <lora:film, old:1>"
    with pytest.raises(Refused) as refused:
        with_known_loras(("lora=inc*",), lambda: known)
    assert "no LoRA is called 'inc*'. Did you mean 'ink'?" in refused.value.told()


def test_styles_seeds_and_words_are_axes_too():
    made = plan(prompt="a boat", vary=("style=ink,none", "seed=5,9"), count=2)
    assert [(job.prompt, job.style, job.seed) for job in made.jobs][:5] == [
        ("a boat, ink drawing", "ink", 5),
        ("a boat, ink drawing", "ink", 6),
        ("a boat, ink drawing", "ink", 9),
        ("a boat, ink drawing", "ink", 10),
        ("a boat", None, 5),
    ]
    assert made.jobs[0].origins["seed"] == "--vary"
    assert prompts(plan(prompt="a boat at sea", vary=("words=boat,ship || raft, with a flag",)))[0] == "a boat at sea"
    assert (
        prompts(plan(prompt="a boat at sea", vary=("words=boat||raft, with a flag",)))[1]
        == "a raft, with a flag at sea"
    )


def test_a_grid_multiplies_packs_and_the_limit_holds_for_all():
    pack = txt("harbour", "a boat\n\n#! txt2img.cfg=3\na buoy")
    made = plan(pack, vary=("txt2img.cfg=5,7", "detail.denoise=0.1,0.2"), count=2)
    assert len(made.jobs) == 2 * 4 * 2
    assert {job_config(made.base, job.overlay)["txt2img"]["cfg"] for job in made.jobs} == {5.0, 7.0}
    made = plan(pack, vary=("txt2img.cfg=5,7", "detail.denoise=0.1,0.2"), limit=4)
    assert [job.prompt for job in made.jobs].count("a boat") == 2
    for name, levels in made.spec.randomizer.axes.items():
        assert {job.axes[name] for job in made.jobs} == set(levels)
    assert "4 of 8 variants, spread evenly." in made.warnings


WRONG = [
    ("txt2img.cfg", "is not NAME=V1,V2"),
    ("cfg=5,6", "there is no axis 'cfg'"),
    ("loras=a:1", "Did you mean 'lora'?"),
    ("txt2img.cfgs=5,6", "has no field 'cfgs'. Did you mean 'cfg'?"),
    ("txt2img.cfg=5,sixty", "--vary txt2img.cfg"),
    ("txt2img.cfg=5,..", "'..' stands between numbers"),
    ("txt2img.steps=1,1,..,9", "'..' does not come to its end"),
    ("lora=a:strong", "'a:strong' is no LoRA"),
    ("seed=-4", "'-4' is no seed"),
    ("style=inc", "Did you mean 'ink'?"),
    ("txt2img.steps=1,..,99999", "'..' does not come to its end"),
]


@pytest.mark.parametrize(("axis", "told"), WRONG, ids=[axis for axis, _ in WRONG])
def test_an_axis_that_cannot_be_is_refused(axis, told):
    assert told in refusal(prompt="a boat", vary=(axis,))


def test_an_axis_is_written_once_and_not_beside_set():
    assert "is an axis twice" in refusal(prompt="a", vary=("seed=1,2", "seed=3"))
    assert "txt2img.cfg is held by --set" in refusal(prompt="a", vary=("txt2img.cfg=1,2",), set=("txt2img.cfg=3",))
    assert "allows 100000" in refusal(prompt="a", vary=("seed=1,..,1000", "txt2img.steps=1,..,150"))
