"""Packs of other programs: lines with tags of SD WebUI's script, sections of Dream Factory."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plan_world`

from plan_world import plan, prompts

from daemon.prompting.effective import job_config
from daemon.prompting.packs import read_pack
from schema.errors import Refused
from schema.requests import TextFile

LINES = """# for the evening
--prompt "old lighthouse, dusk" --negative_prompt "fog" --steps 30 --sampler_name "DPM++ 2M Karras" --seed 7
--prompt a quiet harbour at {dawn|noon} --width 640 --cfg_scale 5.5 --sd_model toy_v1 --batch_size 2 --seed -1
a plain line
--negative_prompt "only this"
--prompt 'two boats' --n_iter 3 --tiling true
"""

SECTIONS = """[config]
!MODE = standard
!STEPS = 25
!SCALE = 6.5
!SAMPLER = Euler a
!NEG_PROMPT = "blurry"
!WIDTH = 512, 768
!PROFILE = mine

[prompts]
# two of these
an old harbour
a quiet orchard

[prompts 1-2 " and "]
at dawn
in fog

[prompts]
ink drawing
"""


def test_lines_with_tags_are_prompts_with_settings_of_their_own():
    pack = read_pack("evening.txt", LINES)
    assert pack.dialect == "lines"
    assert [(prompt.text, prompt.negative, prompt.line, prompt.seed) for prompt in pack.prompts] == [
        ("old lighthouse, dusk", "fog", 2, 7),
        ("a quiet harbour at {dawn|noon}", "", 3, None),
        ("a plain line", "", 4, None),
        ("two boats", "", 6, None),
    ]
    assert pack.prompts[0].overrides == {
        "txt2img.steps": "30", "txt2img.sampler": "DPM++ 2M", "txt2img.scheduler": "Karras",
    }  # fmt: skip
    assert pack.warnings == ("evening.txt:6: not understood and not used: --n_iter.",)
    made = plan(TextFile(name="evening.txt", text=LINES), seed=100)
    assert [job.seed for job in made.jobs] == [7, 100, 100, 100, 100]
    assert made.jobs[0].origins["seed"] == "pack evening.txt:2"
    config = job_config(made.base, made.jobs[1].overlay)["txt2img"]
    assert (config["width"], config["cfg"], config["model"], config["batch"]) == (640, 5.5, "toy_v1", 2)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('--prompt "a boat', "x.txt:1: cannot be read: no closing quotation"),
        ("--prompt a --stepz 3", "x.txt:1: '--stepz' is no tag. Did you mean 'steps'?"),
        ("--prompt a --steps", "x.txt:1: --steps has no value"),
        ("--prompt a --seed ten", "x.txt:1: 'ten' is no seed"),
        ("--steps 3", "holds no prompt"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line, told):
    with pytest.raises(Refused) as refused:
        read_pack("x.txt", line)
    assert told in refused.value.told()


def test_a_comment_that_speaks_of_tags_makes_no_such_file():
    assert read_pack("x.txt", "# --prompt is for others\na boat\n\na buoy -- old").dialect == "txt"


def test_sections_are_multiplied_in_their_order():
    pack = read_pack("d.prompts", SECTIONS)
    assert (pack.name, pack.dialect, len(pack.prompts)) == ("d", "prompts", 1)
    assert pack.prompts[0].overrides == {
        "txt2img.steps": "25", "txt2img.cfg": "6.5", "txt2img.sampler": "Euler a",
    }  # fmt: skip
    assert pack.warnings == (
        "d.prompts:7: not understood and not used: !WIDTH = 512, 768.",
        "d.prompts:8: not understood and not used: !PROFILE = mine.",
    )
    made = plan(TextFile(name="d.prompts", text=SECTIONS), seed=1)
    assert prompts(made) == [
        f"{where} {when} ink drawing"
        for where in ("an old harbour", "a quiet orchard")
        for when in ("at dawn", "in fog", "at dawn and in fog")
    ]
    assert {job.negative for job in made.jobs} == {"blurry"}


def test_one_section_is_a_prompt_a_line_and_random_is_drawn():
    pack = read_pack("d.prompts", "[prompts]\na boat\na buoy\n")
    assert [(prompt.text, prompt.line) for prompt in pack.prompts] == [("a boat", 2), ("a buoy", 3)]
    assert read_pack("d.prompts", "!SEED = ten\n[prompts]\na\n").warnings == (
        "d.prompts:1: not understood and not used: !SEED = ten.",
    )
    text = SECTIONS.replace("standard", "random")
    assert len(plan(TextFile(name="d.prompts", text=text), variants=5).jobs) == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a boat", "d.prompts:1: a prompt stands before any section"),
        ("[negatives]\nx", "d.prompts:1: there is no section '[negatives]'"),
        ("[prompts 4-2]\nx", "d.prompts:1: the range ends before it begins"),
        ("[config]\n!STEPS = 3", "holds no prompt"),
    ],
)
def test_a_file_of_sections_that_cannot_be_read_is_named(text, told):
    with pytest.raises(Refused) as refused:
        read_pack("d.prompts", text)
    assert told in refused.value.told()
