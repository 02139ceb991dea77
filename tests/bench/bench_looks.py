"""What looks at pictures cost: in the views, when effects are added up, and on a sheet.

    python -P tests/bench/bench_looks.py [--looks N] [--json]

folded      a stage that looked, against one that only painted, in the views' fold; goal 12
effects     of one wildcard in N looks, against a bare sum over as many rows of SQLite; goal 60
weighed     the same, to weights: what one look costs while feedback is on; goal 400 ms
sheet       100 pictures on one page, against decoding and shrinking them alone; goal 1.6
memory      what a page of 1,200 pictures adds; goal 250 MB
"""

import argparse
import asyncio
import io
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measure import Goal, Line, finish
from PIL import Image

from daemon.artifacts.sheets.drawing import draw, fitted
from daemon.artifacts.sheets.layout import Cell, Layout, Panel
from daemon.prompting.looks.effects import effects, merged
from daemon.prompting.looks.weights import weigh
from daemon.views.views import Views
from schema.events import ArtifactStored, Envelope, Event, JobSubmitted, RunSubmitted, StageAssigned, StageFinished
from schema.ids import ImageId, JobId, NodeId, RunId, Seq, Sha256, StageId, Token
from schema.plans import JobSpec, Pick, Picture, RunSpec, StageStep

KINDS = ("wildcard", "slot")
BOX, RUN = NodeId("box"), RunId("r")
STEPS = (StageStep(id=StageId("paint"), kind="txt2img"), StageStep(id=StageId("look"), kind="interrogate"))


class MemoryLog:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    def add(self, event: Event) -> int:
        seq = Seq(len(self.envelopes) + 1)
        self.envelopes.append(Envelope(seq=seq, at=1.8e9 + seq, epoch=Seq(1), actor="uid:1", event=event))
        return seq

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return tuple(self.envelopes[after : after + limit])


def submitted(count: int) -> MemoryLog:
    log = MemoryLog()
    log.add(RunSubmitted(run=RUN, spec=RunSpec(name="r", base=Sha256("0" * 64), plan_hash="p", seed=1, jobs=count,
                                               stages=STEPS, folder="r")))  # fmt: skip
    for n in range(count):
        sky = f"sky {n % 200}"
        spec = JobSpec(name=f"j{n}", prompt=f"a quiet bay at {sky}, gulls, <lora:soft:0.8>, masterpiece", pack="bays",
                       picks=(Pick(key="__sky__", value=sky),))  # fmt: skip
        log.add(JobSubmitted(job=JobId(f"r.{n}"), run=RUN, spec=spec))
    return log


def painted(log: MemoryLog, n: int) -> None:
    job, stage, image = JobId(f"r.{n}"), StageId("paint"), ImageId(f"i{n}")
    token = Token(log.add(StageAssigned(job=job, stage=stage, node=BOX, attempt=1, why="first")))
    file = Picture(sha256=Sha256(f"{n:064x}"), pixels="", media="image/png", bytes=1, width=8, height=8)
    log.add(ArtifactStored(image=image, job=job, run=RUN, stage=stage, token=token, index=0, file=file))
    log.add(StageFinished(job=job, stage=stage, token=token, node=BOX, backend="b", images=(image,)))


def looked(log: MemoryLog, n: int) -> None:
    job, stage = JobId(f"r.{n}"), StageId("look")
    token = Token(log.add(StageAssigned(job=job, stage=stage, node=BOX, attempt=1, why="first")))
    caption = f"a painting of a bay with birds and sky {n % 7}"
    log.add(StageFinished(job=job, stage=stage, token=token, node=BOX, backend="b", effective={"model": "BLIP"},
                          reported={"caption": caption}))  # fmt: skip


async def in_views(count: int, folder: Path) -> list[Line]:
    log, clock = submitted(count), time.perf_counter
    views = await Views.open(folder / "views.db", log, results=folder, clock=lambda: 0.0)
    took: dict[str, float] = {}
    for name, stage in (("paint", painted), ("look", looked)):
        for n in range(count):
            stage(log, n)
        begun = clock()
        await views._catch_up()
        took[name] = clock() - begun
    begun = clock()
    counted = await views.counted("sky", KINDS)
    added = clock() - begun
    begun = clock()
    weigh(effects(merged(await views.counted("sky", KINDS))), {}, await views.nameable(500))
    weighed = clock() - begun
    await views.close()
    assert sum(row.n for row in counted) == count
    bare = bare_sum(count)
    return [
        Line(what="a look folded", value=took["look"] / count * 1e6, unit="us", peer="a picture folded",
             against=took["paint"] / count * 1e6, ratio=took["look"] / took["paint"], goal=Goal("ratio", most=12.0)),
        Line(what=f"effects of {count:,} looks", value=added * 1e3, unit="ms", peer="a bare sum over as many rows",
             against=bare * 1e3, ratio=added / bare, goal=Goal("ratio", most=60.0)),
        Line(what=f"a wildcard of {count:,} looks weighed", value=weighed * 1e3, unit="ms",
             goal=Goal("value", most=400.0)),
    ]  # fmt: skip


def bare_sum(count: int) -> float:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t(value TEXT, image TEXT, hit REAL, PRIMARY KEY(value, image)) WITHOUT ROWID")
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", ((f"sky {n % 200}", f"i{n}", 0.5) for n in range(count)))
    begun = time.perf_counter()
    db.execute("SELECT value, count(*), total(hit) FROM t GROUP BY value").fetchall()
    return time.perf_counter() - begun


def page(cells: Sequence[Cell], wide: int) -> Layout:
    rows = tuple((str(at), tuple(cells[at : at + wide])) for at in range(0, len(cells), wide))
    return Layout("bench", tuple(map(str, range(wide))), (Panel("", rows),), "cfg", "steps")


def on_a_page(folder: Path) -> list[Line]:
    noise = Image.merge("RGB", [Image.effect_noise((768, 512), 40 + at) for at in range(3)])
    noise.save(folder / "one", "PNG", compress_level=1)
    path = folder / "one"
    cells = [Cell(f"c{n}", {}, Sha256("one"), (768, 512)) for n in range(1200)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # first: what was freed is used again
    Image.open(io.BytesIO(draw(page(cells, 40), lambda sha: path))).close()
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    few = page(cells[:100], 10)
    box = fitted(few).cell
    bare = whole = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        for _ in range(100):
            with Image.open(path) as picture:
                picture.thumbnail(box, Image.Resampling.BICUBIC, reducing_gap=2.0)
        bare += time.perf_counter() - begun
        begun = time.perf_counter()
        draw(few, lambda sha: path)
        whole += time.perf_counter() - begun
    return [
        Line(what="a sheet of 100 pictures", value=whole / 2 * 1e3, unit="ms", peer="decoding and shrinking them",
             against=bare / 2 * 1e3, ratio=whole / bare, goal=Goal("ratio", most=1.6)),
        Line(what="memory for a sheet of 1,200", value=added, unit="MB", goal=Goal("value", most=250.0)),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = on_a_page(Path(folder))
        lines += asyncio.run(in_views(asked.looks, Path(folder)))
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
