"""What each program writes into its pictures, read as prompt, seed and settings by the names that are used here.

Every text was composed for these tests after the formats that the programs document.
"""

import base64
import gzip
import json

import pytest

from daemon.artifacts import exif
from daemon.artifacts.foreign.draft import Draft
from daemon.artifacts.foreign.reading import drafted
from daemon.artifacts.foreign.requests import prompt_of
from schema.foreign import Foreign


def read(**texts: str) -> Foreign:
    draft = drafted({key.replace("__", "-"): text for key, text in texts.items()})
    assert isinstance(draft, Draft)
    return draft.told("picture", "png", "image/png")


def settings(foreign: Foreign) -> tuple[object, ...]:
    """Sampler, schedule, steps, guidance, width, height and model."""
    names = ("sampler", "scheduler", "steps", "cfg", "width", "height", "model")
    return tuple(foreign.fields.get(f"txt2img.{name}") for name in names)


def test_forge_with_everything():
    found = read(
        parameters="a mill (old:1.2) <lora:fog:0.6>\nin mist\nNegative prompt: rain,\nsnow\n"
        "Steps: 24, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Distilled CFG Scale: 3.5,"
        " Seed: 18446744073709551557, Size: 832x1216, Model hash: abcdef1234, Model: toy_v1, VAE: soft.pt,"
        " Denoising strength: 0.35, Clip skip: 2, Hires upscale: 1.5, Hires steps: 8, Hires upscaler: Latent,"
        " ADetailer model: face_yolov8n.pt, ADetailer prompt: a miller, ADetailer confidence: 0.4,"
        " ADetailer model 2nd: hand_yolov8n.pt, ADetailer denoising strength 2nd: 0.3,"
        ' Refiner: other_v2 [aa11bb22cc], Refiner switch at: 0.8, Lora hashes: "fog: 11aa22bb33cc",'
        " Odd one: kept, Version: f2.0.1v1.10.1"
    )

    assert (found.program, found.version) == ("forge", "f2.0.1v1.10.1")
    assert (found.prompt, found.negative) == ("a mill (old:1.2) <lora:fog:0.6>\nin mist", "rain,\nsnow")
    assert found.seed == 18446744073709551557
    assert settings(found) == ("DPM++ 2M", "Karras", 24, 6.5, 832, 1216, "toy_v1")
    assert {field: value for field, value in found.fields.items() if field not in PLAIN} == {
        "txt2img.guidance": 3.5, "txt2img.vae": "soft.pt", "txt2img.clip_skip": 2,
        "txt2img.hires.scale": 1.5, "txt2img.hires.steps": 8, "txt2img.hires.upscaler": "Latent",
        "txt2img.hires.denoise": 0.35, "txt2img.refiner.model": "other_v2", "txt2img.refiner.switch_at": 0.8,
        "detail.detector": "face_yolov8n.pt", "detail.prompt": "a miller", "detail.confidence": 0.4,
        "detail2.detector": "hand_yolov8n.pt", "detail2.denoise": 0.3,
    }  # fmt: skip
    assert found.rest == (("Model hash", "abcdef1234"), ("Lora hashes", "fog: 11aa22bb33cc"), ("Odd one", "kept"))
    assert found.loras == ()


PLAIN = {f"txt2img.{name}" for name in ("sampler", "scheduler", "steps", "cfg", "width", "height", "model")}


