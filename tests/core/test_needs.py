"""What a backend must have for a stage, and what is refused at submit because nobody has it."""

import pytest

from daemon.prompting.heirs import inherited
from daemon.prompting.needs import embeddings_in, has, known_embeddings, needs_of, words_need
from daemon.prompting.steps import steps_of
from daemon.scheduling.able import Known, check, makers
from schema.errors import Refused
from schema.orders import BackendCard, Card
from schema.pipeline import STANDARD, PipelineConfig
from schema.stages import STAGE

KINDS = ("txt2img", "img2img", "detail", "upscale", "resize")
WEBUI = BackendCard(
    kind="webui", kinds=KINDS, models=("toy-xl.safetensors [ab12cd34]", "sub/small.ckpt"), samplers=("Euler a",),
    schedulers=("Automatic", "Karras"), upscalers=("4x-sharp",), detectors=("face_yolov8n.pt",), loras=("sea_haze",),
    embeddings=("calm-water",),
)  # fmt: skip
COMFY = BackendCard(kind="comfyui", kinds=KINDS, models=("flow.safetensors",), samplers=("Euler",), workflows=True)
SKETCH = BackendCard(kind="sketch", kinds=KINDS, open_lists=True)
WORDS = BackendCard(kind="words", kinds=("selectLoras",), open_lists=True)


def node(name: str, *backends: BackendCard) -> Known:
    return Known(name, f"{name}-pc", Card(node=name, name=f"{name}-pc", instance="i", version="1", backends=backends))


FLEET = (node("forge", WEBUI), node("comfy", COMFY, SKETCH))


def pipeline(*stages: dict) -> PipelineConfig:
    return inherited(PipelineConfig.model_validate(list(stages)))


def refusal(*stages: dict, words=(), known=FLEET, node=None, backend=None) -> str:
    among = makers(known, node, backend)
    assert among is not None
    with pytest.raises(Refused) as refused:
        check(pipeline(*stages), words, among)
    return str(refused.value)


@pytest.mark.parametrize(
    ("stage", "needs"),
    [
        ({"type": "txt2img"}, ()),
        (
            {"type": "txt2img", "model": "toy", "vae": "Automatic", "sampler": "DPM++ 2M Karras", "encoders": "l, t5"},
            ("models:toy", "samplers:DPM++ 2M Karras", "schedulers:Karras", "encoders:l", "encoders:t5"),
        ),
        ({"type": "txt2img", "scheduler": "Automatic"}, ()),
        ({"type": "txt2img", "hires": {"upscaler": "Latent (nearest)"}}, ()),
        (
            {"type": "txt2img", "hires": {"upscaler": "4x"}, "refiner": {"model": "late"}, "hypernetwork": "ink"},
            ("upscalers:4x", "models:late", "hypernetworks:ink"),
        ),
        (
            {"type": "txt2img", "controls": [{"model": "edge", "processor": "canny"}, {"model": "depth"}]},
            ("controls:edge", "control_processors:canny", "controls:depth"),
        ),
        ({"type": "txt2img", "workflow": {"name": "mine"}}, ("workflows:mine",)),
        ({"type": "img2img", "mask_detector": "hand"}, ("detectors:hand",)),
        ({"type": "refiner", "model": "late"}, ("models:late",)),
        ({"type": "detail", "prompt": "a face <lora:skin:0.5>"}, ("detectors:face", "loras:skin")),
        ({"type": "detail", "control": "edge"}, ("detectors:face", "controls:edge")),
        ({"type": "upscale", "upscaler": "Lanczos"}, ()),
        ({"type": "upscale", "upscaler": "4x", "upscaler2": "8x"}, ("upscalers:4x",)),
        ({"type": "upscale", "upscaler": "4x", "upscaler2": "8x", "blend": 0.5}, ("upscalers:4x", "upscalers:8x")),
        ({"type": "upscale", "model": "toy", "sampler": "Euler"}, ()),
        ({"type": "upscale", "model": "toy", "sampler": "Euler", "denoise": 0.2}, ("models:toy", "samplers:Euler")),
        ({"type": "face_restore"}, ("restorers:codeformer",)),
        ({"type": "post", "processor": "grain"}, ("processors:grain",)),
        ({"type": "interrogate", "model": "clip"}, ("interrogators:clip",)),
        ({"type": "score"}, ()),
        ({"type": "resize"}, ()),
    ],
)
def test_a_stage_needs_what_it_names(stage, needs):
    assert needs_of(STAGE.validate_python(stage)) == needs


def test_later_stages_need_what_they_inherit():
    steps = steps_of(
        PipelineConfig.model_validate(
            [{"type": "txt2img", "model": "toy", "sampler": "Euler"}, {"type": "detail"}, {"type": "upscale"}]
        )
    )
    assert [step.needs for step in steps] == [
        ("models:toy", "samplers:Euler"), ("models:toy", "samplers:Euler", "detectors:face"), (),
    ]  # fmt: skip


def test_a_prompt_needs_what_stands_in_it():
    assert words_need("a boat <lora:sea_haze:0.8> <hypernet:ink:1> (<embedding:calm>:1.2)", "<dull>") == (
        "loras:sea_haze", "hypernetworks:ink", "embeddings:calm", "embeddings:dull",
    )  # fmt: skip
    assert words_need("embedding:calm, a boat", "") == ("embeddings:calm",)
    assert words_need("a boat, (Calm-Water:1.2)", "") == ()


