"""The `parameters` text: written as A1111 writes it, readable by A1111's own rules, and read back without loss."""

import json
import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.artifacts import infotext, parameters
from schema.ids import StageId
from schema.plans import JobSpec, Scalar, StageStep

BASE: dict[str, Scalar] = {
    "model": "toy_v1.safetensors", "sampler": "DPM++ 2M", "scheduler": "Karras", "steps": 24, "cfg": 6.5,
    "width": 832, "height": 1216, "clip_skip": 1, "vae": None,
}  # fmt: skip


def step(kind: str, **config: Scalar) -> tuple[StageStep, Mapping[str, Scalar]]:
    return StageStep(id=StageId(kind), kind=kind), config  # type: ignore[arg-type]


def written(*stages: tuple[StageStep, Mapping[str, Scalar]], prompt: str = "a red kite", negative: str = "") -> str:
    return infotext.parameters(JobSpec(name="j", prompt=prompt, negative=negative), stages, 832, 1216, 42, "0.1.0")


def test_a_plain_picture_in_the_order_and_words_of_a1111():
    text = written(step("txt2img", **BASE), negative="blurry, grey")

    assert text == (
        "a red kite\n"
        "Negative prompt: blurry, grey\n"
        "Steps: 24, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 832x1216, "
        "Model: toy_v1, Version: stablenew 0.1.0"
    )


@pytest.mark.parametrize("vae", ["built in", "Automatic", "None", None])
def test_a_checkpoints_own_vae_is_not_told(vae: Scalar):
    assert "VAE" not in written(step("txt2img", **BASE | {"vae": vae}))


def test_the_negative_line_is_absent_when_there_is_nothing_to_say():
    assert written(step("txt2img", **BASE)).split("\n")[1].startswith("Steps: 24")


def test_with_a_second_pass_size_is_that_of_the_first():
    text = written(
        step("txt2img", **BASE | {
            "width": 512, "height": 512, "hires.scale": 1.5, "hires.steps": 0, "hires.upscaler": "Latent",
            "hires.denoise": 0.35, "model_hash": "abcdef1234", "lora_hashes": "sea_haze: 11aa22bb33cc",
        })
    )  # fmt: skip

    assert text.endswith(
        "Seed: 42, Size: 512x512, Model hash: abcdef1234, Model: toy_v1, Denoising strength: 0.35, "
        'Hires upscale: 1.5, Hires upscaler: Latent, Lora hashes: "sea_haze: 11aa22bb33cc", Version: stablenew 0.1.0'
    )


def test_details_are_adetailer_s_and_numbered_from_the_second():
    detail = {"detector": "face_yolov8n.pt", "confidence": 0.3, "denoise": 0.4, "mask_blur": 4, "dilate": 4,
              "padding": 32, "prompt": "calm eyes, soft light"}  # fmt: skip

    text = written(
        step("txt2img", **BASE), step("detail", **detail), step("detail", **detail | {"detector": "hand", "prompt": ""})
    )

    assert (
        'ADetailer model: face_yolov8n.pt, ADetailer prompt: "calm eyes, soft light", ADetailer confidence: 0.3, '
        "ADetailer dilate erode: 4, ADetailer mask blur: 4, ADetailer denoising strength: 0.4, "
        "ADetailer inpaint only masked: True, ADetailer inpaint padding: 32, ADetailer model 2nd: hand, "
        "ADetailer confidence 2nd: 0.3, "
    ) in text


def test_a_detail_says_nothing_of_what_it_has_in_common_with_its_picture():
    same = {"detector": "face", "prompt": "a red kite", "negative": "", "steps": 24, "cfg": 6.5,
            "model": "toy_v1.safetensors", "sampler": "DPM++ 2M", "scheduler": "Karras"}  # fmt: skip

    text = written(step("txt2img", **BASE), step("detail", **same))
    other = written(step("txt2img", **BASE), step("detail", **same | {"steps": 9, "model": "second.ckpt"}))

    assert "Model: toy_v1, ADetailer model: face, Version" in text
    assert (
        "ADetailer use separate steps: True, ADetailer steps: 9, "
        "ADetailer use separate checkpoint: True, ADetailer checkpoint: second, Version"
    ) in other


