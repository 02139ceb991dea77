"""Steps, models and sizes along a pipeline, as the scheduler reads them."""

import pytest

from daemon.prompting.steps import steps_of
from schema.pipeline import PipelineConfig


def steps(*stages):
    return steps_of(PipelineConfig.model_validate([dict(stage) for stage in stages]))


T2I = {"type": "txt2img", "width": 640, "height": 480, "steps": 12}


@pytest.mark.parametrize(
    ("stages", "megapixels"),
    [
        ([T2I], [0.3072]),
        ([{**T2I, "hires": {"scale": 2}}], [1.2288]),
        ([T2I, {"type": "img2img"}], [0.3072, 0.3072]),
        ([T2I, {"type": "img2img", "width": 320}], [0.3072, 0.1536]),
        ([T2I, {"type": "upscale", "factor": 2}], [0.3072, 1.2288]),
        ([T2I, {"type": "upscale", "width": 1000, "height": 1000}], [0.3072, 1.0]),
        ([T2I, {"type": "upscale"}, {"type": "resize", "width": 640, "height": 640}], [0.3072, 1.2288, 0.3072]),
        ([T2I, {"type": "resize", "width": 9000, "height": 9000}], [0.3072, 0.3072]),
        ([T2I, {"type": "detail"}, {"type": "refine"}, {"type": "face_restore"}], [0.3072] * 4),
    ],
)
def test_sizes_follow_the_stages(stages, megapixels):
    assert [step.megapixels for step in steps(*stages)] == pytest.approx(megapixels)


def test_only_stages_that_sample_have_steps():
    found = steps(
        {**T2I, "hires": {"steps": 5}},
        {"type": "refiner", "steps": 4},
        {"type": "img2img", "steps": 6},
        {"type": "detail", "steps": 7},
        {"type": "upscale", "denoise": 0.2, "steps": 8},
        {"type": "face_restore"},
        {"type": "video"},
    )
    assert [step.steps for step in found] == [17, 4, 6, 7, 8, 0]


def test_the_model_that_must_be_loaded_follows_the_first_stage():
    found = steps(
        {**T2I, "model": "toy"}, {"type": "refiner", "model": "fine"}, {"type": "detail"}, {"type": "upscale"}
    )
    assert [step.model for step in found] == ["toy", "fine", "toy", None]


def test_switched_off_stages_are_no_steps():
    assert [step.id for step in steps(T2I, {"type": "detail", "enabled": False}, {"type": "upscale"})] == [
        "txt2img",
        "upscale",
    ]
