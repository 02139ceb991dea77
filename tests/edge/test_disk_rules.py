"""Whatever the past: what a rule chooses is what its words say, checked against a model that knows no SQL."""

import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import BOX, MemoryLog, made, opened, run_of

from daemon.views.doomed import Rule
from daemon.views.filters import Since
from schema import events as e

STAGES = ("txt2img", "upscale")

jobs = st.fixed_dictionaries({
    "made": st.sampled_from(("all", "first", "none", "running")),
    "stars": st.tuples(st.integers(0, 5), st.integers(0, 5)),
    "favourite": st.booleans(),
    "trashed": st.sampled_from((0, 0, 1, 2)),
})  # fmt: skip
pasts = st.lists(st.lists(jobs, min_size=1, max_size=4), min_size=1, max_size=3)
rules = st.fixed_dictionaries({
    "keep_best": st.none() | st.integers(0, 3), "stages": st.booleans(), "rated": st.booleans(),
    "trash": st.booleans(), "young": st.integers(0, 40) | st.none(),
})  # fmt: skip


class Modelled:
    """What the views should know, kept by hand."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, object]] = {}

    def one(self, job: str, stage: str) -> dict[str, object]:
        return self.images[f"{job}-{stage}".replace(".", "-")]


def lived(past: list[list[dict[str, object]]]) -> tuple[MemoryLog, Modelled]:
    log, model = MemoryLog(), Modelled()
    log.add(e.NodeJoined(node=BOX, name="b", instance="i", link="loopback", backends=("sketch",), kinds=STAGES))
    for r, run in enumerate(past):
        log.add(*run_of(f"rn{r + 2}", [f"job-{n}" for n in range(len(run))]))
        for n, job in enumerate(run, 1):
            name = f"rn{r + 2}.{n}"
            stages = {"all": STAGES, "first": STAGES[:1], "running": STAGES[:1], "none": ()}[str(job["made"])]
            if job["made"] == "all":
                made(log, name)
            elif stages:
                made(log, name, stages=stages)
                log.envelopes.pop()  # not finished
            if job["made"] in ("first", "none"):
                log.add(e.JobFailed(job=name, trouble="bad-request", reason="no"))
            for at, stage in enumerate(stages):
                image = f"{name}-{stage}".replace(".", "-")
                stored = next(x for x in log.envelopes if getattr(x.event, "image", None) == image)
                stars = job["stars"][at]  # type: ignore[index]
                model.images[image] = {
                    "id": image, "job": name, "run": f"rn{r + 2}", "final": stage == STAGES[-1], "seq": stored.seq,
                    "stars": stars, "rated": bool(stars), "busy": job["made"] == "running", "trashed": 0, "at": 0,
                }  # fmt: skip
                if stars:
                    log.add(e.ImageRated(image=image, stars=stars))
            if stages:
                last = model.one(name, stages[-1])
                if job["favourite"]:
                    log.add(e.ImageTagged(image=last["id"], added=("favourite",)))
                    last["rated"] = True
                if job["trashed"]:
                    log.add(e.ImageTrashed(image=last["id"]))
                    last |= {"trashed": 1, "at": len(log.envelopes)}
                if job["trashed"] == 2:
                    log.add(e.PicturesDeleted(images=(last["id"],), files=(), bytes=0, reason="trash"))
                    last["trashed"] = 2
    return log, model


def expected(model: Modelled, rule: Rule) -> set[str]:
    there = [one for one in model.images.values() if one["trashed"] != 2]
    finals: dict[object, list[dict[str, object]]] = defaultdict(list)
    for one in there:
        if one["final"]:
            finals[one["job"]].append(one)
    best: set[object] = set()
    for run in {one["run"] for one in there}:
        shown = [one for one in there if one["run"] == run and one["final"] and not one["trashed"]]
        shown.sort(key=lambda one: (-one["stars"], -one["seq"]))  # type: ignore[operator]
        best |= {one["id"] for one in shown[: rule.keep_best or 0]}
    best_jobs = {model.images[str(name)]["job"] for name in best}
    before = rule.before.seq if rule.before else None
    chosen = {
        one["id"]
        for one in there
        if bool(one["trashed"]) == rule.trash
        and (rule.trash or (not one["final"] if rule.stages else one["final"] or not finals[one["job"]]))
        and (before is None or (one["at"] if rule.trash else one["seq"]) < before)  # type: ignore[operator]
        and not one["busy"]
        and (rule.rated or not one["rated"])
        and (one["job"] not in best_jobs if rule.stages else one["id"] not in best)
    }
    if not rule.stages:
        for job, those in finals.items():
            if those and all(one["id"] in chosen for one in those):
                chosen |= {
                    one["id"] for one in there if one["job"] == job and not one["final"]
                    and (rule.rated or not one["rated"])
                }  # fmt: skip
    return {str(name) for name in chosen}


@pytest.mark.long
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(past=pasts, asked=rules)
async def test_a_rule_chooses_what_its_words_say(past, asked) -> None:
    log, model = lived(past)
    young = asked.pop("young")
    before = Since(max(1, len(log.envelopes) - young), None) if young is not None else None
    stages = asked.pop("stages") and not asked["trash"]
    keep_best = None if asked["trash"] else asked.pop("keep_best", None)
    rule = Rule(before=before, stages=stages, keep_best=keep_best, rated=asked["rated"], trash=asked["trash"])
    with TemporaryDirectory() as folder:
        async with opened(log, Path(folder)) as views:
            doomed = await views.doomed(rule)

    assert set(doomed.images) == expected(model, rule)
    assert len(doomed.files) == len(doomed.images) == doomed.cut.files
