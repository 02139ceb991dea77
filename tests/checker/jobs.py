"""What must hold of jobs, their stages and runs in any log that a daemon wrote: they live one life, and end once."""

from dataclasses import dataclass, field

from .reading import Finding, Row

Fields = dict[str, object]

ENDS = {"JobFinished": "finished", "JobFailed": "failed", "JobCancelled": "cancelled"}
GIVEN_UP = ("StageFailed", "StageLost", "StageCancelled")


@dataclass
class Run:
    spec: Fields
    jobs: list[str] = field(default_factory=list)
    over: bool = False
    paused: bool = False
    film: int | None = None


@dataclass
class Job:
    run: str
    spec: Fields
    rank: float
    opened: int
    """Seq of what brought it into the queue last."""
    priority: int = 0
    phase: str = "waiting"
    """`waiting`, `running`, `attention`, or how it ended."""
    hold: bool = False
    token: int | None = None
    """Of the attempt it waits for."""
    done: dict[str, int] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    only: str | None = None
    newest: dict[str, int] = field(default_factory=dict)
    """Stage to its newest attempt since then."""

    @property
    def live(self) -> bool:
        return self.phase not in ENDS.values()

    def called(self) -> str:
        """Its phase in the log's words."""
        return ("held" if self.hold else "queued") if self.phase == "waiting" else self.phase


@dataclass
class Attempt:
    job: str
    stage: str
    node: str
    opened: int
    open: bool = True
    finished: bool = False


