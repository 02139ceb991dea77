"""`stablenew fleet what-if`: a night of the log, played again with another fleet, says what would have changed."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from daemon import what_if
from daemon.core.apply import apply
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.log.store import open_log
from schema import events as e
from schema.places import Places, places
from schema.plans import JobSpec, Measures, RunSpec, StageStep

EVENING = 1_790_000_000.0
PAINT = StageStep(id="paint", kind="txt2img", model="sdxl-a", steps=30, megapixels=1.0, vram_gb=6.0)
TOUCH = StageStep(id="touch", kind="upscale", steps=1, megapixels=4.0, vram_gb=4.0)
SECONDS = {"quick": 5.0, "slow": 20.0}
KINDS = ("txt2img", "upscale")

Say = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
async def night(home: Places) -> float:
    """A log of that night; returns when the last stage ended."""
    clock = _played()
    home.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = open_log(home.log, home.head)
    await log.append(clock.log)
    await log.close()
    return clock.now


@cache
def _played() -> "_Clock":
    """Two nodes work off two runs, by the daemon's own decisions."""
    clock = _Clock()
    for name, speed in (("quick", 4.0), ("slow", 1.0)):
        clock.happens(
            e.NodeJoined(
                node=name, name=name, instance="i", link="loopback", backends=("webui",), kinds=KINDS,
                vram_gb=8.0, speed=speed,
            )
        )  # fmt: skip
    clock.submit("first", 30, EVENING)
    clock.submit("second", 10, EVENING + 40.0, lane="interactive")
    clock.run()
    return clock


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert what_if.main(["what-if", *words]) == code
        out, err = capsys.readouterr()
        return json.loads(out) if out and "--json" in words else out or err

    return run


class _Clock:
    """The smallest daemon: it decides, each stage takes what its node takes, and everything is in the log."""

    def __init__(self) -> None:
        self.state, self.log, self.now = State(), list[e.Envelope](), EVENING
        self._coming: list[tuple[float, e.Event]] = []

    def happens(self, event: e.Event) -> None:
        envelope = e.Envelope(seq=self.state.seq + 1, at=self.now, epoch=1, actor="uid:1", event=event)
        apply(self.state, envelope)
        self.log.append(envelope)

    def submit(self, name: str, jobs: int, at: float, lane: str = "batch") -> None:
        spec = RunSpec(name=name, base="b" * 64, plan_hash="p", seed=1, jobs=jobs, stages=(PAINT, TOUCH), lane=lane)
        self._coming.append((at, e.RunSubmitted(run=name, spec=spec)))
        for number in range(1, jobs + 1):
            job = JobSpec(name=f"{name}-{number}", pack=name)
            self._coming.append((at, e.JobSubmitted(job=f"{name}.{number}", run=name, spec=job)))

    def run(self) -> None:
        while True:
            for at, event in [one for one in self._coming if one[0] <= self.now]:
                self._coming.remove((at, event))
                self.happens(event)
            while (events := settle(self.state, self.now, Vitals(), Rules())[0]) != []:
                for event in events:
                    self.happens(event)
            ends = [(self._ends(token), token) for token in self.state.attempts]
            times = [at for at, _ in ends] + [at for at, _ in self._coming]
            if not times:
                return
            self.now = max(self.now, min(times))
            for at, token in ends:
                if at <= self.now:
                    self._finish(token)

    def _ends(self, token: int) -> float:
        brief = self.state.attempts[token]
        return brief.since + self._takes(brief.step, brief.attempt.node)

    def _takes(self, step: StageStep, node: str) -> float:
        return SECONDS[node] * (1.0 if step.kind == "txt2img" else 0.2)

    def _finish(self, token: int) -> None:
        brief = self.state.attempts[token]
        attempt = brief.attempt
        measures = Measures(executed_s=self._takes(brief.step, attempt.node))
        self.happens(
            e.StageFinished(
                job=attempt.job, stage=attempt.stage, token=token, node=attempt.node, backend="webui", measures=measures
            )
        )


def test_a_node_more_makes_it_sooner(night: float, say: Say) -> None:
    told = say("--add-node", "12GB speed 4 lent", "--since", "1", "--json")
    assert told["stages"] == 80
    assert told["really_s"] == pytest.approx(night - EVENING, abs=0.01)
    assert told["makespan_was_s"] == pytest.approx(told["really_s"], rel=0.15)
    assert told["makespan_then_s"] < 0.75 * told["makespan_was_s"]
    nodes = {node["name"]: node for node in told["nodes"]}
    assert nodes["lent"]["stages_was"] is None and nodes["lent"]["stages_then"] > 20
    assert sum(node["stages_then"] for node in told["nodes"]) == 80
    assert {run["name"]: run["sooner_s"] > 0 for run in told["runs"]} == {"first": True, "second": True}
    assert len(told["assumed"]) == 3


def test_a_node_less_makes_it_later(night: float, say: Say) -> None:
    told = say("--remove-node", "quick", "--since", "1", "--json")
    assert told["makespan_then_s"] == pytest.approx(40 * 24.0 + 8.0, rel=0.05)
    assert {node["name"]: node["stages_then"] for node in told["nodes"]} == {"quick": None, "slow": 80}


def test_another_policy_is_compared(night: float, say: Say) -> None:
    told = say("--policy", "fifo", "--since", "1", "--json")
    assert told["change"] == "the policy fifo"
    assert told["makespan_then_s"] >= 0.9 * told["makespan_was_s"]


def test_nothing_changed_is_no_different(night: float, say: Say) -> None:
    told = say("--since", "1", "--json")
    assert told["makespan_then_s"] == told["makespan_was_s"]


def test_in_words_for_people(night: float, say: Say) -> None:
    words = say("--add-node", "12 GB, speed 4", "--mode", "free", "--since", "1").splitlines()
    assert words[0].startswith("80 stages since 2026-09-21 ")
    assert words[1].startswith("With a node more (new-1: 12 GB, speed 4), mode free: ")
    assert words[1].endswith("sooner.")
    assert any(line.startswith("  quick: ") and " busy, " in line for line in words)
    assert sum(line.startswith("Assumed: ") for line in words) == 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--add-node", "fast"], "--add-node: 'fast' is no node. Write it as \"12GB speed 2\".\n"),
        (["--add-node", "12GB speed 0"], "--add-node: '12GB speed 0' is no node. Write it as \"12GB speed 2\".\n"),
        (["--remove-node", "mill"], "there was no node 'mill' that night. There were: quick, slow.\n"),
        (["--remove-node", "quick", "--remove-node", "slow"], "that leaves no node.\n"),
        (["--since", "then"], "`then` is no point in time. Give an event's number"),
    ],
)
def test_what_cannot_be_is_refused(night: float, say: Say, words: list[str], complaint: str) -> None:
    since = [] if "--since" in words else ["--since", "1"]
    assert say(*words, *since, code=2).startswith(complaint)


def test_without_a_log_or_stages_it_says_so(home: Places, say: Say) -> None:
    assert "there is no log here yet" in say(code=2)


def test_a_time_after_all_is_a_night_without_stages(night: float, say: Say) -> None:
    assert "no stage has ended since" in say("--since", "2026-11-21T00:00", code=2)
