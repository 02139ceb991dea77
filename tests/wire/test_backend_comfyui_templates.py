"""A person's own workflow: its places, what may run of it, the editor's format, and the way back out by export."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_world`

from comfy_fake import ComfyFake
from comfy_world import SMALL, backend, made, nodes, picture, trouble

from agent.backends.comfyui import lists as inventory
from agent.backends.comfyui.convert import to_api
from agent.backends.comfyui.core import LAYOUTS
from agent.backends.comfyui.export import main
from schema.parts import Control, Hires, Shape, Switch, Workflow
from schema.stages import Detail, Img2Img, Refine, Refiner, Txt2Img, Upscale

pytestmark = pytest.mark.servers

OWN: dict[str, dict] = {
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "%model%"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": "%width%", "height": "%height%", "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "%prompt%, in oils", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]},
          "_meta": {"title": "stablenew:negative"}},
    "3": {"class_type": "KSampler", "_meta": {"title": "stablenew: seed, steps"},
          "inputs": {"seed": 1, "steps": 1, "cfg": "%cfg%", "sampler_name": "%sampler%", "scheduler": "karras",
                     "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
                     "latent_image": ["5", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "mine", "images": ["8", 0]}},
}  # fmt: skip


def own(graph: object = None, **change: object) -> Txt2Img:
    text = graph if isinstance(graph, str) else json.dumps(graph or OWN)
    return SMALL.model_copy(update={"workflow": Workflow(name="mine", graph=text), **change})


def with_node(number: str, kind: str, inputs: dict[str, object]) -> dict[str, dict]:
    return {**OWN, number: {"class_type": kind, "inputs": inputs}}


@pytest.fixture
def fake() -> Iterator[ComfyFake]:
    with ComfyFake() as server:
        yield server


# Places ---------------------------------------------------------------------------------------


def test_every_place_is_filled_and_a_number_stays_a_number(fake: ComfyFake) -> None:
    done = made(fake, own(steps=6, cfg=4.5, sampler="Euler a"), seed=11)
    graph = fake.prompts[-1]
    sampler = nodes(graph, "KSampler")[0]
    assert (sampler["seed"], sampler["steps"], sampler["cfg"], sampler["sampler_name"]) == (
        11,
        6,
        4.5,
        "euler_ancestral",
    )
    assert (graph["5"]["inputs"]["width"], graph["4"]["inputs"]["ckpt_name"]) == (64, "sub/toy.safetensors")
    assert (graph["6"]["inputs"]["text"], graph["7"]["inputs"]["text"]) == ("a lighthouse, in oils", "fog")
    assert done.reported["places"] == "cfg, height, model, negative, prompt, sampler, seed, steps, width"
    assert done.effective["scheduler"] is None, "the workflow's own: nobody was told"
    assert str(done.effective["workflow.graph"]).startswith("sha256:") and done.effective["workflow.name"] == "mine"


def test_its_files_get_a_name_of_their_own_each_time(fake: ComfyFake) -> None:
    made(fake, own())
    made(fake, own())
    prefixes = [graph["9"]["inputs"]["filename_prefix"] for graph in fake.prompts]
    assert len(set(prefixes)) == 2 and all(prefix.startswith("stablenew/r2345678-1-s-") for prefix in prefixes)


def test_a_picture_and_a_mask_are_uploaded_into_their_places(fake: ComfyFake, tmp_path: Path) -> None:
    graph = with_node("10", "LoadImage", {"image": "%image%"})
    graph["11"] = {"class_type": "LoadImageMask", "inputs": {"image": "x", "channel": "red"},
                   "_meta": {"title": "stablenew:mask"}}  # fmt: skip
    graph["5"] = {"class_type": "VAEEncodeForInpaint",
                  "inputs": {"pixels": ["10", 0], "vae": ["4", 2], "mask": ["11", 0], "grow_mask_by": 6}}  # fmt: skip
    config = Img2Img(
        id="s", model="toy", steps=3, mask="c" * 64, workflow=Workflow(name="mine", graph=json.dumps(graph))
    )
    done = made(fake, config, picture(tmp_path), mask=picture(tmp_path, name="mask.png"))
    sent = fake.prompts[-1]
    assert sent["10"]["inputs"]["image"] in fake.uploads and sent["11"]["inputs"]["image"] in fake.uploads
    assert done.suspect is None


def test_a_drawn_mask_and_the_pictures_own_size_have_places_too(fake: ComfyFake, tmp_path: Path) -> None:
    graph = with_node("11", "LoadImageMask", {"image": "%mask%", "channel": "red"})
    graph["12"] = {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["5", 0], "mask": ["11", 0]}}
    graph["3"] = {**OWN["3"]}
    graph["3"]["inputs"] = {**OWN["3"]["inputs"], "latent_image": ["12", 0]}
    config = Img2Img(id="s", model="toy", steps=3, mask_shapes=(Shape(points=((0.1, 0.1), (0.5, 0.5))),),
                     workflow=Workflow(name="mine", graph=json.dumps(graph)))  # fmt: skip
    done = made(fake, config, picture(tmp_path))
    assert (done.effective["width"], done.effective["height"]) == (96, 64)
    assert fake.prompts[-1]["11"]["inputs"]["image"] in fake.uploads


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (with_node("10", "LoadImage", {"image": "%image%"}), "a place for a picture and the stage has none"),
        ({**OWN, "6": {**OWN["6"], "_meta": {"title": "stablenew:colour"}}}, "a place 'colour'"),
        ({**OWN, "8": {**OWN["8"], "_meta": {"title": "stablenew:seed"}}}, "has no input for seed"),
        ({number: node for number, node in OWN.items() if number != "9"}, "saves no picture"),
        ("", "is empty"),
        ("{no json", "is no JSON"),
        ("[]", "has no nodes"),
        ({"1": {"inputs": {}}}, "no class_type"),
        ('{"1": {"class_type": "VAEDecode", "inputs": {"samples": NaN}}}', "is no number"),
    ],
)
def test_what_cannot_be_filled_in_is_told(fake: ComfyFake, graph: object, words: str) -> None:
    told = trouble(fake, own().model_copy(update={"workflow": Workflow(
        name="mine", graph=graph if isinstance(graph, str) else json.dumps(graph))}))  # fmt: skip
    assert told.trouble == "bad-request" and words in told.sentence and not fake.prompts


def test_not_a_number_beside_the_inputs_is_read_over(fake: ComfyFake) -> None:
    text = json.dumps({number: {**node, "is_changed": float("nan")} for number, node in OWN.items()})
    assert "NaN" in text and made(fake, own(text)).pictures


def test_a_request_or_a_history_holds_the_graph_within(fake: ComfyFake) -> None:
    assert made(fake, own({"prompt": OWN, "client_id": "x"})).pictures


def test_a_preview_counts_where_nothing_is_saved(fake: ComfyFake) -> None:
    graph = {**OWN, "9": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}}
    assert len(made(fake, own(graph)).pictures) == 1


def test_loras_of_the_prompt_have_no_place_in_it(fake: ComfyFake) -> None:
    told = trouble(fake, own(), prompt="a cat <lora:glow:1>")
    assert told.trouble == "bad-request" and "loads its LoRAs itself" in told.sentence


# What may run ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "inputs", "words"),
    [
        ("NopeNode", {}, "does not have it"),
        ("SaveLatent", {"samples": ["3", 0], "filename_prefix": "x"}, "reads or writes files by name"),
        ("ShellNode", {"text": "rm"}, "custom_nodes.somebody"),
        ("LoadFromUrl", {"url": "http://x"}, "takes a path, an address or code"),
        ("SaveImage", {"images": ["8", 0], "filename_prefix": "../../etc/x"}, "leads out"),
        ("SaveImage", {"images": ["8", 0], "filename_prefix": "/etc/x"}, "leads out"),
        ("LoadImage", {"image": "..\\secret.png"}, "leads out"),
    ],
)
def test_a_node_off_the_list_is_refused_by_name(fake: ComfyFake, kind: str, inputs: dict, words: str) -> None:
    told = trouble(fake, own(with_node("66", kind, inputs)))
    assert told.trouble == "bad-request" and "node 66" in told.sentence and words in told.sentence
    assert not fake.prompts


def test_a_prompt_cannot_lead_a_file_out_of_its_folder(fake: ComfyFake) -> None:
    graph = {**OWN, "9": {**OWN["9"], "inputs": {**OWN["9"]["inputs"], "filename_prefix": "%prompt%"}}}
    told = trouble(fake, own(graph), prompt="../../x")
    assert told.trouble == "bad-request" and "leads out" in told.sentence


# The editor's format --------------------------------------------------------------------------


def editors(wish: dict[str, object]) -> dict:
    return json.loads(exported(wish | {"format": "ui"})[0])


def exported(wish: dict[str, object]) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main([], io.StringIO(json.dumps(wish)), out, err)
    return (out.getvalue() if code == 0 else ""), err.getvalue()


def wish(*stages, **more: object) -> dict[str, object]:
    written = [{"id": stage.id, "config": stage.model_dump(mode="json")} for stage in stages]
    return {"stages": written, "prompt": "a lighthouse", "negative": "fog", "seed": 7, **more}


def test_the_editors_format_is_converted_where_it_is_unambiguous(fake: ComfyFake) -> None:
    drawn = editors(wish(SMALL.model_copy(update={"model": "sub/toy.safetensors"})))
    assert made(fake, own(drawn)).pictures
    assert nodes(fake.prompts[-1], "KSampler")[0]["seed"] == 7


def test_reroutes_are_followed_and_notes_left_out(fake: ComfyFake) -> None:
    drawn = editors(wish(SMALL.model_copy(update={"model": "sub/toy.safetensors"})))
    save = next(node for node in drawn["nodes"] if node["type"] == "SaveImage")
    link = next(link for link in drawn["links"] if link[0] == save["inputs"][0]["link"])
    drawn["nodes"] += [{"id": 90, "type": "Reroute", "inputs": [{"name": "", "link": 901}]},
                       {"id": 91, "type": "Note", "widgets_values": ["by me"]}]  # fmt: skip
    drawn["links"] += [[901, link[1], link[2], 90, 0, "IMAGE"], [902, 90, 0, save["id"], 0, "IMAGE"]]
    save["inputs"][0]["link"] = 902
    assert made(fake, own(drawn)).pictures


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda drawn: drawn.update(definitions={"subgraphs": [{}]}), "subgraphs"),
        (lambda drawn: drawn["nodes"][0].update(mode=4), "muted or bypassed"),
        (lambda drawn: drawn["nodes"][0].update(type="Nope"), "does not have its node"),
        (lambda drawn: drawn["nodes"][0]["widgets_values"].append("more"), "more widgets"),
        (lambda drawn: drawn.update(links=[]), "leads nowhere"),
    ],
)
def test_what_is_ambiguous_is_refused_with_the_way_to_export_it(fake: ComfyFake, change, words: str) -> None:
    drawn = editors(wish(SMALL))
    change(drawn)
    told = trouble(fake, own(drawn))
    assert told.trouble == "bad-request" and words in told.sentence and "Export (API)" in told.sentence


# Export ---------------------------------------------------------------------------------------

FULL = (
    Txt2Img(id="first", width=64, height=64, steps=3, model="toy.safetensors", clip_skip=2, sampler="DPM++ 2M Karras",
            hires=Hires(scale=1.5, upscaler="sharp_2x"), refiner=Switch(model="other")),
    Img2Img(id="over", steps=3, denoise=0.4, controls=(Control(model="edges", processor="canny"),)),
    Refiner(id="again", steps=2, model="other"),
    Upscale(id="large", upscaler="sharp_4x", factor=1.5, denoise=0.3, steps=2, tile=128),
)  # fmt: skip


def test_an_exported_job_holds_all_its_stages_and_the_server_takes_it(fake: ComfyFake) -> None:
    fake.names.models.append("toy.safetensors")
    try:
        text, told = exported(wish(*FULL, prompt="a [cat] <lora:glow:0.5>"))
        graph = json.loads(text)
        refused, faults, good = fake.validated(graph)
    finally:
        fake.names.models.remove("toy.safetensors")
    assert (refused, faults, len(good), told) == (None, {}, 1, "")
    titles = [node["_meta"]["title"] for node in graph.values()]
    assert "first: sampler" not in titles and "first: base" in titles and "large: sampler" in titles
    assert nodes(graph, "LoraLoader")[0]["lora_name"] == "glow.safetensors"
    assert len(nodes(graph, "ImageScaleBy")) == len(nodes(graph, "RepeatImageBatch")) == 3, "eight bits between stages"


def test_both_formats_are_one_graph(fake: ComfyFake) -> None:
    info = inventory.read(json.dumps(fake.info).encode())
    api = json.loads(exported(wish(*FULL))[0])
    assert to_api(editors(wish(*FULL)), info) == api


def test_a_batch_is_exported_as_a_picture_for_every_seed() -> None:
    graph = json.loads(exported(wish(FULL[0].model_copy(update={"batch": 2, "refiner": None, "hires": None})))[0])
    assert [node["seed"] for node in nodes(graph, "KSampler")] == [7, 8]
    assert len(nodes(graph, "SaveImage")) == 2 and len(nodes(graph, "CheckpointLoaderSimple")) == 1


def test_the_recorded_values_of_a_stage_are_read_back() -> None:
    flat = {"type": "txt2img", "width": 64, "height": 64, "model": "toy", "vae": "built in", "encoders": None,
            "hires": None, "hires.scale": 2.0, "hires.upscaler": "Latent", "hires.steps": 3, "hires.denoise": 0.5,
            "controls": None, "batch": 1}  # fmt: skip
    graph = json.loads(
        exported({"stages": [{"id": "t", "config": flat}], "prompt": "x", "negative": None, "seed": 1})[0]
    )
    assert nodes(graph, "LatentUpscale")[0]["width"] == 128 and not nodes(graph, "VAELoader")


def test_stages_comfyui_has_no_nodes_for_are_named_and_left_out() -> None:
    text, told = exported(wish(FULL[0], Detail(id="faces"), Refine(id="clean"),
                               Img2Img(id="part", mask_detector="face"), FULL[2]))  # fmt: skip
    assert len(nodes(json.loads(text), "KSampler")) == 2
    lines = told.splitlines()
    assert [line.split()[0] for line in lines] == ["clean", "faces", "part"]
    assert all(line.endswith(".") and "left out" in line for line in lines)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("{}", "stages"),
        ("no json", "not what export-comfyui reads"),
        (json.dumps(wish(Refine(id="r"))), "no stage that makes a picture"),
        (json.dumps(wish(Upscale(id="u"))), "needs a picture"),
        (json.dumps(wish(SMALL.model_copy(update={"width": 65}))), "not divisible by 8"),
        (json.dumps({"stages": [{"id": "t", "config": {"type": "txt2img", "steps": "many"}}]}), "stage t"),
    ],
)
def test_what_cannot_be_exported_ends_with_a_sentence_and_code_2(told: str, words: str) -> None:
    err = io.StringIO()
    out = io.StringIO()
    assert main([], io.StringIO(told), out, err) == 2 and words in err.getvalue() and not out.getvalue()


def test_the_layouts_held_here_are_those_of_the_server(fake: ComfyFake) -> None:
    compare(inventory.read(json.dumps(fake.info).encode()))


def compare(lists: inventory.Lists) -> None:
    """Links and widgets, each in its order; an input the editor may hide is no difference."""
    from agent.backends.comfyui.convert import is_widget

    for kind, layout in LAYOUTS.items():
        if not lists.has(kind):
            continue
        there = lists.nodes[kind].inputs()
        widgets = [name for name, spec in there.items() if is_widget(spec)]
        ours = [slot.name for slot in layout.inputs if not slot.type]
        assert ours[: len(widgets)] == widgets, kind
        links = {slot.name: slot.type for slot in layout.inputs if slot.type}
        assert links == {name: spec[0] for name, spec in there.items() if not is_widget(spec)}, kind
        assert list(layout.outputs) == lists.nodes[kind].output, kind


def test_names_are_listed_for_a_backend_that_was_never_asked(fake: ComfyFake) -> None:
    assert backend(fake).kinds()[:2] == ("txt2img", "img2img")
