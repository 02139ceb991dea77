"""Longer ways through the program: many packs at once, and a stage that runs again, each looked at from all sides."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import imageio_ffmpeg
import pytest

pytestmark = pytest.mark.story

SMALL = tuple(
    word
    for field in ("txt2img.width=64", "txt2img.height=64", "txt2img.steps=4", "detail.steps=4")
    for word in ("--set", field)
)
UNIFIED = {"pack_data": {"name": "uni", "slots": [{"index": n, "text": f"pier {n}"} for n in (1, 2)]}}
LEGACY = {"name": "leg", "slots": [{"index": n, "text": f"buoy {n}", "negative": "crowd"} for n in (1, 2, 3)]}
OLD = {
    "name": "old",
    "slots": [{"name": "Positive Prompt", "text": "an old boat"}, {"name": "Negative Prompt", "text": "fog"}],
}


@pytest.mark.slow
def test_of_several_packs_counts_log_manifest_and_pictures_agree_to_the_last_job(home):
    (home.root / "boats.txt").write_text("a red boat\nneg: fog\n\na blue boat\n\na green boat\n\na grey boat\n")
    (home.root / "lamps.tsv").write_text("a lamp\tday\na lantern\t\n")
    for name, content in (("uni", UNIFIED), ("leg", LEGACY), ("old", OLD)):
        (home.root / f"{name}.json").write_text(json.dumps(content))
    packs = ("./boats.txt", "./lamps.tsv", "./uni.json", "./leg.json", "./old.json", "harbour")
    words = (*packs, "--max-prompts", "3", "--count", "2", "--max-images", "5", "--seed", "7", "--video", *SMALL)
    expected = {"boats": 5, "lamps": 4, "uni": 4, "leg": 5, "old": 2, "harbour": 5}

    *variants, summary = [json.loads(line) for line in home.run("plan", *words).stdout.splitlines()]
    done = home.json("run", *words, "--plan-hash", summary["plan_hash"])
    run, total = done["run"], sum(expected.values())

    assert Counter(variant["pack"] for variant in variants) == expected
    assert (summary["jobs"], done["jobs"], done["finished"], done["failed"]) == (total, total, total, 0)
    assert (done["plan_hash"], done["seed"]) == (summary["plan_hash"], 7)

    manifest = json.loads(Path(done["manifest"]).read_text())
    assert (manifest["total"], manifest["finished"], len(manifest["jobs"])) == (total, total, total)
    for planned, made in zip(variants, manifest["jobs"], strict=True):
        assert {name: made[name] for name in ("name", "pack", "prompt", "negative", "seed")} == {
            name: planned[name] for name in ("name", "pack", "prompt", "negative", "seed")
        }
    assert len({job["name"] for job in manifest["jobs"]}) == total
    assert manifest["video_summary"]["frames"] == imageio_ffmpeg.count_frames_and_secs(done["video"])[0] == total

    kinds = Counter(event["type"] for event in home.events())
    assert kinds["JobSubmitted"] == kinds["JobFinished"] == total
    assert kinds["StageFinished"] == kinds["ArtifactStored"] == total * 3
    assert kinds["RunSubmitted"] == kinds["RunFinished"] == 1
    folder = Path(done["folder"])
    assert {path.stem for path in folder.glob("*.png")} == {job["name"] for job in manifest["jobs"]}
    assert len(list((folder / "stages").glob("*.png"))) == total * 3

    for pack, count in expected.items():
        assert home.json("job", "list", f"run:{run} pack:{pack}", "--limit", "0")["total"] == count
        assert home.json("image", "list", f"run:{run} pack:{pack}", "--limit", "0")["total"] == count * 3
    assert home.json("job", "list", "--limit", "1")["total"] == total
    assert home.json("log", "replay", "--check")["same"] and home.json("log", "verify")["ok"]


def test_what_stood_before_a_rerun_stays_to_the_byte(home):
    done = home.json("run", "harbour", "--max-prompts", "2", "--seed", "3", *SMALL)
    folder, run = Path(done["folder"]), done["run"]
    files = _files(folder)
    before = json.loads(Path(done["manifest"]).read_text())["jobs"]

    home.json("job", "rerun", f"{run}.1", "--from", "upscale")
    assert home.json("job", "wait", run)["finished"] == 2

    now = _files(folder)
    after = json.loads(Path(done["manifest"]).read_text())["jobs"]
    assert {name: now.get(name) for name in files} == files
    assert len(now) > len(files)
    assert after[1] == before[1]
    job, was = after[0], before[0]
    changing = {"ended", "finals", "earlier", "stages"}
    assert {name: job[name] for name in was.keys() - changing} == {name: was[name] for name in was.keys() - changing}
    assert job["stages"][:2] == was["stages"][:2]
    old, new = was["stages"][2]["artifacts"][0], job["stages"][2]["artifacts"][0]
    assert old in job["earlier"]
    assert new["id"] != old["id"] and new["path"] != old["path"] and new["pixel_hash"] == old["pixel_hash"]
    for artifact in (*job["earlier"], *job["finals"], *(one for stage in job["stages"] for one in stage["artifacts"])):
        assert hashlib.sha256(Path(artifact["path"]).read_bytes()).hexdigest() == artifact["sha256"]
    kinds = Counter(event["type"] for event in home.events())
    assert kinds["JobReopened"] == 1 and kinds["StageFinished"] == 2 * 3 + 1


def _files(folder: Path) -> dict[str, str]:
    """What a later stage may not touch: every picture and every record beside one."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
