"""The results folder of a run: finals on top, every stage below `stages/`, a sidecar beside each, film and manifest.

Everything here may be called again at any time: what stands is found and left as it is, byte for byte, and what a
later stage adds gets names of its own. All of it blocks; call it in a thread.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from daemon.artifacts import entries
from daemon.artifacts import manifest as m
from daemon.artifacts.formats import EXTENSIONS
from daemon.artifacts.names import safe_name
from daemon.artifacts.sheets.writing import write_sheet
from daemon.disk import UNFINISHED, Incoming, sync_folder, write_whole
from schema.errors import Refused
from schema.ids import JobId, Sha256, number_of
from schema.pages import FilmRecord, ImageRecord, ImageRow, JobRecord, RunRecord, StageRecord
from schema.plans import PICTURELESS, Picture

STEM_LIMIT = 64
"""Bytes of a job's part of a file name; a stage's id and numbers come behind it."""

TAKEN = frozenset({"manifest", "film", "sheet", "stages"})
"""Stems the folder uses itself."""

PathOf = Callable[[Sha256], Path]


def write_stage(
    root: Path, run: RunRecord, job: JobRecord, stage: StageRecord, path_of: PathOf, *, links: bool = True
) -> tuple[m.Artifact, ...]:
    """Puts the pictures of one finished stage below `stages/` as `<job>-<nn>-<stage id>.png`, with sidecars."""
    return _stage(open_folder(root, run), run, job, stage, path_of, links)


def write_job(
    root: Path, run: RunRecord, job: JobRecord, path_of: PathOf, *, links: bool = True
) -> tuple[m.Artifact, ...]:
    """Puts all stages of a job in their places and, once it is finished, its final pictures on top."""
    folder = open_folder(root, run)
    for stage in job.stages:
        _stage(folder, run, job, stage, path_of, links)
    return _finals(folder, run, job, path_of, links)


def write_manifest(
    root: Path, run: RunRecord, jobs: Iterable[JobRecord], path_of: PathOf, *, links: bool = True
) -> Path:
    """Completes the folder and writes `manifest.json`; its path. Files an older manifest names stay named."""
    folder = open_folder(root, run)
    path = folder / "manifest.json"
    older = m.earlier_of(_previous(path))
    jobs = tuple(jobs)
    told = tuple(_job(folder, run, job, path_of, links, older.get(job.id, ())) for job in jobs)
    sheet = write_sheet(folder / "sheet.png", run, jobs, path_of)
    film = write_film(root, run, path_of, links=links) if run.film else None
    summary = _summary(run.film, film) if run.film and film else None
    whole = entries.run_entry(run, str(folder), told, str(film) if film else None, summary)
    whole = msgspec.structs.replace(whole, sheet_path=str(sheet) if sheet else None)
    if write_whole(path, m.pretty(whole)):
        sync_folder(folder)
    _clear(folder)
    return path


def write_film(root: Path, run: RunRecord, path_of: PathOf, *, links: bool = True) -> Path | None:
    """Puts the run's film on top; a later film gets another name. None when there is none."""
    if run.film is None:
        return None
    folder = open_folder(root, run)
    file = run.film.file
    for name in slots(folder, "film", EXTENSIONS[file.media]):
        if _stands(name, path_of(file.sha256), file):
            return name
        if not os.path.lexists(name):
            _bring(path_of(file.sha256), name, links)
            return name
    raise AssertionError("names do not end")


def find(root: Path, row: ImageRow, source: Path) -> Path | None:
    """Where a picture lies in its run's folder; None where it is not there."""
    stem = stem_of(row.name, row.job)
    folder = root / row.folder
    if not row.final:
        folder, stem = folder / "stages", f"{stem}-{row.stage_number:02d}-{row.stage}"
    if row.index:
        stem = f"{stem}+{row.index + 1}"
    for name in slots(folder, stem, source.suffix[1:]):
        if _is_same(name, source, row.bytes, row.sha256):
            return name
        if not os.path.lexists(name) and told_beside(name) is None:
            return None
    raise AssertionError("names do not end")


def open_folder(root: Path, run: RunRecord) -> Path:
    """The run's folder, made if need be; absolute. Refuses to leave the results root."""
    name = run.spec.folder
    if safe_name(name) != name:
        raise Refused(f"the results folder's name '{name}' cannot be used on every file system.")
    root.mkdir(parents=True, exist_ok=True)
    folder = root.absolute() / name
    _make(folder)
    return folder


def final_stage(job: JobRecord) -> StageRecord | None:
    """The stage whose pictures are the job's final ones; None until the job is finished."""
    if job.state != "finished":
        return None
    made = (stage for stage in reversed(job.stages) if stage.state == "done" and (stage.images or stage.deleted))
    return next(made, None)


def file_stem(job: JobRecord) -> str:
    """The job's name where it can be a file's as it stands; else made so, with the job's number to keep it apart."""
    return stem_of(job.spec.name, job.id)


def stem_of(name: str, job: JobId) -> str:
    fit = safe_name(name, STEM_LIMIT)
    return name if fit == name and name.lower() not in TAKEN else f"{fit}+{number_of(job)}"


def _job(
    folder: Path, run: RunRecord, job: JobRecord, path_of: PathOf, links: bool, older: tuple[m.Artifact, ...]
) -> m.ManifestJob:
    stages = tuple(entries.stage_entry(stage, _stage(folder, run, job, stage, path_of, links)) for stage in job.stages)
    finals = _finals(folder, run, job, path_of, links)
    named = {artifact.file for stage in stages for artifact in stage.artifacts} | {final.file for final in finals}
    earlier = {
        artifact.file: artifact
        for artifact in older
        if artifact.file not in named and os.path.lexists(folder / artifact.file)
    }
    return entries.job_entry(job, stages, finals, tuple(earlier.values()))


