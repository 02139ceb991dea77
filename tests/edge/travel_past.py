"""Random pasts in which everything that the views fold may follow everything, and how two moments are held together."""

import random
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `judged_past`

from judged_past import STEPS, TXT2IMG, UPSCALE, Past, compared, make, rerun
from views_past import BOX, NOW

from daemon.views.lists import Window
from daemon.views.read_views import ReadViews
from daemon.views.tables import TABLES
from daemon.views.then import ViewsThen
from schema import events as e
from schema.errors import Refused
from schema.events import Envelope, stream_of
from schema.ids import ImageId, JobId, NodeId, RunId, Sha256, StageId, Token
from schema.plans import JobSpec, Measures, Picture, RunSpec, StageStep
from schema.records import Record

LOOK = StageId("look")
STAGES = (*STEPS, StageStep(id=LOOK, kind="interrogate"))
MILL = NodeId("mill")


class Read:
    """A log in memory, as travel through it reads."""

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self.envelopes = envelopes

    def read(self, after: int, upto: int) -> Iterator[Envelope]:
        return iter(self.envelopes[after:upto])

    def of_streams(self, streams: Iterable[str], upto: int) -> list[Envelope]:
        return [one for name in streams for one in self.envelopes[:upto] if stream_of(one.event) == name]

    def of_types(self, types: Iterable[str], upto: int) -> list[Envelope]:
        return [one for name in types for one in self.envelopes[:upto] if type(one.event).__name__ == name]


@asynccontextmanager
async def moment(file: Path, log: Past, seq: int) -> AsyncIterator[ViewsThen]:
    past = Read(log.envelopes)
    then = await ViewsThen.open(file, past, seq, results=Path("/pictures"), clock=lambda: NOW + 1000)
    try:
        yield then
    finally:
        await then.close()


