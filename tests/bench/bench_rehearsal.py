"""The policy beside what others do, on the same traces, as makespan over a lower bound; and how well it foretells.

    python tests/bench/bench_rehearsal.py [--json] [--traces N]

`noise`: durations off by 15 % and speed hints wrong by up to 1.5, learned while it runs. Nothing here takes wall time
that counts, except where a line says ms or s.
"""

import argparse
import statistics
import sys
import time

from measure import Goal, Line, finish
from rehearsal_bound import lower_bound
from rehearsal_night import Night, asked
from rehearsal_peers import PEERS, Choose, lots
from rehearsal_traces import KINDS, disturbed, drawn

from daemon.core.forecast import forecast
from daemon.core.outlook import forecast_input
from daemon.core.rules import Rules
from daemon.core.vitals import Vitals
from daemon.scheduling.rehearse import rehearse
from daemon.scheduling.trace import read_trace

MEAN, WORST = 1.10, 1.25


def ratio(kind: str, seed: int, choose: Choose, *, noise: bool) -> float:
    text = drawn(kind, seed)
    hinted, truth = disturbed(text, seed) if noise else (text, text)
    really = read_trace(truth)
    trace = read_trace(hinted) if noise else really
    return max(line.end for line in rehearse(trace, really, choose)) / lower_bound(really)


def of_kind(kind: str, traces: int, *, noise: bool) -> list[Line]:
    ours = [ratio(kind, seed, lots(), noise=noise) for seed in range(traces)]
    name = f"{kind}{', noise' if noise else ''}"
    lines = [
        Line(what=f"{name}: worst makespan / bound", value=max(ours), unit="", goal=Goal("value", most=WORST)),
        Line(
            what=f"{name}: mean makespan / bound", value=statistics.mean(ours), unit="", goal=Goal("value", most=MEAN)
        ),
    ]
    for peer, make in PEERS.items():
        theirs = [ratio(kind, seed, make(), noise=noise) for seed in range(traces)]
        lines.append(
            Line(
                what=f"{name}: mean makespan / bound",
                value=statistics.mean(ours),
                unit="",
                peer=peer,
                against=statistics.mean(theirs),
                ratio=statistics.mean(ours) / statistics.mean(theirs),
            )
        )
    return lines


def foretold(nights: int) -> list[Line]:
    answers = [one for seed in range(nights) for one in asked(seed, 120.0)]
    far = [one for one in answers if one.left_s > 60.0]
    stages = []
    for seed in range(nights):
        night = Night(seed)
        for _ in night.play(1e9):
            pass
        stages += night.stages
    error = statistics.median(abs(told.seconds - took) / took for told, took in stages)
    return [
        Line(
            what="a night's runs: median error of the time left",
            value=100.0 * statistics.median(abs(one.off_s) / one.left_s for one in far),
            unit="%",
            goal=Goal("value", most=10.0),
        ),
        Line(
            what="a night's runs: ended within their interval (of 80)",
            value=100.0 * statistics.mean(one.inside for one in answers),
            unit="%",
        ),
        Line(
            what="a night's stages: median error (the noise alone makes 10)",
            value=100.0 * error,
            unit="%",
            goal=Goal("value", most=15.0),
        ),
        Line(
            what="a night's stages: ended within their interval (of 80)",
            value=100.0 * statistics.mean(told.low <= took <= told.high for told, took in stages),
            unit="%",
        ),
    ]


def long_queue() -> list[Line]:
    """Ten thousand stages on sixteen nodes."""
    night = Night(0, nodes=16, runs=110)
    stages = sum(len(night.state.runs[job.run].spec.stages) for job in night.state.jobs.values())
    began = time.perf_counter()
    taken = forecast_input(night.state, Vitals(), night.now, Rules())
    copied = time.perf_counter()
    forecast(taken)
    ended = time.perf_counter()
    return [
        Line(what=f"forecast of {stages} stages: its copy of the queue", value=1000.0 * (copied - began), unit="ms"),
        Line(what=f"forecast of {stages} stages, off the loop", value=ended - copied, unit="s"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--traces", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = []
    for kind in KINDS:
        for noise in (False, True):
            lines += of_kind(kind, arguments.traces, noise=noise)
    lines += [*foretold(4), *long_queue()]
    finish(lines, sys.argv[1:])


if __name__ == "__main__":
    main()
