"""A simulated night on the daemon's own core: it decides, learns and foretells; what stages take is known here only."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from daemon.core.apply import apply
from daemon.core.costs import foretell
from daemon.core.forecast import forecast
from daemon.core.outlook import forecast_input
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.scheduling.costs import Estimate
from schema import events as e
from schema.forecast import Forecast
from schema.plans import JobSpec, Measures, RunSpec, StageStep

EVENING = 1_790_000_000.0

PACES = {"sd15-mix": 0.1, "sdxl-base": 0.33, "sdxl-anime": 0.35, "flux1-dev": 0.9}
"""True seconds per megapixel and step on a machine of speed 1."""

SIZES = ((0.5, 25), (1.0, 20), (1.0, 30), (1.5, 30))


class Asked(NamedTuple):
    """What was foretold of a run at some time, and how it came."""

    left_s: float
    """That the run really took from then on."""
    off_s: float
    """How far the foretold end was off."""
    inside: bool
    """It ended within the interval."""


class Night:
    """Nodes with hints wrong by up to 1.5, stages with 15 % noise and a fixed part, checkpoints that must be loaded."""

    def __init__(self, seed: int, *, nodes: int = 6, runs: int = 12) -> None:
        self.draw = Random(f"night {seed}")
        self.state, self.now = State(), EVENING
        self.speeds: dict[str, float] = {}
        self.fixed: dict[str, float] = {}
        self.loads: dict[tuple[str, str], float] = {}
        self.ends: dict[str, float] = {}
        self.stages: list[tuple[Estimate, float]] = []
        """What was foretold of each stage when it began, and what it took."""
        self._ends: dict[int, tuple[float, Measures]] = {}
        self._holds: dict[str, str | None] = {}
        for number in range(nodes):
            self._join(f"n{number}")
        for number in range(runs):
            self._submit(f"run{number}")

    def play(self, every: float = 600.0) -> Iterator[tuple[float, Forecast]]:
        """To the end of the night, with a forecast at every so many seconds."""
        ask_at = self.now + every
        while True:
            while events := settle(self.state, self.now, Vitals(), Rules())[0]:
                for event in events:
                    self._happens(event)
            if not self._ends:
                return
            at, token = min((end, token) for token, (end, _) in self._ends.items())
            while ask_at < at:
                self.now = ask_at
                yield self.now, forecast(forecast_input(self.state, Vitals(), self.now, Rules()))
                ask_at += every
            self.now = at
            self._finish(token)

    def _join(self, name: str) -> None:
        draw = self.draw
        self.speeds[name] = draw.choice((0.9, 1.5, 2.0, 4.0, 6.0))
        self.fixed[name] = draw.uniform(0.3, 2.0)
        self._holds[name] = None
        hint = self.speeds[name] * 1.5 ** draw.uniform(-1, 1)
        joined = e.NodeJoined(
            node=name, name=name, instance="i", link="loopback", backends=("webui",), kinds=("txt2img", "upscale"),
            vram_gb=draw.choice((8.0, 12.0, 24.0)), speed=round(hint, 3),
        )  # fmt: skip
        self._happens(joined)

    def _submit(self, name: str) -> None:
        draw = self.draw
        megapixels, steps = draw.choice(SIZES)
        model = draw.choice(list(PACES))
        stages = [StageStep(id="a", kind="txt2img", model=model, steps=steps, megapixels=megapixels, vram_gb=6.0)]
        if draw.random() < 0.5:
            stages.append(StageStep(id="b", kind="upscale", megapixels=4.0))
        jobs = draw.randint(30, 120)
        spec = RunSpec(name=name, base="b" * 64, plan_hash="p", seed=1, jobs=jobs, stages=tuple(stages))
        self._happens(e.RunSubmitted(run=name, spec=spec))
        for number in range(jobs):
            job = JobSpec(name=f"{name}-{number}", pack=name)
            self._happens(e.JobSubmitted(job=f"{name}.{number}", run=name, spec=job))

    def _happens(self, event: e.Event) -> None:
        apply(self.state, e.Envelope(seq=self.state.seq + 1, at=self.now, epoch=1, actor="uid:1", event=event))
        if isinstance(event, e.StageAssigned):
            self._begin(self.state.seq)
        if isinstance(event, e.RunFinished):
            self.ends[event.run] = self.now

    def _begin(self, token: int) -> None:
        brief = self.state.attempts[token]
        node, step, draw = brief.attempt.node, brief.step, self.draw
        pace = 1.5 if step.model is None else PACES[step.model]
        clean = (self.fixed[node] + pace * step.megapixels * max(step.steps, 1)) / self.speeds[node]
        load = 0.0
        if step.model is not None and self._holds[node] != step.model:
            load = self.loads.setdefault((node, step.model), draw.uniform(4.0, 25.0)) * draw.uniform(0.9, 1.1)
            self._holds[node] = step.model
        execute = clean * max(0.3, draw.gauss(1.0, 0.15))
        moved = draw.uniform(0.05, 0.3)
        if (told := foretell(self.state, self.state.nodes[node], step)) is not None:
            self.stages.append((told, execute))
        measures = Measures(executed_s=round(execute, 3), loaded_s=round(load, 3), moved_s=round(moved, 3))
        self._ends[token] = (self.now + execute + load, measures)  # The device is free while files are fetched.

    def _finish(self, token: int) -> None:
        attempt = self.state.attempts[token].attempt
        _, measures = self._ends.pop(token)
        self._happens(
            e.StageFinished(
                job=attempt.job, stage=attempt.stage, token=token, node=attempt.node, backend="webui", measures=measures
            )
        )


def asked(seed: int, every: float = 600.0, **more: int) -> list[Asked]:
    """What was foretold of each run of a night, each time that it was asked, beside how it came."""
    night = Night(seed, **more)
    told = list(night.play(every))
    return [
        Asked(night.ends[run.run] - at, run.at - night.ends[run.run], run.soonest <= night.ends[run.run] <= run.latest)
        for at, answer in told
        for run in answer.runs
        if run.at is not None and run.soonest is not None and run.latest is not None and run.run in night.ends
    ]
