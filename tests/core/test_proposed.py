"""Settings that somebody else proposes are those that stages have."""

import pytest

from daemon.prompting.proposed import check_settings
from schema.errors import Refused
from schema.plans import Scalar


@pytest.mark.parametrize(
    "settings",
    [
        {"txt2img.steps": 30, "txt2img.cfg": 5.5, "txt2img.sampler": "Euler a"},
        {"detail2.denoise": 0.3, "upscale.factor": 2, "txt2img.hires.scale": 1.5},
        {"faces.denoise": 0.3, "lora:haze": 0.6, "txt2img.vae": None},
        {},
    ],
)
def test_what_stages_have_is_taken(settings: dict[str, Scalar]) -> None:
    check_settings(settings)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("txt2img.stepz", 30, "txt2img.*has no field 'stepz'"),
        ("txt2img.steps", "many", "txt2img.steps"),
        ("txt2img.steps", -5, "txt2img.steps"),
        ("txt2img", 5, "is no setting of a stage"),
        ("pick:__sky__", "dawn", "is no setting of a stage"),
        ("randomizer.matrix", "all", "is no setting of a stage"),
        ("faces.nonsense", 1, "no stage has a field 'nonsense'"),
        ("lora:haze", "heavy", "a LoRA's weight is a number"),
        ("lora:haze", float("inf"), "a LoRA's weight is a number"),
        ("lora:haze", True, "a LoRA's weight is a number"),
    ],
)
def test_what_no_stage_has_is_refused_by_name(name: str, value: Scalar, told: str) -> None:
    with pytest.raises(Refused, match=told) as refused:
        check_settings({"txt2img.cfg": 5.5, name: value})
    assert name in refused.value.told()
