"""Traces of every kind, rehearsed: feasible, deterministic, causal, with a reason on every line, and near the bound.

The checker works on JSON alone and shares no code with what it checks.
"""

import json
import statistics
import sys
from itertools import permutations, product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from daemon.scheduling.rehearse import rehearse
from daemon.scheduling.trace import read_trace
from schema.errors import Refused

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))  # for `rehearsal_bound` and `rehearsal_traces`

from rehearsal_bound import lower_bound
from rehearsal_traces import KINDS, NASTY, disturbed, drawn

Lines = list[dict[str, Any]]

MEAN, WORST = 1.10, 1.25
"""Of makespan over the lower bound: what docs/scheduling.md sets as goals."""


def rehearsed(text: bytes, truth: bytes | None = None) -> Lines:
    lines = rehearse(read_trace(text), None if truth is None else read_trace(truth))
    return [json.loads(json.dumps(line._asdict())) for line in lines]


def check(trace: dict[str, Any], lines: Lines) -> None:
    """Raises AssertionError at the first line that the cost model of the trace does not allow."""
    nodes = {node["id"]: node for node in trace["nodes"]}
    jobs = {job["id"]: job for job in trace["jobs"]}
    resident = {name: node.get("resident") for name, node in nodes.items()}
    free = dict.fromkeys(nodes, 0.0)
    done: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    for line in sorted(lines, key=lambda line: (line["start"], line["end"])):
        node, job = nodes[line["node"]], jobs[line["job"]]
        before = done[line["job"]]
        assert line["stage"] == len(before), "stages of a job run in their order, each once"
        stage = job["stages"][line["stage"]]
        assert line["start"] >= job["arrival"] - 1e-9, "nothing begins before it has come"
        assert line["start"] >= free[line["node"]] - 1e-6, "one stage at a time per node"
        assert stage["vram_gb"] <= node["vram_gb"], "it fits"
        takes = stage["work_s"] / node["speed"]
        if before:
            assert line["start"] >= before[-1]["end"] - 1e-9, "a stage begins after the one before it"
            if before[-1]["node"] != line["node"]:
                takes += job["stages"][line["stage"] - 1]["out_mb"] / trace["net_mb_s"]
        if stage["model"] is not None and resident[line["node"]] != stage["model"]:
            takes += 2.0 + trace["models"][stage["model"]]["gb"] / node["load_gb_s"]
            resident[line["node"]] = stage["model"]
        assert line["end"] == pytest.approx(line["start"] + takes, abs=1e-6), "it takes what the cost model says"
        assert len(line["why"]) > 10, "every line has a reason"
        free[line["node"]] = line["end"]
        before.append(line)
    assert all(len(done[name]) == len(job["stages"]) for name, job in jobs.items()), "all stages are there"


def makespan(lines: Lines) -> float:
    return max(line["end"] for line in lines)


@pytest.mark.parametrize("kind", [*KINDS, *NASTY])
@pytest.mark.parametrize("seed", range(2))
def test_a_plan_is_feasible_and_the_same_every_time(kind: str, seed: int) -> None:
    text = smaller(drawn(kind, seed), 90)
    lines = rehearsed(text)
    check(json.loads(text), lines)
    assert rehearsed(text) == lines
    assert makespan(lines) >= lower_bound(read_trace(text)) - 1e-6


