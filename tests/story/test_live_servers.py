"""Real imaging servers, by their addresses: STABLENEW_TEST_WEBUI (SD WebUI or Forge) and STABLENEW_TEST_COMFYUI.

What is recorded must be what the server itself says: the WebUI in the text it answers with, ComfyUI in the graph it
writes into its pictures. Sizes are small, as such servers may run on a processor with random weights.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

WEBUI = os.environ.get("STABLENEW_TEST_WEBUI", "")
COMFYUI = os.environ.get("STABLENEW_TEST_COMFYUI", "")
SERVERS = [
    pytest.param("webui", WEBUI, marks=pytest.mark.skipif(not WEBUI, reason="STABLENEW_TEST_WEBUI names no server")),
    pytest.param(
        "comfyui", COMFYUI, marks=pytest.mark.skipif(not COMFYUI, reason="STABLENEW_TEST_COMFYUI names no server")
    ),
]
pytestmark = [pytest.mark.story, pytest.mark.long, pytest.mark.timeout(1800)]

SECONDS = 1500
BOATS = "\n\n".join(f"a small boat, number {number}\nneg: crowd" for number in range(1, 21))


class Driven:
    """A home whose agent drives the server."""

    def __init__(self, home, kind: str, url: str) -> None:
        self.home, self.kind, self.url = home, kind, url
        have = {of: self._has(of) for of in ("models", "upscalers")}
        upscaler = next((name for name in have["upscalers"] if "2x" in name), have["upscalers"][0])
        self.model = have["models"][0]
        stages = [
            {"type": "txt2img", "width": 128, "height": 96, "steps": 4, "cfg": 6.5, "model": self.model,
             "sampler": "Euler a", "scheduler": "Karras"},
            {"type": "img2img", "denoise": 0.5, "steps": 4, "cfg": 6.5},
            {"type": "upscale", "factor": 2, "upscaler": upscaler},
        ]  # fmt: skip
        (home.root / "boats.txt").write_text(BOATS)
        (home.root / "three.json").write_text(json.dumps({"name": "three", "stages": stages}))

    def run(self, *words: str, code: int = 0):
        asked = ("run", *words, "--pipeline", "./three.json", "--backend", self.kind, "--seed", "11")
        return self.home.json(*asked, code=code, timeout=SECONDS)

    def _has(self, of: str) -> list[str]:
        return [item["name"] for item in self.home.json("model", "list", "--of", of)["items"]]


@pytest.fixture
def driven(home, kind: str, url: str) -> Iterator[Driven]:
    home.env["STABLENEW_DAEMON__SUSPECTS"] = "keep"  # random weights give a black picture now and then
    assert home.run("daemon", "start").returncode == 0
    agent = home.start("agent", "run", "--backend", kind, "--url", url, "--name", "live")
    try:
        home.until(lambda: _ready(home), "the agent's server is ready")
        yield Driven(home, kind, url)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.communicate(timeout=30)


def _ready(home) -> bool:
    nodes = home.json("node", "list")["items"]
    return any(node["name"] == "live" and node["servers"][0]["state"] == "ready" for node in nodes)


@pytest.mark.parametrize(("kind", "url"), SERVERS)
def test_what_is_recorded_of_twenty_jobs_is_what_the_server_says(driven):
    done = driven.run("./boats.txt")

    assert (done["jobs"], done["finished"], done["failed"]) == (20, 20, 0)
    jobs = json.loads(Path(done["manifest"]).read_text())["jobs"]
    for job in jobs:
        first, second, third = job["stages"]
        assert {stage["backend"] for stage in job["stages"]} == {driven.kind}
        for stage, denoise in ((first, None), (second, 0.5)):
            used, said = stage["effective"], said_by_server(driven, stage)
            assert said["steps"] == used["steps"] == 4
            assert said["cfg"] == used["cfg"] == 6.5
            assert said["seed"] == job["seed"]
            assert said["sampler"] == used["sampler"] == "Euler a"
            assert said["scheduler"] == used["scheduler"] == "Karras"
            assert said["model"] in used["model"]
            assert said["prompt"] == job["prompt"]
            assert said.get("denoise") == denoise
        for stage, size in ((first, (128, 96)), (second, (128, 96)), (third, (256, 192))):
            artifact = stage["artifacts"][0]
            with Image.open(artifact["path"]) as picture:
                assert picture.size == (artifact["width"], artifact["height"]) == size


def said_by_server(driven, stage) -> dict:
    if driven.kind == "webui":
        return _from_infotext(stage["reported"]["infotext"])
    with Image.open(stage["artifacts"][0]["path"]) as picture:
        return _from_graph(json.loads(picture.text["prompt"]))


def _from_infotext(text: str) -> dict:
    *lines, last = text.split("\n")
    pairs = dict(re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last))
    said = {
        "prompt": lines[0], "steps": int(pairs["Steps"]), "cfg": float(pairs["CFG scale"]), "seed": int(pairs["Seed"]),
        "sampler": pairs["Sampler"], "scheduler": pairs["Schedule type"], "model": pairs["Model"],
    }  # fmt: skip
    return said | ({"denoise": float(pairs["Denoising strength"])} if "Denoising strength" in pairs else {})


def _from_graph(graph: dict) -> dict:
    by_class = {node["class_type"]: node["inputs"] for node in graph.values()}
    sampled = by_class["KSampler"]
    said = {
        "prompt": graph[sampled["positive"][0]]["inputs"]["text"], "steps": sampled["steps"], "cfg": sampled["cfg"],
        "seed": sampled["seed"], "model": by_class["CheckpointLoaderSimple"]["ckpt_name"],
        "sampler": {"euler_ancestral": "Euler a"}[sampled["sampler_name"]],
        "scheduler": {"karras": "Karras"}[sampled["scheduler"]],
    }  # fmt: skip
    return said | ({} if sampled["denoise"] == 1.0 else {"denoise": sampled["denoise"]})


@pytest.mark.parametrize(("kind", "url"), SERVERS)
def test_a_cancelled_job_lets_go_and_the_next_one_is_whole(driven):
    home = driven.home
    wanted = driven.run("--prompt", "a quiet bay")
    long = driven.run("--prompt", "a long voyage", "--set", "txt2img.steps=400", "--no-wait")["run"]
    home.until(lambda: _stepping(home, long), "it samples", 120)

    began = time.monotonic()
    home.json("job", "cancel", long)
    home.until(lambda: _idle(home), "the node is free again", 120)
    spent = time.monotonic() - began
    again = driven.run("--prompt", "a quiet bay")

    assert home.json("job", "list", f"run:{long}")["items"][0]["state"] == "cancelled"
    assert _pixels(home, again["run"]) == _pixels(home, wanted["run"])
    print(f"{driven.kind}: free {spent:.1f} s after the cancel")


@pytest.mark.parametrize(("kind", "url"), SERVERS)
def test_two_clients_at_once_do_not_disturb_one_another(driven):
    """Another client's job is neither cancelled nor taken for ours, and its settings do not reach ours."""
    alone = _pixels(driven.home, driven.run("--prompt", "a quiet bay")["run"])
    others: list[object] = []
    asks = {"webui": _ask_webui, "comfyui": _ask_comfyui}[driven.kind]
    stranger = threading.Thread(target=lambda: others.extend(asks(driven)))
    stranger.start()
    try:
        long = driven.run("--prompt", "a long voyage", "--set", "txt2img.steps=60", "--no-wait")["run"]
        driven.home.until(lambda: _stepping(driven.home, long), "ours samples", 300)
        driven.home.json("job", "cancel", long)
        beside = _pixels(driven.home, driven.run("--prompt", "a quiet bay")["run"])
    finally:
        stranger.join()

    assert beside == alone
    assert len(others) == 4 and all(others), "every picture the other client asked for came whole"


