"""Whole records: everything that is known of what was rated, as of any seq; and the runs it came from.

A picture's story does not change when its job is made again: what was written over then is kept (`past_*`).
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from daemon.views.rows import texts
from daemon.views.verdicts import read_verdicts
from schema.events import StageFinished
from schema.ids import Seq
from schema.plans import JobSpec, Randomizer, RunSpec
from schema.records import Record, RecordRun, RecordStage, Settings, WholeRecord

_JOB = msgspec.json.Decoder(JobSpec)
_RUN = msgspec.json.Decoder(RunSpec)
_RESULT = msgspec.json.Decoder(StageFinished)
_TOKENS = msgspec.json.Decoder(tuple[int, ...])
Opened = Callable[[], sqlite3.Connection]

_FLAT = tuple(field for field in Record.__struct_fields__)


class Newest(NamedTuple):
    records: tuple[WholeRecord, ...]
    """By the time of their verdicts."""
    older: int
    """Verdicts before them, which are not among them."""


def read_whole(opened: Opened, upto: int | None, after: int) -> tuple[WholeRecord, ...]:
    """Of what stands now of everything said behind `after`, in the order it was said."""
    verdicts = read_verdicts(opened, upto, after)
    return _whole(opened, verdicts.seq, verdicts.records)


def read_newest(opened: Opened, upto: int | None, most: int) -> Newest:
    """What was said last, here or elsewhere: records from elsewhere may be older than the log."""
    verdicts = read_verdicts(opened, upto, 0)
    said = sorted(verdicts.records, key=lambda record: _moment(record.at))
    older, newest = said[:-most], said[-most:]
    return Newest(
        _whole(opened, verdicts.seq, newest), sum(bool(record.stars or record.better_than) for record in older)
    )


def _whole(opened: Opened, seq: int, records: Iterable[Record]) -> tuple[WholeRecord, ...]:
    db = _connected(opened)
    try:
        whole = _Whole(db, seq)
        return tuple(whole.of(record) for record in records)
    finally:
        db.close()


def _moment(at: str) -> float:
    """Unix seconds; UTC where it does not say."""
    moment = datetime.fromisoformat(at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_runs(opened: Opened, upto: int | None) -> tuple[RecordRun, ...]:
    db = _connected(opened)
    try:
        seq = upto if upto is not None else int(db.execute("SELECT seq FROM meta").fetchone()[0])
        rows = db.execute(RUNS, {"upto": seq}).fetchall()
        return tuple(_run(row, _RUN.decode(row["spec"])) for row in rows)
    finally:
        db.close()


def _connected(opened: Opened) -> sqlite3.Connection:
    db = opened()
    db.row_factory = sqlite3.Row
    return db


class _Whole:
    def __init__(self, db: sqlite3.Connection, upto: int) -> None:
        self._db = db
        self._upto = upto
        self._job = ""
        self._outputs: dict[int, list[str]] = {}

    def of(self, record: Record) -> WholeRecord:
        """Of a record from elsewhere nothing more is known."""
        flat = {name: getattr(record, name) for name in _FLAT}
        row = self._db.execute(STORY, {"image": record.id, "upto": self._upto}).fetchone()
        if row is None:
            return WholeRecord(**flat)
        job, run = _JOB.decode(row["spec"]), _RUN.decode(row["run_spec"])
        stages = tuple(self._stages(row["job"], _TOKENS.decode(row["tokens"]), job, run))
        return WholeRecord(
            **flat,
            seq=Seq(row["said"] or 0),
            job=row["job"],
            pixels=row["pixels"],
            negative=row["negative"],
            template=job.template,
            style=job.style or "",
            base=run.base,
            overlay=job.overlay,
            picks={pick.key: pick.value for pick in job.picks},
            randomizer=flattened(run.randomizer),
            learning=run.learning,
            experiment=_kind(run),
            stages=stages,
            seconds=round(sum(stage.seconds for stage in stages), 6),
            run_stars=row["run_stars"] or 0,
            score=row["score"],
        )

    def _stages(self, job: str, tokens: Iterable[int], spec: JobSpec, run: RunSpec) -> Iterator[RecordStage]:
        kinds = {step.id: step.kind for step in (run.stages if spec.stages is None else spec.stages)}
        made = self._made(job)
        for token in tokens:
            row = self._db.execute(RESULT, {"job": job, "token": token}).fetchone()
            if row is None:
                continue
            result = _RESULT.decode(row["result"])
            yield RecordStage(
                id=result.stage,
                kind=kinds.get(result.stage, ""),
                backend=result.backend,
                node=result.node,
                seconds=result.measures.executed_s,
                effective=result.effective,
                reported=result.reported,
                filters=result.filters,
                outputs=tuple(made.get(token, ())),
            )

    def _made(self, job: str) -> Mapping[int, list[str]]:
        """Verdicts on pictures of one job often follow one another."""
        if self._job != job:
            self._job, self._outputs = job, {}
            for row in self._db.execute(OUTPUTS, (job,)):
                self._outputs.setdefault(row["token"], []).append(row["pixels"])
        return self._outputs


def flattened(randomizer: Randomizer) -> Settings:
    """`locks.weather` for what has names of its own, `a, b` for lists; what is as ever is left out."""
    flat: Settings = {}
    for name, value in msgspec.to_builtins(randomizer).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": _joined(each) for key, each in value.items()}
        else:
            flat[name] = _joined(value)
    return flat


def _joined(value: object) -> str | int | float | bool | None:
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _kind(run: RunSpec) -> str:
    return run.experiment or (run.learning_plan.kind if run.learning_plan else "")


def _run(row: sqlite3.Row, spec: RunSpec) -> RecordRun:
    plan = spec.learning_plan
    return RecordRun(
        run=row["id"],
        created=row["created"],
        name=spec.name,
        packs=texts(row["packs"]),
        pipeline=spec.pipeline,
        base=spec.base,
        preset=spec.preset or "",
        jobs=spec.jobs,
        learning=spec.learning,
        experiment=spec.experiment or "",
        kind=plan.kind if plan else "",
        question=plan.question if plan else "",
        variables=plan.variables if plan else {},
        seeds=plan.seeds if plan else 0,
        randomizer=flattened(spec.randomizer),
        stars=row["stars"] or 0,
    )


RUN_STARS = "(SELECT stars FROM run_verdicts WHERE run = {} AND seq <= :upto ORDER BY seq DESC LIMIT 1)"
STORY = (
    "SELECT images.pixels, m.job, m.tokens, wordings.negative, runs.spec AS run_spec,"
    " coalesce((SELECT spec FROM past_specs WHERE job = m.job AND n > m.n ORDER BY n LIMIT 1),"
    " (SELECT spec FROM specs WHERE job = m.job)) AS spec,"
    " (SELECT max(seq) FROM (SELECT seq FROM verdicts WHERE image = :image AND seq <= :upto"
    " UNION ALL SELECT seq FROM taggings WHERE image = :image AND seq <= :upto)) AS said,"
    " (SELECT score FROM scores WHERE image = :image AND n <= :upto ORDER BY n DESC LIMIT 1) AS score,"
    f" {RUN_STARS.format('m.run')} AS run_stars"
    " FROM images JOIN makings AS m USING (token) JOIN wordings ON wordings.digest = m.words"
    " JOIN runs ON runs.id = m.run WHERE images.id = :image AND m.n <= :upto"
)
OUTPUTS = "SELECT token, pixels FROM images WHERE job = ? ORDER BY token, number"
RESULT = (
    "SELECT result FROM stages WHERE job = :job AND token = :token AND result IS NOT NULL"
    " UNION ALL SELECT result FROM past_results WHERE token = :token LIMIT 1"
)
RUNS = (
    f"SELECT id, created, packs, spec, {RUN_STARS.format('runs.id')} AS stars FROM runs WHERE n <= :upto AND ("
    "json_extract(CAST(spec AS TEXT), '$.learning_plan') IS NOT NULL OR EXISTS (SELECT 1 FROM makings AS m"
    " JOIN images ON images.job = m.job AND images.token = m.token WHERE m.run = runs.id AND m.n <= :upto AND m.counts"
    " AND (EXISTS (SELECT 1 FROM verdicts WHERE image = images.id AND seq <= :upto)"
    " OR EXISTS (SELECT 1 FROM taggings WHERE image = images.id AND seq <= :upto)))) ORDER BY n"
)
