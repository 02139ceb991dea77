"""Any sequence of news about nodes: whoever is given work may be trusted, and nobody keeps what was taken from him."""

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.core.apply import apply
from daemon.core.breaker import barred, cooling
from daemon.core.decide import decide
from daemon.core.look import look, outline, refresh
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import State, canonical, revive, trusted
from daemon.core.vitals import Stranger, Vitals
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.plans import JobSpec, Measures, Picture, RunSpec, StageStep

STEPS = (
    StageStep(id="paint", kind="txt2img", model="sdxl", steps=2, megapixels=1.0),
    StageStep(id="enlarge", kind="upscale"),
)
NODES = st.sampled_from(["n1", "n2", "n3"])
VRAM = {"n1": 8.0, "n2": 12.0, "n3": 24.0}

to_json = msgspec.json.Encoder().encode
from_json = msgspec.json.Decoder(e.Envelope).decode


class Fleet(RuleBasedStateMachine):
    @initialize()
    def empty(self) -> None:
        self.state, self.twin, self.vitals = State(), State(), Vitals()
        self.log: list[e.Envelope] = []
        self.now, self.commands, self.runs = 1_000.0, 0, 0
        self._observe(o.DaemonBegan(version="1", sqlite="3", host="h"))
        for node in VRAM:
            self.connect(node)
        self.submit(3, "batch", False)

    # News of nodes -------------------------------------------------------------------------------

    @rule(node=NODES)
    def connect(self, node: str) -> None:
        """All that it takes."""
        if node not in self.state.nodes or not self.state.nodes[node].certificate:
            self.bind(node, "K1")
        self.see(node, "lan", 1)
        self.probe_wanted(node)
        self.probe_ended(node, True)

    @rule(node=NODES, key=st.sampled_from(["K1", "K1", "K2"]))
    def bind(self, node: str, key: str) -> None:
        self._observe(o.NodeBound(node=node, name=node, certificate=f"{key} {node}", address="10.0.0.1:1"))

    @rule(node=NODES, link=st.sampled_from(["lan", "lan", "local"]), life=st.integers(1, 2))
    def see(self, node: str, link: str, life: int) -> None:
        joined = e.NodeJoined(
            node=node, name=node, instance=f"{node}-{life}", link=link, backends=("webui",),
            kinds=("txt2img", "upscale"), vram_gb=VRAM[node],
        )  # fmt: skip
        self._observe(o.NodeSeen(joined=joined))

    @rule(node=NODES)
    def lose(self, node: str) -> None:
        self._observe(o.NodeGone(node=node, reason="silent"))

    @rule(node=NODES, standing=st.sampled_from(["untrusted", "incompatible", "conflicted"]))
    def distrust(self, node: str, standing: str) -> None:
        self._observe(o.NodeDistrusted(node=node, standing=standing, reason="so it was drawn"))
        assert not self._at(node), "what it was at goes elsewhere"

    @rule(node=NODES, address=st.sampled_from(["10.0.0.1:1", "10.0.0.2:1"]))
    def move(self, node: str, address: str) -> None:
        self._observe(o.NodeMoved(node=node, address=address))

    @rule(node=NODES)
    def probe_wanted(self, node: str) -> None:
        self._observe(o.ProbeWanted(node=node))

    @rule(node=NODES, ok=st.booleans())
    def probe_ended(self, node: str, ok: bool) -> None:
        known = self.state.nodes.get(node)
        self._observe(o.ProbeEnded(node=node, token=known.probe or 1 if known else 1, ok=ok, reason="so it was drawn"))

    @rule(come_back=st.sampled_from([True, True, False]))
    def restart(self, come_back: bool) -> None:
        self.state = revive(canonical(self.state))
        self._observe(o.DaemonBegan(version="1", sqlite="3", host="h"))
        for node in VRAM if come_back else ():
            self.see(node, "lan", 1)

    @rule(node=NODES, silent=st.booleans())
    def silence(self, node: str, silent: bool) -> None:
        if silent:
            self.vitals.silent[node] = 20.0
        else:
            self.vitals.silent.pop(node, None)
        self._observe(o.TimePassed())

    @rule(node=NODES)
    def stranger(self, node: str) -> None:
        self.vitals.strangers = (Stranger(node, "x", "10.0.0.3:1", "new"), Stranger("s", "y", "10.0.0.4:1", "taken"))

    # Wishes --------------------------------------------------------------------------------------

    @rule(node=NODES)
    def unpair(self, node: str) -> None:
        self._wish(c.UnpairNode(node=node))

    @rule(node=NODES, what=st.sampled_from([c.DrainNode, c.ResumeNode, c.ResumeNode, c.ForgetNode]))
    def wish_of_node(self, node: str, what: type) -> None:
        self._wish(what(node=node))

    @rule(node=st.sampled_from(["n1", "n2", None]))
    def pin(self, node: str | None) -> None:
        self._wish(c.PinLane(node=node))

    @rule(jobs=st.integers(1, 3), lane=st.sampled_from(["batch", "interactive"]), whole=st.booleans())
    def submit(self, jobs: int, lane: str, whole: bool) -> None:
        self.runs += 1
        name = f"run{self.runs}"
        spec = RunSpec(name=name, base="b", plan_hash="p", seed=1, jobs=jobs, stages=STEPS, lane=lane, whole=whole)
        self._wish(c.SubmitRun(run=name, spec=spec, jobs=tuple(JobSpec(name=f"{n}") for n in range(jobs))))

    @precondition(lambda self: self.state.undo)
    @rule()
    def undo(self) -> None:
        done = self.state.undo[-1].command
        self._wish(c.Undo(done=done, events=tuple(one for one in self.log if one.command == done)))

    # News of work --------------------------------------------------------------------------------

    @precondition(lambda self: self.state.attempts)
    @rule(twice=st.booleans(), all_=st.booleans())
    def returned(self, twice: bool, all_: bool) -> None:
        for attempt in [brief.attempt for brief in self.state.attempts.values()][: 9 if all_ else 1]:
            file = Picture(sha256=f"{attempt.token:064x}", pixels="p", media="image/png", bytes=9, width=8, height=8)
            news = o.StageReturned(
                attempt=attempt, backend="webui", images=(o.NewImage(image=f"i{attempt.token}", file=file),),
                measures=Measures(executed_s=2.0, peak_vram_gb=5.0),
            )  # fmt: skip
            self._observe(news)
            if twice:
                self._observe(news)

    @rule(
        node=NODES, trouble=st.sampled_from(["backend", "backend", "suspect", "out-of-memory", "bad-request", "lost"])
    )
    def broke(self, node: str, trouble: str) -> None:
        for attempt in self._at(node):
            self._observe(o.StageBroke(attempt=attempt, trouble=trouble, reason="hiss"))

    @rule(seconds=st.sampled_from([5.0, 400.0, 4000.0, -3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._observe(o.TimePassed())

    # What holds after each step ------------------------------------------------------------------

    @invariant()
    def the_state_is_that_of_the_log(self) -> None:
        assert canonical(self.state) == canonical(self.twin)
        assert canonical(revive(canonical(self.state))) == canonical(self.state)

    @invariant()
    def nodes_make_sense(self) -> None:
        for node in self.state.nodes.values():
            assert not (node.lost and node.standing), "one that is lost is not doubted"
            assert not (node.lost and node.probe and node.probe > self.state.epoch), "nor probed"
            there = not node.lost and node.standing is None
            assert not there or node.link != "lan" or node.certificate, "one that is there is paired"
            assert node.certificate or node.link != "lan" or not self._at(node.id), "an unpaired one is at nothing"
            assert node.busy is None or node.busy in self.state.attempts
        assert self.state.pin is None or self.state.pin in self.state.nodes
        assert {brief.attempt.node for brief in self.state.attempts.values()} <= set(self.state.nodes)
        assert all(run.node in self.state.nodes for run in self.state.runs.values() if run.node is not None)

    @invariant()
    def every_node_is_shown_once_and_an_unpaired_one_only_where_it_is_seen(self) -> None:
        shown = [node.node for node in look(self.state, self.vitals, self.now).nodes]
        strange = {one.node for one in self.vitals.strangers}
        nodes = self.state.nodes.values()
        ours = {node.id for node in nodes if node.link != "lan" or node.certificate or not node.lost}
        assert sorted(shown) == sorted(ours | strange)
        scene = outline(self.state, self.vitals, self.now)
        assert refresh(scene, self.vitals, self.now) == refresh(scene, self.vitals, self.now)

    # How ---------------------------------------------------------------------------------------

    def _at(self, node: str) -> list[o.Attempt]:
        return [brief.attempt for brief in self.state.attempts.values() if brief.attempt.node == node]

    def _wish(self, command: c.Command) -> None:
        try:
            events = decide(self.state, command, Rules())
        except Refused:
            return
        self.commands += 1
        self._fold(events, f"c{self.commands}")
        self._settle()

    def _observe(self, news: o.Observation) -> None:
        self._fold(decide(self.state, news, Rules()), None)
        self._settle()

    def _settle(self) -> None:
        for _ in range(100):
            events, _ = settle(self.state, self.now, self.vitals, Rules())
            for event in events:
                if isinstance(event, e.StageAssigned):
                    self._check_given(event)
            self._fold(events, None)
            if not events:
                return
        raise AssertionError("settle does not come to rest")

    def _check_given(self, event: e.StageAssigned) -> None:
        node, job = self.state.nodes[event.node], self.state.jobs[event.job]
        model = next(step.model for step in STEPS if step.id == event.stage)
        assert not node.lost and not node.drained and trusted(node)
        assert node.link != "lan" or node.certificate
        assert node.id not in self.vitals.silent
        assert not barred(node, model, self.now) and not cooling(node, self.now)
        assert node.vram_gb > job.floor_gb
        assert job.attempts < Rules().retries * 3

    def _fold(self, events: list[e.Event], command: str | None) -> None:
        for event in events:
            epoch = self.state.seq + 1 if isinstance(event, e.DaemonStarted) else self.state.epoch
            envelope = e.Envelope(
                seq=self.state.seq + 1, at=self.now, epoch=epoch, actor="uid:1", event=event, command=command
            )
            apply(self.state, envelope)
            apply(self.twin, from_json(to_json(envelope)))
            self.log.append(envelope)


QUICK = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
LONG = settings(
    max_examples=500, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


class TestFleet(Fleet.TestCase):
    settings = QUICK


@pytest.mark.long
@pytest.mark.timeout(1800)
class TestFleetForLong(Fleet.TestCase):
    settings = LONG