@pytest.mark.parametrize(
    ("line", "program", "sampler", "scheduler"),
    [
        ("Steps: 20, Sampler: DPM++ 2M Karras, Seed: 1, Version: v1.7.0", "a1111", "DPM++ 2M", "Karras"),
        ("Steps: 20, Sampler: Undefined, Seed: 1, Clip skip: 0", "a1111", None, None),
        ("Steps: 20, Sampler: k_euler_a, Seed: 1", "a1111", "Euler a", None),
        ("Steps: 20, Sampler: Euler a, Scheduler: karras, Seed: 1", "a1111", "Euler a", "Karras"),
        ("Steps: 20 | Sampler: UniPC | Seed: 1 | App: SD.Next", "sdnext", "UniPC", None),
        ("Steps: 20, Sampler: Default, Seed: 1, App: SD.Next, Version: ab12cd3", "sdnext", None, None),
        ("Steps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 1, Base Model: toy, Version: Fooocus v2.4.1", "fooocus",
         "DPM++ 2M SDE", "Karras"),
        ("Steps: 20, Sampler: My Own, Seed: 1, Version: stablenew 0.1.0", "stablenew", "My Own", None),
    ],
)  # fmt: skip
def test_dialects_of_the_same_text(line: str, program: str, sampler: str | None, scheduler: str | None):
    found = read(parameters=f"a mill\n{line}")

    assert (found.program, found.seed, found.prompt) == (program, 1, "a mill")
    assert settings(found)[:3] == (sampler, scheduler, 30 if program == "fooocus" else 20)


def test_a_value_that_no_stage_can_be_told_is_kept_and_said():
    found = read(parameters="a mill\nSteps: 9000, Sampler: Euler, CFG scale: nan, Seed: -1, Size: 512x512")

    assert "txt2img.steps" not in found.fields
    assert found.seed is None
    assert found.rest == (("Steps", "9000"), ("CFG scale", "nan"))
    assert found.warnings == ("txt2img.steps cannot be 9000 here; it is left out.",)


def test_what_was_painted_over_is_said():
    found = read(parameters="a mill\nSteps: 20, Sampler: Euler, Seed: 1, Size: 512x512, Denoising strength: 0.4")

    assert found.fields["img2img.denoise"] == 0.4
    assert "painted over another picture" in found.warnings[0]


def test_civitais_json_among_the_parameters_loses_nothing():
    found = read(
        parameters="a mill\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x512, "
        'Civitai resources: [{"type":"checkpoint","modelName":"A, B: C"},{"type":"lora","weight":0.6}], Tail: here'
    )

    assert dict(found.rest)["Tail"] == "here"
    assert json.loads(dict(found.rest)["Civitai resources"])[1]["weight"] == 0.6


def test_swarm():
    said = {
        "sui_image_params": {
            "prompt": "a lighthouse", "negativeprompt": "fog", "model": "XL/toy_v1", "seed": 7, "steps": "22",
            "cfgscale": "5.5", "sampler": "dpmpp_2m", "scheduler": "karras", "width": 832, "height": 1216,
            "loras": ["haze", "light"], "loraweights": "0.5,0.7", "aspectratio": "2:3", "swarm_version": "0.9.6",
            "refinerupscale": 1.5,
        },
        "sui_extra_data": {"date": "2026-01-02", "generation_time": "3.1 seconds"},
        "sui_models": [{"name": "toy_v1.safetensors", "param": "model", "hash": "0xab"}],
    }  # fmt: skip
    found = read(parameters=json.dumps(said, indent=2))

    assert (found.program, found.version, found.prompt, found.negative) == ("swarmui", "0.9.6", "a lighthouse", "fog")
    assert found.seed == 7
    assert settings(found) == ("DPM++ 2M", "Karras", 22, 5.5, 832, 1216, "toy_v1")
    assert prompt_of(found) == "a lighthouse <lora:haze:0.5> <lora:light:0.7>"
    assert found.fields["txt2img.hires.scale"] == 1.5
    assert [key for key, _ in found.rest] == ["aspectratio", "sui_extra_data", "sui_models"]


