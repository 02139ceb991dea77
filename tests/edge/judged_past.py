"""Pasts in which pictures are made, judged and made again, for the views."""

import sys
from collections.abc import Sequence
from pathlib import Path

from schema.events import (
    ArtifactStored,
    Event,
    ImageRated,
    ImagesCompared,
    ImageTagged,
    JobReopened,
    JobSubmitted,
    RunSubmitted,
    StageAssigned,
    StageDone,
    StageFinished,
)  # fmt: skip
from schema.ids import ImageId, JobId, RunId, Sha256, StageId, Token
from schema.plans import JobSpec, Learning, LearningPlan, Measures, Picture, Randomizer, RunSpec, Scalar

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import BOX, STEPS, MemoryLog

TXT2IMG, UPSCALE = StageId("txt2img"), StageId("upscale")


def run(
    name: str, jobs: Sequence[JobSpec], learning: Learning = "passive", plan: LearningPlan | None = None
) -> list[Event]:
    spec = RunSpec(
        name=f"run {name}", base=Sha256("b" * 64), plan_hash="p", seed=1, jobs=len(jobs), stages=STEPS,
        learning=learning, folder=name, randomizer=Randomizer(matrix="random", locks={"sky": "dawn"}),
        learning_plan=plan,
    )  # fmt: skip
    submitted = [
        JobSubmitted(job=JobId(f"{name}.{number}"), run=RunId(name), spec=job) for number, job in enumerate(jobs, 1)
    ]
    return [RunSubmitted(run=RunId(name), spec=spec), *submitted]


def make(log: MemoryLog, job: str, stage: StageId, image: str, *, backend: str = "webui", suspect: str | None = None,
         pictures: int = 1, **effective: Scalar) -> Token:  # fmt: skip
    """One attempt at a stage, whose pictures are called `image`, `image1`, ..."""
    log.add(StageAssigned(job=JobId(job), stage=stage, node=BOX, attempt=1, why=""))
    token = Token(len(log.envelopes))
    names = [ImageId(f"{image}{number or ''}") for number in range(pictures)]
    for number, name in enumerate(names):
        file = Picture(sha256=Sha256(f"{token:060x}{number:04x}"), pixels=f"px-{name}", media="image/png", bytes=10,
                       width=8, height=8, seed=7 + number)  # fmt: skip
        log.add(
            ArtifactStored(
                image=name, job=JobId(job), run=RunId(job.partition(".")[0]), stage=stage, token=token, index=number,
                file=file, suspect=suspect if number == 0 else None,
            )
        )  # fmt: skip
    log.add(
        StageFinished(
            job=JobId(job), stage=stage, token=token, node=BOX, backend=backend, images=tuple(names),
            effective=effective, measures=Measures(executed_s=1.5), suspect=suspect, filters=("sharp",),
            reported={"told": "by the backend"},
        )
    )  # fmt: skip
    return token


def rated(image: str, stars: int) -> ImageRated:
    return ImageRated(image=ImageId(image), stars=stars)


def tagged(image: str, *tags: str) -> ImageTagged:
    return ImageTagged(image=ImageId(image), added=tags)


def compared(better: str, worse: str) -> ImagesCompared:
    return ImagesCompared(better=ImageId(better), worse=ImageId(worse))


class Past(MemoryLog):
    def __init__(self) -> None:
        super().__init__()
        self._paused: dict[int, float] = {}

    def pause(self, seconds: float) -> None:
        """What comes next is that much later."""
        self._paused[len(self.envelopes)] = seconds

    def add(self, *events: Event) -> None:
        before = len(self.envelopes)
        super().add(*events)
        for index in range(before, len(self.envelopes)):
            envelope = self.envelopes[index]
            late = sum(seconds for at, seconds in self._paused.items() if at <= index)
            self.envelopes[index] = type(envelope)(
                **{name: getattr(envelope, name) for name in envelope.__struct_fields__} | {"at": envelope.at + late}
            )


def rerun(log: Past, job: str, spec: JobSpec, kept: Sequence[tuple[StageId, Token]] = ()) -> None:
    done = tuple(StageDone(stage=stage, token=token, node=BOX) for stage, token in kept)
    log.add(
        JobReopened(
            job=JobId(job), run=RunId(job.partition(".")[0]), spec=spec, was="finished", reason="rerun", kept=done
        )
    )
