"""What a picture was made with, as learning sees it: the settings that may differ from one picture to the next.

A function of the views' connection (`register`): it needs the job's spec and what its stages answered, which only the
tables hold. Prompts, seeds and files are never settings.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256

import msgspec

from daemon.prompting.tokens import loras
from schema.ids import StageId
from schema.names import plain
from schema.plans import PICTURELESS, JobSpec, RunSpec, Scalar, StageStep
from schema.records import Settings
from schema.words import said_in, words_after

NEVER = frozenset({"prompt", "negative", "image", "mask", "mask_shapes", "controls", "against", "batch"})
"""Fields of stages that hold words or files, or say nothing of how a picture looks."""

TAKEN_OVER = frozenset({"model", "vae", "sampler", "scheduler", "guidance"})
"""Fields that a later stage takes from the first where it has none of its own (`prompting.heirs`): as long as they are
the same, they are one setting and not several."""

SIZES = frozenset({"width", "height"})
"""Of a later stage: they follow from the picture it gets, unless somebody asks for them."""

FOLLOWING = TAKEN_OVER | SIZES

LONGEST = 80
"""Letters of a setting's value; longer ones are texts."""

_JOB = msgspec.json.Decoder(JobSpec)
_RUN = msgspec.json.Decoder(RunSpec)
_NAMES = msgspec.json.Decoder(list[str])


class Done(msgspec.Struct, gc=False):
    """Of a `StageFinished` what is looked at here."""

    stage: StageId
    token: int
    backend: str
    effective: Settings = {}
    reported: Settings = {}


_RESULTS = msgspec.json.Decoder(list[Done])


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """How the pictures of one attempt came about."""

    prompt: str
    negative: str
    backend: str
    """Of the stages that made them; `sketch` if any of them was."""
    params: str
    """JSON, keys in order."""
    words: str
    """Digest of prompt and negative."""
    digest: str
    """Of the params."""
    tokens: tuple[int, ...]
    """Of the finished stages they rest on, in order, their own the last."""


def making_of(spec: bytes, run_spec: bytes, order: str, stage: str, results: str) -> str:
    """JSON of a `Making`. `order`: ids of the job's stages; `results`: its finished ones, in any order."""
    job, run = _JOB.decode(spec), _run(run_spec)
    kinds = {step.id: step.kind for step in _steps(job, run)}
    places = {name: place for place, name in enumerate(_NAMES.decode(order))}
    last = places.get(stage, len(places))
    done = sorted(
        (one for one in _RESULTS.decode(results) if places.get(one.stage, last + 1) <= last),
        key=lambda one: places[one.stage],
    )
    words = words_after(job, (said_in(one.stage, kinds.get(one.stage, ""), one.reported) for one in done))
    params = msgspec.json.encode(dict(sorted(_params(job, run, words.prompt, done)))).decode()
    making = Making(
        prompt=words.prompt,
        negative=words.negative,
        backend=_backend([one for one in done if kinds.get(one.stage) not in PICTURELESS]),
        params=params,
        words=_digest(f"{words.prompt}\0{words.negative}"),
        digest=_digest(params),
        tokens=tuple(one.token for one in done),
    )
    return msgspec.json.encode(making).decode()


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def register(db: sqlite3.Connection) -> None:
    db.create_function("making_of", 5, making_of, deterministic=True)


@lru_cache(maxsize=64)
def _run(spec: bytes) -> RunSpec:
    return _RUN.decode(spec)


def _steps(job: JobSpec, run: RunSpec) -> Sequence[StageStep]:
    return run.stages if job.stages is None else job.stages


def _backend(done: Sequence[Done]) -> str:
    kinds = [one.backend for one in done]
    return "sketch" if "sketch" in kinds else next(iter(kinds), "")


def _params(job: JobSpec, run: RunSpec, prompt: str, done: Iterable[Done]) -> Iterator[tuple[str, Scalar]]:
    first: Settings = {}
    for one in done:
        for field, value in one.effective.items():
            if value is None or not _may_count(field) or (isinstance(value, str) and not _is_name(value)):
                continue
            name = f"{one.stage}.{field}"
            if first and field in FOLLOWING and _follows(name, field, value, first, job):
                continue
            yield name, value
        first = first or ({**one.effective} if "sampler" in one.effective else {})
    yield from weights(prompt).items()
    if job.style:
        yield "style", job.style
    for pick in job.picks:
        yield f"pick:{pick.key}", pick.value[:LONGEST]
    if job.picks:
        yield "randomizer.matrix", run.randomizer.matrix
        yield "randomizer.order", run.randomizer.order


@lru_cache(maxsize=1024)
def _may_count(field: str) -> bool:
    return field not in NEVER and not field.startswith("workflow") and "seed" not in field


def _is_name(value: str) -> bool:
    return 0 < len(value) <= LONGEST and not value.startswith(("{", "["))


def _follows(name: str, field: str, value: Scalar, first: Settings, job: JobSpec) -> bool:
    return first.get(field) == value if field in TAKEN_OVER else name not in job.overlay


def weights(prompt: str) -> Settings:
    """`lora:NAME`, without folders and endings, to the sum of its weights in the prompt."""
    found: dict[str, Scalar] = {}
    for part in loras(prompt):
        name = f"lora:{plain(part.name).rpartition('/')[2]}"
        before = found.get(name)
        found[name] = round(part.weight + (before if isinstance(before, float) else 0.0), 6)
    return found
