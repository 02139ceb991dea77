"""Traces to rehearse: fleets and a night's or a day's jobs of every kind, drawn from a seed. Plain JSON values.

Nothing of the project is imported here: what is drawn is what a person could have written by hand.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

Drawn = dict[str, Any]

CARDS = ((6.0, 0.8), (8.0, 1.0), (8.0, 1.5), (12.0, 2.0), (16.0, 3.0), (24.0, 4.0), (24.0, 6.0), (48.0, 8.0))
"""Memory and speed."""


def fleet(draw: Random, count: int, models: list[str], cards: tuple[tuple[float, float], ...] = CARDS) -> list[Drawn]:
    nodes = []
    for number in range(1, count + 1):
        vram, speed = draw.choice(cards)
        nodes.append(
            {
                "id": f"n{number}",
                "vram_gb": vram,
                "speed": round(min(8.0, max(0.8, speed * draw.uniform(0.8, 1.25))), 2),
                "load_gb_s": round(draw.uniform(0.3, 3.0), 2),
                "resident": draw.choice([None, *models]),
            }
        )
    return nodes


def checkpoints(draw: Random, count: int) -> dict[str, Drawn]:
    names = {}
    for number in range(1, count + 1):
        family, size = draw.choice((("sd15", 2.0), ("sdxl", 6.5), ("sdxl", 6.9), ("flux", 12.0)))
        names[f"{family}-{number}"] = {"gb": size}
    return names


def need_of(model: str, most: float) -> float:
    need = {"sd15": 4.0, "sdxl": 8.0, "flux": 12.0}[model.split("-")[0]]
    return need if need <= most else most


def pipeline(draw: Random, model: str, most: float) -> list[Drawn]:
    work = {"sd15": 12.0, "sdxl": 30.0, "flux": 75.0}[model.split("-")[0]] * draw.uniform(0.7, 1.4)
    need = need_of(model, most)
    stages: list[Drawn] = [stage("txt2img", model, need, work, 1.8)]
    if draw.random() < 0.4:
        stages.append(stage("detail", model, need, work * draw.uniform(0.3, 0.6), 1.8))
    if draw.random() < 0.5:
        stages.append(stage("upscale", None, min(6.0, most), draw.uniform(4.0, 20.0), 12.0))
    return stages


def stage(kind: str, model: str | None, vram: float, work: float, out: float) -> Drawn:
    return {"kind": kind, "model": model, "vram_gb": vram, "work_s": round(work, 2), "out_mb": out}


def varied(draw: Random, stages: list[Drawn], by: float = 0.1) -> list[Drawn]:
    return [{**one, "work_s": round(one["work_s"] * draw.uniform(1 - by, 1 + by), 2)} for one in stages]


def trace(draw: Random, models: dict[str, Drawn], nodes: list[Drawn], jobs: list[Drawn]) -> Drawn:
    jobs.sort(key=lambda job: (job["arrival"], job["id"]))
    return {
        "version": 1,
        "net_mb_s": draw.choice((12.0, 50.0, 100.0, 110.0)),
        "models": models,
        "nodes": nodes,
        "jobs": jobs,
    }


def job(number: int, pack: str, arrival: float, stages: list[Drawn], lane: str = "batch") -> Drawn:
    return {"id": f"j{number:04}", "pack": pack, "lane": lane, "arrival": round(arrival, 2), "stages": stages}


def most_of(nodes: list[Drawn]) -> float:
    return max(float(node["vram_gb"]) for node in nodes)


def packs(draw: Random, models: dict[str, Drawn], nodes: list[Drawn], count: int, sizes: tuple[int, int]) -> list[Any]:
    """Name, model, stages and number of jobs of each."""
    found = []
    for number in range(1, count + 1):
        model = draw.choice(list(models))
        found.append((f"pack{number:02}", pipeline(draw, model, most_of(nodes)), draw.randint(*sizes)))
    return found


def overnight(draw: Random) -> Drawn:
    """Many packs, queued in the evening one after another."""
    models = checkpoints(draw, draw.randint(3, 8))
    nodes = fleet(draw, draw.randint(2, 16), list(models))
    jobs: list[Drawn] = []
    for pack, stages, size in packs(draw, models, nodes, draw.randint(10, 40), (5, 40)):
        at = draw.uniform(0, 120)
        jobs += [job(len(jobs) + n, pack, at, varied(draw, stages)) for n in range(size)]
    lasting(jobs, nodes, draw.uniform(1800.0, 7200.0))
    return trace(draw, models, nodes, jobs)


def lasting(jobs: list[Drawn], nodes: list[Drawn], least: float) -> None:
    """Makes the stages long enough for the fleet to work so many seconds: nights are long, and tests are not."""
    stages = [one for each in jobs for one in each["stages"]]
    span = sum(one["work_s"] for one in stages) / sum(float(node["speed"]) for node in nodes)
    for one in stages:
        one["work_s"] = round(one["work_s"] * max(1.0, least / span), 2)


def interleaved(draw: Random) -> Drawn:
    """Packs of different checkpoints whose jobs come mixed."""
    models = checkpoints(draw, draw.randint(4, 12))
    nodes = fleet(draw, draw.randint(2, 16), list(models))
    queued = packs(draw, models, nodes, draw.randint(8, 24), (8, 30))
    mixed = [(pack, stages) for pack, stages, size in queued for _ in range(size)]
    draw.shuffle(mixed)
    jobs = [job(n, pack, n * 0.05, varied(draw, stages)) for n, (pack, stages) in enumerate(mixed)]
    return trace(draw, models, nodes, jobs)


def constrained(draw: Random) -> Drawn:
    """Half the work needs memory that only some nodes have."""
    models = {f"sdxl-{n}": {"gb": 6.5} for n in range(1, draw.randint(3, 5))}
    models |= {f"flux-{n}": {"gb": 12.0} for n in range(1, draw.randint(2, 4))}
    nodes = fleet(draw, draw.randint(2, 14), list(models), CARDS[1:4])
    nodes += fleet(draw, draw.randint(1, 2), list(models), CARDS[5:])
    for number, node in enumerate(nodes, 1):
        node["id"] = f"n{number}"
    small = [name for name in models if name.startswith("sdxl")]
    large = [name for name in models if name.startswith("flux")]
    jobs: list[Drawn] = []
    work = {True: 0.0, False: 0.0}
    while len(jobs) < 300:
        big = work[True] <= work[False]
        model = draw.choice(large if big else small)
        stages = pipeline(draw, model, most_of(nodes))
        for one in stages:
            if one["model"] is not None:
                one["vram_gb"] = 20.0 if big else 6.0
        size = draw.randint(4, 16)
        at = draw.uniform(0, 300)
        jobs += [job(len(jobs) + n, f"pack-{model}-{len(jobs)}", at, varied(draw, stages)) for n in range(size)]
        work[big] += size * sum(one["work_s"] for one in stages)
    return trace(draw, models, nodes, jobs)


def live(draw: Random) -> Drawn:
    """People at work beside a batch."""
    models = checkpoints(draw, draw.randint(3, 6))
    nodes = fleet(draw, draw.randint(2, 12), list(models))
    jobs: list[Drawn] = []
    for pack, stages, size in packs(draw, models, nodes, draw.randint(6, 20), (8, 30)):
        at = draw.uniform(0, 60)
        jobs += [job(len(jobs) + n, pack, at, varied(draw, stages)) for n in range(size)]
    speed = sum(float(node["speed"]) for node in nodes)
    span = sum(one["work_s"] for each in jobs for one in each["stages"]) / speed
    model, now = draw.choice(list(models)), 0.0
    while now < span:
        now += draw.expovariate(1.0 / 45.0)
        if draw.random() < 0.1:
            model = draw.choice(list(models))
        jobs.append(job(len(jobs), "studio", now, pipeline(draw, model, most_of(nodes)), "interactive"))
    return trace(draw, models, nodes, jobs)


def learning(draw: Random) -> Drawn:
    """Experiments: the same seeds over the values of one setting, submitted one after another."""
    models = checkpoints(draw, draw.randint(2, 5))
    nodes = fleet(draw, draw.randint(2, 16), list(models))
    jobs: list[Drawn] = []
    at = 0.0
    for number in range(draw.randint(4, 12)):
        base = pipeline(draw, draw.choice(list(models)), most_of(nodes))
        sweep = draw.choice(("steps", "model", "cfg"))
        for value in range(draw.randint(3, 6)):
            stages = varied(draw, base, 0.02)
            if sweep == "steps":
                stages = [{**one, "work_s": round(one["work_s"] * (0.5 + 0.3 * value), 2)} for one in stages]
            if sweep == "model":
                model = draw.choice(list(models))
                need = need_of(model, most_of(nodes))
                stages = [{**one, "model": model, "vram_gb": need} if one["model"] else one for one in stages]
            jobs += [job(len(jobs) + n, f"experiment{number}", at, stages) for n in range(draw.randint(4, 8))]
        at += draw.uniform(0, 200)
    return trace(draw, models, nodes, jobs)


def unequal(draw: Random) -> Drawn:
    """One fast node among slow ones."""
    models = checkpoints(draw, 3)
    nodes = fleet(draw, draw.randint(2, 8), list(models), ((6.0, 0.8), (8.0, 0.8)))
    nodes += [{"id": "fast", "vram_gb": 48.0, "speed": 8.0, "load_gb_s": 2.0, "resident": None}]
    jobs: list[Drawn] = []
    for pack, stages, size in packs(draw, models, nodes, draw.randint(2, 8), (4, 30)):
        jobs += [job(len(jobs) + n, pack, 0.0, varied(draw, stages)) for n in range(size)]
    return trace(draw, models, nodes, jobs)


def huge(draw: Random) -> Drawn:
    """One job that takes as long as all others together, and comes last."""
    models = checkpoints(draw, 3)
    nodes = fleet(draw, draw.randint(2, 6), list(models))
    jobs: list[Drawn] = []
    for pack, stages, size in packs(draw, models, nodes, draw.randint(2, 5), (10, 30)):
        jobs += [job(len(jobs) + n, pack, 0.0, varied(draw, stages)) for n in range(size)]
    speeds = [float(node["speed"]) for node in nodes]
    work = sum(one["work_s"] for each in jobs for one in each["stages"])
    jobs.append(job(9000, "huge", 1.0, [stage("txt2img", None, 4.0, work / sum(speeds) * max(speeds), 2.0)]))
    return trace(draw, models, nodes, jobs)


def many_models(draw: Random) -> Drawn:
    """More checkpoints than nodes, few pictures of each."""
    models = checkpoints(draw, draw.randint(16, 30))
    nodes = fleet(draw, draw.randint(2, 8), list(models))
    jobs: list[Drawn] = []
    for number, model in enumerate(models):
        stages = pipeline(draw, model, most_of(nodes))
        at = draw.uniform(0, 30)
        jobs += [job(len(jobs) + n, f"pack{number}", at, varied(draw, stages)) for n in range(draw.randint(2, 12))]
    return trace(draw, models, nodes, jobs)


def cold(draw: Random) -> Drawn:
    """Nothing is loaded anywhere, and loading is slow."""
    drawn = interleaved(draw)
    for node in drawn["nodes"]:
        node["resident"] = None
        node["load_gb_s"] = 0.3
    return drawn


def tiny(draw: Random) -> Drawn:
    """A handful of jobs, or one."""
    models = checkpoints(draw, draw.randint(1, 3))
    nodes = fleet(draw, draw.randint(2, 6), list(models))
    jobs = [
        job(n, f"pack{n % 2}", draw.choice((0.0, 0.0, 5.0)), pipeline(draw, draw.choice(list(models)), most_of(nodes)))
        for n in range(draw.randint(1, 10))
    ]
    return trace(draw, models, nodes, jobs)


KINDS: dict[str, Callable[[Random], Drawn]] = {
    "overnight": overnight,
    "interleaved": interleaved,
    "constrained": constrained,
    "live": live,
    "learning": learning,
}
"""The kinds that the goals are set for."""

NASTY: dict[str, Callable[[Random], Drawn]] = {
    "unequal": unequal,
    "huge": huge,
    "many models": many_models,
    "cold": cold,
    "tiny": tiny,
}


def drawn(kind: str, seed: int) -> bytes:
    """The trace as a file holds it."""
    return json.dumps((KINDS | NASTY)[kind](Random(f"{kind} {seed}"))).encode()


def disturbed(text: bytes, seed: int) -> tuple[bytes, bytes]:
    """The trace with speeds that are hints, wrong by up to 1.5, and as it really comes out, with 15 % noise."""
    draw = Random(f"noise {seed}")
    hinted, truth = json.loads(text), json.loads(text)
    for node in hinted["nodes"]:
        node["speed"] = round(node["speed"] * 1.5 ** draw.uniform(-1, 1), 3)
    for each in truth["jobs"]:
        for one in each["stages"]:
            one["work_s"] = round(one["work_s"] * max(0.3, draw.gauss(1.0, 0.15)), 3)
    return json.dumps(hinted).encode(), json.dumps(truth).encode()
