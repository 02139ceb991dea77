"""A night of the log as something that can be played again: who came when, what each stage really took, which fleet.

Folds the log like the daemon does and keeps what it sees on the way. Pure; `daemon.what_if` reads the log.
"""

from typing import NamedTuple

from msgspec.structs import replace

from daemon.core.apply import apply
from daemon.core.costs import base_seconds, foretell, load_seconds, move_seconds, need_gb, speed_of
from daemon.core.outlook import Berth, Outlook, Row, RunWish, Told, Wish
from daemon.core.prices import GUESS_S
from daemon.core.rules import Rules
from daemon.core.state import Brief, Node, State, nodes_there
from daemon.scheduling.costs import units
from daemon.scheduling.fitness import fit_of
from schema import events as e
from schema.errors import Refused
from schema.events import QueueMode
from schema.ids import JobId, NodeId, RunId
from schema.plans import StageStep


class Extra(NamedTuple):
    """A node that was not there."""

    name: str
    vram_gb: float
    speed: float


class Change(NamedTuple):
    """What is to be different."""

    add: tuple[Extra, ...] = ()
    remove: tuple[str, ...] = ()
    """Ids or names."""
    mode: QueueMode | None = None


class _Stay(NamedTuple):
    """A stage that a node finished."""

    brief: Brief
    seconds: float
    ended: float


