"""A world of `api_world` that learns, and how tests of learning fill it."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.learner import Learner
from daemon.library.shelf import FolderShelf
from daemon.planner import Planner
from schema.observations import NewImage, StageReturned
from schema.places import places
from schema.plans import Picture

ONE_STAGE = json.dumps({"stages": [{"type": "txt2img"}]})


@asynccontextmanager
async def learning(folder: Path) -> AsyncIterator[World]:
    async with world(folder) as it:
        home = places({"STABLENEW_HOME": str(folder / "home")})
        (home.config / "packs").mkdir(parents=True)
        (home.config / "packs" / "bays.txt").write_text("a quiet bay, gulls\n")
        planner = Planner(FolderShelf(home, lambda: None), it.settings, it.house.clock, lambda most: 42,
                          lessons=lambda: it.ledger.lessons)  # fmt: skip
        it.house.plan, it.house.library, it.house.config = planner.plan, planner, planner.config
        it.learner = Learner(it.views, it.ledger, seq_at=int, quiet=0.0)
        it.house.learning = it.learner
        await it.join_node()
        yield it


async def paint(it: World, **request: Any) -> str:
    """A run whose pictures were made as they were planned; its id."""
    run = await it.post("/v1/runs", {"pipeline": ONE_STAGE, **request})
    for _ in range(run["jobs"]):
        attempt = await it.assigned()
        planned = (await it.get(f"/v1/jobs/{attempt.job}"))["config"]["txt2img"]
        sha = await it.put_blob(b"\x89PNG\r\n\x1a\n" + str(attempt.token).encode())
        file = Picture(sha256=sha, pixels=f"px{attempt.token}", media="image/png", bytes=9, width=8, height=8)
        await it.ledger.observe(
            StageReturned(
                attempt=attempt, backend="sketch", images=(NewImage(image=it.draw_id(), file=file),),
                effective={name: planned[name] for name in ("steps", "cfg")},
            )
        )  # fmt: skip
    await until(lambda: not it.ledger.scene().runs)
    return str(run["run"])


async def finals(it: World, run: str) -> list[str]:
    page = await it.get("/v1/images", filter=f"run:{run}", final=1, sort="oldest")
    return [one["id"] for one in page["items"]]


def records(
    better: int = 30, worse: int = 10, total: int = 60, pack: str = "bays", start: int = 0
) -> list[dict[str, Any]]:
    """Of a person who likes `better` steps: 4 or 5 stars against 1 to 3; cfg does nothing."""
    made = []
    for number in range(start, start + total):
        good = number % 2 == 0
        made.append(
            {
                "id": f"im{number}", "at": f"2026-05-01T20:{number // 60 % 60:02}:{number % 60:02}Z", "session": "s1",
                "pack": pack, "prompt": "a bay", "seed": number // 2, "run": "r", "backend": "sketch",
                "params": {"txt2img.steps": better if good else worse, "txt2img.cfg": 5 + number // 2 % 3},
                "stars": (4 if good else 1) + number // 2 % 2,
            }
        )  # fmt: skip
    return made


async def taught(it: World, **how: Any) -> Any:
    return await it.post("/v1/learn/import", {"source": "file", "records": records(**how)})


async def told(it: World) -> dict[str, Any]:
    """The pack's insight, after a person was shown it as the command line shows it."""
    found = await it.get("/v1/learn/insights")
    (pack,) = found["packs"]
    fields = ("key", "pack", "param", "better", "worse", "confidence", "text")
    claims = [
        {**{name: claim[name] for name in fields}, "algorithm": 1, "upto": found["seq"], "ratings": pack["ratings"]}
        for claim in pack["claims"]
    ]
    await it.post("/v1/learn/told", {"claims": claims, "withdrawn": pack["withdrawn"], "upto": found["seq"]})
    return dict(pack)
