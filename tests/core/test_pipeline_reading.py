"""Pipelines as people write them: JSON, YAML, an object or the plain array; each fault is one sentence."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.prompting.pipelines import begin_from, read_pipeline
from daemon.prompting.presets import fit, read_preset
from schema.errors import Refused
from schema.pipeline import STANDARD, PipelineConfig

YAML = """
name: portrait
stages:
  - type: txt2img
    steps: 28
    hires: {scale: 1.5}
  - type: detail
  - type: detail
    detector: hand
  - id: big
    type: upscale
    enabled: no
"""


def test_yaml_and_json_objects_and_arrays_say_the_same():
    pipeline = read_pipeline("portrait.yaml", YAML)
    assert [stage.id for stage in pipeline.stages] == ["txt2img", "detail", "detail2", "big"]
    assert [stage.id for stage in pipeline.running()] == ["txt2img", "detail", "detail2"]
    written = json.loads(pipeline.canonical())
    assert read_pipeline("portrait.json", json.dumps(written)) == pipeline
    assert read_pipeline("portrait.json", json.dumps(written["stages"])).stages == pipeline.stages
    assert read_pipeline("anything", "\ufeff" + json.dumps(written)) == pipeline


def test_a_pipeline_without_a_name_is_called_as_its_file():
    assert read_pipeline("mine/evening.yml", "- type: txt2img").name == "evening"


def test_the_modular_steps_of_other_plans_are_read():
    steps = [
        {"id": "wildcardGen", "type": "generatePrompt"},
        {"id": "enhancePrompt", "type": "llmEnhance"},
        {"id": "matchLORA", "type": "selectLoras"},
        {"id": "submitToForge", "type": "dispatch"},
    ]
    assert [stage.id for stage in read_pipeline("flow.json", json.dumps(steps)).stages] == [one["id"] for one in steps]


def test_the_standard_pipeline_is_txt2img_detail_upscale():
    assert [stage.type for stage in STANDARD.running()] == ["txt2img", "detail", "upscale"]
    assert PipelineConfig.model_validate_json(STANDARD.canonical()) == STANDARD


def test_up_to_three_details_and_every_other_stage_fit_in_one_pipeline():
    kinds = ["txt2img", "refiner", "img2img", "detail", "detail", "detail", "upscale", "face_restore", "refine"]
    stages = [{"type": kind} for kind in kinds] + [{"type": "post", "processor": "grain"}, {"type": "resize"}]
    assert len(read_pipeline("all.json", json.dumps([*stages, {"type": "video"}])).running()) == 11


FAULTS = [
    ("p.json", '{"stages": [', "p.json:1: broken JSON"),
    ("p.yaml", "stages:\n\t- a", "p.yaml:2: broken YAML"),
    ("p.yaml", "a: &x [1]\nb: [" + ", ".join(["*x"] * 60) + "]", "more than 50 aliases"),
    ("p.yaml", "stages: []\nstages: []", "p.yaml:2: broken YAML: the key 'stages' stands twice"),
    ("p.yaml", "a: " + "[" * 500 + "]" * 500, "nested more than"),
    ("p.yaml", "- !!python/object/apply:os.getcwd []", "broken YAML"),
    ("p.yaml", "just words", "holds no pipeline"),
    ("p.json", "{}", "holds no pipeline"),
    ("p.json", "x" * 70_000, "is larger than 65 kB"),
    ("p.json", '{"stages": []}', "stages: needs at least 1"),
    ("p.json", '{"stages": 3}', "stages: must be a list"),
    ("p.json", "[3]", "stage 1: must be a table of names and values"),
    ("p.json", '[{"id": "a"}]', "a: has no 'type'"),
    ("p.json", '[{"type": "upscail"}]', "'upscail' is no kind of stage. Did you mean 'upscale'?"),
    ("p.json", '[{"type": "txt2img", "stepz": 3}]', "txt2img.stepz: there is no such setting. Did you mean 'steps'?"),
    ("p.json", '[{"type": "txt2img", "steps": "many"}]', "txt2img.steps: 'many' is no whole number"),
    ("p.json", '[{"type": "txt2img", "steps": 501}]', "txt2img.steps: '501' is too large; it must be at most 500"),
    ("p.json", '[{"type": "txt2img", "hires": {"scale": 9}}]', "txt2img.hires.scale: '9' is too large"),
    ("p.json", '[{"type": "txt2img", "id": "4 me"}]', "id: '4 me' is not a letter with up to 39 more"),
    ("p.json", '[{"type": "txt2img"}, {"type": "post"}]', "post.processor: is missing"),
    ("p.json", '[{"type": "txt2img"}, {"type": "video", "codec": "gif"}]', "video.codec: 'gif' is not one of 'h264'"),
    ("p.json", '[{"id": "a", "type": "txt2img"}, {"id": "a", "type": "detail"}]', "two stages have the id 'a'"),
    ("p.json", '[{"type": "upscale"}]', "upscale ('upscale') needs a picture"),
    (
        "p.json",
        '[{"type": "txt2img"}, {"type": "upscale"}, {"type": "detail"}]',
        "('detail') cannot stand after",
    ),
    ("p.json", json.dumps([{"type": "txt2img"}] + [{"type": "detail"}] * 4), "4 detail stages"),
    (
        "p.json",
        '[{"type": "txt2img"}, {"type": "upscale", "tile": 64, "overlap": 40}]',
        "overlap 40 must be",
    ),
    ("p.json", '[{"type": "txt2img", "enabled": false}]', "no stage is switched on"),
    (
        "p.json",
        '{"stages": [{"type": "txt2img"}], "nmae": "x"}',
        "nmae: there is no such setting. Did you mean 'name'?",
    ),
    ("p.json", '[{"type": "txt2img", "width": 10000, "height": 10000}]', "100 megapixels; the limit is 64"),
]


@pytest.mark.parametrize(("file", "text", "told"), FAULTS, ids=[told for _, _, told in FAULTS])
def test_a_broken_pipeline_is_one_sentence(file, text, told):
    with pytest.raises(Refused) as refused:
        read_pipeline(file, text)
    sentence = refused.value.told()
    assert told in sentence and file in sentence
    assert not any(word in sentence.lower() for word in ("pydantic", "http", "traceback", "validation error", "\n"))


words = st.text(max_size=6) | st.sampled_from(["txt2img", "stages", "type", "id", "steps", "true", "&a", "*a"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(
    values
    | st.lists(
        st.fixed_dictionaries({"type": st.just("txt2img")}, optional={"id": values, "steps": values, "hires": values})
    )
)
@example([{"type": "txt2img", "id": []}])
def test_any_json_is_a_pipeline_or_is_refused(value):
    for file in ("p.json", "p.yaml"):
        try:
            read_pipeline(file, json.dumps(value))
        except Refused as refused:
            assert refused.where


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"# \n\t0.~", max_size=60))
def test_any_yaml_is_a_pipeline_or_is_refused(text):
    try:
        read_pipeline("p.yaml", text)
    except Refused as refused:
        assert refused.where


def test_beginning_from_a_picture_leaves_what_was_written_alone():
    written = {"stages": [{"type": "txt2img", "model": "toy"}, {"type": "upscale"}]}
    before = json.dumps(written)
    begun = begin_from(written, "ab" * 32)
    assert begun["stages"][0] == {"type": "img2img", "image": "ab" * 32, "model": "toy"}
    assert json.dumps(written) == before


# Presets ----------------------------------------------------------------------------------------


def fitted(preset, pipeline=STANDARD):
    found = fit(preset, pipeline, "preset x")
    return {setting.key: setting.value for setting in found.settings}, found.unused


def test_every_field_of_adetailer_is_understood():
    values, unused = fitted(
        {
            "adetailer": {
                "ad_model": "face_yolov8n.pt", "ad_model_classes": "", "ad_prompt": "", "ad_negative_prompt": "",
                "ad_confidence": 0.5, "ad_mask_filter_method": "Confidence", "ad_mask_k": 2,
                "ad_mask_min_ratio": 0.1, "ad_mask_max_ratio": 0.9, "ad_dilate_erode": -4, "ad_x_offset": 3,
                "ad_y_offset": -2, "ad_mask_merge_invert": "Merge and Invert", "ad_mask_blur": 6,
                "ad_denoising_strength": 0.3, "ad_inpaint_only_masked": False, "ad_inpaint_only_masked_padding": 16,
                "ad_use_inpaint_width_height": True, "ad_inpaint_width": 640, "ad_inpaint_height": 512,
                "ad_use_steps": False, "ad_steps": 28, "ad_use_cfg_scale": True, "ad_cfg_scale": 5,
                "ad_use_checkpoint": False, "ad_checkpoint": "other", "ad_use_vae": False, "ad_vae": "v",
                "ad_use_sampler": True, "ad_sampler": "Euler", "ad_scheduler": "Karras",
                "ad_use_noise_multiplier": True, "ad_noise_multiplier": 1.1, "ad_use_clip_skip": False,
                "ad_clip_skip": 2, "ad_restore_face": True, "ad_controlnet_model": "edge",
                "ad_controlnet_module": "canny", "ad_controlnet_weight": 0.5, "ad_controlnet_guidance_start": 0.1,
                "ad_controlnet_guidance_end": 0.9,
            }
        }
    )  # fmt: skip
    assert {key.removeprefix("detail."): value for key, value in values.items()} == {
        "detector": "face_yolov8n.pt", "confidence": 0.5, "rank_by": "confidence", "max_regions": 2, "min_area": 0.1,
        "max_area": 0.9, "dilate": -4, "shift_x": 3, "shift_y": -2, "merge": "invert", "mask_blur": 6, "denoise": 0.3,
        "only_masked": False, "padding": 16, "width": 640, "height": 512, "cfg": 5.0, "sampler": "Euler",
        "scheduler": "Karras", "noise": 1.1, "restore_face": True, "control": "edge", "control_processor": "canny",
        "control_weight": 0.5, "control_start": 0.1, "control_end": 0.9,
    }  # fmt: skip
    assert unused == ()


def test_field_names_of_other_programs_are_understood():
    values, unused = fitted(
        {
            "txt2img": {
                "sampler_name": "Euler a", "cfg_scale": 6, "model_name": "toy", "vae": "", "clip_skip": 2,
                "enable_hr": True, "restore_faces": True,
                "hr_scale": 2.0, "denoising_strength": 0.4, "seed": -1, "tiling": True,
            },
            "adetailer": {
                "adetailer_model": "face_yolov8n.pt", "adetailer_confidence": 0.5, "adetailer_enabled": False,
                "adetailer_scheduler": "inherit", "ad_denoising_strength": 0.2,
            },
            "upscale": {"upscaling_resize": 3, "upscaler": "R-ESRGAN 4x+"},
            "pipeline": {"img2img_enabled": True, "upscale_enabled": False},
            "api": {"base_url": "http://127.0.0.1"},
            "img2img": {"steps": 15, "vae": ""},
        }
    )  # fmt: skip
    assert values == {
        "txt2img.sampler": "Euler a", "txt2img.cfg": 6.0, "txt2img.model": "toy", "txt2img.clip_skip": 2,
        "txt2img.tiling": True, "txt2img.hires.scale": 2.0, "txt2img.hires.denoise": 0.4,
        "detail.detector": "face_yolov8n.pt", "detail.confidence": 0.5, "detail.enabled": False,
        "detail.denoise": 0.2, "upscale.factor": 3.0, "upscale.upscaler": "R-ESRGAN 4x+", "upscale.enabled": False,
    }  # fmt: skip
    assert unused == ("txt2img.restore_faces", "img2img.steps", "img2img (the pipeline has no such stage)")


def test_an_idle_second_pass_stays_idle():
    values, unused = fitted({"txt2img": {"enable_hr": False, "hr_scale": 2.0, "denoising_strength": 0.7, "steps": 9}})
    assert values == {"txt2img.steps": 9} and unused == ()


@pytest.mark.parametrize(
    ("said", "refiner"),
    [
        ({"refiner_checkpoint": "", "refiner_switch_at": 0.8}, {}),
        ({"refiner_checkpoint": "late", "use_refiner": False, "refiner_switch_at": 0.7}, {}),
        (
            {"refiner_model_name": "late", "use_refiner": True, "refiner_switch_at": 0.7},
            {"model": "late", "switch_at": 0.7},
        ),
    ],
)
def test_a_refiner_that_is_not_used_says_nothing(said, refiner):
    settings = fit({"txt2img": said}, STANDARD, "x")
    assert not settings.unused
    assert {one.field.removeprefix("refiner."): one.value for one in settings.settings} == refiner


def test_our_own_presets_name_stages_by_id_or_kind():
    pipeline = read_pipeline("p.json", '[{"type": "txt2img"}, {"id": "hands", "type": "detail"}, {"type": "detail"}]')
    values, unused = fitted(
        {"hands": {"denoise": 0.2}, "detail.denoise": 0.3, "txt2img": {"hires": {"scale": 2}}}, pipeline
    )
    assert values == {"hands.denoise": 0.2, "detail.denoise": 0.3, "txt2img.hires.scale": 2.0} and unused == ()
    assert fitted({"upscale": {"factor": 99, "fctor": 2}})[1] == ("upscale.factor", "upscale.fctor")


def test_a_whole_pipeline_can_be_a_preset():
    values, unused = fitted(json.loads(STANDARD.canonical()))
    assert values["txt2img.steps"] == 20 and "upscale.factor" in values and unused == ()


def test_no_preset_can_break_a_plan():
    with pytest.raises(Refused, match="holds no preset"):
        read_preset("p.json", "[1]")
    assert read_preset("p.json", '{"preset_data": {"txt2img": {}}}') == {"txt2img": {}}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["txt2img", "adetailer", "upscale", "pipeline", "detail.denoise", "x"]), values))
def test_any_preset_fits_somehow(preset):
    fit(preset, STANDARD, "preset x")