def _stage(
    folder: Path, run: RunRecord, job: JobRecord, stage: StageRecord, path_of: PathOf, links: bool
) -> tuple[m.Artifact, ...]:
    if not stage.images or stage.state != "done":
        return ()
    place = folder / "stages"
    _make(place)
    ids = [each.id for each in job.stages]
    stem = f"{file_stem(job)}-{ids.index(stage.id) + 1:02d}-{stage.id}"
    return tuple(_place(folder, place, stem, run, job, stage, image, path_of, links) for image in stage.images)


def _finals(folder: Path, run: RunRecord, job: JobRecord, path_of: PathOf, links: bool) -> tuple[m.Artifact, ...]:
    last = final_stage(job)
    if last is None:
        return ()
    behind = [each for each in job.stages[job.stages.index(last) + 1 :] if each.kind in PICTURELESS]
    return tuple(
        _place(folder, folder, file_stem(job), run, job, last, image, path_of, links, behind=behind)
        for image in last.images
    )


def _place(
    folder: Path,
    place: Path,
    stem: str,
    run: RunRecord,
    job: JobRecord,
    stage: StageRecord,
    image: ImageRecord,
    path_of: PathOf,
    links: bool,
    behind: Sequence[StageRecord] = (),
) -> m.Artifact:
    """One picture under the first name that is free or already holds it, and its sidecar.

    `behind` are stages that looked at it afterwards: what they found stands in the sidecar too.
    """
    source = path_of(image.file.sha256)
    if image.index:
        stem = f"{stem}+{image.index + 1}"
    for name in slots(place, stem, EXTENSIONS[image.file.media]):
        if os.path.lexists(name):
            if _stands(name, source, image.file):
                break
        elif told_beside(name) in (None, image.file.sha256):
            _bring(source, name, links)
            break
    entry = _artifact(folder, name, image)
    beside = name.with_suffix(".json")
    if not beside.exists():
        write_whole(beside, m.pretty(entries.sidecar(run, job, entry, _stages_until(stage, job, behind))), sync=False)
    return entry


def _stages_until(stage: StageRecord, job: JobRecord, behind: Sequence[StageRecord]) -> tuple[m.ManifestStage, ...]:
    """The stages that led to a picture, and those behind it. Their own files are named in the manifest."""
    ids = [each.id for each in job.stages]
    return tuple(entries.stage_entry(each, ()) for each in (*job.stages[: ids.index(stage.id) + 1], *behind))


def _artifact(folder: Path, name: Path, image: ImageRecord) -> m.Artifact:
    file = image.file
    return m.Artifact(
        id=image.id,
        path=str(name),
        file=name.relative_to(folder).as_posix(),
        sha256=file.sha256,
        pixel_hash=file.pixels,
        width=file.width,
        height=file.height,
        media=file.media,
        bytes=file.bytes,
        seed=file.seed,
        index=image.index,
        suspect=image.suspect,
    )


def slots(place: Path, stem: str, extension: str) -> Iterable[Path]:
    """`stem.png`, `stem~2.png`, ...: the later ones when something else stands under the earlier."""
    yield place / f"{stem}.{extension}"
    number = 2
    while True:
        yield place / f"{stem}~{number}.{extension}"
        number += 1


def _stands(name: Path, source: Path, file: Picture) -> bool:
    return _is_same(name, source, file.bytes, file.sha256)


def _is_same(name: Path, source: Path, size: int, sha256: str) -> bool:
    """Whether this very content lies under this name: one file with the source, or a copy that its sidecar names."""
    try:
        found = name.lstat()
    except OSError:
        return False
    if found.st_size != size or name.is_symlink():
        return False
    if os.path.samestat(found, source.stat()):
        return True
    told = told_beside(name)
    return (told or hashlib.sha256(name.read_bytes()).hexdigest()) == sha256


def told_beside(name: Path) -> str | None:
    """The content that the sidecar of this name speaks of; empty when it is somebody else's file, None without one."""
    try:
        return msgspec.json.decode(name.with_suffix(".json").read_bytes(), type=m.Sidecar).image.sha256
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        return ""


def _bring(source: Path, name: Path, links: bool) -> None:
    """A hard link where the file system allows one, else a copy; whole from the moment it has its name."""
    if links:
        try:
            os.link(source, name, follow_symlinks=False)
            return
        except FileExistsError:
            raise
        except OSError:
            pass
    with Incoming(name.parent) as incoming:
        incoming.copy(source)
        incoming.finish(name, mode=0o644)


def relink(source: Path, name: Path, links: bool) -> None:
    """Puts `source` in place of what lies under this name. Raises OSError."""
    beside = name.with_name(f"{UNFINISHED}{name.stem}.part")
    beside.unlink(missing_ok=True)
    _bring(source, beside, links)
    beside.replace(name)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        raise Refused(
            "this folder is a link, and results are not written through links.",
            where=str(folder),
            remedy="Put a folder in its place.",
        )


def _clear(folder: Path) -> None:
    """Removes what a crash left unfinished; nobody else writes here, and not now."""
    for place in (folder, folder / "stages"):
        for left in place.glob(f"{UNFINISHED}*.part"):
            left.unlink(missing_ok=True)


def _previous(path: Path) -> m.Manifest | None:
    """An older manifest; one that cannot be read is made anew from the record."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=m.Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def _summary(film: FilmRecord, path: Path) -> m.VideoSummary:
    return m.VideoSummary(
        file=path.name,
        sha256=film.file.sha256,
        bytes=film.file.bytes,
        media=film.file.media,
        frames=film.frames,
        seconds=film.seconds,
        fps=film.fps,
        codec=film.codec,
        width=film.file.width,
        height=film.file.height,
    )
