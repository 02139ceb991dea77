"""What must hold of every log, whatever happened to those who wrote it. Shares no code with the core."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from schema import events as e

from .checks_fleet import FleetReader

AT_ONCE = 2
"""Attempts of one node that one daemon gave out: one that it works at, and one whose files are fetched."""


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
    busy: dict[str, list[int]] = field(default_factory=dict)
    """Node to the attempts that are open there."""
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    doubted: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """How often the pictures of a stage were suspect."""
    live: dict[str, str] = field(default_factory=dict)
    """Job to its run."""
    parked: set[str] = field(default_factory=set)
    names: dict[str, int] = field(default_factory=dict)
    """How often a run of that name was submitted."""
    images: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.fleet = FleetReader(self.found)

    def read(self, log: Sequence[e.Envelope]) -> "Reader":
        for envelope in log:
            if envelope.seq != self.seq + 1:
                self.found.append(f"seq {envelope.seq} follows {self.seq}")
            self.seq = envelope.seq
            self._event(envelope)
            self.fleet.read(envelope)
            if envelope.epoch != self.epoch:
                self.found.append(f"seq {envelope.seq} says epoch {envelope.epoch}, which is {self.epoch}")
        return self

    def left_undone(self) -> list[str]:
        return [f"{job} never ended" for job in self.live if job not in self.parked]

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
                self.needs[event.job] = event.spec.needs
                self.parked.discard(event.job)
            case e.JobParked():
                self.parked.add(event.job)
            case e.JobFinished() | e.JobFailed() | e.JobCancelled():
                if self.live.pop(event.job, None) is None:
                    self.found.append(f"seq {seq}: {event.job} ended twice")
            case e.StageAssigned():
                self._assigned(event, seq)
            case e.StageFinished():
                self._finished(event, seq)
            case e.StageFailed(trouble="suspect"):
                key = self._key(event.job, event.stage)
                self.doubted[key] = self.doubted.get(key, 0) + 1
                if self.doubted[key] > 2:
                    self.found.append(f"seq {seq}: {event.stage} of {event.job} was made again and again")
                self._let_go(event.node, event.token)
            case e.StageFailed() | e.StageLost() | e.StageCancelled():
                self._let_go(event.node, event.token)
            case e.NodeForgotten():
                if self.busy.get(event.node):
                    self.found.append(f"seq {seq}: {event.node} was forgotten while at {self.busy[event.node]}")
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
        if len([token for token in self.busy.get(event.node, ()) if token > self.epoch]) >= AT_ONCE:
            self.found.append(f"seq {seq}: {event.node} was given {event.job} while at {self.busy[event.node]}")
        self._check_backend(event, seq)
        if event.job not in self.live:
            self.found.append(f"seq {seq}: {event.job} has ended and was assigned")
        key = self._key(event.job, event.stage)
        if key in self.finished:
            self.found.append(f"seq {seq}: {event.stage} of {event.job} is done and was assigned again")
        if self.newest.get(key, 0) >= seq:
            self.found.append(f"seq {seq}: tokens do not rise")
        self.newest[key] = seq
        self.assigned[seq] = event
        self.busy.setdefault(event.node, []).append(seq)

    def _check_backend(self, event: e.StageAssigned, seq: int) -> None:
        """Only comfyui has the upscaler, only webui the LoRA, and nobody asks the stand-in for anything."""
        needs = self.needs[event.job] if event.stage == "paint" else ()
        if event.backend == "sketch" or (event.stage == "enlarge" and event.backend == "webui"):
            self.found.append(f"seq {seq}: {event.stage} of {event.job} was given to {event.backend}")
        if needs and event.backend == "comfyui":
            self.found.append(f"seq {seq}: {event.job} needs {needs} and was given to {event.backend}")

    def _finished(self, event: e.StageFinished, seq: int) -> None:
        key = self._key(event.job, event.stage)
        if key in self.finished:
            self.found.append(f"seq {seq}: {event.stage} of {event.job} finished twice")
        self.finished.add(key)
        self.parked.discard(event.job)
        given = self.assigned.get(event.token)
        if given is None or (given.job, given.stage, given.node) != (event.job, event.stage, event.node):
            self.found.append(f"seq {seq}: a result was accepted that nobody was asked for")
        elif event.token != self.newest.get(key):
            self.found.append(f"seq {seq}: a result of token {event.token} was accepted after a newer assignment")
        self._let_go(event.node, event.token)

    def _let_go(self, node: str, token: int) -> None:
        if token in (at := self.busy.get(node, [])):
            at.remove(token)

    def _key(self, job: str, stage: str) -> tuple[str, str, int]:
        return job, stage, self.opening.get(job, 0)