@pytest.mark.parametrize("kind", [*KINDS, *NASTY])
def test_a_decision_knows_nothing_that_comes_later(kind: str) -> None:
    """Given a trace of which all that comes after a time is cut off, then nothing before that time is decided else."""
    text = smaller(drawn(kind, 3), 70)
    trace = json.loads(text)
    spread_arrivals(trace)
    whole = rehearsed(json.dumps(trace).encode())
    arrivals = sorted({job["arrival"] for job in trace["jobs"]})
    for cut in arrivals[1 :: max(1, len(arrivals) // 6)]:
        known = {**trace, "jobs": [job for job in trace["jobs"] if job["arrival"] < cut]}
        part = rehearsed(json.dumps(known).encode())
        assert [line for line in part if line["start"] < cut] == [line for line in whole if line["start"] < cut]


def test_a_decision_knows_no_duration_before_its_end() -> None:
    """Given a stage that takes much longer than it seems, then nothing before its planned end is decided else."""
    hinted = smaller(drawn("overnight", 5), 60)
    truth = json.loads(hinted)
    before = rehearsed(hinted)
    strange = before[len(before) // 2]
    job = next(job for job in truth["jobs"] if job["id"] == strange["job"])
    job["stages"][strange["stage"]]["work_s"] *= 4.0
    after = rehearsed(hinted, json.dumps(truth).encode())
    sooner = [line for line in before if line["start"] < strange["end"] and line is not strange]
    assert [line for line in after if line["start"] < strange["end"] and line["job"] != strange["job"]] == [
        line for line in sooner if line["job"] != strange["job"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("noise", [False, True], ids=["quiet", "noise"])
def test_plans_are_near_the_bound(noise: bool) -> None:
    """A few of each kind; `test_many_plans_are_near_the_bound` looks at more."""
    hold({kind: [ratio(kind, 0, noise=noise)] for kind in (("learning", "live") if noise else KINDS)})


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("noise", [False, True], ids=["quiet", "noise"])
@pytest.mark.parametrize("kind", KINDS)
def test_many_plans_are_near_the_bound(kind: str, noise: bool) -> None:
    hold({kind: [ratio(kind, seed, noise=noise) for seed in range(20)]})


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", [*KINDS, *NASTY])
def test_many_plans_are_feasible(kind: str) -> None:
    for seed in range(20):
        text = drawn(kind, seed)
        check(json.loads(text), rehearsed(text))


def test_a_single_job_is_planned_as_well_as_it_can_be() -> None:
    for seed in range(20):
        trace = json.loads(drawn("tiny", seed))
        trace["jobs"] = trace["jobs"][:1]
        text = json.dumps(trace).encode()
        assert makespan(rehearsed(text)) <= WORST * lower_bound(read_trace(text))


def test_the_bound_is_below_the_best_plan_that_there_is() -> None:
    """Given traces so small that all plans can be tried, then none of them beats the bound."""
    near = []
    for seed in range(25):
        trace = handful(Random(seed))
        text = json.dumps(trace).encode()
        best, bound = best_of_all(trace), lower_bound(read_trace(text))
        assert bound <= best + 1e-6, seed
        assert makespan(rehearsed(text)) >= best - 1e-6, seed
        near.append(best / bound)
    assert statistics.mean(near) < 1.2


def handful(draw: Random) -> dict[str, Any]:
    nodes = [
        {**node(name, draw.choice((8, 8, 24)), draw.choice((1.0, 2.0, 5.0))), "resident": draw.choice(("a", "b", None))}
        for name in ("n1", "n2")
    ]
    nodes[0]["vram_gb"] = 24
    jobs = [job(f"j{n}", draw.choice((4, 4, 20)), draw.uniform(3.0, 30.0)) for n in range(4)]
    for each in jobs:
        each["arrival"] = draw.choice((0.0, 0.0, 4.0))
        each["stages"][0]["model"] = draw.choice(("a", "b", None))
    jobs[0]["stages"].append({"kind": "upscale", "model": None, "vram_gb": 4, "work_s": 5.0, "out_mb": 200.0})
    return {**json.loads(trace_of(nodes, jobs)), "models": {"a": {"gb": 6.0}, "b": {"gb": 2.0}}}


def best_of_all(trace: dict[str, Any]) -> float:
    """The least makespan over all orders of all stages on all nodes that they fit."""
    stages = [(each["id"], index) for each in trace["jobs"] for index in range(len(each["stages"]))]
    best = float("inf")
    for order in permutations(stages):
        if any(order.index((name, 0)) > order.index((name, 1)) for name, index in stages if index == 1):
            continue
        for where in product(trace["nodes"], repeat=len(order)):
            best = min(best, played(trace, order, where, best))
    return best


def played(trace: dict[str, Any], order: Any, where: Any, most: float) -> float:
    jobs = {each["id"]: each for each in trace["jobs"]}
    free = {each["id"]: 0.0 for each in trace["nodes"]}
    resident = {each["id"]: each["resident"] for each in trace["nodes"]}
    done: dict[str, tuple[float, str]] = {}
    for (name, index), at in zip(order, where, strict=True):
        stage, on = jobs[name]["stages"][index], at["id"]
        if stage["vram_gb"] > at["vram_gb"]:
            return float("inf")
        ready, was = done.get(name, (jobs[name]["arrival"], on))
        takes = stage["work_s"] / at["speed"]
        takes += 0.0 if was == on else jobs[name]["stages"][index - 1]["out_mb"] / trace["net_mb_s"]
        if stage["model"] is not None and resident[on] != stage["model"]:
            takes += 2.0 + trace["models"][stage["model"]]["gb"] / at["load_gb_s"]
            resident[on] = stage["model"]
        end = max(ready, free[on]) + takes
        if end >= most:
            return float("inf")
        free[on], done[name] = end, (end, on)
    return max(free.values())


def test_heavy_stages_go_to_nodes_with_more_memory_and_small_ones_fill_the_others() -> None:
    """Given one large node and small ones, then no small stage delays a large one there while small nodes are idle."""
    nodes = [node("big", 24, 1.0), *(node(f"small{n}", 8, 1.0) for n in range(3))]
    jobs = [job(f"b{n}", 20) for n in range(7)] + [job(f"s{n}", 6) for n in range(15)]
    lines = rehearsed(trace_of(nodes, jobs))
    on_big = [line["job"] for line in lines if line["node"] == "big"]
    assert on_big == [f"b{n}" for n in range(7)]
    assert makespan(lines) == pytest.approx(70.0)


def test_small_stages_are_filled_into_large_nodes_that_have_nothing_else() -> None:
    lines = rehearsed(trace_of([node("big", 24, 2.0), node("small", 8, 1.0)], [job(f"s{n}", 6) for n in range(9)]))
    assert sum(line["node"] == "big" for line in lines) == 6


def test_a_trace_without_jobs_is_a_plan_without_lines() -> None:
    assert rehearsed(trace_of([node("a", 8, 1.0)], [])) == []


def test_a_job_without_stages_is_left_out() -> None:
    assert (
        rehearsed(
            trace_of([node("a", 8, 1.0)], [{"id": "j", "pack": "p", "lane": "batch", "arrival": 0, "stages": []}])
        )
        == []
    )


WRONG: dict[str, tuple[str, Any, str]] = {
    "of another version": ("version", 2, "version: the trace is of version 2, and this program reads version 1."),
    "without a version": ("version", None, "version: this is no trace: Expected `int`, got `null`."),
    "a node without speed": ("nodes.0.speed", 0, "nodes[0].speed: 0 is not above 0."),
    "a speed in words": ("nodes.0.speed", "x", "nodes[0].speed: this is no trace: Expected `float`, got `str`."),
    "an unknown model": ("jobs.0.stages.0.model", "m", "jobs[0].stages[0].model: there is no model 'm' in models."),
    "an unknown resident": ("nodes.0.resident", "m", "nodes[0].resident: there is no model 'm' in models."),
    "work below nothing": ("jobs.0.stages.0.work_s", -1, "jobs[0].stages[0].work_s: -1 is not 0 or more."),
    "an arrival before time": ("jobs.0.arrival", -0.5, "jobs[0].arrival: -0.5 is not 0 or more."),
    "a lane of its own": ("jobs.0.lane", "fast", "jobs[0].lane: this is no trace: Invalid enum value 'fast'."),
    "two nodes of one name": ("nodes.1.id", "a", "nodes[1].id: the id 'a' is there twice."),
    "two jobs of one name": ("jobs.1.id", "j0", "jobs[1].id: the id 'j0' is there twice."),
    "an empty id": ("jobs.0.id", "", "jobs[0].id: an id is empty."),
    "no nodes": ("nodes", [], "nodes: there is work and no node to do it."),
    "a network at rest": ("net_mb_s", 0, "net_mb_s: 0 is not above 0."),
    "loading without end": ("nodes.0.load_gb_s", 0, "nodes[0].load_gb_s: 0 is not above 0."),
    "a stage that fits nowhere": (
        "jobs.0.stages.0.vram_gb",
        99,
        "jobs[0].stages[0].vram_gb: stage 0 of job 'j0' needs 99 GB, and no node has more than 8.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_trace_with(what: str) -> None:
    """... is refused with the field that is wrong."""
    path, value, words = WRONG[what]
    trace = json.loads(trace_of([node("a", 8, 1.0), node("b", 8, 1.0)], [job("j0", 4), job("j1", 4)]))
    *way, last = path.split(".")
    at = trace
    for part in way:
        at = at[int(part)] if part.isdigit() else at[part]
    at[last] = value
    with pytest.raises(Refused) as refused:
        read_trace(json.dumps(trace).encode())
    assert refused.value.told() == words


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b'{"version": 1}', b"null"])
def test_what_is_no_trace_at_all_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match="this is no trace"):
        read_trace(text)


def test_a_byte_order_mark_before_a_trace_is_passed_over() -> None:
    text = trace_of([node("a", 8, 1.0)], [job("j0", 4)])
    assert read_trace(b"\xef\xbb\xbf" + text) == read_trace(text)


# Traces -----------------------------------------------------------------------------------------


def node(name: str, vram: float, speed: float) -> dict[str, Any]:
    return {"id": name, "vram_gb": vram, "speed": speed, "load_gb_s": 1.0, "resident": None}


def job(name: str, vram: float, work: float = 10.0) -> dict[str, Any]:
    stages = [{"kind": "txt2img", "model": None, "vram_gb": vram, "work_s": work, "out_mb": 1.0}]
    return {"id": name, "pack": "p", "lane": "batch", "arrival": 0.0, "stages": stages}


def trace_of(nodes: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> bytes:
    return json.dumps({"version": 1, "net_mb_s": 100.0, "models": {}, "nodes": nodes, "jobs": jobs}).encode()


def smaller(text: bytes, most: int) -> bytes:
    """With at most so many jobs, spread over all of them."""
    trace = json.loads(text)
    jobs = trace["jobs"]
    trace["jobs"] = jobs[:: max(1, len(jobs) // most)][:most]
    return json.dumps(trace).encode()


def spread_arrivals(trace: dict[str, Any]) -> None:
    draw = Random(7)
    work = sum(stage["work_s"] for job in trace["jobs"] for stage in job["stages"])
    span = work / sum(node["speed"] for node in trace["nodes"])
    for each in trace["jobs"]:
        each["arrival"] = round(draw.uniform(0.0, span), 1)


def ratio(kind: str, seed: int, *, noise: bool) -> float:
    text = truth = drawn(kind, seed)
    if noise:
        text, truth = disturbed(text, seed)
    lines = rehearsed(text, truth if noise else None)
    check(json.loads(truth), lines)
    return makespan(lines) / lower_bound(read_trace(truth))


def hold(by_kind: dict[str, list[float]]) -> None:
    for kind, ratios in by_kind.items():
        assert statistics.mean(ratios) <= MEAN, (kind, ratios)
        assert max(ratios) <= WORST, (kind, ratios)
