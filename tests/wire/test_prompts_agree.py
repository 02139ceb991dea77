"""What an editor was shown, the plan, the log, the records and the manifest say the same of every variant."""

import json
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world

from daemon.artifacts.results import write_manifest
from schema.events import JobSubmitted
from schema.places import places

ONE_STAGE = {"name": "p.json", "text": '[{"id": "txt2img", "type": "txt2img"}]'}

PACKS = {
    "harbour.txt": "#! [[hull]] = red | blue | green\n#! limit = 5\n\n#! weight=5\na [[hull]] boat at __sky__\nneg: fog"
    "\n\na buoy, {calm|rough} sea",
    "orchard.json": json.dumps(
        {
            "pack_data": {
                "slots": [{"text": "apple tree in [[Month]]"}, {"text": "pear tree, [[month]]", "weight": 2}],
                "matrix": {
                    "enabled": True, "mode": "rotate",
                    "slots": [{"name": "month", "values": ["april", "may", "june"]}],
                },
            },
            "preset_data": {"txt2img": {"steps": 12}},
        }
    ),
    "seasons.tsv": "spring\tsnow\nsummer {field|meadow|wood}\t\nwinter",
}  # fmt: skip
OVERNIGHT = {"packs": ["harbour", "orchard", "seasons"], "order": "weighted", "limit": 14, "count": 2, "max_images": 9}


def furnish(folder: Path, packs: dict[str, str] = PACKS, wildcards: dict[str, str] | None = None) -> None:
    config = places({"STABLENEW_HOME": str(folder / "home")}).config
    for kind, files in (("packs", packs), ("wildcards", wildcards or {"sky.txt": "dawn\ndusk\n{soft|harsh} noon\n"})):
        (config / kind).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (config / kind / name).write_text(text)


async def agreed(it: World, asked: dict[str, object]) -> dict[str, object]:
    """Plans, tries out, submits and finishes a run, and holds everything that is told of it against the plan."""
    *lines, end = await it.post("/v1/plan", asked)
    tried = await it.post("/v1/prompt", {"run": asked, "show": 500})
    assert (tried["plan_hash"], tried["jobs"], tried["space"]) == (end["plan_hash"], end["jobs"], end["space"])
    assert [one["name"] for one in tried["samples"]] == [line["name"] for line in lines]
    assert [words(one) for one in tried["samples"]] == [words(line) for line in lines]
    taken = await it.post("/v1/runs", {**asked, "seed": end["seed"], "plan_hash": end["plan_hash"]})
    assert (taken["plan_hash"], taken["jobs"], taken["warnings"]) == (end["plan_hash"], len(lines), end["warnings"])
    await it.finish_all()
    await it.views.reached(it.ledger.durable)
    run = await it.views.run(taken["run"])
    jobs = [await it.views.job(f"{taken['run']}.{number}") for number in range(1, len(lines) + 1)]
    manifest = json.loads(write_manifest(it.folder / "results", run, jobs, it.blob).read_text())
    for job, line in zip(manifest["jobs"], lines, strict=True):
        assert told(job) == told(line)
    assert manifest["total"] == manifest["finished"] == len(lines) and manifest["plan_hash"] == end["plan_hash"]
    assert manifest["randomizer"]["space"] == end["space"]
    for pack in manifest["packs"]:
        own = [line for line in lines if line["pack"] == pack["name"]]
        assert pack["jobs"] == len(own)
        assert pack["variants"] == len({(line["prompt_number"], line["variant"]) for line in own})
        assert pack["prompts"] == len({line["prompt_number"] for line in own})
    events = [one.event for one in await it.log.read(0, 100_000)]
    logged = [event.spec for event in events if isinstance(event, JobSubmitted) and event.run == taken["run"]]
    assert [spec.name for spec in logged] == [line["name"] for line in lines]
    assert [spec.prompt for spec in logged] == [line["prompt"] for line in lines]
    assert [len(job["finals"]) for job in manifest["jobs"]] == [1] * len(lines)
    return manifest


def words(one: dict[str, object]) -> tuple[object, ...]:
    return one["prompt"], one.get("negative", ""), one["seed"], one.get("picks", [])


def told(one: dict[str, object]) -> tuple[object, ...]:
    names = ("name", "pack", "prompt_number", "variant", "template", "overlay", "origins", "axes", "style")
    return *words(one), *(one[name] for name in names)


async def test_three_packs_over_night_agree_to_the_last_job(tmp_path: Path) -> None:
    furnish(tmp_path)
    async with world(tmp_path) as it:
        await it.join_node()
        manifest = await agreed(it, {**OVERNIGHT, "pipeline": ONE_STAGE, "seed": 77})
    assert Counter(job["pack"] for job in manifest["jobs"]) == {"harbour": 8, "orchard": 9, "seasons": 8}
    assert {pack["name"]: pack["variants"] for pack in manifest["packs"]} == {"harbour": 4, "orchard": 5, "seasons": 4}
    orchard = [job for job in manifest["jobs"] if job["pack"] == "orchard"]
    assert {job["overlay"]["txt2img.steps"] for job in orchard} == {12}
    assert "tree in" not in {job["prompt"] for job in orchard} and all("[[" not in job["prompt"] for job in orchard)


