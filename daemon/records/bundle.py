"""The bundle for a language model: a zip of records, insights and what explains them, with its own JSON Schema."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from daemon.records import veiled
from daemon.records.cloak import Cloak
from daemon.records.explained import pack_page, readme
from daemon.records.flat import verdicts
from daemon.records.shapes import (
    BundledFile,
    ImageLine,
    ImageStage,
    Manifest,
    ParamsLine,
    RatingLine,
    json_schema,
)
from schema.errors import Refused
from schema.insights import Insights, Report
from schema.pages import iso
from schema.plans import Plain
from schema.records import LOOSE, Record, RecordRun, Settings, WholeRecord

FORMAT = 1
REDACTED = ("prompts", "names of packs, models, LoRAs, styles, presets, tags and places to vary", "machines", "folders")
ALWAYS = ("machines", "folders")
_ENCODER = msgspec.json.Encoder(order="sorted")


class Material(NamedTuple):
    """What a bundle is made of. All of it follows from the log up to `seq`."""

    seq: int
    at: float
    """Unix seconds."""
    version: str
    """Of the program."""
    records: Sequence[WholeRecord]
    """Of pictures, and of duels (`better_than`); in the order of their verdicts."""
    runs: Sequence[RecordRun]
    insights: Insights
    report: Report | None = None
    older: int = 0
    """Records before `records`, of which so many do not fit that nobody read them."""


class Limits(NamedTuple):
    redact: bool = False
    """All words of a person become salted ids."""
    megabytes: float = 5.0
    """Of the zip: the newest records that fit, and all runs."""


def make_bundle(material: Material, salt: bytes, limits: Limits = Limits()) -> bytes:  # noqa: B008 - a constant
    """The same bytes for the same material, salt and limits. Refused where not even what explains it fits.

    `salt`: secret, of this installation; ids of the same word are the same in all its bundles.
    """
    cloak = Cloak(salt, limits.redact, [run.run for run in material.runs])
    room = int(limits.megabytes * 1_000_000)
    said = tuple(_veiled(record, cloak) for record in verdicts(material.records))
    fixed = _fixed(material, cloak)
    kept = len(said)
    while True:
        left_out = material.older + len(said) - kept
        made = _zip(_files(material, said[len(said) - kept :], fixed, cloak, left_out))
        if len(made) <= room:
            return made
        if not kept:
            raise Refused(
                f"a bundle without any record has {len(made):,} bytes already.", where="--max-mb",
                remedy=f"Allow at least {len(made) / 1_000_000 + 0.1:.1f}.",
            )  # fmt: skip
        kept = min(kept - 1, int(kept * 0.95 * room / len(made)))


class _Fixed(NamedTuple):
    """What does not depend on how many records there is room for."""

    insights: Insights
    report: Report | None
    files: Mapping[str, bytes]


def _fixed(material: Material, cloak: Cloak) -> _Fixed:
    insights, report = veiled.unplaced(material.insights), material.report and veiled.unplaced(material.report)
    if cloak.redact:
        insights = veiled.insights(material.insights, cloak)
        report = material.report and veiled.report(material.report, cloak)
    files = {
        "schema.json": _document(json_schema()),
        "runs.jsonl": _lines([_run(run, cloak) for run in material.runs]),
        "insights.json": _document(insights),
        **({"report.json": _document(report)} if report is not None else {}),
    }
    return _Fixed(insights, report, files)


def _files(
    material: Material, said: Sequence[WholeRecord], fixed: _Fixed, cloak: Cloak, left_out: int
) -> dict[str, bytes]:
    packs: dict[str, list[WholeRecord]] = {}
    for record in said:
        packs.setdefault(record.pack, []).append(record)
    told = {one.pack: one for one in fixed.insights.packs}
    names = _page_names(sorted(packs))
    example = next((name for name in sorted(packs) if name != LOOSE), "PACK")
    explained = readme(
        said, material.seq, left_out, redact=cloak.redact, report=fixed.report is not None, example=example
    )
    files = {
        "README.md": explained.encode(),
        **fixed.files,
        "ratings.jsonl": _lines([_rating(record) for record in said]),
        "images.jsonl": _lines(_images(said)),
        "params.jsonl": _lines(_params(said)),
        **{names[name]: pack_page(name, told.get(name), records).encode() for name, records in sorted(packs.items())},
    }
    manifest = Manifest(
        format="stablenew-records",
        version=FORMAT,
        program=material.version,
        algorithm=material.insights.algorithm,
        seq=material.seq,
        at=iso(material.at),
        redacted=REDACTED if cloak.redact else ALWAYS,
        records=len(said),
        left_out=left_out,
        files=tuple(_told(path, content) for path, content in files.items()),
    )
    return {"README.md": files.pop("README.md"), "manifest.json": _document(manifest), **files}


OF = {
    "ratings.jsonl": "rating", "images.jsonl": "image", "params.jsonl": "params", "runs.jsonl": "run",
    "insights.json": "insights", "report.json": "report",
}  # fmt: skip


def _told(path: str, content: bytes) -> BundledFile:
    return BundledFile(
        path=path,
        bytes=len(content),
        sha256=sha256(content).hexdigest(),
        lines=content.count(b"\n") if path.endswith(".jsonl") else None,
        schema=f"schema.json#/$defs/{OF[path]}" if path in OF else "",
    )


# Lines -------------------------------------------------------------------------------------------


def _veiled(record: WholeRecord, cloak: Cloak) -> WholeRecord:
    """A record as it may leave the house."""
    own = bool(record.job)
    stages = tuple(
        msgspec.structs.replace(stage, id=cloak.stage(stage.id), node=cloak.node(stage.node),
                                backend=cloak.word("backend", stage.backend), effective={}, reported={},
                                filters=tuple(cloak.word("filter", name) for name in stage.filters))
        for stage in record.stages
    )  # fmt: skip
    return msgspec.structs.replace(
        record,
        id=record.id if own else cloak.foreign("image", record.id),
        session=record.session if own else cloak.foreign("session", record.session),
        run=record.run if own else cloak.run(record.run),
        better_than=record.better_than if own else cloak.foreign("image", record.better_than),
        pack=cloak.word("pack", record.pack),
        prompt=cloak.id("prompt", record.prompt) if cloak.redact else cloak.text(record.prompt),
        params=cloak.settings(record.params),
        tags=tuple(cloak.tag(tag) for tag in record.tags),
        backend=cloak.word("backend", record.backend),
        stages=stages,
        experiment=cloak.word("experiment", record.experiment),
    )


def params_id(params: Settings) -> str:
    return sha256(_ENCODER.encode(params)).hexdigest()[:16]


def _rating(record: WholeRecord) -> RatingLine:
    flat = {name: getattr(record, name) for name in Record.__struct_fields__}
    return RatingLine(**flat, params_id=params_id(record.params))


def _images(said: Sequence[WholeRecord]) -> list[ImageLine]:
    found: dict[str, ImageLine] = {}
    for record in said:
        if record.job:
            found[record.id] = ImageLine(
                id=record.id,
                pixels=record.pixels,
                job=record.job,
                run=record.run,
                params_id=params_id(record.params),
                seed=record.seed,
                seconds=record.seconds,
                stages=tuple(
                    ImageStage(id=stage.id, kind=stage.kind, backend=stage.backend, node=stage.node,
                               seconds=stage.seconds, filters=stage.filters)
                    for stage in record.stages
                ),
                learning=record.learning,
                experiment=record.experiment,
                score=record.score,
                run_stars=record.run_stars,
            )  # fmt: skip
    return list(found.values())


def _params(said: Sequence[WholeRecord]) -> list[ParamsLine]:
    found: dict[str, tuple[Settings, dict[str, int]]] = {}
    for record in said:
        _, stars = found.setdefault(params_id(record.params), (record.params, {}))
        stars[record.id] = max(record.stars, stars.get(record.id, 0))
    lines = []
    for name, (params, stars) in found.items():
        rated = [each for each in stars.values() if each]
        mean = round(sum(rated) / len(rated), 6) if rated else None
        lines.append(ParamsLine(params_id=name, params=params, images=len(stars), stars=mean))
    return lines


def _run(run: RecordRun, cloak: Cloak) -> RecordRun:
    if not cloak.redact:
        return veiled.unplaced(run)
    return msgspec.structs.replace(
        run,
        name=cloak.id("name", run.name) if run.name else "",
        packs=tuple(cloak.word("pack", pack) for pack in run.packs),
        pipeline=cloak.word("pipeline", run.pipeline),
        base=cloak.id("base", run.base) if run.base else "",
        preset=cloak.id("preset", run.preset) if run.preset else "",
        experiment=cloak.word("experiment", run.experiment),
        question="",
        variables={cloak.param(name): cloak.values(values, name) for name, values in run.variables.items()},
        randomizer={
            name: cloak.value(value)
            for name, value in run.randomizer.items()
            if "." not in name and (not isinstance(value, str) or name in ("order", "matrix"))
        },
    )


# The zip -----------------------------------------------------------------------------------------


def _page_names(packs: Sequence[str]) -> dict[str, str]:
    """Files that any system can unpack, whatever a pack is called."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for pack in packs:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", pack).strip("-")[:60] or "pack"
        name, number = stem, 2
        while name.casefold() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.casefold())
        found[pack] = f"packs/{name}.md"
    return found


def _lines(values: Sequence[Plain]) -> bytes:
    return b"".join(_ENCODER.encode(value) + b"\n" for value in values)


def _document(value: object) -> bytes:
    return msgspec.json.format(_ENCODER.encode(value), indent=1) + b"\n"


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Without times and owners, so that the same files are the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            made.writestr(entry, content)
    return out.getvalue()