@pytest.mark.parametrize(
    "said",
    [
        {
            "prompt": "a boat", "negative_prompt": "rain", "styles": "['Fooocus V2']", "performance": "Speed",
            "resolution": "(1152, 896)", "guidance_scale": 4, "base_model": "toyXL_v8", "sampler": "dpmpp_2m_sde_gpu",
            "scheduler": "karras", "seed": "123", "loras": [["haze", 0.1, "ab12"]], "version": "Fooocus v2.4",
            "refiner_model": "None", "vae": "Default (model)", "metadata_scheme": "fooocus",
        },
        {
            "Prompt": "a boat", "Negative Prompt": "rain", "Performance": "Speed", "Resolution": "1152×896",
            "Guidance Scale": 4, "Base Model": "toyXL_v8.safetensors", "Sampler": "dpmpp_2m_sde_gpu",
            "Scheduler": "karras", "Seed": 123, "LoRA 1": "haze.safetensors : 0.1", "Version": "Fooocus v2.1",
        },
    ],
)  # fmt: skip
def test_fooocus_by_its_scheme_and_by_its_log(said: dict[str, object]):
    found = read(parameters=json.dumps(said), fooocus_scheme="fooocus")

    assert (found.program, found.prompt, found.negative, found.seed) == ("fooocus", "a boat", "rain", 123)
    assert settings(found) == ("DPM++ 2M SDE", "Karras", 30, 4.0, 1152, 896, "toyXL_v8")
    assert prompt_of(found) == "a boat <lora:haze:0.1>"


def test_ruined_fooocus():
    said = {
        "Prompt": "a boat", "Negative": "rain", "steps": 25, "cfg": 7, "width": 1024, "height": 768, "seed": 5,
        "sampler_name": "euler_ancestral", "scheduler": "normal", "base_model_name": "toyXL.safetensors",
        "loras": [["ab12", "haze.safetensors: 0.4"]], "software": "RuinedFooocus",
    }  # fmt: skip
    found = read(parameters=json.dumps(said))

    assert (found.program, found.prompt, found.negative) == ("ruinedfooocus", "a boat", "rain")
    assert settings(found) == ("Euler a", "Normal", 25, 7.0, 1024, 768, "toyXL")
    assert prompt_of(found) == "a boat <lora:haze:0.4>"
    said["loras"] = [{"name": "haze", "weight": 0.4}]
    assert prompt_of(read(parameters=json.dumps(said))) == "a boat <lora:haze:0.4>"


def test_invoke_of_today():
    said = {
        "generation_mode": "sdxl_txt2img", "positive_prompt": "a mill", "negative_prompt": "rain", "width": 896,
        "height": 1152, "seed": 9, "cfg_scale": 5.5, "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1,
        "model": {"key": "k", "hash": "blake3:ab", "name": "toy_v1", "base": "sdxl", "type": "main"},
        "loras": [{"model": {"name": "haze"}, "weight": 0.75}], "app_version": "5.6.0", "rand_device": "cpu",
        "positive_style_prompt": "oil", "my_node": {"kept": True},
    }  # fmt: skip
    found = read(invokeai_metadata=json.dumps(said))

    assert (found.program, found.version) == ("invokeai", "5.6.0")
    assert (found.prompt, found.negative, found.seed) == ("a mill, oil", "rain", 9)
    assert settings(found) == ("DPM++ 2M", "Karras", 30, 5.5, 896, 1152, "toy_v1")
    assert found.fields["txt2img.clip_skip"] == 2
    assert prompt_of(found) == "a mill, oil <lora:haze:0.75>"
    assert dict(found.rest)["my_node"] == '{"kept":true}'


def test_invoke_of_its_first_years():
    record = {
        "model_weights": "stable-1.5", "app_version": "2.2.4",
        "image": {"prompt": [{"prompt": "a mill [rain, fog]", "weight": 1.0}], "steps": 50, "cfg_scale": 7.5,
                  "height": 512, "width": 640, "seed": 42, "sampler": "k_lms", "type": "txt2img"},
    }  # fmt: skip
    found = read(**{"sd-metadata": json.dumps(record), "Dream": '"something else" -s 1'})
    line = read(dream='"a mill [rain]" -s 50 -S 42 -W640 -H512 -C7.5 -A k_lms --hires_fix')

    assert (found.prompt, found.negative, found.seed) == ("a mill", "rain, fog", 42)
    assert settings(found) == ("LMS", None, 50, 7.5, 640, 512, "stable-1.5")
    assert (line.prompt, line.negative, line.seed) == ("a mill", "rain", 42)
    assert settings(line) == ("LMS", None, 50, 7.5, 640, 512, None)
    assert line.rest == (("dream", "--hires_fix"),)


