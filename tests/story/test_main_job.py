"""The main job as a person does it: a pack in, pictures and a film out, rated afterwards."""

import hashlib
import json
import re
from pathlib import Path

import imageio_ffmpeg
import pytest
from PIL import Image

pytestmark = pytest.mark.story

SMALL = ("--set", "txt2img.width=128", "--set", "txt2img.height=96", "--set", "txt2img.steps=6")


def read_parameters(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative and settings, by the reader's rules of the A1111 text alone."""
    *lines, last = text.strip().split("\n")
    pairs = re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last)
    assert len(pairs) >= 3
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in lines:
        if line.startswith("Negative prompt:"):
            target, line = negative, line.removeprefix("Negative prompt:").strip()
        target.append(line)
    settings = {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}
    return "\n".join(prompt).strip(), "\n".join(negative).strip(), settings


def test_a_pack_becomes_pictures_a_film_and_a_manifest(home):
    plan = home.run("plan", "harbour", "--seed", "42", *SMALL)
    assert plan.returncode == 0, plan.stderr
    *variants, summary = [json.loads(line) for line in plan.stdout.splitlines()]
    assert summary["jobs"] == len(variants) >= 6

    done = home.json("run", "harbour", "--seed", "42", "--video", *SMALL)
    assert (done["jobs"], done["finished"], done["failed"]) == (summary["jobs"], summary["jobs"], 0)

    folder = Path(done["folder"])
    assert done["run"] in folder.name
    finals = sorted(folder.glob("*.png"))
    assert len(finals) == summary["jobs"]
    manifest = json.loads(Path(done["manifest"]).read_text())
    assert [job["prompt"] for job in manifest["jobs"]] == [variant["prompt"] for variant in variants]
    for job in manifest["jobs"]:
        assert [stage["id"] for stage in job["stages"]] == ["txt2img", "detail", "upscale"]
        for stage in job["stages"]:
            for artifact in stage["artifacts"]:
                found = Path(artifact["path"])
                assert hashlib.sha256(found.read_bytes()).hexdigest() == artifact["sha256"]
                with Image.open(found) as picture:
                    assert picture.size == (artifact["width"], artifact["height"])

    listed = home.json("image", "list", f"run:{done['run']}", "--limit", "100")["items"]
    assert {Path(image["path"]).parent for image in listed} == {folder, folder / "stages"}

    frames, seconds = imageio_ffmpeg.count_frames_and_secs(done["video"])
    assert frames == summary["jobs"]
    assert seconds == pytest.approx(frames / 8, abs=0.2)
    assert manifest["video_path"] == done["video"]


def test_the_parameters_text_says_what_was_planned(home):
    *variants, _ = [json.loads(line) for line in home.run("plan", "harbour", "--seed", "7", *SMALL).stdout.splitlines()]
    done = home.json("run", "harbour", "--seed", "7", "--max-prompts", "2", *SMALL)
    manifest = json.loads(Path(done["manifest"]).read_text())
    for job, variant in zip(manifest["jobs"], variants, strict=False):
        first = job["stages"][0]["artifacts"][0]["path"]
        with Image.open(first) as picture:
            prompt, negative, settings = read_parameters(picture.text["parameters"])
        assert (prompt, negative) == (variant["prompt"].strip(), variant["negative"].strip())
        assert settings["Steps"] == "6"
        assert settings["Seed"] == str(variant["seed"])
        assert settings["Size"] == "128x96"
        assert float(settings["CFG scale"]) == variant["config"]["txt2img"]["cfg"]


def test_ratings_are_in_the_log_and_can_be_taken_back(home):
    done = home.json("run", "--prompt", "a lighthouse at dusk", "--count", "2", *SMALL)
    image = home.json("image", "list", f"run:{done['run']}")["items"][0]["id"]
    home.json("image", "rate", image, "5", "--tag", "keep")
    assert home.json("image", "list", "stars:>=4")["total"] == 1
    assert home.json("image", "list", "tag:keep")["total"] == 1
    home.json("undo")
    assert home.json("image", "list", "stars:>=4")["total"] == 0
    assert home.json("image", "list", "tag:keep")["total"] == 0
    home.json("redo")
    assert home.json("image", "list", "stars:>=4 tag:keep")["total"] == 1
    assert [event["stars"] for event in home.events() if event["type"] == "ImageRated"][:1] == [5]
    assert home.json("log", "verify")["ok"]


def test_a_run_for_a_node_that_nobody_knows_is_refused_and_one_by_name_is_not(home):
    refused = home.run("run", "--prompt", "boats", "--node", "attic", "--no-wait")
    assert refused.returncode == 2
    assert "no node 'attic' is known" in refused.stderr
    assert "local" in refused.stderr
    assert home.run("run", "--prompt", "boats", "--backend", "oven", "--no-wait").returncode == 2
    name = home.json("node", "list")["items"][0]["name"]
    assert home.json("run", "--prompt", "boats", "--node", name, *SMALL)["finished"] == 1
