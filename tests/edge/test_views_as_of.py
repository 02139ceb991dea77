"""As of a seq the views say what a log that ends there says, whatever happened since."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.views.verdicts import merged
from daemon.views.views import Views
from schema.events import ComparisonTakenBack, ImageTagged, RecordsForgotten, RecordsImported, RunRated
from schema.ids import ImageId, RunId, Token
from schema.plans import JobSpec
from schema.records import Record

sys.path.insert(0, str(Path(__file__).parent))  # for `judged_past`

from judged_past import TXT2IMG, UPSCALE, Past, compared, make, rated, rerun, run
from views_past import opened


def lived(seed: int) -> Past:
    """A past in which anything may follow anything."""
    rng = random.Random(seed)
    log = Past()
    packs = ["knights", "dragons", None]
    jobs = [
        JobSpec(name=f"j{n}", pack=rng.choice(packs), prompt=f"p {n % 3} <lora:a:0.{n + 1}>", seed=n % 4)
        for n in range(4)
    ]
    log.add(*run("ra", jobs[:2]), *run("rb", jobs[2:3]), *run("rc", jobs[3:], "off"))
    names = ["ra.1", "ra.2", "rb.1", "rc.1"]
    specs = dict(zip(names, jobs, strict=True))
    first: dict[str, Token] = {}
    images: list[str] = []
    for step in range(40):
        job, image = rng.choice(names), rng.choice(images or ["-"])
        match rng.choice("mmmurrrrtcbxifwo"):
            case "m":
                if job in first:
                    rerun(log, job, specs[job])
                steps, pictures, suspect = rng.choice([20, 30]), rng.choice([1, 2]), rng.choice([None, None, "black"])
                first[job] = make(log, job, TXT2IMG, f"i{step}x", steps=steps, pictures=pictures, suspect=suspect)
                images.append(f"i{step}x")
            case "u" if job in first:
                rerun(log, job, specs[job], [(TXT2IMG, first[job])])
                make(log, job, UPSCALE, f"i{step}x", factor=rng.choice([2, 4]))
                images.append(f"i{step}x")
            case "r" if images:
                log.add(rated(image, rng.randint(0, 5)))
            case "t" if images:
                log.add(ImageTagged(image=ImageId(image), added=(rng.choice("ab"),), removed=(rng.choice("ab"),)))
            case "c" if len(images) > 1:
                log.add(compared(*rng.sample(images, 2)))
            case "b" if len(images) > 1:
                log.add(ComparisonTakenBack(better=ImageId(images[0]), worse=ImageId(images[1])))
            case "x":
                record = Record(id=f"x{step % 5}", at="2026-05-01T10:00:00Z", session="s", pack="knights", prompt="p",
                                seed=1, run="r", params={"steps": step}, stars=3)  # fmt: skip
                log.add(RecordsImported(source=rng.choice("st"), records=(record,)))
            case "f":
                log.add(RecordsForgotten(source=rng.choice("st"), records=1))
            case "w":
                log.pause(rng.choice([100.0, 4000.0]))
            case "o":
                log.add(RunRated(run=RunId("ra"), stars=rng.randint(0, 5)))
            case _:
                specs[job] = JobSpec(name=f"j{step}", pack=rng.choice(packs), prompt=f"other {step}", seed=step)
    return log


async def agrees(seed: int, folder: Path, every: int) -> None:
    log = lived(seed)
    async with opened(log, folder / f"{seed}") as views:
        known: dict[tuple[str, str, str], Record] = {}
        last = 0
        for upto in range(every, len(log.envelopes) + 1, every):
            cut = Past()
            cut.envelopes = log.envelopes[:upto]
            async with opened(cut, folder / f"{seed}-{upto}") as short:
                told = await views.verdicts(upto)
                assert told == await short.verdicts()
                assert await views.whole_records(upto) == await short.whole_records()
                assert await views.record_runs(upto) == await short.record_runs()
            merged(known, await views.verdicts(upto, after=last))
            last = upto
            assert standing(known) == standing(keyed(told.records))


def keyed(records: Sequence[Record]) -> dict[tuple[str, str, str], Record]:
    return {(one.id, one.better_than, one.at if one.better_than else ""): one for one in records}


def standing(known: dict[tuple[str, str, str], Record]) -> dict[tuple[str, str, str], Record]:
    """Without those that only carry what a picture was made with."""
    return {key: one for key, one in known.items() if one.stars or one.tags or one.better_than}


@pytest.mark.parametrize("seed", range(3))
async def test_as_of_a_seq_is_what_a_log_that_ends_there_says(tmp_path: Path, seed: int) -> None:
    await agrees(seed, tmp_path, 17)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 35))
async def test_as_of_a_seq_is_what_a_log_that_ends_there_says_whatever_happened(tmp_path: Path, seed: int) -> None:
    await agrees(seed, tmp_path, 1)


async def test_a_past_that_is_read_again_is_the_same(tmp_path: Path) -> None:
    """Event by event or all at once."""
    log = lived(5)
    async with opened(log, tmp_path / "whole") as views:
        whole = await views.verdicts()
    growing = Past()
    async with opened(growing, tmp_path / "growing") as slowly:
        for envelope in log.envelopes:
            growing.envelopes.append(envelope)
            await Views._catch_up(slowly)
        assert await slowly.verdicts() == whole