def test_invoke_by_its_graph_alone():
    graph = {"nodes": {
        "a": {"id": "positive_conditioning", "type": "sdxl_compel_prompt", "prompt": "a mill"},
        "b": {"id": "negative_conditioning", "type": "sdxl_compel_prompt", "prompt": "rain"},
        "c": {"id": "noise", "type": "noise", "seed": 3, "width": 640, "height": 512},
        "d": {"id": "denoise", "type": "denoise_latents", "steps": 20, "cfg_scale": 6, "scheduler": "euler_a"},
        "e": {"id": "m", "type": "sdxl_model_loader", "model": {"name": "toy"}},
    }, "edges": []}  # fmt: skip
    found = read(invokeai_graph=json.dumps(graph))

    assert (found.prompt, found.negative, found.seed) == ("a mill", "rain", 3)
    assert settings(found) == ("Euler a", None, 20, 6.0, 640, 512, "toy")


def test_novel_ai():
    comment = {
        "prompt": "{a mill}, mist", "steps": 28, "height": 1216, "width": 832, "scale": 5.0, "seed": 2, "n_samples": 1,
        "sampler": "k_dpmpp_2s_ancestral", "noise_schedule": "karras", "uc": "rain", "signed_hash": "ab==",
        "v4_prompt": {"caption": {"base_caption": "a mill", "char_captions": [{"char_caption": "a miller"}]}},
    }  # fmt: skip
    found = read(Software="NovelAI", Source="NovelAI Diffusion V4", Comment=json.dumps(comment), Description="a mill")

    assert (found.program, found.negative, found.seed) == ("novelai", "rain", 2)
    assert found.prompt == "{a mill}, mist, a miller"
    assert settings(found) == ("DPM++ 2S a", "Karras", 28, 5.0, 832, 1216, None)
    assert any("emphasis" in warning for warning in found.warnings)
    assert dict(found.rest)["signed_hash"] == "ab=="


def test_stability_matrix():
    found = read(
        parameters="a mill\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x640, Model: toy",
        **{"parameters-json": json.dumps({"positivePrompt": "a mill", "seed": 1, "modelHash": "ab"}), "smproj": "{}"},
    )

    assert (found.program, found.prompt, found.seed) == ("stabilitymatrix", "a mill", 1)
    assert settings(found) == ("Euler a", None, 20, 7.0, 512, 640, "toy")
    assert found.rest == (("modelHash", "ab"), ("smproj", "{}"))


EASY = {
    "prompt": "a mill", "negative_prompt": "rain", "seed": 3, "num_inference_steps": 25, "guidance_scale": 7.5,
    "sampler_name": "euler_a", "width": 512, "height": 640, "use_stable_diffusion_model": "toy",
    "use_lora_model": ["haze"], "lora_alpha": ["0.5"], "clip_skip": True, "use_vae_model": "",
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "keys", "lines"])
def test_easy_diffusion(form: str):
    if form == "json":
        found = read(parameters=json.dumps(EASY))
    elif form == "keys":
        found = read(**{key: str(value) for key, value in EASY.items() if not isinstance(value, list)})
    else:
        found = read(
            parameters="Prompt: a mill\nWidth: 512\nHeight: 640\nSeed: 3\nSteps: 25\nGuidance Scale: 7.5\n"
            "Use Face Correction: None\nSampler: euler_a\nNegative Prompt: rain\nStable Diffusion model: toy\n"
            "Clip Skip: True\n"
        )

    assert (found.program, found.prompt, found.negative, found.seed) == ("easydiffusion", "a mill", "rain", 3)
    assert settings(found) == ("Euler a", None, 25, 7.5, 512, 640, "toy")
    assert found.fields["txt2img.clip_skip"] == 2