class Chance:
    """Draws what happens next; remembers enough that it can happen."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.log = Past()
        self.jobs: dict[str, JobSpec] = {}
        self.runs: list[str] = []
        self.images: list[str] = []
        self.first: dict[str, Token] = {}
        self.open: dict[str, tuple[StageId, Token]] = {}
        self.gone: set[str] = set()
        self._node(BOX)

    def live(self, steps: int) -> Past:
        acts = [getattr(self, name) for name in sorted(dir(type(self))) if name.startswith("do_")]
        self.do_submit()
        for _ in range(steps):
            self.rng.choice(acts)()
        return self.log

    def add(self, *events: e.Event) -> None:
        self.log.add(*events)

    def _node(self, node: NodeId) -> None:
        name = f"{node} {len(self.log.envelopes)}"
        self.add(
            e.NodeJoined(node=node, name=name, instance="i", link="loopback", backends=("sketch",), kinds=("txt2img",))
        )

    def job(self) -> str:
        return self.rng.choice(list(self.jobs))

    def spec(self) -> JobSpec:
        n, pack = len(self.log.envelopes), self.rng.choice(["knights", "dragons", None])
        needs = self.rng.choice([(), ("loras:sub/haze",), ("loras:haze", "embeddings:easy")])
        return JobSpec(name=f"j{n}", pack=pack, prompt=f"p {n % 3} <lora:a:0.{n + 1}>", seed=n % 4, needs=needs)

    # Runs and jobs ------------------------------------------------------------------------------

    def do_submit(self) -> None:
        name = f"r{len(self.runs)}"
        specs = [self.spec() for _ in range(self.rng.randint(1, 3))]
        learning = self.rng.choice(["passive", "off", "active"])
        run = RunSpec(
            name=f"run {name}", base=Sha256("b" * 64), plan_hash="p", seed=1, jobs=len(specs), stages=STAGES,
            learning=learning, folder=name,
        )  # fmt: skip
        self.add(e.RunSubmitted(run=RunId(name), spec=run))
        for number, spec in enumerate(specs, 1):
            self.jobs[f"{name}.{number}"] = spec
            self.add(e.JobSubmitted(job=JobId(f"{name}.{number}"), run=RunId(name), spec=spec))
        self.runs.append(name)

    def do_order(self) -> None:
        job = JobId(self.job())
        self.add(
            self.rng.choice([
                e.JobHeld(job=job), e.JobReleased(job=job), e.JobMoved(job=job, was=1.0, now=self.rng.random()),
                e.JobPriorityChanged(job=job, was=0, now=self.rng.randint(-2, 2)),
            ])
        )  # fmt: skip

    def do_edit(self) -> None:
        job, now = self.job(), self.spec()
        self.add(e.JobEdited(job=JobId(job), was=self.jobs[job], now=now))
        self.jobs[job] = now

    def do_run(self) -> None:
        run = RunId(self.rng.choice(self.runs))
        film = Picture(sha256=Sha256("f" * 64), pixels="", media="video/mp4", bytes=9, width=8, height=8)
        self.add(
            self.rng.choice([
                e.RunPaused(run=run), e.RunResumed(run=run), e.RunFinished(run=run), e.FilmStarted(run=run),
                e.FilmFinished(run=run, token=Token(1), image=ImageId(f"film-{run}"), film=film, frames=2, seconds=1.0,
                               fps=2.0, codec="h264"),
                e.FilmFailed(run=run, token=Token(1), reason="no frames"), e.RunRated(run=run, stars=3),
            ])
        )  # fmt: skip

    def do_end(self) -> None:
        job = JobId(self.job())
        self.open.pop(job, None)
        self.add(
            self.rng.choice([
                e.JobCancelled(job=job, was="queued", reason="not wanted"), e.JobFinished(job=job, seconds=2.5),
                e.JobFailed(job=job, trouble="backend", reason="no"),
                e.JobParked(job=job, trouble="lost", reason="thrice"),
            ])
        )  # fmt: skip

    def do_reopen(self) -> None:
        job = self.job()
        kept = [(TXT2IMG, self.first[job])] if job in self.first and self.rng.random() < 0.5 else []
        rerun(self.log, job, self.jobs[job], kept)

    # Stages -------------------------------------------------------------------------------------

    def do_make(self) -> None:
        job, n = self.job(), len(self.log.envelopes)
        suspect, pictures = self.rng.choice([None, None, "black"]), self.rng.choice([1, 2])
        stage = self.rng.choice([TXT2IMG, TXT2IMG, UPSCALE])
        token = make(self.log, job, stage, f"i{n}x", steps=n, pictures=pictures, suspect=suspect)
        self.images += [f"i{n}x{number or ''}" for number in range(pictures)]
        if stage == TXT2IMG:
            self.first[job] = token

    do_make_more = do_make

    def do_begin(self) -> None:
        job, stage = self.job(), self.rng.choice([TXT2IMG, UPSCALE, LOOK])
        node = self.rng.choice([BOX, MILL])
        self.add(e.StageAssigned(job=JobId(job), stage=stage, node=node, attempt=1, why="free"))
        self.open[job] = stage, Token(len(self.log.envelopes))

    def do_break(self) -> None:
        if not self.open:
            return
        job = self.rng.choice(list(self.open))
        stage, token = self.open.pop(job)
        of = {"job": JobId(job), "stage": stage, "token": token, "node": BOX}
        self.add(
            self.rng.choice([
                e.StageFailed(**of, trouble="suspect", reason="flat"), e.StageLost(**of, reason="gone"),
                e.StageFailed(**of, trouble="backend", reason="500"), e.StageCancelled(**of),
                e.LateResultRefused(**of, reason="fenced"),
            ])
        )  # fmt: skip

    def do_pass(self) -> None:
        job = JobId(self.job())
        self.add(
            self.rng.choice([
                e.StageSkipped(job=job, stage=UPSCALE, reason="asked"), e.JobDispatched(job=job, stage=LOOK),
            ])
        )  # fmt: skip

    def do_look(self) -> None:
        job = self.job()
        self.add(e.StageAssigned(job=JobId(job), stage=LOOK, node=BOX, attempt=1, why=""))
        said = {"caption": self.rng.choice(["p 1, red banner", "a fox | a cat"]), "score": self.rng.choice(["0.5", ""])}
        prompt = {"prompt": "better words <lora:fog:1>"} if self.rng.random() < 0.3 else {}
        self.add(
            e.StageFinished(
                job=JobId(job), stage=LOOK, token=Token(len(self.log.envelopes)), node=BOX, backend="vision",
                effective={"model": "eyes"}, reported={**said, **prompt}, measures=Measures(executed_s=0.5),
            )
        )  # fmt: skip

    def do_node(self) -> None:
        self._node(self.rng.choice([BOX, MILL]))

    # Pictures -----------------------------------------------------------------------------------

    def do_judge(self) -> None:
        if len(self.images) < 2:
            return
        image, other = (ImageId(name) for name in self.rng.sample(self.images, 2))
        self.add(
            self.rng.choice([
                e.ImageRated(image=image, stars=self.rng.randint(0, 5)), compared(image, other),
                e.ImageTagged(image=image, added=(self.rng.choice("abc"),), removed=(self.rng.choice("abc"),)),
                e.ImageTrashed(image=image), e.ImageRestored(image=image),
                e.ComparisonTakenBack(better=image, worse=other),
                e.PicturesDeleted(images=(image,), files=(), bytes=0, reason="trash"),
            ])
        )  # fmt: skip

    do_judge_more = do_judge
    do_judge_most = do_judge

    def do_post(self) -> None:
        if not self.images:
            return
        image = ImageId(self.rng.choice(self.images))
        self.add(
            e.ImagePosted(image=image, gallery="wall", entry=f"e{len(self.log.envelopes)}"),
            e.FavouriteSynced(image=image, gallery="wall", favourite=self.rng.random() < 0.5),
        )

    def do_import(self) -> None:
        run, n = RunId(f"r{len(self.runs)}"), len(self.log.envelopes)
        self.runs.append(run)
        job, spec = JobId(f"{run}.1"), self.spec()
        picture = Picture(sha256=Sha256(f"{n:064x}"), pixels="px", media="image/png", bytes=10, width=8, height=8)
        self.jobs[job] = spec
        self.images.append(f"m{n}")
        self.add(
            e.PicturesImported(
                run=run, spec=RunSpec(name="from elsewhere", base=Sha256("b" * 64), plan_hash="p", seed=1, jobs=1,
                                      stages=STAGES, folder=run),
            ),
            e.PictureImported(
                run=run, job=job, image=ImageId(f"m{n}"), spec=spec, stage=TXT2IMG, file=picture, program="webui",
                name="a.png", effective={"model": "old", "steps": 9},
            ),
        )  # fmt: skip

    # Everything else ----------------------------------------------------------------------------

    def do_model(self) -> None:
        named = {"model": "models:a", "name": f"a{len(self.log.envelopes)}"}
        self.add(
            self.rng.choice([
                e.ModelTagged(**named, added=(self.rng.choice("xy"),), removed=(self.rng.choice("xy"),)),
                e.ModelRated(**named, stars=self.rng.randint(0, 5)), e.ModelFavoured(**named, now=True),
            ])
        )  # fmt: skip

    def do_records(self) -> None:
        n = len(self.log.envelopes)
        one = Record(id=f"x{n % 5}", at="2026-05-01T10:00:00Z", session="s", pack="knights", prompt="p", seed=1,
                     run="r", params={"steps": n}, stars=3)  # fmt: skip
        source = self.rng.choice("st")
        if self.rng.random() < 0.7:
            self.add(e.RecordsImported(source=source, records=(one,)))
        else:
            self.add(e.RecordsForgotten(source=source, records=1))

    def do_wait(self) -> None:
        self.log.pause(self.rng.choice([100.0, 4000.0]))


# Holding two moments together -------------------------------------------------------------------


def tables() -> list[str]:
    db = sqlite3.connect(":memory:")
    db.executescript(TABLES)
    return [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]


def rows(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, computed columns too; closes the connection."""
    try:
        found: dict[str, list[tuple[object, ...]]] = {}
        for table in tables():
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_xinfo({table})"))
            found[table] = sorted(map(tuple, db.execute(f"SELECT {columns} FROM {table}")), key=repr)
        return found
    finally:
        db.close()