def test_painting_over_reports_the_stage_that_painted_and_its_strength():
    text = written(step("txt2img", **BASE), step("img2img", **BASE | {"steps": 12, "denoise": 0.5, "width": None}))

    assert "\nSteps: 12, " in text
    assert "Size: 832x1216" in text
    assert "Denoising strength: 0.5" in text


def test_what_was_done_before_the_picture_was_painted_over_is_not_said_to_be_done_to_it():
    hires = {"hires.scale": 2.0, "hires.upscaler": "Latent", "hires.denoise": 0.6, "refiner.model": "late.ckpt",
             "refiner.switch_at": 0.8, "tiling": True, "lora_hashes": "haze: 11aa22bb33cc"}  # fmt: skip
    first = step("txt2img", **BASE | {"width": 416, "height": 608} | hires)
    over = step("img2img", **BASE | {"steps": 12, "denoise": 0.5})

    text = written(first, step("detail", detector="face"), over, step("detail", detector="hand"))

    assert text.endswith(
        "Size: 832x1216, Model: toy_v1, Denoising strength: 0.5, "
        'Lora hashes: "haze: 11aa22bb33cc", ADetailer model: hand, Version: stablenew 0.1.0'
    )


def test_painting_over_without_strength_changes_nothing():
    first = step("txt2img", **BASE | {"hires.scale": 2.0, "hires.denoise": 0.6, "tiling": True})
    over = step("img2img", **BASE | {"steps": 99, "denoise": 0.0, "mask": "a" * 64, "mask_blur": 4})

    assert written(first, over) == written(first)
    assert "Denoising strength: 0.6, Tiling: True, Hires upscale: 2" in written(first, over)
    assert written(over) == "a red kite\nSeed: 42, Size: 832x1216, Version: stablenew 0.1.0"


def test_clip_skip_refiner_restoration_and_upscale_appear_only_when_used():
    text = written(
        step("txt2img", **BASE | {"clip_skip": 2}),
        step("refiner", model="folder/second.ckpt", switch_at=0.8),
        step("upscale", factor=2.0, upscaler="4x-Sharp", width=None, height=None),
        step("face_restore", restorer="codeformer"),
    )

    assert "Face restoration: CodeFormer, Size" in text
    assert "Clip skip: 2, Refiner: second, Refiner switch at: 0.8, " in text
    assert "Postprocess upscale by: 2, Postprocess upscaler: 4x-Sharp, Version" in text
    assert not re.search("Clip skip|Refiner|restoration|upscale", written(step("txt2img", **BASE)))


def test_what_real_servers_add_stands_where_they_write_it():
    text = written(
        step("txt2img", **BASE | {
            "model": "sub/toy_v1.safetensors [abcdef1234]", "guidance": 3.5, "variation_seed": 7, "variation": 0.1,
            "tiling": True, "refiner.model": "late.safetensors [00ff00ff00]", "refiner.switch_at": 0.7,
            "vae": "soft.vae.pt", "vae_hash": "11aa22bb33",
        })
    )  # fmt: skip

    assert text.endswith(
        "CFG scale: 6.5, Distilled CFG Scale: 3.5, Seed: 42, Size: 832x1216, Model hash: abcdef1234, Model: toy_v1, "
        "VAE hash: 11aa22bb33, VAE: soft.vae, Variation seed: 7, Variation seed strength: 0.1, Tiling: True, "
        "Refiner: late [00ff00ff00], Refiner switch at: 0.7, Version: stablenew 0.1.0"
    )