class Night:
    """Fed with all envelopes of a log; what ended at `since` or later is what is played."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.state = State()
        self.first = self.last = 0.0
        """When the first stage of it began and the last ended, really."""
        self.nodes: dict[NodeId, Node] = {}
        """Every node as it was last known, forgotten ones too."""
        self._came: dict[JobId, tuple[float, int]] = {}
        self._stays: dict[tuple[JobId, int], list[_Stay]] = {}
        self._used: set[NodeId] = set()

    def see(self, envelope: e.Envelope) -> None:
        match envelope.event:
            case e.JobSubmitted(job=job) | e.JobReopened(job=job):
                self._came[job] = (envelope.at, envelope.seq)
            case e.StageFinished(job=job, token=token) as event if envelope.at >= self.since:
                brief = self.state.attempts.get(token)
                if brief is not None and event.measures.executed_s > 0.0:
                    self._note(_Stay(brief, event.measures.executed_s, envelope.at))
            case _:
                pass
        apply(self.state, envelope)
        self.nodes.update(self.state.nodes)

    @property
    def stages(self) -> int:
        return sum(len(stays) for stays in self._stays.values())

    @property
    def runs(self) -> list[RunId]:
        return list(dict.fromkeys(stays[0].brief.run for stays in self._stays.values()))

    def ends(self) -> dict[RunId, float]:
        """When the last stage of each run really ended."""
        ends: dict[RunId, float] = {}
        for stays in self._stays.values():
            run = stays[0].brief.run
            ends[run] = max(ends.get(run, 0.0), *(stay.ended for stay in stays))
        return ends

    def outlook(self, rules: Rules, change: Change) -> Outlook:
        """The night as the policy meets it, with the fleet as it was but for the change. Raises Refused."""
        nodes = self._fleet(change)
        rows = _Rows(self.state, nodes, [self.nodes[node] for node in sorted(self._used)])
        wishes: list[Wish] = []
        for (job, turn), stays in self._stays.items():
            wishes.append(rows.wish(job, turn, max(self.since, self._came.get(job, (self.since, 0))[0]), stays))
        now = min((wish.since for wish in wishes), default=self.since)
        return Outlook(
            head=self.state.seq,
            now=now,
            paused=False,
            blocked="",
            mode=change.mode or self.state.mode,
            pin=self.state.pin,
            live_at=float("-inf"),
            rows=tuple(rows.found),
            wishes=tuple(sorted(wishes, key=lambda wish: (wish.since, wish.rank))),
            runs=tuple(self._run(run) for run in self.runs),
            berths=tuple(_berth(self.state, node) for node in nodes),
            utc_offset=rules.utc_offset,
            live_for=rules.live_for,
            overdue=rules.overdue,
        )

    def _note(self, stay: _Stay) -> None:
        attempt = stay.brief.attempt
        turn = self._came.get(attempt.job, (0.0, 0))[1]
        self._stays.setdefault((attempt.job, turn), []).append(stay)
        self._used.add(attempt.node)
        self.first = min(self.first or stay.brief.since, stay.brief.since)
        self.last = max(self.last, stay.ended)

    def _fleet(self, change: Change) -> list[Node]:
        there = {node.id for node in nodes_there(self.state)} | self._used
        nodes = [node for node in self.nodes.values() if node.id in there]
        for word in change.remove:
            found = [node for node in nodes if word in (node.id, node.name) or node.id.startswith(word)]
            if len(found) != 1:
                names = ", ".join(node.name for node in nodes)
                wrong = "no node" if not found else "more than one node"
                raise Refused(f"there was {wrong} '{word}' that night.", remedy=f"There were: {names}.")
            nodes.remove(found[0])
        kinds = tuple(dict.fromkeys(kind for node in nodes for kind in node.kinds))
        backends = tuple(dict.fromkeys(backend for node in nodes for backend in node.backends))
        for number, extra in enumerate(change.add):
            nodes.append(
                Node(
                    id=NodeId(f"~{number}"),
                    name=extra.name,
                    instance="",
                    vram_gb=extra.vram_gb,
                    speed=extra.speed,
                    kinds=kinds,
                    backends=backends,
                )
            )
        if not nodes:
            raise Refused("that leaves no node.")
        return nodes

    def _run(self, name: RunId) -> RunWish:
        spec = next(stays[0].brief.run_spec for stays in self._stays.values() if stays[0].brief.run == name)
        # Where it went was the policy's choice, which is made anew; what a person asked for stays.
        known = {node.id for node in self.nodes.values()} | {node.name for node in self.nodes.values()}
        spec = spec if spec.node is None or spec.node in known else replace(spec, node=None)
        jobs = sum(stays[0].brief.run == name for stays in self._stays.values())
        return RunWish(name, spec, paused=False, served={}, open=jobs, stuck=0, only=0)


class _Rows:
    """Each different stage once, as it would be foretold; what it really took is each job's own."""

    def __init__(self, state: State, nodes: list[Node], used: list[Node]) -> None:
        self.found: list[Row] = []
        self._state, self._nodes = state, nodes
        self._used = {node.id: node for node in used}
        self._at: dict[tuple[object, ...], int] = {}

    def wish(self, job: JobId, turn: int, since: float, stays: list[_Stay]) -> Wish:
        spec = stays[0].brief.job_spec
        return Wish(
            job=JobId(f"{job}#{turn}"),
            run=stays[0].brief.run,
            pack=spec.pack or "",
            rows=tuple(self._row(stay.brief) for stay in stays),
            before=(-spec.priority, 0, 0.0),
            rank=float(turn),
            since=since,
            started=False,
            previous=None,
            measured=tuple(self._really(stay) for stay in stays),
        )

    def _row(self, brief: Brief) -> int:
        step, asked = brief.step, brief.run_spec.node
        key = (step, asked, brief.backend)
        if (at := self._at.get(key)) is None:
            at = self._at[key] = len(self.found)
            told = tuple(Told(self._seconds(node, step), 0.0, 0.0) for node in self._nodes)
            loads = tuple(load_seconds(self._state, node, step.model) if step.model else 0.0 for node in self._nodes)
            self.found.append(Row(step, self._work(step), step.vram_gb, 0, told, loads, known=True))
        row = self.found[at]
        able = row.able or self._able(step, asked, brief.backend)
        ran = sum(1 << bit for bit, node in enumerate(self._nodes) if node.id == brief.attempt.node)
        if able | ran != row.able:
            self.found[at] = row._replace(able=able | ran)
        return at

    def _able(self, step: StageStep, asked: str | None, backend: str | None) -> int:
        able = 0
        for bit, node in enumerate(self._nodes):
            if asked not in (None, node.id, node.name) or node.vram_gb < need_gb(self._state, step):
                continue
            fit = fit_of(
                node.name, None, node.backends, node.kinds,
                kind=step.kind, backend=backend or "", needs=(), stand_in=True,
            )  # fmt: skip
            able |= (not fit.reason) << bit
        return able

    def _really(self, stay: _Stay) -> tuple[float, ...]:
        """What was measured where it ran; elsewhere in the proportion that was learned."""
        step, ran = stay.brief.step, self._used[stay.brief.attempt.node]
        there = max(self._seconds(ran, step), 1e-9)
        return tuple(
            stay.seconds if node.id == ran.id else stay.seconds * self._seconds(node, step) / there
            for node in self._nodes
        )

    def _work(self, step: StageStep) -> float:
        base = base_seconds(self._state, step)
        return GUESS_S * units(step) if base is None else base

    def _seconds(self, node: Node, step: StageStep) -> float:
        told = foretell(self._state, node, step)
        return self._work(step) / speed_of(self._state, node) if told is None else told.seconds


def _berth(state: State, node: Node) -> Berth:
    return Berth(node.id, node.name, node.vram_gb, speed_of(state, node), None, move_seconds(node), there=True)
