"""What an agent is told to run, and what becomes of a job that is edited."""

import msgspec
import pytest

from daemon.prompting.effective import edit, effective, job_config, stage_config
from daemon.prompting.steps import steps_of
from schema.errors import Refused
from schema.pipeline import STANDARD, PipelineConfig
from schema.plans import JobSpec
from schema.stages import Detail, Txt2Img

BASE = STANDARD.canonical()
JOB = JobSpec(
    name="harbour-01-v1-s42",
    prompt="a boat",
    negative="fog",
    seed=42,
    overlay={"txt2img.steps": 24},
    origins={"prompt": "pack harbour.txt:1", "seed": "--seed", "txt2img.steps": "pack harbour.txt"},
)


def test_a_stage_is_the_base_with_the_overlay():
    stage = stage_config(BASE, "txt2img", {"txt2img.steps": 24, "txt2img.hires.scale": 2.0, "txt2img.model": "toy"})
    assert isinstance(stage, Txt2Img)
    assert (stage.steps, stage.model, stage.hires and stage.hires.scale) == (24, "toy", 2.0)
    detail = stage_config(BASE, "detail", {"txt2img.model": "toy"})
    assert isinstance(detail, Detail) and detail.model == "toy"


def test_a_stage_that_the_job_has_not_is_none():
    with pytest.raises(KeyError):
        stage_config(BASE, "refine", {})


def test_an_overlay_can_switch_a_stage_off_and_a_table_away():
    hires = PipelineConfig.model_validate([{"type": "txt2img", "hires": {"scale": 2}}, {"type": "detail"}]).canonical()
    config = job_config(hires, {"txt2img.hires": None, "detail.enabled": False})
    assert list(config) == ["txt2img"] and config["txt2img"]["hires"] is None


def test_an_upscale_that_repaints_needs_the_model():
    overlay = {"txt2img.model": "toy", "upscale.denoise": 0.3}
    assert job_config(BASE, overlay)["upscale"]["model"] == "toy"
    last = steps_of(effective(BASE, overlay, inherit=False))[-1]
    assert (last.model, last.steps) == ("toy", 20)


def test_a_refiner_keeps_its_own_model():
    base = PipelineConfig.model_validate([{"type": "txt2img", "model": "toy", "vae": "v"}, {"type": "refiner"}])
    config = job_config(base.canonical(), {})
    assert (config["refiner"]["model"], config["refiner"]["vae"]) == (None, "v")


def test_editing_changes_what_is_asked_and_says_so():
    edited = edit(JOB, BASE, sets=("txt2img.steps=30", "upscale.enabled=no"), prompt="a buoy", negative="")
    assert edited.overlay == {"txt2img.steps": 30, "upscale.enabled": False}
    assert (edited.prompt, edited.negative, edited.name) == ("a buoy", "", JOB.name)
    assert edited.origins["txt2img.steps"] == edited.origins["prompt"] == "edited"
    assert [step.id for step in edited.stages] == ["txt2img", "detail"]
    assert JOB.overlay == {"txt2img.steps": 24} and JOB.prompt == "a boat"


def test_editing_back_to_the_base_leaves_no_overlay():
    assert edit(JOB, BASE, sets=("txt2img.steps=20",)).overlay == {}
    assert edit(JOB, BASE, sets=("txt2img.steps=20",)).stages is None


def test_another_seed_is_told_by_the_name():
    other = edit(JOB, BASE, seed=7)
    assert (other.seed, other.name) == (7, "harbour-01-v1-s42-now7")
    assert edit(other, BASE, seed=8).name == "harbour-01-v1-s42-now8"
    assert edit(other, BASE, seed=42).name == JOB.name


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sets": ("txt2img.steps=900",)}, "--set txt2img.steps: '900' is too large"),
        ({"sets": ("refine.sharpen=1",)}, "the pipeline has no stage 'refine'"),
        ({"sets": ("txt2img.enabled=no",)}, "needs a picture"),
        ({"seed": -3}, "--seed: -3 is no seed"),
        ({"prompt": "x" * 20_001}, "--prompt: is longer than"),
    ],
)
def test_a_wrong_edit_is_refused(changes, told):
    with pytest.raises(Refused) as refused:
        edit(JOB, BASE, **changes)
    assert told in refused.value.told()


def test_configs_travel_as_the_stage_models_write_them():
    stage = stage_config(BASE, "txt2img", {})
    packed = msgspec.msgpack.encode(stage.model_dump(mode="json"))
    assert Txt2Img.model_validate(msgspec.msgpack.decode(packed)) == stage
