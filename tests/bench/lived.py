"""A long past, written with the log's own writer: runs of jobs of two stages, made and rated, a few still open.

The queue is paused at its end, so that a daemon that starts on it has nothing to do but to be ready.
"""

import itertools
from collections.abc import Iterator
from importlib.metadata import version

from daemon.log.store import open_log
from schema import events as e
from schema.events import Envelope, Event
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Seq, Sha256, StageId, Token, job_id
from schema.places import Places
from schema.plans import JobSpec, Measures, PackRef, Picture, RunSpec, StageStep

JOBS_PER_RUN = 50
EVENTS_PER_JOB = 8.4
"""Of a job that has ended, with its share of its run's events and of the ratings."""

NODE = NodeId("local")
MODEL = "a-model-v15.safetensors"
STEPS = (
    StageStep(id=StageId("txt2img"), kind="txt2img", model=MODEL, steps=24, megapixels=0.26),
    StageStep(id=StageId("upscale"), kind="upscale", model=MODEL, megapixels=1.05),
)
PROMPT = "a quiet harbour at dawn, fishing boats, soft mist over the water, muted colours, long exposure"
BASE = Sha256("5" * 64)

Told = tuple[Event, str, str | None, str | None]
"""Event, actor, command, key."""


def run_spec(run: str, jobs: int) -> RunSpec:
    pack = PackRef(name="harbour.txt", sha256=BASE, prompts=jobs, jobs=jobs)
    return RunSpec(
        name=run, base=BASE, plan_hash="e" * 64, seed=1, jobs=jobs, stages=STEPS, packs=(pack,),
        folder=f"2026-03-01-{run}",
    )  # fmt: skip


def job_spec(number: int) -> JobSpec:
    return JobSpec(
        name=f"harbour-{number:03}-v1-s{number}", pack="harbour.txt", prompt_number=number, template=PROMPT,
        prompt=f"{PROMPT}, number {number}", negative="blurry, low quality", seed=number,
        overlay={"txt2img.cfg": 6.5}, origins={"prompt": f"pack harbour.txt:{number}", "seed": "--seed"},
    )  # fmt: skip


class Past:
    """Makes the events; keeps count of the seqs, which are the tokens of the attempts among them."""

    def __init__(self) -> None:
        self._seq = 0
        self._waiting: list[tuple[JobId, RunId, int]] = []

    def events(self, ended: int, live: int) -> Iterator[Told]:
        """So many jobs whose life is over, then so many that wait."""
        yield from self._all(self._beginning())
        for number in range(1, ended // JOBS_PER_RUN + 1):
            yield from self._all(self._run(number, JOBS_PER_RUN, lived=True))
        if live:
            run = RunId(f"r{ended // JOBS_PER_RUN + 1:07}")
            self._waiting = [(job_id(run, at), run, at) for at in range(live, 0, -1)]
            yield from self._all(self._run(ended // JOBS_PER_RUN + 1, live, lived=False))

    def lives(self, jobs: int) -> Iterator[Told]:
        """So many of those that wait are made and end."""
        for _ in range(jobs):
            yield from self._all(self._life(*self._waiting.pop()))

    def _all(self, told: Iterator[Told]) -> Iterator[Told]:
        for one in told:
            self._seq += 1
            yield one

    def _beginning(self) -> Iterator[Told]:
        yield e.DaemonStarted(version=version("stablenew"), sqlite="3", host="here"), "daemon", None, None
        joined = e.NodeJoined(
            node=NODE, name="here", instance="i", link="loopback", backends=("sketch",), kinds=("txt2img", "upscale"),
            vram_gb=8.0,
        )  # fmt: skip
        yield joined, "daemon", None, None
        yield e.QueuePaused(), "uid:1000", "c1", None

    def _run(self, number: int, jobs: int, *, lived: bool) -> Iterator[Told]:
        run = RunId(f"r{number:07}")
        command = f"c{run}"
        yield e.RunSubmitted(run=run, spec=run_spec(run, jobs)), "uid:1000", command, f"key-{run}"
        for at in range(1, jobs + 1):
            yield e.JobSubmitted(job=job_id(run, at), run=run, spec=job_spec(at)), "uid:1000", command, None
        if not lived:
            return
        for at in range(1, jobs + 1):
            yield from self._life(job_id(run, at), run, at)
        yield e.RunFinished(run=run, finished=jobs), "daemon", None, None
        for at in range(1, jobs + 1, 3):
            rated = e.ImageRated(image=_image(job_id(run, at), STEPS[-1]), stars=at % 5 + 1)
            yield rated, "uid:1000", f"c{run}-{at}", None

    def _life(self, job: JobId, run: RunId, number: int) -> Iterator[Told]:
        for step in STEPS:
            yield (
                e.StageAssigned(job=job, stage=step.id, node=NODE, attempt=1, why="the only node"),
                "daemon",
                None,
                None,
            )
            token = Token(self._seq)
            image = _image(job, step)
            picture = Picture(
                sha256=Sha256(f"{self._seq:064x}"), pixels=f"{self._seq:064x}", media="image/png", bytes=412_345,
                width=512, height=512, seed=number,
            )  # fmt: skip
            stored = e.ArtifactStored(image=image, job=job, run=run, stage=step.id, token=token, index=0, file=picture)
            yield stored, "node:local", None, None
            finished = e.StageFinished(
                job=job, stage=step.id, token=token, node=NODE, backend="sketch", images=(image,),
                files=(picture.sha256,),
                effective={"steps": 24, "cfg": 6.5, "sampler": "DPM++ 2M", "model": MODEL, "seed": number},
                measures=Measures(executed_s=4.2, moved_s=0.1, megapixels=0.26),
            )  # fmt: skip
            yield finished, "node:local", None, None
        yield e.JobFinished(job=job, seconds=9.1), "daemon", None, None


def _image(job: JobId, step: StageStep) -> ImageId:
    return ImageId(f"{job}.{step.id}".replace(".", "-"))


async def append(where: Places, told: Iterator[Told]) -> int:
    """Onto the log there, or a new one; in batches, as the ledger would. The last seq."""
    where.state.mkdir(parents=True, exist_ok=True)
    log = open_log(where.log, where.head)
    try:
        seqs = itertools.count(log.head.seq + 1)
        while batch := [_envelope(next(seqs), one) for one in itertools.islice(told, 2000)]:
            await log.append(batch)
        return log.head.seq
    finally:
        await log.close()


def _envelope(seq: int, told: Told) -> Envelope:
    event, actor, command, key = told
    return Envelope(
        seq=Seq(seq), at=1.77e9 + seq, epoch=Seq(1), actor=actor, event=event, cause=Seq(seq - 1) if seq > 1 else None,
        command=CommandId(command) if command else None, key=key, digest=bytes(32) if key else None,
    )  # fmt: skip