def test_draw_things():
    said = {"c": "a mill", "uc": "rain", "seed": 4, "steps": 20, "scale": 4.5, "sampler": "DPM++ 2M Karras",
            "size": "768x512", "model": "toy_q6p.ckpt", "v2": {"loras": [{"file": "haze.ckpt", "weight": 0.6}]},
            "seed_mode": "Scale Alike"}  # fmt: skip
    found = read(**{"xmp:UserComment": json.dumps(said), "Software": "Draw Things"})

    assert (found.program, found.prompt, found.negative, found.seed) == ("drawthings", "a mill", "rain", 4)
    assert settings(found) == ("DPM++ 2M", "Karras", 20, 4.5, 768, 512, "toy_q6p")
    assert prompt_of(found) == "a mill <lora:haze:0.6>"
    assert dict(found.rest)["seed_mode"] == "Scale Alike"


OLD = {
    "job_id": "j1", "stage": "txt2img", "image": {"width": 768, "height": 512, "format": "png"},
    "seeds": {"requested_seed": -1, "actual_seed": 77},
    "stage_manifest": {"name": "x", "stage": "txt2img", "final_prompt": "a mill", "final_negative_prompt": "rain",
                       "config": {"steps": 30, "cfg_scale": 6.5, "sampler_name": "DPM++ 2M", "scheduler": "Karras",
                                  "width": 768, "height": 512, "model": "toy_v1"}},
}  # fmt: skip


@pytest.mark.parametrize("form", ["plain", "packed", "jpeg"])
def test_stablenew_of_before(form: str):
    text = json.dumps(OLD, sort_keys=True, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(text.encode())).decode()
    found = {
        "plain": lambda: read(**{"stablenew:schema": "v2.6", "stablenew:payload": text}),
        "packed": lambda: read(**{"stablenew:schema": "v2.6", "stablenew:payload_gz_b64": packed}),
        "jpeg": lambda: read(parameters="SNMETA:" + base64.b64encode(text.encode()).decode()),
    }[form]()

    assert (found.program, found.prompt, found.negative, found.seed) == ("stablenew-legacy", "a mill", "rain", 77)
    assert settings(found) == ("DPM++ 2M", "Karras", 30, 6.5, 768, 512, "toy_v1")


def test_stablenew_of_before_whose_record_was_left_out_still_has_its_text():
    found = read(
        **{"stablenew:schema": "v2.6", "stablenew:payload_omitted": "true"},
        parameters="a mill\nSteps: 30, Sampler: Euler a, Scheduler: Karras, Seed: 7, Size: 512x512",
    )

    assert (found.program, found.seed) == ("stablenew-legacy", 7)
    assert settings(found)[:3] == ("Euler a", "Karras", 30)


def test_our_own_record_says_every_stage():
    capsule = {
        "version": "0.1.0", "job": "r.1", "run": "r", "stage": "upscale", "token": 4, "prompt": "a mill",
        "negative": "", "seed": 2**53 + 1,
        "effective": {"txt2img": {"steps": 9, "sampler": "Euler a", "hires.scale": 1.5, "model_hash": "ab"},
                      "upscale": {"factor": 2.0, "upscaler": "4x-sharp", "started": 1.5}},
    }  # fmt: skip
    found = read(stablenew=json.dumps(capsule), parameters="a mill\nSteps: 20, Sampler: Euler, Seed: 1, Size: 64x64")

    assert (found.program, found.version, found.seed) == ("stablenew", "0.1.0", 2**53 + 1)
    assert found.fields["txt2img.steps"] == 9
    assert found.fields["txt2img.hires.scale"] == 1.5
    assert (found.fields["upscale.factor"], found.fields["upscale.upscaler"]) == (2.0, "4x-sharp")
    assert "txt2img.model_hash" not in found.fields


def test_emphasis_and_words_of_other_dialects_are_said():
    swarm = read(
        parameters=json.dumps({"sui_image_params": {"prompt": "a mill <segment:face> x <lora:a:1>", "seed": 1}})
    )
    invoke = read(invokeai_metadata=json.dumps({"positive_prompt": "a mill++, (old)1.3", "seed": 1}))
    plain = read(invokeai_metadata=json.dumps({"positive_prompt": "a mill (old:1.2), 2+2", "seed": 1}))

    assert "<...>" in swarm.warnings[0]
    assert "emphasis" in invoke.warnings[0]
    assert plain.warnings == ()


