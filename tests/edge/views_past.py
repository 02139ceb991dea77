"""Pasts for the views, by hand: a log in memory, runs, jobs that are made, pictures that are rated."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.views.lists import Window
from daemon.views.views import Views
from schema.events import (
    ArtifactStored,
    Envelope,
    Event,
    ImageRated,
    ImageTagged,
    JobFailed,
    JobFinished,
    JobHeld,
    JobSubmitted,
    NodeJoined,
    RunSubmitted,
    StageAssigned,
    StageFinished,
)  # fmt: skip
from schema.ids import ImageId, JobId, NodeId, RunId, Seq, Sha256, StageId, Token
from schema.plans import JobSpec, Measures, PackRef, Picture, RunSpec, StageStep

NOW = 1_800_000_000.0
STEPS = (
    StageStep(id=StageId("txt2img"), kind="txt2img", model="sd15", steps=20),
    StageStep(id=StageId("upscale"), kind="upscale"),
)
BOX = NodeId("box")


class MemoryLog:
    """The log as views need it: what was committed, in order. Each event comes a second after the one before."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    def add(self, *events: Event) -> None:
        for event in events:
            seq = Seq(len(self.envelopes) + 1)
            self.envelopes.append(Envelope(seq=seq, at=NOW + seq, epoch=Seq(1), actor="uid:1000", event=event))

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return tuple(self.envelopes[after : after + limit])


@asynccontextmanager
async def opened(log: MemoryLog, folder: Path) -> AsyncIterator[Views]:
    views = await Views.open(folder / "views.db", log, results=Path("/pictures"), clock=lambda: NOW + 1000)
    try:
        yield views
    finally:
        await views.close()


def run_of(
    run: str, names: Sequence[str], *, pack: str | None = None, lane: str = "batch", prompt: str = ""
) -> list[Event]:
    spec = RunSpec(
        name=f"run {run}", base=Sha256("0" * 64), plan_hash="p", seed=1, jobs=len(names), stages=STEPS,
        packs=(PackRef(name=pack, sha256=Sha256("1" * 64)),) if pack else (),
        lane="interactive" if lane == "interactive" else "batch", folder=f"folder-{run}",
    )  # fmt: skip
    jobs: list[Event] = [
        JobSubmitted(
            job=JobId(f"{run}.{number}"), run=RunId(run), spec=JobSpec(name=name, pack=pack, prompt=prompt, seed=number)
        )
        for number, name in enumerate(names, 1)
    ]
    return [RunSubmitted(run=RunId(run), spec=spec), *jobs]


def made(log: MemoryLog, job: str, *, node: NodeId = BOX, stages: Sequence[str] = ("txt2img", "upscale")) -> None:
    """The job runs from its first stage to its end; its pictures are called `JOB-STAGE`."""
    for stage in stages:
        log.add(StageAssigned(job=JobId(job), stage=StageId(stage), node=node, attempt=1, why="first"))
        finished(log, job, stage, Token(len(log.envelopes)), node)
    log.add(JobFinished(job=JobId(job), seconds=4.5))


def finished(log: MemoryLog, job: str, stage: str, token: Token, node: NodeId = BOX) -> None:
    image = ImageId(f"{job}-{stage}".replace(".", "-"))
    sha = Sha256(f"{len(log.envelopes):064x}")
    log.add(
        ArtifactStored(
            image=image, job=JobId(job), run=RunId(job.partition(".")[0]), stage=StageId(stage), token=token, index=0,
            file=Picture(sha256=sha, pixels="px", media="image/png", bytes=10, width=8, height=8),
        ),
        StageFinished(
            job=JobId(job), stage=StageId(stage), token=token, node=node, backend="sketch", images=(image,),
            files=(sha,), effective={"steps": 20}, measures=Measures(executed_s=1.5),
        ),
    )  # fmt: skip


def knights(log: MemoryLog) -> None:
    """Three runs: `knights` of three jobs (one made, one failed), an interactive `quick`, a `dragons` of two."""
    log.add(
        NodeJoined(node=BOX, name="big box", instance="i", link="loopback", backends=("sketch",), kinds=("txt2img",))
    )
    log.add(*run_of("kn7", ["knight-1", "knight-2", "knight-3"], pack="knights", prompt="a Knight, red banner"))
    log.add(*run_of("kq8", ["quick"], lane="interactive", prompt="a quick fox"))
    log.add(*run_of("dr9", ["dragon-1", "dragon-2"], pack="dragons", prompt="a dragon asleep"))
    made(log, "kn7.1")
    log.add(JobFailed(job=JobId("kn7.2"), trouble="bad-request", reason="no such sampler"))
    log.add(ImageRated(image=ImageId("kn7-1-upscale"), stars=4))
    log.add(ImageTagged(image=ImageId("kn7-1-upscale"), added=("keep", "banner")))
    log.add(JobHeld(job=JobId("dr9.2")))


async def ids(views: Views, filter: str = "", sort: str = "") -> list[str]:
    return [row.id for row in (await views.jobs(Window(filter, sort))).items]
