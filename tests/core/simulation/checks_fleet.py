"""What must hold of nodes in every log: who is given work, and where it goes after it failed. No code of the core's."""

from dataclasses import dataclass, field

from schema import events as e

TRIES = 3
"""Attempts of one stage, and different nodes, that a backend may fail until a person is asked."""


@dataclass
class Known:
    """A node as the log tells it."""

    link: str = ""
    vram_gb: float = 0.0
    paired: bool = False
    proved: bool = False
    there: bool = False
    refused: bool = False
    drained: bool = False
    probe: int | None = None
    barred: dict[str | None, tuple[float, float]] = field(default_factory=dict)
    """Checkpoint (None: anything) to since and until."""


@dataclass
class Try:
    """A stage of a job that was not finished yet."""

    failed_on: list[str] = field(default_factory=list)
    failures: int = 0
    floor_gb: float | None = None
    """Not enough, also with the memory-saving profile."""


@dataclass
class FleetReader:
    found: list[str]
    nodes: dict[str, Known] = field(default_factory=dict)
    tries: dict[tuple[str, str], Try] = field(default_factory=dict)
    models: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    """Run to the checkpoints of its stages."""
    stages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    given: dict[int, e.StageAssigned] = field(default_factory=dict)
    """Open attempts."""
    reduced: set[tuple[str, str]] = field(default_factory=set)
    owed: dict[str, int] = field(default_factory=dict)
    """Jobs that failed too often: the seq of the failure behind which they must be parked."""
    pin: str | None = None
    at: float = 0.0

    def read(self, envelope: e.Envelope) -> None:
        event, seq, at = envelope.event, envelope.seq, envelope.at
        if at < self.at:
            self._clock_set_back(at)
        self.at = at
        match event:
            case e.RunSubmitted():
                self.models[event.run] = tuple(step.model for step in event.spec.stages)
                self.stages[event.run] = tuple(step.id for step in event.spec.stages)
            case e.JobSubmitted() | e.JobReopened() | e.JobEdited() | e.StageSkipped():
                self._anew(event.job)
            case e.StageAssigned():
                self._assigned(event, seq, at)
            case e.StageFinished():
                self._finished(event)
            case e.StageFailed():
                self._failed(event, seq)
            case e.StageLost() | e.StageCancelled():
                self.given.pop(event.token, None)
            case e.JobParked() | e.JobFailed() | e.JobCancelled():
                self.owed.pop(event.job, None)
            case e.LanePinned():
                if event.was != self.pin:
                    self.found.append(f"seq {seq}: the pin was {self.pin}, not {event.was}")
                self.pin = event.now
            case _:
                self._of_node(event, seq, at)
        for job, since in list(self.owed.items()):
            if seq > since + 1:
                self.found.append(f"seq {since}: {job} failed too often and was not parked")
                del self.owed[job]

    def _clock_set_back(self, at: float) -> None:
        """It lifts the bars that were put up later than it says now."""
        for node in self.nodes.values():
            node.barred = {model: bar for model, bar in node.barred.items() if bar[0] <= at}

    # Nodes -------------------------------------------------------------------------------------

    def _of_node(self, event: e.Event, seq: int, at: float) -> None:
        name: str | None = getattr(event, "node", None)
        if name is None:
            return
        node = self.nodes.setdefault(name, Known())
        match event:
            case e.NodePaired():
                self.nodes[name] = Known(paired=True, drained=node.drained)
            case e.NodeJoined():
                if event.link == "lan" and not node.paired:
                    self.found.append(f"seq {seq}: {name} joined over the network without being paired")
                node.link, node.vram_gb, node.there, node.refused = event.link, event.vram_gb, True, False
            case e.NodeLost():
                node.there, node.refused, node.probe = False, False, None
            case e.NodeRefused():
                self._idle(name, seq, "was refused")
                node.refused, node.probe = True, None
            case e.NodeUnpaired():
                self._idle(name, seq, "was unpaired")
                self.nodes[name] = Known(drained=node.drained, link=node.link)
                self.pin = None if self.pin == name else self.pin
            case e.NodeForgotten():
                del self.nodes[name]
                self.pin = None if self.pin == name else self.pin
            case e.NodeDrained():
                node.drained = True
            case e.NodeResumed():
                if event.drained != node.drained:
                    self.found.append(f"seq {seq}: {name} was resumed as if it had been drained: {event.drained}")
                node.drained, node.barred = False, {}
            case e.NodeProbeStarted():
                if not node.there or node.refused:
                    self.found.append(f"seq {seq}: {name} is probed and is not there")
                node.probe = seq
            case e.NodeProbed():
                if node.probe != event.token:
                    self.found.append(f"seq {seq}: {name} was probed by {event.token}, asked for was {node.probe}")
                node.probe, node.proved = None, node.proved or event.ok
            case e.NodeAddressed():
                if not node.paired:
                    self.found.append(f"seq {seq}: {name} has an address without being paired")
            case e.NodeBarred():
                node.barred[event.model] = (at, at + event.seconds)
            case _:
                pass

    def _idle(self, name: str, seq: int, what: str) -> None:
        if at := [token for token, given in self.given.items() if given.node == name]:
            self.found.append(f"seq {seq}: {name} {what} while at {at}")

    # Work --------------------------------------------------------------------------------------

    def _assigned(self, event: e.StageAssigned, seq: int, at: float) -> None:
        node = self.nodes.get(event.node, Known())
        wrong = [
            word
            for word, so in (
                ("is not there", not node.there),
                ("is refused", node.refused),
                ("is drained", node.drained),
                ("is not paired", node.link == "lan" and not node.paired),
                ("is not proved", node.link == "lan" and not node.proved),
            )
            if so
        ]
        model = self._model(event.job, event.stage)
        for barred in (None, model or ""):
            since, until = node.barred.get(barred, (0.0, 0.0))
            if since <= at < until:
                wrong.append(f"is barred from {barred or 'anything'}")
        floor = self._try(event.job, event.stage).floor_gb
        if floor is not None and node.vram_gb <= floor:
            wrong.append(f"has {node.vram_gb:g} GB, and {floor:g} were too little")
        self.found += [f"seq {seq}: {event.job} was given to {event.node}, which {word}" for word in wrong]
        if event.job in self.owed:
            self.found.append(f"seq {seq}: {event.job} failed too often and was given out again")
        self.given[seq] = event

    def _finished(self, event: e.StageFinished) -> None:
        self.given.pop(event.token, None)
        self.tries.pop((event.job, event.stage), None)
        self.reduced.discard((event.job, event.stage))
        self.owed.pop(event.job, None)
        if (node := self.nodes.get(event.node)) is not None:
            node.barred.pop(None, None)
            node.barred.pop(self._model(event.job, event.stage) or "", None)

    def _failed(self, event: e.StageFailed, seq: int) -> None:
        self.given.pop(event.token, None)
        tried, key = self._try(event.job, event.stage), (event.job, event.stage)
        if event.trouble == "out-of-memory":
            if event.reduced:
                self.reduced.add(key)
            else:
                if key not in self.reduced:
                    self.found.append(f"seq {seq}: {event.job} was not tried with the memory-saving profile")
                self.reduced.discard(key)
                node = self.nodes.get(event.node, Known())
                tried.floor_gb = max(tried.floor_gb or 0.0, node.vram_gb)
        elif event.trouble in ("backend", "suspect"):
            tried.failures += 1
            if event.node not in tried.failed_on:
                tried.failed_on.append(event.node)
            if max(tried.failures, len(tried.failed_on)) >= TRIES:
                self.owed[event.job] = seq
        if event.again_in is None:
            self.owed.setdefault(event.job, seq)

    def _anew(self, job: str) -> None:
        for key in [key for key in self.tries if key[0] == job]:
            del self.tries[key]
        self.reduced = {key for key in self.reduced if key[0] != job}
        self.owed.pop(job, None)

    def _try(self, job: str, stage: str) -> Try:
        return self.tries.setdefault((job, stage), Try())

    def _model(self, job: str, stage: str) -> str | None:
        run = job.rpartition(".")[0]
        return self.models[run][self.stages[run].index(stage)]