WINDOWS = (
    Window(), Window(sort="newest", limit=5), Window(sort="-name", offset=1, limit=7), Window("state:queued"),
    Window("tag:a"), Window("stars:>=1"), Window("pack:knights"), Window("fox"), Window("since:1h"),
    Window(sort="ended"),
)  # fmt: skip


async def lists(views: ReadViews) -> dict[str, object]:
    """What people see of it."""
    found: dict[str, object] = {}
    for ask in (views.jobs, views.images, views.runs):
        for number, window in enumerate(WINDOWS):
            try:
                found[f"{ask.__name__} {number}"] = await ask(window)
            except Refused as refused:  # not every list knows every word
                found[f"{ask.__name__} {number}"] = refused.told()
    jobs, runs = (await views.jobs(Window(limit=1000))).items, (await views.runs()).items
    found["records"] = await views.records([row.id for row in jobs])
    found["runs"] = [await views.run(row.id) for row in runs]
    found["models"] = await views.models_said(), await views.models_used()
    found["verdicts"] = await views.verdicts()
    found["whole"] = await views.whole_records(), await views.record_runs()
    found["favourites"] = await views.favourites(20, "rating")
    found["inbox"] = await views.waiting(), await views.inbox("", "", 0, 50), await views.pair("")
    found["learned"] = await views.learning_runs(), await views.taught(), await views.lessons(10**9)
    found["looks"] = (
        await views.counted(None, ["wildcard", "slot", "lora"]),
        await views.looks(),
        await views.looked_at(),
    )
    found["posts"] = await views.posts("wall")
    return found