def test_words_that_are_embeddings_somewhere_are_found_marked_or_not():
    fleet = known_embeddings((WEBUI, COMFY))
    assert embeddings_in("a boat, (Calm-Water:1.2)", "", fleet) == ("Calm-Water",)
    assert embeddings_in("a boat", "embedding:calm-water", fleet) == ("calm-water",)
    assert embeddings_in("a boat, calm water", "<dull>", fleet) == ()


@pytest.mark.parametrize(
    ("need", "there"),
    [
        ("models:toy-xl", True), ("models:small", True), ("models:sub/small.ckpt", True), ("models:toy", False),
        ("samplers:euler_ancestral", True), ("samplers:Euler", False), ("schedulers:karras", True),
        ("detectors:face", True), ("detectors:hand", False), ("loras:Sea_Haze", True), ("workflows:mine", False),
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_spelled(need, there):
    assert has(WEBUI, need) is there
    assert has(SKETCH, need)


def test_old_servers_have_schedulers_in_their_samplers_names():
    assert has(BackendCard(kind="webui", kinds=KINDS, samplers=("DPM++ 2M Karras",)), "schedulers:Karras")


@pytest.mark.parametrize(
    ("stages", "words", "told"),
    [
        (
            [{"type": "txt2img", "model": "toyxl"}], (),
            "txt2img.model: no node has 'toyxl'. Nearest: toy-xl.safetensors [ab12cd34] (forge-pc).",
        ),
        (
            [{"type": "txt2img", "sampler": "Oiler a"}], (),
            "txt2img.sampler: no node has 'Oiler a'. Nearest: Euler a (forge-pc), Euler (comfy-pc).",
        ),
        (
            [{"type": "txt2img"}], ("loras:sea_haxe",),
            "prompt: no node has the LoRA 'sea_haxe'. Nearest: sea_haze (forge-pc).",
        ),
        (
            [{"type": "txt2img", "vae": "soft"}], (),
            "txt2img.vae: no node has 'soft'. There is no VAE on any of them.",
        ),
        (
            [{"type": "txt2img"}, {"type": "upscale", "upscaler": "zz"}], (),
            "upscale.upscaler: no node has 'zz'. There are: 4x-sharp (forge-pc).",
        ),
        (
            [{"type": "txt2img", "model": "flow", "sampler": "Euler a"}], (),
            "txt2img: no node has all that it needs together: forge-pc (webui) has no model flow;"
            " comfy-pc (comfyui) has no sampler Euler a. Choose what one of them has.",
        ),
        (
            [{"type": "txt2img"}, {"type": "face_restore"}], (),
            "face_restore: no node can run face_restore. Switch it off with --set face_restore.enabled=false,"
            " or connect a backend that can.",
        ),
        (
            [{"type": "txt2img", "width": 500}], (),
            "txt2img.width: 500 is not divisible by 8, and imaging servers make no such pictures. Take 496 or 504.",
        ),
    ],
)  # fmt: skip
def test_what_nobody_has_is_refused_with_the_nearest(stages, words, told):
    assert refusal(*stages, words=words) == told


def test_a_node_or_backend_that_was_named_must_have_it_itself():
    assert "toy" in refusal({"type": "txt2img", "model": "toy-xl"}, backend="comfyui")
    assert "toy" in refusal({"type": "txt2img", "model": "toy-xl"}, node="comfy-pc")
    check(pipeline({"type": "txt2img", "model": "toy-xl"}), (), makers(FLEET, "forge", None) or ())


def test_where_nothing_draws_the_remedy_is_a_backend_not_a_pipeline_without_its_first_stage():
    told = refusal({"type": "txt2img"}, {"type": "upscale"}, known=(node("here", WORDS),))
    assert told == (
        "txt2img: no node can run txt2img: nothing that draws is connected. Set agent.webui or agent.comfyui to the"
        " address of your server, or agent.sketch to true to try without one, or pair a machine that draws."
    )


def test_the_standard_pipeline_finds_its_face_detector():
    check(inherited(STANDARD), (), makers(FLEET, None, None) or ())


@pytest.mark.parametrize(
    ("known", "node", "backend"),
    [
        ((), None, None),
        ((*FLEET, Known("old", "old-pc", None)), None, None),
        ((node("off", BackendCard(kind="webui", kinds=KINDS, state="disconnected")),), None, None),
        (FLEET, "elsewhere", None),
    ],
)
def test_where_somebody_may_be_able_to_nothing_is_refused(known, node, backend):
    assert makers(known, node, backend) is None


@pytest.mark.parametrize(("known", "backend"), [((node("here", SKETCH),), None), (FLEET, "sketch")])
def test_whoever_takes_any_name_and_size_still_runs_its_own_stages_only(known, backend):
    among = makers(known, None, backend) or ()
    check(pipeline({"type": "txt2img", "model": "toyxl", "width": 500}), ("loras:any",), among)
    with pytest.raises(Refused, match=r"no node can run score. Switch it off"):
        check(pipeline({"type": "txt2img"}, {"type": "score"}), (), among)