def test_every_field_of_adetailer_is_written_in_its_order():
    detail = {
        "detector": "face.pt", "classes": "cat, dog", "confidence": 0.3, "rank_by": "confidence", "max_regions": 2,
        "min_area": 0.1, "max_area": 0.9, "shift_x": 3, "shift_y": -2, "dilate": 4, "merge": "invert", "mask_blur": 4,
        "denoise": 0.4, "only_masked": False, "padding": 32, "width": 512, "height": 640, "vae": "soft.pt",
        "clip_skip": 2, "noise": 1.05, "restore_face": True, "control": "edge", "control_processor": "canny",
        "control_weight": 0.8, "control_start": 0.0, "control_end": 0.9,
    }  # fmt: skip

    text = written(step("txt2img", **BASE), *[step("detail", **detail)] * 3)

    first = (
        'ADetailer model: face.pt, ADetailer model classes: "cat, dog", ADetailer confidence: 0.3, '
        "ADetailer method to decide top k masks: Confidence, ADetailer mask only top k: 2, "
        "ADetailer mask min ratio: 0.1, ADetailer mask max ratio: 0.9, ADetailer x offset: 3, ADetailer y offset: -2, "
        "ADetailer dilate erode: 4, ADetailer mask merge invert: Merge and Invert, ADetailer mask blur: 4, "
        "ADetailer denoising strength: 0.4, ADetailer use inpaint width height: True, ADetailer inpaint width: 512, "
        "ADetailer inpaint height: 640, ADetailer use separate VAE: True, ADetailer VAE: soft, "
        "ADetailer use separate CLIP skip: True, ADetailer CLIP skip: 2, "
        "ADetailer use separate noise multiplier: True, ADetailer noise multiplier: 1.05, "
        "ADetailer restore face: True, ADetailer ControlNet model: edge, ADetailer ControlNet module: canny, "
        "ADetailer ControlNet weight: 0.8, ADetailer ControlNet guidance start: 0, "
        "ADetailer ControlNet guidance end: 0.9, "
    )
    assert first in text
    for ordinal in (" 2nd", " 3rd"):
        assert f"ADetailer model{ordinal}: face.pt" in text
        assert f"ADetailer ControlNet guidance end{ordinal}: 0.9" in text


def test_masks_and_controlnet_units_are_told():
    units = '[{"model":"edge [aa11]","processor":"canny","weight":0.8,"threshold_a":100.0},{"model":"depth"}]'
    config = BASE | {"mask": "a" * 64, "mask_blur": 6, "mask_padding": 24, "fill": "noise", "mask_invert": True}

    text = written(step("txt2img", **BASE), step("img2img", **config | {"controls": units, "denoise": 0.5}))

    assert (
        "Mask blur: 6, Masked content: latent noise, Inpaint area: Only masked, Masked area padding: 24, "
        "Mask mode: Inpaint not masked, "
        'ControlNet 0: "Module: canny, Model: edge [aa11], Weight: 0.8, Resize Mode: Crop and Resize, '
        "Processor Res: 512, Threshold A: 100, Guidance Start: 0, Guidance End: 1, Pixel Perfect: False, "
        'Control Mode: Balanced", ControlNet 1: "Module: none, Model: depth, '
    ) in text


def test_a_whole_number_is_written_without_a_point():
    assert "CFG scale: 7, " in written(step("txt2img", **BASE | {"cfg": 7.0}))


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("plain", "plain"), ("a, b", '"a, b"'), ("k: v", '"k: v"'), ("two\nlines", '"two\\nlines"'), (1.5, "1.5"),
     ('say "hi", then', '"say \\"hi\\", then"'), ("ä, ö", '"ä, ö"'), (True, "True"), (2**60 + 1, str(2**60 + 1))],
)  # fmt: skip
def test_values_are_quoted_by_json_rules_where_a_reader_would_cut_them(value: Scalar, quoted: str):
    assert infotext.quoted(value) == quoted


# The second reader: nothing but the rules that A1111's users' programs go by, sharing no code with ours. -----------

PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def by_the_rules(text: str) -> tuple[str, str, dict[str, str]]:
    *lines, last = text.strip().split("\n")
    if len(PAIR.findall(last)) < 3:
        lines, last = [*lines, last], ""
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in lines:
        if line.startswith("Negative prompt:"):
            target, line = negative, line.removeprefix("Negative prompt:").strip()
        target.append(line)
    pairs = {key: json.loads(value) if value.startswith('"') else value for key, value in PAIR.findall(last)}
    return "\n".join(prompt), "\n".join(negative), pairs


WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=120
).map(lambda t: t.strip()).filter(
    lambda t: not any(line.lstrip().startswith("Negative prompt:") for line in t.split("\n"))
)  # fmt: skip
AWKWARD = ['"quoted"', " padded ", "a | b | c", "k: v", "[1, 2", '{"a": 1}', "None", "-", "a\\", "Steps: 3"]
NAMES = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
)
NUMBERS = st.floats(0, 50, allow_nan=False) | st.integers(0, 50)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Scalar]:
    known: dict[str, Scalar] = {
        "steps": draw(st.integers(1, 500)), "sampler": draw(NAMES), "scheduler": draw(st.none() | NAMES),
        "cfg": draw(NUMBERS), "width": draw(st.integers(16, 4096)), "height": draw(st.integers(16, 4096)),
        "clip_skip": draw(st.integers(1, 12)), "vae": draw(st.none() | NAMES),
    }  # fmt: skip
    if draw(st.booleans()):
        known |= {"hires.scale": draw(st.floats(1, 4)), "hires.upscaler": draw(NAMES), "hires.denoise": draw(NUMBERS)}
    return known


@settings(max_examples=300, deadline=None)
@given(WORDS, WORDS, configs(), st.integers(0, 2**64), st.lists(NAMES, max_size=3))
def test_what_is_written_is_read_back_whole(
    prompt: str, negative: str, config: dict[str, Scalar], seed: int, detectors: list[str]
):
    stages = [step("txt2img", **config), *(step("detail", detector=name, prompt=name) for name in detectors)]
    job = JobSpec(name="j", prompt=prompt, negative=negative)

    text = infotext.parameters(job, stages, 64, 64, seed, "0.1.0")

    expected = [
        *infotext._sampling(stages, 64, 64, seed),
        *infotext._extras(job, stages, stages),
        ("Version", "stablenew 0.1.0"),
    ]
    shown = [
        (key, infotext._number(value) if isinstance(value, float) else str(value))
        for key, value in expected
        if value is not None
    ]
    found = parameters.read(text)
    assert found.prompt == prompt
    assert found.negative == negative
    assert list(found.fields) == shown
    assert found.seed == seed
    readable = {key: value for key, value in shown if key != value}
    assert by_the_rules(text) == (prompt, negative, readable), "a key alone is written, but never read, by A1111"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_reading_never_fails(text: str):
    found = parameters.read(text)

    assert found.prompt is not None
    assert all(isinstance(value, str) for pair in found.fields for value in pair)


# What other programs wrote over the years ---------------------------------------------------------------------------


def test_unquoted_json_in_a_value_is_kept_whole_and_loses_nothing_behind_it():
    text = (
        "a harbour\nSteps: 20, Sampler: Euler a, Seed: 9007199254740993, "
        'Civitai resources: [{"type":"checkpoint","weight":1.0},{"type":"lora","name":"haze, thin"}], Size: 512x768'
    )

    found = parameters.read(text)

    assert json.loads(found.get("Civitai resources") or "")[1]["name"] == "haze, thin"
    assert found.size == (512, 768)
    assert found.seed == 9007199254740993


def test_a_prompt_whose_last_line_has_colons_stays_a_prompt():
    text = "a poster with the words\nred: warm, blue: cold, green: calm"

    found = parameters.read(text)

    assert found.prompt == text
    assert found.fields == ()


