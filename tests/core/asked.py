"""The program's answers about simulated people: its claims and presets, and what it proposes; in process or typed."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from judged import Recommended, Said, Tally
from raters import World

from daemon.learning.experiments import propose_images
from daemon.learning.insights import insights
from daemon.learning.rows import rows_of
from schema.insights import Claim, Insights
from schema.lessons import Shown
from schema.plans import Scalar
from schema.records import Record, Settings

ROUND = 20
"""Pictures of one night of an explore run."""


def insights_of(records: Sequence[Record], shown: Mapping[str, Shown] | None = None) -> Insights:
    rows, duels = rows_of(records)
    return insights(rows, duels, shown=shown or {})


def said(told: Insights) -> list[Said]:
    return said_of(claim for pack in told.packs for claim in pack.claims)


def said_of(claims: Iterable[Claim]) -> list[Said]:
    return [Said(claim.pack, claim.param, claim.better, claim.worse, claim.confidence) for claim in claims]


def recommended(told: Insights) -> list[Recommended]:
    return [
        Recommended(preset.pack, preset.params, preset.current, preset.p_better_than_current)
        for pack in told.packs
        if (preset := pack.preset) is not None
    ]


def judge(tally: Tally, world: World) -> None:
    told = insights_of(world.records)
    tally.judge(world, said(told), recommended(told))


def explored(world: World, ratings: int) -> Settings:
    """A person who lets the program explore night after night, rates all, and takes its preset in the end."""
    pack = world.packs[0]
    space = {name: tuple(levels) for name, levels in world.space.items()}
    for night in range(-(-ratings // ROUND)):
        rows, duels = rows_of(world.records)
        images = propose_images(rows, duels, space, pack, min(ROUND, ratings - len(world.records)))
        world.rate_all(pack, [(image.params, image.seed_group) for image in images], f"n{night}")
    return recommended(insights_of(world.records))[0].params


# The same, typed ----------------------------------------------------------------------------------


def typed(*words: str) -> dict[str, list[dict[str, object]]]:
    """What `stablenew learn WORDS --json` prints."""
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "tui.cli", "learn", *words, "--json"], check=True, capture_output=True, timeout=60
    )
    told: dict[str, list[dict[str, object]]] = json.loads(ran.stdout)
    return told


def written(path: Path, records: Sequence[Record]) -> Path:
    """A file of records, in the fields of the contract and no others."""
    fields = ("id", "at", "session", "pack", "prompt", "seed", "run", "params", "stars", "tags")
    lines = [json.dumps({name: value for name in fields if (value := getattr(row, name)) != ""}) for row in records]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


class _Told(msgspec.Struct):
    pack: str
    param: str
    better: tuple[Scalar, ...]
    worse: tuple[Scalar, ...]
    confidence: float
    text: str
    evidence: dict[str, object]


def typed_insights(path: Path) -> tuple[list[Said], dict[str, tuple[Settings, float]]]:
    """Claims, and of each pack its preset with the probability that it is better."""
    told = typed("insights", "--records", str(path))
    claims = [msgspec.convert(claim, _Told) for claim in told["claims"]]
    presets = {
        str(each["pack"]): msgspec.convert((each["params"], each["p_better_than_current"]), tuple[Settings, float])
        for each in told["presets"]
    }
    assert len(presets) == len(told["presets"]), "one preset per pack"
    return [Said(one.pack, one.param, one.better, one.worse, one.confidence) for one in claims], presets


def typed_explored(world: World, ratings: int, folder: Path) -> Settings:
    """As `explored`."""
    pack, records, space = world.packs[0], folder / "records.jsonl", folder / "space.json"
    space.write_text(json.dumps(world.space))
    for night in range(-(-ratings // ROUND)):
        words = ("--pack", pack, "--images", str(min(ROUND, ratings - len(world.records))))
        told = typed("propose", "--records", str(written(records, world.records)), "--space", str(space), *words)
        images = [(each["params"], each["seed_group"]) for each in told["images"]]
        world.rate_all(pack, msgspec.convert(images, list[tuple[Settings, int]]), f"n{night}")
    return typed_insights(written(records, world.records))[1][pack][0]
