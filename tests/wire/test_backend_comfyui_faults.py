"""Each way a ComfyUI is known to go wrong, and what the backend makes of it: one test for each."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `comfy_world`

from comfy_fake import ComfyFake, NodeError
from comfy_world import SMALL, Listener, backend, made, picture, trouble, work

from agent.backends.comfyui import watch
from schema.stages import Img2Img, Upscale

pytestmark = pytest.mark.servers

LONG = SMALL.model_copy(update={"steps": 200})


@pytest.fixture
def fake() -> Iterator[ComfyFake]:
    with ComfyFake() as server:
        yield server


# What it answers to a prompt ------------------------------------------------------------------


def test_a_workflow_taken_in_part_is_refused_and_what_was_taken_is_stopped(fake: ComfyFake, monkeypatch) -> None:
    from agent.backends.comfyui import stages

    def with_a_bad_output(desk, canvas, prefix):
        desk.graph.add("SaveImage", images=canvas.image)  # lacks its prefix: never valid
        return good(desk, canvas, prefix)

    good = stages.saved
    monkeypatch.setattr("agent.backends.comfyui.saved", with_a_bad_output)
    fake.gate["KSampler"] = threading.Event()
    told = trouble(fake, SMALL)
    assert told.trouble == "bad-request" and "only a part" in told.sentence and "filename_prefix" in told.sentence
    assert fake.running is None and not fake.pending and fake.interrupts == list(fake.history)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_type": "NopeNode"}, "NopeNode does not exist"),
        ({"ckpt_name": "gone.safetensors"}, "ckpt_name has no 'gone.safetensors' there"),
        ({"ckpt_name": None}, "ckpt_name"),
        ({"steps": 0}, "smaller than min"),
        ({"cfg": 900}, "bigger than max"),
        ({"steps": "many"}, "Failed to convert"),
        ({"vae": ["1", 0]}, "Return type mismatch"),
        ({"samples": ["99", 0]}, "samples leads nowhere"),
        ({"model": "x"}, "Bad linked input"),
    ],
)
def test_what_it_finds_wrong_with_a_graph_is_told_by_its_first_fault(
    fake: ComfyFake, monkeypatch, change, words: str
) -> None:
    from agent.backends.comfyui.graph import Graph

    api = Graph.api

    def spoilt(graph: Graph) -> dict[str, object]:
        written = api(graph)
        for node in written.values():
            for name, value in change.items():
                if name == "class_type" and node["class_type"] == "VAEDecode":
                    node["class_type"] = value
                elif name in node["inputs"] and value is None:
                    del node["inputs"][name]
                elif name in node["inputs"]:
                    node["inputs"][name] = value
        return written

    monkeypatch.setattr(Graph, "api", spoilt)
    told = trouble(fake, SMALL)
    assert told.trouble == "bad-request" and words in told.sentence


def test_an_upload_that_is_gone_again_is_told_by_the_node_that_wants_it(
    fake: ComfyFake, tmp_path: Path, monkeypatch
) -> None:
    from agent.backends.comfyui.server import Comfy

    monkeypatch.setattr(Comfy, "upload", lambda *_: "gone.png")
    told = trouble(fake, Img2Img(id="s", steps=2), picture(tmp_path))
    assert told.trouble == "bad-request" and "LoadImage" in told.sentence and "gone.png" in told.sentence


def test_a_circle_is_refused_without_a_fault_of_any_node(fake: ComfyFake) -> None:
    words = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": "",
             "extra_info": {}}  # fmt: skip
    fake.instead["/prompt"] = lambda: web.json_response({"error": words, "node_errors": {}}, status=400)
    told = trouble(fake, SMALL)
    assert told.trouble == "bad-request" and "outputs failed validation" in told.sentence


def test_no_json_but_words_of_a_broken_server_are_its_trouble_not_the_orders(fake: ComfyFake) -> None:
    fake.instead["/prompt"] = lambda: web.Response(
        status=500, text="500 Internal Server Error\n\nServer got itself in trouble"
    )
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "500" in told.sentence and "got itself in trouble" in told.sentence


def test_a_prompt_whose_answer_was_lost_is_looked_up_by_its_id(fake: ComfyFake, monkeypatch) -> None:
    from agent.backends.comfyui.server import Comfy
    from agent.http import NoServer

    submit = Comfy.submit

    def deafly(self, *told):
        submit(self, *told)
        raise NoServer("it hung up before its answer was whole", sent=True)

    monkeypatch.setattr(Comfy, "submit", deafly)
    assert made(fake, SMALL).pictures and len(fake.prompts) == 1


# Cache and files ------------------------------------------------------------------------------


def test_the_same_order_twice_gives_a_new_file_with_the_same_pixels(fake: ComfyFake) -> None:
    first, second = made(fake, SMALL), made(fake, SMALL)
    assert len(fake.files) == 2 and second.reported["cached_nodes"] == 6
    assert first.pictures[0].seed == second.pictures[0].seed == 7
    old, new = (json.dumps(graph) for graph in fake.prompts)
    assert old != new, "an equal graph would be answered with the old file's name"


def test_a_file_that_is_gone_is_told_and_not_taken_for_a_picture(fake: ComfyFake) -> None:
    fake.forgets_files = True
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "404" in told.sentence


def test_a_truncated_png_is_the_servers_trouble(fake: ComfyFake) -> None:
    fake.truncated = True
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "truncated" in told.sentence


def test_a_picture_of_another_size_is_suspect(fake: ComfyFake) -> None:
    fake.shrinks = True
    assert made(fake, SMALL).suspect == "asked for 64x64, ComfyUI made 32x32"


def test_an_upload_is_named_as_the_server_says(fake: ComfyFake, tmp_path: Path) -> None:
    path = picture(tmp_path)
    made(fake, Img2Img(id="s", steps=2), path)
    (name,) = fake.uploads
    fake.uploads[name] = b"another one's picture"
    made(fake, Img2Img(id="s", steps=2), path)
    stem = name.removesuffix(".png")
    assert sorted(fake.uploads) == [f"{stem} (1).png", name]
    assert f"{stem} (1).png" in json.dumps(fake.prompts[-1])


def test_an_upload_the_server_cannot_read_in_the_end_is_a_bad_request(fake: ComfyFake, tmp_path: Path) -> None:
    fake.fails["LoadImage"] = NodeError("PIL.UnidentifiedImageError", "cannot identify image file '/in/x.png'")
    told = trouble(fake, Img2Img(id="s", steps=2), picture(tmp_path))
    assert told.trouble == "bad-request" and "cannot read the picture" in told.sentence


# Failure --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("torch.OutOfMemoryError", "Allocation on device", "out-of-memory"),
        ("torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB", "out-of-memory"),
        ("RuntimeError", "[enforce fail] not enough memory: you tried to allocate 9 bytes", "out-of-memory"),
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied", "backend"),
        ("", "", "backend"),
    ],
)
def test_a_node_that_fails_is_told_with_its_class_and_its_words(
    fake: ComfyFake, kind: str, message: str, expected: str
) -> None:
    fake.fails["KSampler"] = NodeError(kind, message)
    told = trouble(fake, SMALL)
    assert told.trouble == expected and "KSampler" in told.sentence
    fake.fails.clear()
    assert made(fake, SMALL).pictures, "and the next one is as good as ever"


# What answers is no ComfyUI -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: web.Response(text="<!doctype html><h1>Router</h1>", content_type="text/html"), "a web page"),
        (lambda: web.Response(status=302, headers={"Location": "http://elsewhere/"}), "redirects to http://elsewhere/"),
        (lambda: web.Response(status=401), "credentials"),
        (lambda: web.Response(status=403), "credentials"),
        (lambda: web.json_response({"hello": "webui"}), "unknown shape"),
        (lambda: web.Response(status=404), "404"),
    ],
)
def test_something_else_at_the_address_is_told_on_the_card_with_a_remedy(fake: ComfyFake, answer, words: str) -> None:
    fake.instead[""] = answer
    card = backend(fake).card()
    assert card.state == "disconnected" and words in card.trouble and card.url == fake.url
    assert "--url" in card.trouble or "STABLENEW_AGENT_AUTH" in card.trouble
    told = trouble(fake, SMALL)
    assert told.trouble in ("backend", "lost") and words in told.sentence


DEEP = '{"prompt_id": "x", "queue_running": [], "system": {"comfyui_version": "1"}, "beside": ' + "[" * 300_000


@pytest.mark.parametrize("path", ["/object_info", "/prompt", "/history"])
def test_an_answer_nested_deeper_than_can_be_read_is_the_servers_trouble(
    fake: ComfyFake, monkeypatch, path: str
) -> None:
    monkeypatch.setattr(watch, "GONE", 0.2)
    fake.instead[path] = lambda: web.Response(text=DEEP, content_type="application/json")
    assert trouble(fake, SMALL).trouble == "backend"


def test_a_server_that_tells_of_itself_too_deeply_is_not_ready(fake: ComfyFake) -> None:
    fake.instead["/system_stats"] = lambda: web.Response(text=DEEP, content_type="application/json")
    assert backend(fake).card().state == "disconnected"


def test_nobody_at_the_address_is_told_with_how_to_start_it(fake: ComfyFake, tmp_path: Path) -> None:
    fake.kill()
    (tmp_path / "checkpoints" / "sub").mkdir(parents=True)
    (tmp_path / "checkpoints" / "sub" / "toy.safetensors").touch()
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "glow.safetensors").touch()
    card = backend(fake, models=tmp_path).card()
    assert card.state == "disconnected" and "start ComfyUI" in card.trouble
    assert card.models == ("sub/toy.safetensors",) and card.loras == ("glow.safetensors",)
    assert trouble(fake, SMALL).trouble == "lost"


def test_credentials_are_sent_and_never_shown(fake: ComfyFake) -> None:
    fake.auth = "me:secret"
    assert backend(fake).card().state == "disconnected"
    known = backend(fake, auth="me:secret")
    card = known.card()
    assert card.state == "ready" and "secret" not in str(card)
    assert known.run(work(SMALL), Listener()).pictures


def test_a_proxy_that_answers_a_page_in_place_of_the_picture_is_the_servers_trouble(fake: ComfyFake) -> None:
    fake.instead["/view"] = lambda: web.Response(text="<html>busy</html>", content_type="text/html")
    told = trouble(fake, SMALL)
    assert told.trouble == "backend" and "web page" in told.sentence


# Names and values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "sub/toi"}, "no model 'sub/toi'; the nearest are sub/toy.safetensors"),
        ({"sampler": "Eular"}, "no sampler 'Eular'; the nearest are Euler"),
        ({"scheduler": "Karas"}, "no scheduler 'Karas'; the nearest are Karras"),
        ({"vae": "finer"}, "no VAE 'finer'; the nearest are fine.safetensors"),
        ({"width": 65}, "width 65 is not divisible by 8; take 64 or 72"),
    ],
)
def test_names_it_does_not_have_are_refused_before_anything_is_sent(fake: ComfyFake, change, words: str) -> None:
    told = trouble(fake, SMALL.model_copy(update=change))
    assert told.trouble == "bad-request" and words in told.sentence and not fake.prompts


def test_a_lora_it_does_not_have_is_refused_with_the_nearest(fake: ComfyFake) -> None:
    told = trouble(fake, SMALL, prompt="a cat <lora:glo:0.5>")
    assert told.trouble == "bad-request" and "no LoRA 'glo'; the nearest are glow.safetensors" in told.sentence


def test_a_model_put_there_after_the_lists_were_read_is_found(fake: ComfyFake) -> None:
    one = backend(fake)
    one.card()
    fake.names.models.append("fresh.safetensors")
    try:
        done = one.run(work(SMALL.model_copy(update={"model": "fresh"})), Listener())
    finally:
        fake.names.models.remove("fresh.safetensors")
    assert done.effective["model"] == "fresh.safetensors" and one.memory().resident == ("fresh.safetensors",)


def test_an_input_that_is_no_picture_never_leaves_the_house(fake: ComfyFake, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(b"GIF89a and nothing")
    assert trouble(fake, Upscale(id="s"), path).trouble == "bad-request" and not fake.uploads


def test_a_mask_of_another_size_is_told_with_both(fake: ComfyFake, tmp_path: Path) -> None:
    told = trouble(
        fake, Img2Img(id="s", mask="c" * 64), picture(tmp_path), mask=picture(tmp_path, (32, 32), "mask.png")
    )
    assert told.trouble == "bad-request" and "32x32" in told.sentence and "96x64" in told.sentence


def test_memory_is_given_back_on_request(fake: ComfyFake) -> None:
    fake.devices = [{"name": "card", "type": "cuda", "vram_total": 8 << 30, "vram_free": 3 << 30}]
    one = backend(fake)
    one.run(work(SMALL), Listener())
    assert one.memory() == (8.0, 5.0, ("sub/toy.safetensors",)) and one.gpus()[0].vram_gb == 8.0
    one.free()
    assert fake.freed == 1 and one.memory().resident == ()


def test_a_link_of_the_output_itself_that_leads_nowhere_has_another_type(fake: ComfyFake, monkeypatch) -> None:
    from agent.backends.comfyui.graph import Graph

    api = Graph.api
    monkeypatch.setattr(
        Graph,
        "api",
        lambda graph: {
            number: {
                **node,
                "inputs": {**node["inputs"], **({"images": ["99", 0]} if "images" in node["inputs"] else {})},
            }
            for number, node in api(graph).items()
        },
    )
    told = trouble(fake, SMALL)
    assert told.trouble == "bad-request" and "SaveImage: images leads nowhere" in told.sentence


def test_what_is_no_number_in_the_lists_or_the_history_is_read_over(fake: ComfyFake) -> None:
    """Custom nodes have Infinity as a limit, and an error tells the NaN it failed on; strict JSON has neither."""
    fake.info["Endless"] = {"input": {"required": {"x": ["FLOAT", {"max": float("inf")}]}}, "output": ["FLOAT"]}
    fake.info["Odd"] = {"input": "none", "output": 7}
    card = backend(fake).card()
    assert card.state == "ready" and card.models
    fake.fails["KSampler"] = NodeError("ValueError", "latent is bad")
    fake.more = {"current_inputs": {"cfg": [float("nan")]}}
    assert "latent is bad" in trouble(fake, SMALL).sentence