def _ask_webui(driven: Driven) -> Iterator[bool]:
    """Four jobs with other settings, one after the other; whether each was made with all its steps."""
    for seed in range(4):
        asked = {
            "prompt": "somebody else's castle", "steps": 20, "seed": seed, "width": 64, "height": 64, "cfg_scale": 3,
            "sampler_name": "DDIM", "scheduler": "Automatic", "override_settings": {"CLIP_stop_at_last_layers": 2},
            "override_settings_restore_afterwards": True,
        }  # fmt: skip
        answer = _post(f"{driven.url}/sdapi/v1/txt2img", asked)
        interrupted = "interrupted" in str(answer).lower()
        yield (
            len(answer["images"]) == 1 and not interrupted and "Steps: 20" in json.loads(answer["info"])["infotexts"][0]
        )


def _ask_comfyui(driven: Driven) -> Iterator[bool]:
    for seed in range(4):
        graph = {
            "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": driven.model}},
            "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "somebody else's castle", "clip": ["1", 1]}},
            "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
            "4": {
                "class_type": "KSampler",
                "inputs": {
                    "seed": time.time_ns() + seed, "steps": 20, "cfg": 3, "sampler_name": "ddim", "scheduler": "normal",
                    "denoise": 1, "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0],
                    "latent_image": ["3", 0],
                },
            },
            "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
            "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "stranger"}},
        }  # fmt: skip
        asked = _post(f"{driven.url}/prompt", {"prompt": graph, "client_id": "stranger"})["prompt_id"]
        told = driven.home.until(lambda asked=asked: _history(driven.url, asked), "the other one's picture", 300)
        yield told["status"]["status_str"] == "success"


