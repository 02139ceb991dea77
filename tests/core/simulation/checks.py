"""What must hold of every log, whatever happened to those who wrote it. Shares no code with the core."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from schema import events as e


@dataclass
class Reader:
    """Reads the log once, from its first event, and notes each violation as a sentence."""

    found: list[str] = field(default_factory=list)
    epoch: int = 0
    seq: int = 0
    opening: dict[str, int] = field(default_factory=dict)
    """Job to the seq that opened it."""
    assigned: dict[int, e.StageAssigned] = field(default_factory=dict)
    newest: dict[tuple[str, str, int], int] = field(default_factory=dict)
    finished: set[tuple[str, str, int]] = field(default_factory=set)
    busy: dict[str, int] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    """Job to its run."""
    names: dict[str, int] = field(default_factory=dict)
    """How often a run of that name was submitted."""
    images: set[str] = field(default_factory=set)

    def read(self, log: Sequence[e.Envelope]) -> "Reader":
        for envelope in log:
            if envelope.seq != self.seq + 1:
                self.found.append(f"seq {envelope.seq} follows {self.seq}")
            self.seq = envelope.seq
            self._event(envelope)
            if envelope.epoch != self.epoch:
                self.found.append(f"seq {envelope.seq} says epoch {envelope.epoch}, which is {self.epoch}")
        return self

    def _event(self, envelope: e.Envelope) -> None:
        event, seq = envelope.event, envelope.seq
        match event:
            case e.DaemonStarted():
                self.epoch = seq
            case e.RunSubmitted():
                self.names[event.spec.name] = self.names.get(event.spec.name, 0) + 1
                if self.names[event.spec.name] > 1:
                    self.found.append(f"seq {seq}: run {event.spec.name} was submitted twice")
            case e.JobSubmitted() | e.JobReopened():
                self.opening[event.job] = seq
                self.live[event.job] = event.run
            case e.JobFinished() | e.JobFailed() | e.JobCancelled():
                if self.live.pop(event.job, None) is None:
                    self.found.append(f"seq {seq}: {event.job} ended twice")
            case e.StageAssigned():
                self._assigned(event, seq)
            case e.StageFinished():
                self._finished(event, seq)
            case e.StageFailed() | e.StageLost() | e.StageCancelled():
                self._let_go(event.node, event.token)
            case e.ArtifactStored():
                if event.image in self.images:
                    self.found.append(f"seq {seq}: picture {event.image} was stored twice")
                self.images.add(event.image)
            case e.LateResultRefused(reason="future" | "mismatch" as reason):
                if reason == "future":
                    self.found.append(f"seq {seq}: a token of the future; the log lost events")
            case _:
                pass

    def _assigned(self, event: e.StageAssigned, seq: int) -> None:
        if event.node in self.busy:
            self.found.append(f"seq {seq}: {event.node} was given {event.job} while at {self.busy[event.node]}")
        if event.job not in self.live:
            self.found.append(f"seq {seq}: {event.job} has ended and was assigned")
        key = self._key(event.job, event.stage)
        if key in self.finished:
            self.found.append(f"seq {seq}: {event.stage} of {event.job} is done and was assigned again")
        if self.newest.get(key, 0) >= seq:
            self.found.append(f"seq {seq}: tokens do not rise")
        self.newest[key] = seq
        self.assigned[seq] = event
        self.busy[event.node] = seq

    def _finished(self, event: e.StageFinished, seq: int) -> None:
        key = self._key(event.job, event.stage)
        if key in self.finished:
            self.found.append(f"seq {seq}: {event.stage} of {event.job} finished twice")
        self.finished.add(key)
        given = self.assigned.get(event.token)
        if given is None or (given.job, given.stage, given.node) != (event.job, event.stage, event.node):
            self.found.append(f"seq {seq}: a result was accepted that nobody was asked for")
        elif event.token != self.newest.get(key):
            self.found.append(f"seq {seq}: a result of token {event.token} was accepted after a newer assignment")
        self._let_go(event.node, event.token)

    def _let_go(self, node: str, token: int) -> None:
        if self.busy.get(node) == token:
            del self.busy[node]

    def _key(self, job: str, stage: str) -> tuple[str, str, int]:
        return job, stage, self.opening.get(job, 0)
