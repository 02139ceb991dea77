"""ComfyUI's graphs, as the API and as the editor have them: what they would draw, or that it cannot be told."""

import json

import pytest

from daemon.artifacts.foreign.draft import Draft
from daemon.artifacts.foreign.reading import drafted, read_bytes
from daemon.artifacts.foreign.requests import prompt_of
from schema.foreign import Foreign

Nodes = dict[str, dict[str, object]]


def node(kind: str, title: str = "", **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title or kind}}


def plain(**changed: dict[str, object]) -> Nodes:
    """The graph that everybody begins with; `changed` puts other nodes in or beside."""
    graph = {
        "3": node("KSampler", seed=2**60 + 1, steps=20, cfg=7.5, sampler_name="dpmpp_2m", scheduler="karras", denoise=1,
                  model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
        "4": node("CheckpointLoaderSimple", ckpt_name="XL/toy_v1.safetensors"),
        "5": node("EmptyLatentImage", width=832, height=1216, batch_size=2),
        "6": node("CLIPTextEncode", text="a mill", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="rain", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", images=["8", 0], filename_prefix="x"),
    }  # fmt: skip
    return {**graph, **{key.strip("_"): value for key, value in changed.items()}}


def read(graph: object, key: str = "prompt") -> Foreign:
    draft = drafted({key: graph if isinstance(graph, str) else json.dumps(graph)})
    assert isinstance(draft, Draft)
    return draft.told("picture", "png", "image/png")


def test_the_graph_that_everybody_begins_with():
    found = read(plain())

    assert (found.program, found.prompt, found.negative, found.seed) == ("comfyui", "a mill", "rain", 2**60 + 1)
    assert found.fields == {
        "txt2img.steps": 20, "txt2img.cfg": 7.5, "txt2img.sampler": "DPM++ 2M", "txt2img.scheduler": "Karras",
        "txt2img.model": "toy_v1", "txt2img.width": 832, "txt2img.height": 1216, "txt2img.batch": 2,
    }  # fmt: skip
    assert found.warnings == ()


def test_nan_and_infinity_in_a_graph_do_no_harm():
    graph = json.dumps(plain(_20=node("Odd", value=1))).replace('"value": 1', '"value": NaN, "other": -Infinity')

    assert read(graph).seed == 2**60 + 1


def test_loras_stacks_clip_skip_and_a_vae():
    found = read(plain(
        _3=node("KSampler", seed=1, steps=20, cfg=7, sampler_name="euler", scheduler="normal", denoise=1,
                model=["11", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
        _10=node("LoraLoader", lora_name="haze.safetensors", strength_model=0.5, model=["4", 0], clip=["4", 1]),
        _11=node("Power Lora Loader (rgthree)", model=["10", 0], lora_1={"on": True, "lora": "a/light.safetensors",
                 "strength": 0.7}, lora_2={"on": False, "lora": "off.safetensors", "strength": 1}),
        _12=node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["11", 1]),
        _13=node("VAELoader", vae_name="soft.pt"),
    ))  # fmt: skip

    assert prompt_of(found) == "a mill <lora:light:0.7> <lora:haze:0.5>"
    assert (found.fields["txt2img.clip_skip"], found.fields["txt2img.vae"]) == (2, "soft")


def test_flux_with_its_separate_nodes():
    found = read({
        "1": node("SamplerCustomAdvanced", noise=["2", 0], guider=["3", 0], sampler=["4", 0], sigmas=["5", 0],
                  latent_image=["6", 0]),
        "2": node("RandomNoise", noise_seed=99),
        "3": node("BasicGuider", model=["7", 0], conditioning=["8", 0]),
        "4": node("KSamplerSelect", sampler_name="euler"),
        "5": node("BasicScheduler", model=["7", 0], scheduler="simple", steps=12, denoise=1),
        "6": node("EmptySD3LatentImage", width=1024, height=768, batch_size=1),
        "7": node("UNETLoader", unet_name="toy_flux.safetensors", weight_dtype="default"),
        "8": node("FluxGuidance", guidance=3.5, conditioning=["9", 0]),
        "9": node("CLIPTextEncode", text=["10", 0], clip=["11", 0]),
        "10": node("StringConcatenate", string_a="a mill", string_b=["12", 0], delimiter=", "),
        "11": node("DualCLIPLoader", clip_name1="a", clip_name2="b"),
        "12": node("PrimitiveStringMultiline", value="in mist"),
    })  # fmt: skip

    assert (found.prompt, found.negative, found.seed) == ("a mill, in mist", "", 99)
    assert found.fields == {
        "txt2img.guidance": 3.5, "txt2img.steps": 12, "txt2img.sampler": "Euler", "txt2img.scheduler": "Simple",
        "txt2img.model": "toy_flux", "txt2img.width": 1024, "txt2img.height": 768, "txt2img.batch": 1,
    }  # fmt: skip


def test_a_second_pass_an_upscaler_and_a_face():
    found = read(plain(
        _8=node("LatentUpscaleBy", upscale_method="nearest-exact", scale_by=1.5, samples=["3", 0]),
        _20=node("KSampler", seed=5, steps=10, cfg=7, sampler_name="euler", scheduler="normal", denoise=0.45,
                 model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["8", 0]),
        _21=node("VAEDecode", samples=["20", 0], vae=["4", 2]),
        _22=node("FaceDetailer", image=["21", 0], bbox_detector=["23", 0], denoise=0.4, bbox_threshold=0.5, steps=8,
                 seed=1, positive=["6", 0], negative=["7", 0], model=["4", 0]),
        _23=node("UltralyticsDetectorProvider", model_name="bbox/face_yolov8m.pt"),
        _24=node("ImageUpscaleWithModel", image=["22", 0], upscale_model=["25", 0]),
        _25=node("UpscaleModelLoader", model_name="4x-sharp.pth"),
        _9=node("SaveImage", images=["24", 0]),
    ))  # fmt: skip

    assert found.seed == 2**60 + 1
    assert found.fields["txt2img.hires.scale"] == 1.5
    assert (found.fields["txt2img.hires.denoise"], found.fields["txt2img.hires.steps"]) == (0.45, 10)
    assert found.fields["detail.detector"] == "face_yolov8m.pt"
    assert found.fields["upscale.upscaler"] == "4x-sharp"


def test_base_and_refiner():
    half = {"add_noise": "enable", "steps": 25, "cfg": 7, "sampler_name": "euler", "scheduler": "normal",
            "noise_seed": 6, "positive": ["6", 0], "negative": ["7", 0]}  # fmt: skip
    found = read(plain(
        _3=node("KSamplerAdvanced", **half, start_at_step=0, end_at_step=20, model=["4", 0], latent_image=["5", 0]),
        _20=node("KSamplerAdvanced", **half, start_at_step=20, end_at_step=10000, model=["21", 0],
                 latent_image=["3", 0]),
        _21=node("CheckpointLoaderSimple", ckpt_name="refined.safetensors"),
        _8=node("VAEDecode", samples=["20", 0], vae=["4", 2]),
    ))  # fmt: skip

    assert (found.fields["txt2img.model"], found.fields["txt2img.refiner.model"]) == ("toy_v1", "refined")
    assert found.fields["txt2img.refiner.switch_at"] == 0.8


def test_a_picture_that_was_painted_over():
    found = read(plain(
        _5=node("VAEEncode", pixels=["30", 0], vae=["4", 2]),
        _30=node("LoadImage", image="somewhere.png"),
        _3=node("KSampler", seed=1, steps=20, cfg=7, sampler_name="euler", scheduler="normal", denoise=0.6,
                model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
    ))  # fmt: skip

    assert found.fields["img2img.denoise"] == 0.6
    assert "painted over" in found.warnings[0]


def test_a_prompt_from_a_node_that_nobody_knows_is_left_empty_and_said():
    found = read(plain(_6=node("OwnMagic", secret=["99", 0])))

    assert (found.prompt, found.negative, found.seed) == ("", "rain", 2**60 + 1)
    assert any("not known here" in warning for warning in found.warnings)


def test_loaders_that_do_everything_and_switches_in_between():
    found = read({
        "1": node("Efficient Loader", ckpt_name="toy.safetensors", vae_name="Baked VAE", clip_skip=-2,
                  positive="a mill", negative="rain", empty_latent_width=640, empty_latent_height=512),
        "2": node("KSampler (Efficient)", seed=["4", 0], steps=20, cfg=7, sampler_name="euler", scheduler="normal",
                  denoise=1, model=["1", 0], positive=["3", 0], negative=["1", 2], latent_image=["1", 3]),
        "3": node("Any Switch (rgthree)", any_01=["1", 1]),
        "4": node("Seed (rgthree)", seed=77),
    })  # fmt: skip

    assert (found.prompt, found.negative, found.seed, found.model) == ("a mill", "rain", 77, "toy")
    assert (found.fields["txt2img.width"], found.fields["txt2img.height"]) == (640, 512)


def test_civitais_generator_says_beside_the_nodes_what_was_asked_for():
    graph = {"resource-stack": node("CheckpointLoaderSimple", ckpt_name="urn:air:sdxl"), "6": node("OwnEncoder"),
             "extraMetadata": json.dumps({"prompt": "a mill", "negativePrompt": "rain", "steps": 25, "seed": 3,
                                          "cfgScale": 3.5, "sampler": "Euler a", "workflowId": "txt2img"})}  # fmt: skip
    found = read(graph, "parameters")

    assert (found.prompt, found.negative, found.seed, found.fields["txt2img.steps"]) == ("a mill", "rain", 3, 25)
    assert dict(found.rest)["workflowId"] == "txt2img"


def test_a_graph_without_a_sampler_tells_what_it_has():
    found = read({"1": node("CLIPTextEncode", "positive prompt", text="a mill"),
                  "2": node("CLIPTextEncode", "NEGATIVE prompt", text="rain"),
                  "3": node("CheckpointLoaderSimple", ckpt_name="toy.ckpt")})  # fmt: skip

    assert (found.prompt, found.negative, found.model) == ("a mill", "rain", "toy")
    assert any("No sampler" in warning for warning in found.warnings)


def test_cycles_end():
    found = read(plain(
        _5=node("LatentUpscaleBy", samples=["5", 0], scale_by=2),
        _6=node("StringConcatenate", string_a=["6", 0], string_b=["6", 0]),
        _4=node("ModelPatch", model=["4", 0]),
    ))  # fmt: skip

    assert found.prompt == ""
    assert found.seed == 2**60 + 1


def test_graphs_that_are_made_to_take_long_do_not():
    """Thousands of samplers in a ring, a prompt of thousands of joins, subgraphs within subgraphs many times over."""
    ring = {str(n): node("KSampler", seed=1, positive=["0", 0], latent_image=[str((n + 1) % 3000), 0])
            for n in range(3000)}  # fmt: skip
    joins = {
        f"j{n}": node("StringConcatenate", string_a=[f"j{n + 1}", 0], string_b=[f"j{n + 2}", 0]) for n in range(3000)
    }
    read({**ring, **joins, **plain(_6=node("CLIPTextEncode", text=["j0", 0]))})

    def nested(n: int) -> dict[str, object]:
        nodes = [{"id": at, "type": f"s{n + 1}", "inputs": [], "outputs": []} for at in range(8)]
        return {"id": f"s{n}", "nodes": nodes, "links": []}

    workflow = {"nodes": [{"id": 1, "type": "s0", "inputs": []}, {"id": 2, "type": "CLIPTextEncode",
                "widgets_values": ["a mill"], "inputs": []}], "links": [],
                "definitions": {"subgraphs": [nested(n) for n in range(12)]}}  # fmt: skip
    assert read(workflow, "workflow").prompt == "a mill"


# The editor's format ----------------------------------------------------------------------------


def socket(name: str, kind: str, link: int | None = None, *, widget: bool = False) -> dict[str, object]:
    return {"name": name, "type": kind, "link": link, **({"widget": {"name": name}} if widget else {})}


def editor() -> dict[str, object]:
    def one(number: int, kind: str, widgets: object, *inputs: dict[str, object], mode: int = 0, out: str = "X"):
        return {"id": number, "type": kind, "mode": mode, "inputs": list(inputs), "widgets_values": widgets,
                "outputs": [{"name": out, "type": out}]}  # fmt: skip

    return {
        "version": 0.4,
        "nodes": [
            one(3, "KSampler", [156, "randomize", 20, 8, "euler_ancestral", "normal", 1], socket("model", "MODEL", 1),
                socket("positive", "CONDITIONING", 2), socket("negative", "CONDITIONING", 3),
                socket("latent_image", "LATENT", 4)),
            one(4, "CheckpointLoaderSimple", ["toy_v1.safetensors"]),
            one(10, "LoraLoaderModelOnly", ["haze.safetensors", 0.5], socket("model", "MODEL", 5), mode=4, out="MODEL"),
            one(6, "CLIPTextEncode", ["a mill"], socket("clip", "CLIP")),
            one(7, "CLIPTextEncode", ["rain"], socket("clip", "CLIP")),
            one(5, "EmptyLatentImage", [640, 512, 1]),
            one(30, "Note", ["just words"]),
        ],
        "links": [[1, 10, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"], [3, 7, 0, 3, 2, "CONDITIONING"],
                  [4, 5, 0, 3, 3, "LATENT"], [5, 4, 0, 10, 0, "MODEL"]],
    }  # fmt: skip


def test_the_editors_workflow_with_a_bypassed_lora():
    found = read(editor(), "workflow")

    assert (found.prompt, found.negative, found.seed) == ("a mill", "rain", 156)
    assert found.fields == {
        "txt2img.steps": 20, "txt2img.cfg": 8.0, "txt2img.sampler": "Euler a", "txt2img.scheduler": "Normal",
        "txt2img.model": "toy_v1", "txt2img.width": 640, "txt2img.height": 512, "txt2img.batch": 1,
    }  # fmt: skip
    assert found.loras == ()
    assert "editor's workflow" in found.warnings[0]


def test_widgets_that_a_newer_file_names_itself():
    workflow = editor()
    nodes = workflow["nodes"]
    assert isinstance(nodes, list)
    nodes[3] = {"id": 6, "type": "OwnEncoder", "mode": 0, "widgets_values": ["ignored", "a mill at dawn"],
                "inputs": [socket("clip", "CLIP"), socket("style", "COMBO", widget=True),
                           socket("text", "STRING", widget=True)], "outputs": []}  # fmt: skip

    assert read(workflow, "workflow").prompt == "a mill at dawn"


def test_values_that_are_set_in_one_place_and_got_in_another():
    workflow = editor()
    nodes, links = workflow["nodes"], workflow["links"]
    assert isinstance(nodes, list) and isinstance(links, list)
    nodes += [
        {"id": 40, "type": "SetNode", "mode": 0, "widgets_values": ["words"], "inputs": [socket("X", "COND")]},
        {"id": 41, "type": "GetNode", "mode": 0, "widgets_values": ["words"], "inputs": [], "outputs": [{"type": "X"}]},
    ]
    links[1] = [2, 41, 0, 3, 1, "CONDITIONING"]
    links += [[9, 6, 0, 40, 0, "CONDITIONING"]]

    assert read(workflow, "workflow").prompt == "a mill"


def test_a_subgraph_is_laid_out():
    """The prompt's text comes through a subgraph's own input; the sampler stands inside it."""
    inner = {
        "id": "aaaa-bbbb", "name": "Draw",
        "nodes": [
            {"id": 1, "type": "KSampler", "mode": 0, "widgets_values": [7, "fixed", 15, 6, "euler", "karras", 1],
             "inputs": [socket("model", "MODEL", 1), socket("positive", "CONDITIONING", 2),
                        socket("latent_image", "LATENT", 3)], "outputs": [{"type": "LATENT"}]},
            {"id": 2, "type": "CLIPTextEncode", "mode": 0, "widgets_values": ["shadowed"],
             "inputs": [socket("text", "STRING", 4, widget=True)], "outputs": [{"type": "CONDITIONING"}]},
            {"id": 3, "type": "EmptyLatentImage", "mode": 0, "widgets_values": [512, 512, 1], "inputs": [],
             "outputs": [{"type": "LATENT"}]},
        ],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 0, "type": "MODEL"},
            {"id": 2, "origin_id": 2, "origin_slot": 0, "target_id": 1, "target_slot": 1, "type": "CONDITIONING"},
            {"id": 3, "origin_id": 3, "origin_slot": 0, "target_id": 1, "target_slot": 2, "type": "LATENT"},
            {"id": 4, "origin_id": -10, "origin_slot": 1, "target_id": 2, "target_slot": 0, "type": "STRING"},
            {"id": 5, "origin_id": 1, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "LATENT"},
        ],
    }  # fmt: skip
    outer = {
        "nodes": [
            {"id": 4, "type": "CheckpointLoaderSimple", "mode": 0, "widgets_values": ["toy.safetensors"], "inputs": [],
             "outputs": [{"type": "MODEL"}]},
            {"id": 5, "type": "PrimitiveStringMultiline", "mode": 0, "widgets_values": ["a mill"], "inputs": [],
             "outputs": [{"type": "STRING"}]},
            {"id": 12, "type": "aaaa-bbbb", "mode": 0, "widgets_values": [], "outputs": [{"type": "LATENT"}],
             "inputs": [socket("model", "MODEL", 1), socket("text", "STRING", 2)]},
            {"id": 13, "type": "VAEDecode", "mode": 0, "widgets_values": [], "inputs": [socket("samples", "LATENT", 3)],
             "outputs": []},
        ],
        "links": [[1, 4, 0, 12, 0, "MODEL"], [2, 5, 0, 12, 1, "STRING"], [3, 12, 0, 13, 0, "LATENT"]],
        "definitions": {"subgraphs": [inner]},
    }  # fmt: skip
    found = read(outer, "workflow")

    assert (found.prompt, found.seed, found.model) == ("a mill", 7, "toy")
    assert (found.fields["txt2img.steps"], found.fields["txt2img.scheduler"]) == (15, "Karras")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda graph: graph,
        lambda graph: {"prompt": graph, "workflow": editor()},
        lambda graph: {"prompt": json.dumps(graph)},
        lambda graph: {"prompt": graph, "client_id": "x", "extra_data": {}},
    ],
)
def test_a_json_file_of_a_graph(wrap):
    found = read_bytes(json.dumps(wrap(plain())).encode(), "graph.json")

    assert (found.program, found.carrier, found.prompt) == ("comfyui", "json", "a mill")