@pytest.mark.parametrize(("kind", "url"), SERVERS)
def test_bad_names_are_refused_before_anything_runs(driven):
    for field, value in (("model", "tiny-sd16"), ("sampler", "Eular a"), ("vae", "nope"), ("width", "100")):
        done = driven.home.run(
            "run", "--prompt", "a bay", "--pipeline", "./three.json", "--backend", driven.kind,
            "--set", f"txt2img.{field}={value}",
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert f"txt2img.{field}" in done.stderr and "Traceback" not in done.stderr
    done = driven.home.run("run", "--prompt", "a bay <lora:nowhere:1>", "--backend", driven.kind)
    assert done.returncode == 2 and "nowhere" in done.stderr


@pytest.mark.skipif(not COMFYUI, reason="STABLENEW_TEST_COMFYUI names no server")
@pytest.mark.parametrize(("kind", "url"), SERVERS[1:])
def test_an_exported_job_runs_in_comfyui_unchanged_and_gives_the_same_picture(driven):
    run = driven.run("--prompt", "a quiet bay (at dawn:1.2)")["run"]
    ours = _pixels(driven.home, run)
    done = driven.home.run("export", "comfyui", f"{run}.1", "job.json", "--api")
    assert done.returncode == 0, done.stderr
    graph = json.loads((driven.home.root / "job.json").read_text())

    asked = _post(f"{driven.url}/prompt", {"prompt": graph, "client_id": "exported"})
    assert asked["node_errors"] == {}
    told = driven.home.until(lambda: _history(driven.url, asked["prompt_id"]), "it ran", 300)
    (images,) = [output["images"] for output in told["outputs"].values()]
    query = "&".join(f"{name}={images[0][name]}" for name in ("filename", "subfolder", "type"))
    with urllib.request.urlopen(f"{driven.url}/view?{query}", timeout=60) as answer, Image.open(answer) as picture:
        assert hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest() == ours


def _history(url: str, prompt: str):
    with urllib.request.urlopen(f"{url}/history/{prompt}", timeout=60) as answer:
        return json.load(answer).get(prompt)


def _post(url: str, body: object):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=900) as answer:
        return json.load(answer)


def _stepping(home, run: str) -> bool:
    running = [job for job in home.json("status")["running"] if job["job"].startswith(run)]
    return bool(running) and running[0].get("step", 0) >= 2


def _idle(home) -> bool:
    with contextlib.suppress(subprocess.SubprocessError):
        return all(node["state"] != "busy" for node in home.json("node", "list")["items"])
    return False


def _pixels(home, run: str) -> str:
    (image,) = home.json("image", "list", f"run:{run}", "--final")["items"]
    with Image.open(image["path"]) as picture:
        return hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()