class Jobs:
    """Reads events in order; `found` grows with each that contradicts those before it."""

    def __init__(self, found: list[Finding]) -> None:
        self.found = found
        self.runs: dict[str, Run] = {}
        self.jobs: dict[str, Job] = {}
        self.attempts: dict[int, Attempt] = {}
        self.paused = False
        self._done: set[tuple[str, str, int]] = set()
        """Every stage that was ever done, with its token."""
        self._handed_on: set[tuple[str, str]] = set()
        """Those that no node did: nobody kept a token of them."""
        self._row: Row

    def read(self, row: Row, event: Fields) -> None:
        self._row = row
        match row.type:
            case "QueuePaused" | "QueueResumed":
                self._must(self.paused == (row.type == "QueueResumed"), "queue", f"{row.type} changes nothing")
                self.paused = row.type == "QueuePaused"
            case "RunSubmitted" | "PicturesImported":
                self._must(event["run"] not in self.runs, "run", f"run {event['run']} was submitted before")
                self.runs[str(event["run"])] = Run(_fields(event["spec"]), over=row.type == "PicturesImported")
            case "PictureImported":
                self._imported(event)
            case "JobSubmitted":
                self._submitted(event)
            case "JobReopened":
                self._reopened(event)
            case "ArtifactStored":
                self._stored(event)
            case "LateResultRefused":
                self._must(event["reason"] != "future", "token", f"token {event['token']} was never given out")
            case _ if "job" in event:
                self._of_job(str(event["job"]), event)
            case _ if "run" in event:
                self._of_run(str(event["run"]), event)

    # Runs --------------------------------------------------------------------------------------

    def _of_run(self, name: str, event: Fields) -> None:
        run = self.runs.get(name)
        if run is None:
            self._note("run", f"run {name} is not known")
            return
        match self._row.type:
            case "RunPaused" | "RunResumed" as kind:
                self._must(run.paused == (kind == "RunResumed"), "run", f"{kind} changes nothing of {name}")
                run.paused = kind == "RunPaused"
            case "RunReopened":
                self._must(run.over, "run", f"{name} was not over and is reopened")
                if not self._live(run):
                    run.paused = False
                run.over, run.spec, run.film = False, _fields(event["spec"]), None
            case "FilmStarted":
                self._must(not self._busy(run), "film", f"the film of {name} begins before its jobs have ended")
                run.film = self._row.seq
            case "FilmFinished" | "FilmFailed":
                self._must(event["token"] == run.film, "film", f"the film of {name} ends that nobody began")
                run.film = None
            case "RunFinished":
                self._run_finished(name, run, event)

    def _run_finished(self, name: str, run: Run, event: Fields) -> None:
        self._must(not run.over, "run", f"{name} finished twice")
        self._must(not self._busy(run), "run", f"{name} finished, and {self._busy(run)} have not")
        self._must(run.film is None, "film", f"{name} finished while its film was made")
        phases = [self.jobs[job].phase for job in run.jobs]
        for word, counted in (
            ("finished", ("finished",)),
            ("failed", ("failed", "attention")),
            ("cancelled", ("cancelled",)),
        ):
            count = sum(phase in counted for phase in phases)
            self._must(event.get(word, 0) == count, "counts", f"{name} says {event.get(word, 0)} {word}, of {count}")
        run.over = True

    def _busy(self, run: Run) -> list[str]:
        return [job for job in run.jobs if self.jobs[job].phase in ("waiting", "running")]

    def _live(self, run: Run) -> list[str]:
        return [job for job in run.jobs if self.jobs[job].live]

    # Jobs --------------------------------------------------------------------------------------

    def _submitted(self, event: Fields) -> None:
        name, run = str(event["job"]), self.runs.get(str(event["run"]))
        if run is None or run.over:
            self._note("run", f"{name} comes under a run that does not wait for it")
            return
        self._must(name not in self.jobs, "job", f"{name} was submitted before")
        self._must(name == f"{event['run']}.{len(run.jobs) + 1}", "job", f"{name} is number {len(run.jobs) + 1}")
        self._must(len(run.jobs) < int(str(run.spec["jobs"])), "job", f"{name} is more than its run said")
        run.jobs.append(name)
        spec, seq = _fields(event["spec"]), self._row.seq
        self.jobs[name] = Job(str(event["run"]), spec, float(seq), seq, priority=int(str(spec.get("priority", 0))))

    def _imported(self, event: Fields) -> None:
        name = str(event["job"])
        self._must(event["run"] in self.runs and name not in self.jobs, "job", f"{name} was imported before")
        seq, stage = self._row.seq, str(event["stage"])
        job = Job(str(event["run"]), _fields(event["spec"]), float(seq), seq, phase="finished", done={stage: seq})
        self.jobs[name] = job
        self._done.add((name, stage, seq))
        if (run := self.runs.get(job.run)) is not None:
            run.jobs.append(name)

    def _of_job(self, name: str, event: Fields) -> None:
        job, kind = self.jobs.get(name), self._row.type
        if job is None:
            self._note("job", f"{kind} of {name}, which was never submitted")
            return
        if kind == "StageAssigned":
            self._assigned(name, job, event)
        elif kind in GIVEN_UP:
            self._given_up(name, job, event)
        elif not job.live:
            self._note("ended", f"{kind} of {name}, which is {job.phase}")
        elif kind in ENDS:
            self._ended(name, job, event)
        else:
            self._waits(name, job, event)

    def _waits(self, name: str, job: Job, event: Fields) -> None:
        """What happens to a job that is in the queue, and leaves it there."""
        match self._row.type:
            case "JobHeld" | "JobReleased" as kind:
                fits = job.phase != "attention" and job.hold == (kind == "JobReleased")
                self._must(fits, "hold", f"{kind} of {name}, which is {job.called()}")
                job.hold = kind == "JobHeld"
            case "JobMoved":
                self._must(event["was"] == job.rank, "rank", f"{name} stood at {job.rank}, not at {event['was']}")
                job.rank = float(str(event["now"]))
            case "JobPriorityChanged":
                self._must(event["was"] == job.priority, "priority", f"{name} had {job.priority}, not {event['was']}")
                job.priority = int(str(event["now"]))
            case "JobEdited":
                self._must(event["was"] == job.spec, "edit", f"{name} was edited from what it was not")
                self._must(job.phase != "running", "edit", f"{name} was edited while it ran")
                job.spec = _fields(event["now"])
            case "JobParked":
                self._must(not self.runs[job.run].over, "run", f"{name} is parked behind the end of its run")
                job.phase, job.hold, job.token = "attention", False, None
            case "StageSkipped":
                self._must(event["stage"] == self._next(job), "stage", f"{event['stage']} of {name} is not next")
                job.phase, job.token = "waiting", None
                job.skipped.add(str(event["stage"]))
                self._goes_on(name, job)
            case "JobDispatched":
                self._must(event["stage"] == self._next(job), "stage", f"{event['stage']} of {name} is not next")
                self._handed_on.add((name, str(event["stage"])))
                self._is_done(name, job, str(event["stage"]), self._row.seq)
            case "StageFinished":
                self._finished(name, job, event)

    def _ended(self, name: str, job: Job, event: Fields) -> None:
        kind = self._row.type
        if kind == "JobFinished" and self._row.command is None:
            self._must(self._next(job) is None, "stage", f"{name} finished before its stage {self._next(job)}")
        if kind == "JobCancelled":
            self._must(event["was"] == job.called(), "phase", f"{name} was {job.called()}, not {event['was']}")
        job.phase, job.token = ENDS[kind], None

    def _reopened(self, event: Fields) -> None:
        name = str(event["job"])
        job = self.jobs.get(name)
        if job is None:
            self._note("job", f"{name} comes back and was never there")
            return
        self._must(event["was"] == job.called(), "phase", f"{name} was {job.called()}, not {event['was']}")
        self._goes_on(name, job)
        again = Job(job.run, _fields(event["spec"]), float(self._row.seq), self._row.seq)
        again.rank = again.rank if event.get("rank") is None else float(str(event["rank"]))
        again.priority = job.priority if job.live else int(str(again.spec.get("priority", 0)))
        again.hold, again.only = bool(event.get("held", False)), _text(event.get("only"))
        for kept in _list(event.get("kept")):
            stage, token = str(kept["stage"]), int(str(kept["token"]))
            there = (name, stage, token) in self._done or (name, stage) in self._handed_on
            self._must(there, "kept", f"{stage} of {name} is kept and was never done")
            again.done[stage] = token
        self.jobs[name] = again

    def _goes_on(self, name: str, job: Job) -> None:
        self._must(not self.runs[job.run].over, "run", f"{name} goes on, and its run is over")

    # Stages ------------------------------------------------------------------------------------

    def _assigned(self, name: str, job: Job, event: Fields) -> None:
        stage, seq = str(event["stage"]), self._row.seq
        self._must(job.phase == "waiting", "assigned", f"{name} was given out while it was {job.called()}")
        self._must(not job.hold, "hold", f"{name} was given out while it was held")
        self._must(not self.paused, "paused", f"{name} was given out while the queue was paused")
        self._must(not self.runs[job.run].paused, "paused", f"{name} was given out while its run was paused")
        self._must(stage == self._next(job), "stage", f"{stage} of {name} was given out, next is {self._next(job)}")
        job.phase, job.token = "running", seq
        job.newest[stage] = seq
        self.attempts[seq] = Attempt(name, stage, str(event["node"]), job.opened)

    def _finished(self, name: str, job: Job, event: Fields) -> None:
        """Accepted for the attempt that the job waits for, or adopted from the last one that was given up."""
        attempt, stage, token = self._attempt(event), str(event["stage"]), int(str(event["token"]))
        if attempt is None:
            return
        self._must(not attempt.finished, "twice", f"{stage} of {name} was accepted twice of token {token}")
        fenced = job.newest.get(stage) == token and attempt.opened == job.opened
        self._must(fenced, "fence", f"token {token} of {name} was accepted behind a newer one")
        waited = job.token == token if attempt.open else job.phase != "running"
        self._must(waited, "fence", f"token {token} of {name} was accepted, and the job did not wait for it")
        self._must(stage not in job.done, "twice", f"{stage} of {name} finished twice")
        self._must(stage == self._next(job), "stage", f"{stage} of {name} finished, next is {self._next(job)}")
        attempt.open, attempt.finished = False, True
        if job.phase == "attention":
            self._goes_on(name, job)
        job.phase, job.token = "waiting", None
        self._is_done(name, job, stage, token)

    def _given_up(self, name: str, job: Job, event: Fields) -> None:
        attempt, token = self._attempt(event), int(str(event["token"]))
        if attempt is None:
            return
        self._must(attempt.open, "twice", f"token {token} of {name} was closed before")
        waits = job.live and job.token == token
        self._must(waits or self._row.type != "StageFailed", "fence", f"token {token} of {name} failed unasked")
        attempt.open = False
        if waits:
            job.phase, job.token = "waiting", None

    def _stored(self, event: Fields) -> None:
        attempt = self._attempt(event)
        job = str(event["job"])
        self._must(event["run"] == job.rpartition(".")[0], "run", f"a picture of {job} is of {event['run']}")
        if attempt is not None:
            self._must(not attempt.finished, "twice", f"a picture of token {event['token']} comes behind its end")

    def _attempt(self, event: Fields) -> Attempt | None:
        """The one that an answer speaks of."""
        attempt = self.attempts.get(int(str(event["token"])))
        same = attempt is not None and (attempt.job, attempt.stage) == (event["job"], event["stage"])
        if attempt is None or not same or attempt.node != event.get("node", attempt.node):
            self._note("token", f"token {event['token']} was not given out for {event['stage']} of {event['job']}")
            return None
        return attempt

    def _is_done(self, name: str, job: Job, stage: str, token: int) -> None:
        job.done[stage] = token
        self._done.add((name, stage, token))

    def _next(self, job: Job) -> str | None:
        steps = job.spec.get("stages")
        for step in _list(self.runs[job.run].spec.get("stages") if steps is None else steps):
            past = step["id"] in job.done or step["id"] in job.skipped
            if not past and job.only in (None, step["id"]):
                return str(step["id"])
        return None

    def _must(self, so: bool, rule: str, otherwise: str) -> None:
        if not so:
            self._note(rule, otherwise)

    def _note(self, rule: str, sentence: str) -> None:
        self.found.append(Finding(rule, self._row.seq, sentence))


def _fields(value: object) -> Fields:
    assert isinstance(value, dict)
    return value


def _list(value: object) -> list[Fields]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return None if value is None else str(value)
