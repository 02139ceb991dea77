"""What the views would answer about ended jobs and runs, folded from the log by other code than the core's."""

from dataclasses import dataclass, field

from daemon.log.store import Log
from schema import events as e
from schema.commands import EndedJob, EndedRun
from schema.ids import NodeId, Token


@dataclass
class PastJob:
    run: str
    spec: object
    phase: str = "live"
    done: dict[str, e.StageDone] = field(default_factory=dict)


@dataclass
class Past:
    seq: int = 0
    jobs: dict[str, PastJob] = field(default_factory=dict)
    specs: dict[str, object] = field(default_factory=dict)
    paused: dict[str, bool] = field(default_factory=dict)

    async def catch_up(self, log: Log) -> None:
        while envelopes := await log.read(self.seq, 1_000):
            for envelope in envelopes:
                self._fold(envelope.event)
            self.seq = envelopes[-1].seq

    def ended(self, jobs) -> tuple[EndedJob, ...]:
        found = ((name, self.jobs[name]) for name in jobs if name in self.jobs)
        return tuple(
            EndedJob(job=name, run=one.run, spec=one.spec, phase=one.phase, done=tuple(one.done.values()))
            for name, one in found
            if one.phase in ("finished", "failed", "cancelled")
        )

    def runs(self, jobs) -> tuple[EndedRun, ...]:
        names = dict.fromkeys(self.jobs[name].run for name in jobs if name in self.jobs)
        return tuple(self._run(name) for name in names)

    def _run(self, name: str) -> EndedRun:
        phases = [job.phase for job in self.jobs.values() if job.run == name]
        counts = {phase: phases.count(phase) for phase in ("finished", "failed", "cancelled")}
        return EndedRun(run=name, spec=self.specs[name], paused=self.paused.get(name, False), **counts)

    def _fold(self, event: e.Event) -> None:
        match event:
            case e.RunSubmitted():
                self.specs[event.run] = event.spec
            case e.RunPaused() | e.RunResumed():
                self.paused[event.run] = isinstance(event, e.RunPaused)
            case e.JobSubmitted():
                self.jobs[event.job] = PastJob(event.run, event.spec)
            case e.JobReopened():
                done = {one.stage: one for one in event.kept}
                self.jobs[event.job] = PastJob(event.run, event.spec, done=done)
            case e.StageFinished():
                said = event.reported.get("prompt")
                self.jobs[event.job].done[event.stage] = e.StageDone(
                    stage=event.stage, token=event.token, node=event.node, images=event.images, files=event.files,
                    prompt=said if isinstance(said, str) else None, negative="" if said else None,
                )  # fmt: skip
            case e.JobDispatched():
                self.jobs[event.job].done[event.stage] = e.StageDone(stage=event.stage, token=Token(0), node=NodeId(""))
            case e.JobFinished():
                self.jobs[event.job].phase = "finished"
            case e.JobFailed():
                self.jobs[event.job].phase = "failed"
            case e.JobCancelled():
                self.jobs[event.job].phase = "cancelled"
            case e.JobParked():
                self.jobs[event.job].phase = "attention"
            case _:
                pass