def test_few_parameters_are_parameters_all_the_same():
    found = parameters.read("a barn\nSteps: 20, Seed: 5")

    assert found.prompt == "a barn"
    assert found.fields == (("Steps", "20"), ("Seed", "5"))


def test_keys_of_one_letter_and_keys_nobody_knows_stay_in_order():
    found = parameters.read("a barn\nSteps: 20, Z: 1, Seed: 5, My own-key/x: y, Tiling")

    assert found.fields == (("Steps", "20"), ("Z", "1"), ("Seed", "5"), ("My own-key/x", "y"), ("Tiling", "Tiling"))


@pytest.mark.parametrize(
    ("fields", "sampler", "scheduler"),
    [
        ("Sampler: DPM++ 2M Karras", "DPM++ 2M", "Karras"),
        ("Sampler: DPM++ 2M, Schedule type: Karras", "DPM++ 2M", "Karras"),
        ("Sampler: DPM++ 2M, Scheduler: Karras", "DPM++ 2M", "Karras"),
        ("Sampler: DPM++ 2M SDE Exponential", "DPM++ 2M SDE", "Exponential"),
        ("Sampler: Undefined", None, None),
        ("Sampler: Euler a", "Euler a", None),
    ],
)
def test_samplers_in_every_dialect(fields: str, sampler: str | None, scheduler: str | None):
    found = parameters.read(f"a mill\nSteps: 20, {fields}, Seed: 1")

    assert (found.sampler, found.scheduler) == (sampler, scheduler)


def test_bars_as_separators_and_a_prompt_prefix():
    found = parameters.read(
        "Prompt: a mill\nNegative prompt: fog\nSteps: 20 | Seed: 7 | Sampler: Euler a | Size: 64x64"
    )

    assert (found.prompt, found.negative, found.seed, found.sampler) == ("a mill", "fog", 7, "Euler a")


def test_bars_within_a_value_are_no_separators():
    text = written(step("txt2img", **BASE), step("detail", detector="face", prompt="eyes: a | b: c | d: e"))

    assert parameters.read(text).get("ADetailer prompt") == "eyes: a | b: c | d: e"


def test_parameters_that_span_lines():
    found = parameters.read('a mill\nSteps: 20, Seed: 7, Template: "one\ntwo", Note: free\ntext, Size: 64x32')

    assert found.prompt == "a mill"
    assert found.get("Template") == "one\ntwo"
    assert found.size == (64, 32)


def test_a_negative_prompt_of_several_lines_and_windows_line_ends():
    found = parameters.read("a mill\r\nby a stream\r\nNegative prompt: fog\r\nrain\r\nSteps: 20, Seed: 7, Size: 64x64")

    assert found.prompt == "a mill\nby a stream"
    assert found.negative == "fog\nrain"


def test_no_prompt_at_all():
    found = parameters.read("Negative prompt: fog\nSteps: 20, Seed: 7, Size: 64x64")

    assert (found.prompt, found.negative) == ("", "fog")


@pytest.mark.parametrize(
    ("texts", "whose"),
    [
        ({"parameters": "a mill\nSteps: 1"}, "a1111"),
        ({"parameters": '{"sui_image_params": {}}'}, "swarmui"),
        ({"parameters": '{"Prompt": "a mill"}'}, "fooocus"),
        ({"prompt": "{}", "workflow": "{}"}, "comfyui"),
        ({"prompt": "{}", "parameters": "a mill"}, "a1111"),
        ({"invokeai_metadata": "{}"}, "invokeai"),
        ({"Software": "NovelAI", "Comment": "{}"}, "novelai"),
        ({"stablenew:payload": "{}"}, "stablenew-legacy"),
        ({"Author": "somebody"}, "none"),
    ],
)
def test_whose_texts_these_are(texts: dict[str, str], whose: str):
    assert parameters.dialect(texts) == whose
