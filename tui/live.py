"""What the feed has told so far: the newest scene, and what each frame changes of it. Pure.

The screens draw from `Live` and are told the `Change`; neither knows sockets or widgets.
"""

from dataclasses import dataclass, field, replace

import msgspec

from schema.ids import JobId
from schema.scenes import Delta, Frame, QueueScene, RunningJob, Scene, Standing, Step, Welcome

NOTHING = Scene(head=0, queue=QueueScene())


@dataclass(frozen=True)
class Live:
    scene: Scene = NOTHING
    linked: bool = False
    version: str = ""
    silence: str = ""
    """Why nobody speaks, while `linked` is false."""
    running: dict[JobId, RunningJob] = field(default_factory=dict)
    """The scene's running jobs, with their newest progress."""
    standing: Standing = field(default_factory=Standing)
    """How the daemon itself stands."""


@dataclass(frozen=True)
class Change:
    """What a screen has to look at again."""

    everything: bool = False
    jobs: frozenset[JobId] = frozenset()
    images: frozenset[str] = frozenset()
    steps: frozenset[JobId] = frozenset()
    """Jobs of which only the progress changed."""
    library: bool = False
    """Packs, wildcards or models: lists of them are to be read again."""
    scene: bool = False
    """Something of the scene changed: counts, runs, nodes, the queue's state."""

    def __or__(self, other: "Change") -> "Change":
        return Change(
            everything=self.everything or other.everything,
            jobs=self.jobs | other.jobs,
            images=self.images | other.images,
            steps=self.steps | other.steps,
            library=self.library or other.library,
            scene=self.scene or other.scene,
        )


def heard(live: Live, frame: Frame) -> tuple[Live, Change]:
    match frame:
        case Welcome():
            running = {job.job: job for job in frame.scene.running}
            now = Live(frame.scene, True, frame.version, "", running, frame.standing)
            return now, Change(everything=True, library=True, scene=True)
        case Delta():
            return told(live, frame)
        case Step():
            return stepped(live, frame)


def silent(live: Live, reason: str) -> Live:
    return replace(live, linked=False, silence=reason)


def told(live: Live, delta: Delta) -> tuple[Live, Change]:
    was = live.scene
    scene = Scene(
        head=delta.head,
        queue=was.queue if delta.queue is None else delta.queue,
        running=was.running if delta.running is None else delta.running,
        runs=was.runs if delta.runs is None else delta.runs,
        nodes=was.nodes if delta.nodes is None else delta.nodes,
        undo=was.undo if delta.undo is None else delta.undo,
        redo=was.redo if delta.redo is None else delta.redo,
        library=was.library if delta.library is None else delta.library,
    )
    running = live.running
    jobs = set(delta.jobs)
    if delta.running is not None:
        running = {job.job: job for job in delta.running}
        jobs |= running.keys() ^ live.running.keys()
    change = Change(
        everything=delta.everything,
        jobs=frozenset(jobs),
        images=frozenset(delta.images),
        steps=frozenset(running) if delta.running is not None else frozenset(),
        library=scene.library != was.library,
        scene=(scene.queue, scene.runs, scene.nodes, scene.running) != (was.queue, was.runs, was.nodes, was.running),
    )
    standing = live.standing if delta.standing is None else delta.standing
    return replace(live, scene=scene, running=running, standing=standing), change


def stepped(live: Live, frame: Step) -> tuple[Live, Change]:
    """Progress of attempts that are over is dropped: their token is nobody's."""
    by_token: dict[int, RunningJob] = {job.token: job for job in live.running.values() if job.token is not None}
    newer: dict[JobId, RunningJob] = {}
    for token, step, steps, eta in frame.progress:
        if (job := by_token.get(token)) is not None:
            newer[job.job] = msgspec.structs.replace(job, step=step, steps=steps, eta_s=eta)
    return replace(live, running={**live.running, **newer}), Change(steps=frozenset(newer))
