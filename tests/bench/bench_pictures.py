"""What pictures cost beside the bare work they cannot do without: measured interleaved, as ratios.

    python -P tests/bench/bench_pictures.py [--rounds N] [--json]

thumbnail   one 256 px WebP of a 1024 x 1024 PNG, against a bare decode of that PNG; goal 1.45
hit         a thumbnail that is there; goal 0.15 ms
two         thumbnails per second with two threads against one; goal 1.6
accept      a picture received, verified and kept durably, against SHA-256 + write + fsync of the same bytes
splice      the metadata of one PNG rewritten
manifest    the folder and manifest of a finished run, per job, the first time and again
"""

import argparse
import asyncio
import hashlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from measure import Goal, Line, finish, seconds
from PIL import Image

from daemon.artifacts import png, results, thumbs
from daemon.artifacts.store import ArtifactStore
from daemon.artifacts.thumbs import Thumbnails
from schema.ids import ImageId, NodeId, RunId, Sha256, StageId, Token, job_id
from schema.pages import ImageRecord, JobRecord, RunRecord, RunRow, StageRecord
from schema.plans import JobSpec, Picture, RunSpec

JOBS = 300


def picture(number: int = 0) -> bytes:
    """1024 x 1024 RGB with the entropy of a photograph, compressed as backends do."""
    smooth = Image.radial_gradient("L").resize((1024, 1024))
    noise = Image.effect_noise((1024, 1024), 12)
    mixed = Image.merge("RGB", (smooth, Image.blend(smooth, noise, 0.3), noise.rotate(number)))
    packed = io.BytesIO()
    mixed.save(packed, "PNG", compress_level=1)
    return packed.getvalue()


async def awaited(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


def bare_keep(raw: bytes, path: Path) -> None:
    hashlib.sha256(raw).hexdigest()
    with path.open("wb") as file:
        file.write(raw)
        os.fsync(file.fileno())


async def measure(rounds: int, folder: Path) -> dict[str, float]:
    raw = picture()
    source = folder / "source.png"
    source.write_bytes(raw)
    store = ArtifactStore(folder / "art")
    await store.warm()
    rows = [await once(raw, n, source, store, folder) for n in range(rounds)]
    decode, thumb, bare, accept, splice = zip(*rows, strict=True)
    found = {
        "decode_ms": statistics.median(decode) * 1e3,
        "thumbnail_ratio": statistics.median(t / d for t, d in zip(thumb, decode, strict=True)),
        "accept_ms": statistics.median(accept) * 1e3,
        "accept_ratio": statistics.median(a / b for a, b in zip(accept, bare, strict=True)),
        "splice_ms": statistics.median(splice) * 1e3,
        **await thumbnails(folder, source, rounds),
        **manifest(folder),
    }
    await store.close()
    return {key: round(value, 3) for key, value in found.items()}


async def once(raw: bytes, n: int, source: Path, store: ArtifactStore, folder: Path) -> tuple[float, ...]:
    """Seconds of a bare decode, a thumbnail, a bare write, a whole accept, and a splice."""
    other = png.splice(raw, {"parameters": f"picture {n}"})
    return (
        seconds(lambda: Image.open(source).load()),
        seconds(lambda: thumbs.make(source, folder / "thumb" / f"{n}.webp", 256)),
        seconds(lambda: bare_keep(other, folder / f"{n}.png")),
        await awaited(lambda: store.accept(other, texts={"parameters": "a mill", "stablenew": "{}"})),
        seconds(lambda: png.splice(raw, {"parameters": "a mill"})),
    )


async def thumbnails(folder: Path, source: Path, rounds: int) -> dict[str, float]:
    took = {}
    for threads in (1, 2):
        cache = Thumbnails(folder / f"cache{threads}", lambda sha: source, threads=threads)
        names = [Sha256(hashlib.sha256(b"%d" % n).hexdigest()) for n in range(rounds * 2)]
        took[threads] = await awaited(
            lambda cache=cache, names=names: asyncio.gather(*(cache.of(n, 256) for n in names))
        )
        hits = [await awaited(lambda cache=cache, names=names: cache.of(names[0], 256)) for _ in range(200)]
        cache.close()
    return {"two_threads": took[1] / took[2], "hit_ms": statistics.median(hits) * 1e3}


def manifest(folder: Path) -> dict[str, float]:
    stored = folder / "stored"
    stored.mkdir()
    jobs = []
    for number in range(1, JOBS + 1):
        stages = []
        for at, kind in enumerate(("txt2img", "detail", "upscale")):
            content = b"%d %d" % (number, at)
            name = Sha256(hashlib.sha256(content).hexdigest())
            (stored / name).write_bytes(content)
            file = Picture(sha256=name, pixels=name, media="image/png", bytes=len(content), width=1, height=1)
            image = ImageRecord(id=ImageId(name[:8]), index=0, file=file)
            stages.append(
                StageRecord(
                    id=StageId(kind), kind=kind, state="done", token=Token(1), node=NodeId("n"), images=(image,)
                )
            )
        spec = JobSpec(name=f"knights-{number:03d}-v1-s7", prompt="a knight in fog")
        job = JobRecord(id=job_id(RunId("r"), number), run=RunId("r"), state="finished", created=0.0, spec=spec,
                        stages=tuple(stages))  # fmt: skip
        jobs.append(job)
    spec = RunSpec(name="knights", base=Sha256("b" * 64), plan_hash="c" * 64, seed=7, jobs=JOBS, folder="knights")
    run = RunRecord(row=RunRow(id=RunId("r"), name="knights", state="finished", created=0.0, jobs=JOBS), spec=spec)
    first = seconds(lambda: results.write_manifest(folder / "results", run, jobs, lambda sha: stored / sha))
    again = seconds(lambda: results.write_manifest(folder / "results", run, jobs, lambda sha: stored / sha))
    return {"manifest_ms_per_job": first / JOBS * 1e3, "manifest_again_ms_per_job": again / JOBS * 1e3}


def lines(found: dict[str, float]) -> list[Line]:
    def ms(what: str, key: str, goal: Goal | None = None) -> Line:
        return Line(what=what, value=found[key], unit="ms", goal=goal)

    decode = found["decode_ms"]
    return [
        Line(what="thumbnail of 256 from 1024 x 1024", value=found["thumbnail_ratio"] * decode, unit="ms",
             peer="bare PNG decode", against=decode, ratio=found["thumbnail_ratio"], goal=Goal("ratio", most=1.45)),
        ms("thumbnail that is there", "hit_ms", Goal("value", most=0.15)),
        Line(what="thumbnails by two threads", value=found["two_threads"], unit="x", peer="by one", against=1.0,
             ratio=found["two_threads"], goal=Goal("ratio", least=1.6)),
        Line(what="a picture accepted", value=found["accept_ms"], unit="ms", peer="SHA-256 + write + fsync",
             against=found["accept_ms"] / found["accept_ratio"], ratio=found["accept_ratio"]),
        ms("its texts rewritten", "splice_ms"),
        ms("results folder and manifest, a job", "manifest_ms_per_job"),
        ms("the same once more, a job", "manifest_again_ms_per_job"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        found = asyncio.run(measure(asked.rounds, Path(folder)))
    finish(lines(found), sys.argv)


if __name__ == "__main__":
    main()
