"""From a log whose every word is a marked one to a redacted bundle: none of them is anywhere in it."""

import base64
import io
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import BOX, STEPS, MemoryLog, opened

from daemon.learning.insights import insights
from daemon.learning.reports import report
from daemon.learning.rows import rows_of
from daemon.records.bundle import Limits, Material, make_bundle
from schema.events import (
    ArtifactStored,
    DaemonStarted,
    ImageRated,
    ImagesCompared,
    ImageTagged,
    JobSubmitted,
    NodeJoined,
    RecordsImported,
    RunRated,
    RunSubmitted,
    StageAssigned,
    StageFinished,
)  # fmt: skip
from schema.ids import ImageId, JobId, RunId, Sha256, StageId, Token
from schema.plans import JobSpec, LearningPlan, PackRef, Pick, Picture, Randomizer, RunSpec, StageStep
from schema.records import Record

MARK = "Zqmarked"
COUNT = 45
OWN = StageStep(id=StageId("zqmarkedstage"), kind="upscale")


def past() -> MemoryLog:
    log = MemoryLog()
    log.add(DaemonStarted(version="1", sqlite="3", host=f"{MARK}host"))
    log.add(
        NodeJoined(node=BOX, name=f"{MARK}node", instance="i", link="loopback", backends=("webui",), kinds=("txt2img",))
    )
    plan = LearningPlan(
        kind="learning", variables={f"pick:__{MARK}__": (f"{MARK}dawn", f"{MARK}dusk")}, seeds=3, question=f"{MARK}?"
    )
    spec = RunSpec(
        name=f"{MARK} run", base=Sha256("b" * 64), plan_hash="p", seed=1, jobs=COUNT, stages=(*STEPS, OWN),
        pipeline=f"{MARK}line", packs=(PackRef(name=f"{MARK}pack", sha256=Sha256("1" * 64)),), preset=f"{MARK}preset",
        profile=f"{MARK}profile", learning_plan=plan, folder=f"{MARK}folder",
        randomizer=Randomizer(locks={f"{MARK}slot": f"{MARK}lock"}, overlay=f"{MARK}overlay", search=(f"a => {MARK}",)),
    )  # fmt: skip
    log.add(RunSubmitted(run=RunId("ra7"), spec=spec))
    for number in range(1, COUNT + 1):
        made(log, number)
    log.add(ImagesCompared(better=ImageId("i1"), worse=ImageId("i2")), RunRated(run=RunId("ra7"), stars=4))
    foreign = Record(
        id=f"/home/{MARK}/x.png", at="2026-05-01T10:00:00Z", session=f"{MARK}session", pack=f"{MARK}pack",
        prompt=f"a {MARK}", seed=1, run=f"{MARK}run",
        params={f"{MARK}.steps": 20, "txt2img.steps": 20, f"txt2img.{MARK}": MARK}, stars=3,
        tags=(f"{MARK}tag",), backend=f"{MARK}backend",
    )  # fmt: skip
    log.add(RecordsImported(source=f"{MARK}.jsonl", records=(foreign,)))
    return log


def made(log: MemoryLog, number: int) -> None:
    job, image, value = JobId(f"ra7.{number}"), ImageId(f"i{number}"), ("dawn", "dusk")[number % 2]
    spec = JobSpec(
        name=f"{MARK}-{number}", pack=f"{MARK}pack", style=f"{MARK}style", template=f"a {MARK} at __{MARK}__",
        prompt=f"a {MARK} at {MARK}{value} <lora:/nas/{MARK}/{MARK}lora.safetensors:0.5>",
        negative=f"{MARK} blur", seed=number // 3, overlay={"detail.prompt": MARK},
        picks=(Pick(key=f"__{MARK}__", value=f"{MARK}{value}", source=f"wildcard {MARK}.txt:4"),),
    )  # fmt: skip
    log.add(JobSubmitted(job=job, run=RunId("ra7"), spec=spec))
    log.add(StageAssigned(job=job, stage=OWN.id, node=BOX, attempt=1, why=f"{MARK}node has it"))
    token = Token(len(log.envelopes))
    file = Picture(
        sha256=Sha256(f"{number:064x}"), pixels=f"{number:064x}", media="image/png", bytes=1, width=8, height=8
    )
    log.add(ArtifactStored(image=image, job=job, run=RunId("ra7"), stage=OWN.id, token=token, index=0, file=file))
    log.add(
        StageFinished(
            job=job, stage=OWN.id, token=token, node=BOX, backend="webui", images=(image,), filters=(f"{MARK}filter",),
            effective={"model": f"/models/{MARK}/{MARK}.safetensors", "prompt": MARK, "steps": 10 + number % 3 * 10,
                       "upscaler": f"{MARK}{value}", f"{MARK}field": number % 2},
            reported={"file": f"/home/{MARK}/out.png", "host": f"{MARK}host", "prompt": MARK},
        )
    )  # fmt: skip
    log.add(ImageRated(image=image, stars=1 + number % 3 * 2), ImageTagged(image=image, added=(f"{MARK}tag{value}",)))


def shapes(word: str) -> list[bytes]:
    plain = [word.encode(), word.lower().encode()]
    coded = [base64.b64encode(b"\0" * shift + each)[4 * bool(shift) :][:8] for each in plain for shift in range(3)]
    return [*plain, *(each.hex().encode() for each in plain), *coded, word.encode("utf-16-le"), word[::-1].encode()]


async def test_nothing_of_a_home_is_in_its_redacted_bundle(tmp_path: Path) -> None:
    async with opened(past(), tmp_path) as views:
        records, runs = await views.whole_records(), await views.record_runs()
    rows, duels = rows_of(records)
    found = insights(rows, duels, seq=9)
    assert MARK in repr(found) and MARK in repr(records) and MARK in repr(runs)
    assert any(pack.claims for pack in found.packs)  # whose sentences name what must not be named
    material = Material(
        seq=9, at=1.0, version="1", records=records, runs=runs, insights=found, report=report(rows, duels)
    )
    content = make_bundle(material, b"s" * 32, Limits(redact=True))
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        inside = {name: made.read(name) for name in made.namelist()}
    for shape in shapes(MARK):
        assert shape not in content
        assert not [name for name, body in inside.items() if shape in body or shape in name.encode()]
    open_bundle = make_bundle(material, b"s" * 32)
    with zipfile.ZipFile(io.BytesIO(open_bundle)) as made:
        everything = b"".join(made.read(name) for name in made.namelist())
    assert f"{MARK}node".encode() not in everything and f"{MARK}host".encode() not in everything
    assert b"/home" not in everything and b"/models" not in everything and b"/nas" not in everything