async def test_the_same_seed_is_the_same_plan_in_another_home(tmp_path: Path) -> None:
    hashes: dict[str, list[str]] = {}
    for home in ("one", "another"):
        folder = tmp_path / home
        folder.mkdir()
        furnish(folder)
        async with world(folder) as it:
            for matrix in (None, "all", "random", "rotate", "sequential"):
                asked = {**OVERNIGHT, "seed": 77, **({"matrix": matrix} if matrix else {})}
                hashes.setdefault(home, []).append((await it.post("/v1/plan", asked))[-1]["plan_hash"])
    assert hashes["one"] == hashes["another"] and len(set(hashes["one"])) > 3


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_asked_for_preview_plan_and_manifest_are_one(tmp_path: Path, seed: int) -> None:
    await any_of_them(tmp_path, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3, 150))
async def test_whatever_is_asked_for_preview_plan_and_manifest_are_one_for_long(tmp_path: Path, seed: int) -> None:
    await any_of_them(tmp_path, seed)


async def any_of_them(folder: Path, seed: int) -> None:
    dice = random.Random(seed)
    furnish(folder, {f"p{number}.txt": pack(dice) for number in range(dice.randint(1, 3))}, wildcards(dice))
    asked: dict[str, object] = {
        "packs": sorted(one.stem for one in (folder / "home/config/packs").iterdir()),
        "pipeline": ONE_STAGE,
        "seed": dice.randrange(2**40),
        "limit": dice.randint(1, 12),
        "matrix": dice.choice(("all", "rotate", "sequential", "random")),
        "order": dice.choice(("sequential", "random", "weighted")),
        "count": dice.randint(1, 2),
    }
    if dice.random() < 0.4:
        asked |= {"variants": dice.randint(1, 5)}
    if dice.random() < 0.4:
        asked |= {"vary": dice.sample(["txt2img.cfg=3,5", "lora=a:0.2,none", "txt2img.steps=5, 6, .., 9"], 2)}
    if dice.random() < 0.4:
        asked |= {"search": ["boat => ship | {old|new} raft"]}
    if dice.random() < 0.4:
        asked |= {"overlay": {"name": "o.yaml", "text": "grades: [warm, cold]\nfields: {txt2img.clip_skip: [1, 3]}"}}
    if dice.random() < 0.3:
        asked |= {"profile": {"name": "m.yaml", "text": "character: a {young|old} baker\nwildcards: {w0: {dusk: 4}}"}}
    async with world(folder) as it:
        await it.join_node()
        await agreed(it, asked)


def wildcards(dice: random.Random) -> dict[str, str]:
    """Later ones may stand in earlier ones, never the other way round."""
    return {
        f"w{number}.txt": "\n".join(phrase(dice, number + 1, 2) for _ in range(dice.randint(1, 4))) + "\ndusk\n"
        for number in range(3)
    }


def pack(dice: random.Random) -> str:
    blocks = ["#! [[x]] = 1 | 2 | {3|4}"]
    for _ in range(dice.randint(1, 4)):
        negative = f"\nneg: {phrase(dice, 0, 2)}" if dice.random() < 0.5 else ""
        blocks.append(f"#! weight={dice.randint(1, 9)}\n{phrase(dice, 0, 4)} boat{negative}")
    return "\n\n".join(blocks)


def phrase(dice: random.Random, least: int, length: int) -> str:
    """Words and places to vary, with wildcards from `least` on."""
    made = []
    for _ in range(dice.randint(1, length)):
        made.append(
            dice.choice(
                [
                    "calm", "(misty:1.2)", "<lora:film:0.4>", "[[x]]", "{red|blue}", "{2::grey|1::gold|green}",
                    "{2$$fir|oak|elm}", "{1-2$$ and $$sun|moon}", "{~rain|hail}", "{@north|south}", "\\{as it is\\}",
                    *(f"__w{number}__" for number in range(least, 3)),
                ]
            )
        )  # fmt: skip
    return " ".join(made)


async def test_a_prompt_is_tried_out_and_its_faults_have_their_place(tmp_path: Path) -> None:
    furnish(tmp_path)
    async with world(tmp_path) as it:
        tried = await it.post("/v1/prompt", {"run": {"prompt": "a {red|blue} boat at __sky__", "seed": 4}, "show": 3})
        assert "".join("a {red|blue} boat at __sky__"[one["start"] : one["end"]] for one in tried["segments"]) == (
            "a {red|blue} boat at __sky__"
        )
        assert (tried["space"], tried["jobs"], len(tried["samples"])) == ("8", 8, 3)
        payload = json.loads(tried["payload"])
        assert payload["prompt"] == tried["samples"][0]["prompt"] and payload["stages"]["txt2img"]["steps"] == 20
        broken = await it.post("/v1/prompt", {"run": {"prompt": "a {red|blue boat"}})
        assert broken["status"] == 400 and broken["where"].startswith("--prompt:1:3")
        vast = await it.post("/v1/prompt", {"run": {"prompt": " ".join(["{0|1|2|3|4|5|6|7|8|9}"] * 30)}, "show": 5})
        assert vast["space"] == "1" + "0" * 30 and vast["plan_hash"] == "" and len(vast["samples"]) == 5
        assert "run.max_variants allows" in vast["warnings"][0] and vast["samples"][0]["name"] == ""
        empty = await it.post("/v1/prompt", {"run": {"prompt": ""}})
        assert empty["status"] == 400