def test_a_size_that_was_upscaled_to():
    found = read(
        parameters="a mill\nSteps: 20, Sampler: Euler, Seed: 1, Size: 512x512, Postprocess upscale to: 2048x1024,"
        " Postprocess upscaler: 4x-sharp"
    )

    assert (found.fields["upscale.width"], found.fields["upscale.height"]) == (2048, 1024)


def test_a_picture_with_several_texts_is_read_by_the_most_telling():
    """Nodes that save for Civitai write A1111's text beside the graph."""
    found = read(parameters="a mill\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x512", prompt="{}", workflow="{}")

    assert (found.program, found.prompt) == ("a1111", "a mill")


@pytest.mark.parametrize("texts", [{}, {"Author": "somebody"}, {"prompt": "[]"}, {"workflow": '{"nodes": []}'}])
def test_texts_that_say_nothing(texts: dict[str, str]):
    assert drafted(texts) is None


def test_what_a1111_and_civitai_say_in_odd_ways():
    line = "Steps: 20, Sampler: Undefined, CFG scale: 1, Seed: 1e9, Size: 512x640, Clip skip: 2, Model: flux1-dev"
    found = read(
        parameters=f"a mill\n{line}, Denoising strength: 0.4, Hires resize: 768x960, Hires upscaler: Latent,"
        " ADetailer model: face_yolov8n.pt, ADetailer inpaint only masked: False, ADetailer mask only top k largest: 2"
    )

    assert found.fields["txt2img.hires.scale"] == 1.5
    assert (found.fields["detail.only_masked"], found.fields["detail.max_regions"]) == (False, 2)
    assert {"txt2img.clip_skip", "txt2img.sampler"} & found.fields.keys() == set()
    assert found.rest == (("Seed", "1e9"), ("Clip skip", "2"), ("Hires resize", "768x960"))
    other = read(
        parameters="a mill\nSteps: 20, Sampler: Euler, Size: 512x512, Denoising strength: 0.4, Hires resize: 1024x768"
    )
    assert other.fields["txt2img.hires.scale"] == 2.0
    assert other.warnings[0].startswith("Its second pass made 1024x768")


def test_parameters_are_told_from_prompts_with_colons():
    odd = read(
        parameters="a mill\nToken merging ratio: 0.5, Steps: 20, Sampler: Euler, Seed: 7, Refiner: a.safetensors"
    )
    assert (odd.prompt, odd.seed, odd.fields["txt2img.refiner.model"]) == ("a mill", 7, "a")
    words = "a mill\nSteps: 5 stone stairs, colour: blue, mood: calm\nat dusk"
    assert (read(parameters=words).prompt, read(parameters=words).fields) == (words, {})


def test_a_review_of_stablenew_is_kept_verbatim():
    said = '{"schema": "stablenew.review.v2.6", "rating": 4}'
    found = read(stablenew_review=said)
    assert (found.program, found.rest) == ("stablenew-legacy", (("stablenew_review", said),))


def test_a_number_that_is_none_stays_among_the_rest():
    said = {"sui_image_params": {"prompt": "a mill", "steps": "many", "seed": "7", "cfgscale": "high"}}
    found = read(parameters=json.dumps(said))
    assert (found.seed, found.fields, found.rest) == (7, {}, (("steps", "many"), ("cfgscale", "high")))


@pytest.mark.parametrize(
    "comment",
    [b"UNICODE\0" + "a mül".encode(), b"UNICODE\0" + "\ufeffa mül".encode("utf-16-le"), "\ufeffa mül".encode()],
)
def test_comments_whose_code_and_letters_disagree(comment: bytes):
    assert exif.comment_of(comment, b"MM\0\x2a") == "a mül"
