"""Results folders: names that never collide, records that stay, and nothing earlier changes when stages are added."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.artifacts import results
from daemon.artifacts.manifest import Artifact, Manifest, Sidecar
from daemon.artifacts.names import RESERVED, safe_name
from daemon.disk import Incoming
from daemon.prompting.texts import stem
from schema.errors import Refused
from schema.ids import ImageId, NodeId, RunId, Sha256, StageId, Token, job_id
from schema.pages import FilmRecord, ImageRecord, ImageRow, JobRecord, RunRecord, RunRow, StageRecord
from schema.plans import JobSpec, Measures, PackRef, Picture, RunSpec

RUN = RunId("k3p9wq2m")


class Shelf:
    """A folder of files by their hash, as the artifact store is one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def add(self, content: bytes, **picture: object) -> Picture:
        name = hashlib.sha256(content).hexdigest()
        (self.root / name).write_bytes(content)
        known = {"pixels": "p" * 64, "media": "image/png", "width": 64, "height": 48, "seed": 7} | picture
        return Picture(sha256=Sha256(name), bytes=len(content), **known)

    def path(self, sha256: Sha256) -> Path:
        return self.root / sha256


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "art")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "results"


def run_of(folder: str = "2026-11-20_knights_k3p9wq2m", film: FilmRecord | None = None, jobs: int = 1) -> RunRecord:
    spec = RunSpec(
        name="knights", base=Sha256("b" * 64), plan_hash="c" * 64, seed=7, jobs=jobs, folder=folder,
        packs=(PackRef(name="knights", sha256=Sha256("d" * 64), prompts=1, jobs=jobs),),
    )  # fmt: skip
    row = RunRow(id=RUN, name="knights", state="finished", created=1_763_676_245.5, jobs=jobs, finished=jobs)
    return RunRecord(row=row, spec=spec, film=film)


def stage_of(shelf: Shelf, name: str, *contents: bytes, kind: str = "txt2img", token: int = 5) -> StageRecord:
    images = tuple(
        ImageRecord(id=ImageId(f"i{token}{name}{n}"), index=n, file=shelf.add(content))
        for n, content in enumerate(contents)
    )
    return StageRecord(
        id=StageId(name), kind=kind, state="done", attempts=1, token=Token(token), node=NodeId("local"),
        node_name="my box", backend="sketch",
        started=1_763_676_246.0, ended=1_763_676_247.0, measures=Measures(executed_s=0.9),
        effective={"steps": 20, "sampler": "Euler a"}, images=images,
    )  # fmt: skip


def job_of(
    stages: Sequence[StageRecord], name: str = "knights-01-v1-s7", number: int = 1, **known: object
) -> JobRecord:
    spec = JobSpec(
        name=name, pack="knights", template="a knight in [[weather]]", prompt="a knight in fog", seed=7,
        overlay={"txt2img.steps": 20}, origins={"prompt": "pack knights.txt:4", "txt2img.steps": "--set"},
    )  # fmt: skip
    record: dict[str, object] = {"state": "finished", "created": 1_763_676_245.5, "ended": 1_763_676_250.0}
    return JobRecord(id=job_id(RUN, number), run=RUN, spec=spec, stages=tuple(stages), **record | known)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def read(path: Path) -> Manifest:
    return msgspec.json.decode(path.read_bytes(), type=Manifest)


def test_finals_lie_on_top_and_every_stage_below(shelf: Shelf, root: Path):
    job = job_of([stage_of(shelf, "txt2img", b"first"), stage_of(shelf, "upscale", b"large", kind="upscale")])

    path = results.write_manifest(root, run_of(), [job], shelf.path)

    assert path == root / "2026-11-20_knights_k3p9wq2m" / "manifest.json"
    assert sorted(tree(path.parent)) == [
        "knights-01-v1-s7.json",
        "knights-01-v1-s7.png",
        "manifest.json",
        "stages/knights-01-v1-s7-01-txt2img.json",
        "stages/knights-01-v1-s7-01-txt2img.png",
        "stages/knights-01-v1-s7-02-upscale.json",
        "stages/knights-01-v1-s7-02-upscale.png",
    ]
    assert (path.parent / "knights-01-v1-s7.png").read_bytes() == b"large"


def test_the_manifest_tells_everything_and_every_hash_is_of_that_very_file(shelf: Shelf, root: Path):
    film = FilmRecord(
        id=ImageId("f"), file=shelf.add(b"film", media="video/mp4", pixels=""),
        frames=1, seconds=0.125, fps=8.0, codec="h264",
    )  # fmt: skip
    job = job_of([stage_of(shelf, "txt2img", b"one", b"two")])

    whole = read(results.write_manifest(root, run_of(film=film), [job], shelf.path))

    (entry,) = whole.jobs
    assert (entry.id, entry.name, entry.pack, entry.created) == (
        "k3p9wq2m.1", "knights-01-v1-s7", "knights", "2025-11-20T22:04:05.500Z",
    )  # fmt: skip
    assert (entry.template, entry.prompt) == ("a knight in [[weather]]", "a knight in fog")
    assert (entry.seed, entry.seeds) == (7, (7, 7))
    assert entry.origins["txt2img.steps"] == "--set"
    assert entry.stages[0].effective == {"steps": 20, "sampler": "Euler a"}
    assert (entry.stages[0].node, entry.stages[0].node_name, entry.stages[0].backend) == ("local", "my box", "sketch")
    assert entry.stages[0].durations.executed_s == 0.9
    artifacts = [*entry.stages[0].artifacts, *entry.finals]
    assert len(artifacts) == 4
    for artifact in artifacts:
        assert Path(artifact.path).is_absolute()
        assert Path(artifact.path) == Path(whole.folder) / artifact.file
        assert hashlib.sha256(Path(artifact.path).read_bytes()).hexdigest() == artifact.sha256
        assert Path(artifact.path).with_suffix(".json").is_file()
    assert whole.video_path == str(root / run_of().spec.folder / "film.mp4")
    assert whole.video_summary is not None
    assert (whole.video_summary.frames, whole.video_summary.codec) == (1, "h264")


def test_a_run_without_a_film_says_so_with_null(shelf: Shelf, root: Path):
    path = results.write_manifest(root, run_of(), [job_of([stage_of(shelf, "txt2img", b"a")])], shelf.path)

    raw = json.loads(path.read_bytes())
    assert raw["video_path"] is None
    assert raw["video_summary"] is None


@pytest.mark.parametrize("links", [True, False])
def test_a_second_call_changes_nothing(shelf: Shelf, root: Path, links: bool):
    jobs = [job_of([stage_of(shelf, "txt2img", b"a"), stage_of(shelf, "refine", b"b", kind="refine")])]
    path = results.write_manifest(root, run_of(), jobs, shelf.path, links=links)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in path.parent.rglob("*")}
    contents = tree(path.parent)

    results.write_stage(root, run_of(), jobs[0], jobs[0].stages[0], shelf.path, links=links)
    results.write_job(root, run_of(), jobs[0], shelf.path, links=links)
    results.write_manifest(root, run_of(), jobs, shelf.path, links=links)

    assert tree(path.parent) == contents
    assert {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in path.parent.rglob("*")} == before


def test_files_are_links_to_the_store_where_wanted_and_copies_elsewhere(shelf: Shelf, root: Path, monkeypatch):
    job = job_of([stage_of(shelf, "txt2img", b"a")])
    stored = shelf.path(job.stages[0].images[0].file.sha256)
    linked, copied, forced = [run_of(folder) for folder in ("linked", "copied", "forced")]

    def refuse(*args: object, **known: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    results.write_job(root, linked, job, shelf.path)
    results.write_job(root, copied, job, shelf.path, links=False)
    monkeypatch.setattr(results.os, "link", refuse)
    results.write_job(root, forced, job, shelf.path)

    names = [root / folder / "knights-01-v1-s7.png" for folder in ("linked", "copied", "forced")]
    assert [name.samefile(stored) for name in names] == [True, False, False]
    assert all(name.read_bytes() == b"a" for name in names)


def test_a_refinement_added_later_alters_no_earlier_file_name_or_entry(shelf: Shelf, root: Path):
    made = stage_of(shelf, "txt2img", b"made")
    upscaled = stage_of(shelf, "upscale", b"upscaled", kind="upscale", token=6)
    path = results.write_manifest(root, run_of(), [job_of([made, upscaled])], shelf.path)
    before, entry = tree(path.parent), read(path).jobs[0]

    refined = stage_of(shelf, "refine", b"refined", kind="refine", token=9)
    results.write_manifest(root, run_of(), [job_of([made, upscaled, refined])], shelf.path)

    after = tree(path.parent)
    assert {name: after[name] for name in before if name != "manifest.json"} == {
        name: content for name, content in before.items() if name != "manifest.json"
    }
    now = read(path).jobs[0]
    assert now.stages[:2] == entry.stages
    assert _files(now.earlier) == _files(entry.finals)
    assert _files(now.finals) == ["knights-01-v1-s7~2.png"]
    assert after["knights-01-v1-s7~2.png"] == b"refined"


def test_the_stages_before_a_refinement_are_recorded_as_without_it(shelf: Shelf, root: Path):
    made = stage_of(shelf, "txt2img", b"made")
    refined = stage_of(shelf, "refine", b"refined", kind="refine", token=9)

    plain = results.write_manifest(root, run_of("plain"), [job_of([made])], shelf.path)
    with_it = results.write_manifest(root, run_of("with"), [job_of([made, refined])], shelf.path)

    name = "stages/knights-01-v1-s7-01-txt2img"
    assert tree(plain.parent)[f"{name}.png"] == tree(with_it.parent)[f"{name}.png"]
    (one,), (other, _) = read(plain).jobs[0].stages, read(with_it).jobs[0].stages
    moved = other.artifacts[0].path.replace("/with/", "/plain/")
    assert one == msgspec.structs.replace(other, artifacts=(msgspec.structs.replace(other.artifacts[0], path=moved),))


def test_a_stage_run_again_gets_names_of_its_own_and_the_manifest_still_names_the_earlier_file(
    shelf: Shelf, root: Path
):
    results.write_manifest(root, run_of(), [job_of([stage_of(shelf, "txt2img", b"first")])], shelf.path)
    again = job_of([stage_of(shelf, "txt2img", b"again", token=12)])

    for _ in range(2):
        path = results.write_manifest(root, run_of(), [again], shelf.path)

    entry = read(path).jobs[0]
    assert _files(entry.stages[0].artifacts) == ["stages/knights-01-v1-s7-01-txt2img~2.png"]
    assert _files(entry.earlier) == ["stages/knights-01-v1-s7-01-txt2img.png", "knights-01-v1-s7.png"]
    assert (path.parent / "knights-01-v1-s7.png").read_bytes() == b"first"
    assert (path.parent / "knights-01-v1-s7~2.png").read_bytes() == b"again"


def test_a_picture_of_another_format_does_not_share_a_sidecar_with_an_earlier_one(shelf: Shelf, root: Path):
    (first,) = results.write_job(root, run_of(), job_of([stage_of(shelf, "txt2img", b"first")]), shelf.path)
    file = shelf.add(b"small", media="image/jpeg")
    resized = stage_of(shelf, "resize", b"", kind="resize", token=8)
    resized = msgspec.structs.replace(resized, images=(ImageRecord(id=ImageId("j"), index=0, file=file),))

    (second,) = results.write_job(root, run_of(), job_of([resized]), shelf.path)

    assert (first.file, second.file) == ("knights-01-v1-s7.png", "knights-01-v1-s7~2.jpg")
    assert msgspec.json.decode(Path(first.path).with_suffix(".json").read_bytes(), type=Sidecar).image == first
    assert msgspec.json.decode(Path(second.path).with_suffix(".json").read_bytes(), type=Sidecar).image == second


def test_a_picture_is_found_under_whatever_name_it_got(shelf: Shelf, root: Path):
    first, again = stage_of(shelf, "txt2img", b"first"), stage_of(shelf, "txt2img", b"again", token=9)
    for stage in (first, again):
        results.write_job(root, run_of(), job_of([stage]), shelf.path)

    def found(stage: StageRecord, final: bool, content: bytes) -> Path | None:
        source = shelf.root / "source.png"
        source.write_bytes(content)
        file = stage.images[0].file
        row = ImageRow(
            id=ImageId("i"), job=job_id(RUN, 1), run=RUN, stage=stage.id, name="knights-01-v1-s7", final=final,
            created=0.0, media=file.media, bytes=file.bytes, width=1, height=1, sha256=file.sha256, pixels="",
            folder=run_of().spec.folder, stage_number=1,
        )  # fmt: skip
        return results.find(root, row, source)

    folder = root / run_of().spec.folder
    assert found(first, True, b"first") == folder / "knights-01-v1-s7.png"
    assert found(again, True, b"again") == folder / "knights-01-v1-s7~2.png"
    assert found(again, False, b"again") == folder / "stages" / "knights-01-v1-s7-01-txt2img~2.png"
    assert found(stage_of(shelf, "txt2img", b"other"), True, b"other") is None


def test_a_person_s_own_file_is_never_overwritten(shelf: Shelf, root: Path):
    folder = root / run_of().spec.folder
    folder.mkdir(parents=True)
    (folder / "knights-01-v1-s7.png").write_text("mine")

    (final,) = results.write_job(root, run_of(), job_of([stage_of(shelf, "txt2img", b"a")]), shelf.path)

    assert (folder / "knights-01-v1-s7.png").read_text() == "mine"
    assert final.file == "knights-01-v1-s7~2.png"


def test_a_file_that_a_person_deleted_comes_back_under_its_name(shelf: Shelf, root: Path):
    job = job_of([stage_of(shelf, "txt2img", b"a")])
    (final,) = results.write_job(root, run_of(), job, shelf.path)
    Path(final.path).unlink()

    assert results.write_job(root, run_of(), job, shelf.path) == (final,)
    assert Path(final.path).read_bytes() == b"a"


def test_a_crash_between_picture_and_sidecar_is_mended(shelf: Shelf, root: Path):
    job = job_of([stage_of(shelf, "txt2img", b"a")])
    (final,) = results.write_job(root, run_of(), job, shelf.path)
    beside = Path(final.path).with_suffix(".json")
    told = beside.read_bytes()
    beside.unlink()

    results.write_job(root, run_of(), job, shelf.path)

    assert beside.read_bytes() == told


class Crash(BaseException):
    """The process ends here."""


def test_a_crash_at_any_step_is_mended_by_doing_it_again(shelf: Shelf, root: Path, tmp_path: Path):
    jobs = [
        job_of([stage_of(shelf, "txt2img", b"a", b"b"), stage_of(shelf, "upscale", b"c", kind="upscale")]),
        job_of([stage_of(shelf, "txt2img", b"d")], name="other", number=2),
    ]
    whole = tree(results.write_manifest(tmp_path / "whole", run_of(jobs=2), jobs, shelf.path).parent)
    del whole["manifest.json"]
    number = crashes = 0
    while crashes == number:
        number += 1
        place = tmp_path / f"crash{number}"
        with pytest.MonkeyPatch.context() as patch:
            crash_at(patch, number)
            try:
                results.write_manifest(place, run_of(jobs=2), jobs, shelf.path)
            except Crash:
                crashes += 1

        path = results.write_manifest(place, run_of(jobs=2), jobs, shelf.path)

        found = tree(path.parent)
        manifest = msgspec.json.decode(found.pop("manifest.json"), type=Manifest)
        assert found.keys() == whole.keys()
        assert all(content == whole[name] for name, content in found.items() if name.endswith(".png"))
        assert len(manifest.jobs[0].finals) + len(manifest.jobs[1].finals) == 2
    assert crashes > 20


def crash_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Ends the process, as far as the code can tell, before the k-th change to the disk."""
    count = 0

    def counted(really: Callable[..., object]) -> Callable[..., object]:
        def change(*given: object, **known: object) -> object:
            nonlocal count
            count += 1
            if count == number:
                raise Crash
            return really(*given, **known)

        return change

    for owner, name in ((os, "link"), (os, "fsync"), (Path, "replace"), (Path, "mkdir"), (Incoming, "write")):
        patch.setattr(owner, name, counted(getattr(owner, name)))


def test_the_sidecar_has_the_whole_record_up_to_its_stage(shelf: Shelf, root: Path):
    job = job_of([stage_of(shelf, "txt2img", b"a"), stage_of(shelf, "upscale", b"b", kind="upscale")])
    (final,) = results.write_job(root, run_of(), job, shelf.path)
    first = root / run_of().spec.folder / "stages" / "knights-01-v1-s7-01-txt2img.json"

    last = msgspec.json.decode(Path(final.path).with_suffix(".json").read_bytes(), type=Sidecar)
    early = msgspec.json.decode(first.read_bytes(), type=Sidecar)

    assert [stage.id for stage in last.stages] == ["txt2img", "upscale"]
    assert [stage.id for stage in early.stages] == ["txt2img"]
    assert (last.prompt, last.seed, last.overlay) == ("a knight in fog", 7, {"txt2img.steps": 20})
    assert last.image == final


def test_jobs_whose_names_end_in_the_same_file_name_are_kept_apart(shelf: Shelf, root: Path):
    names = ["a/b", "a\\b", "a:b", "a_b", "A_B", "film", "manifest", "x" * 300, "x" * 301, "con", "ﬁlm"]
    jobs = [
        job_of([stage_of(shelf, "txt2img", b"picture %d" % n)], name=name, number=n)
        for n, name in enumerate(names, start=1)
    ]

    path = results.write_manifest(root, run_of(jobs=len(jobs)), jobs, shelf.path)

    finals = [job.finals[0] for job in read(path).jobs]
    assert [Path(final.path).read_bytes() for final in finals] == [b"picture %d" % n for n in range(1, len(names) + 1)]
    assert len({final.file.casefold() for final in finals}) >= len(names) - 1
    assert all(len(Path(final.file).name.encode()) <= 120 for final in finals)
    assert path.name == "manifest.json"


def test_only_a_finished_job_has_finals(shelf: Shelf, root: Path):
    made = stage_of(shelf, "txt2img", b"a")
    failed = StageRecord(id=StageId("upscale"), kind="upscale", state="failed", reason="the backend ran out of memory")

    path = results.write_manifest(root, run_of(), [job_of([made, failed], state="failed")], shelf.path)

    (entry,) = read(path).jobs
    assert entry.finals == ()
    assert entry.stages[1].reason == "the backend ran out of memory"
    assert sorted(p.name for p in path.parent.iterdir()) == ["manifest.json", "stages"]


def test_a_job_whose_last_stage_was_skipped_ends_with_the_one_before(shelf: Shelf, root: Path):
    skipped = StageRecord(id=StageId("upscale"), kind="upscale", state="skipped")

    (final,) = results.write_job(root, run_of(), job_of([stage_of(shelf, "txt2img", b"a"), skipped]), shelf.path)

    assert Path(final.path).read_bytes() == b"a"


def test_a_later_film_leaves_the_first_where_it_is(shelf: Shelf, root: Path):
    films = [
        FilmRecord(id=ImageId(f"f{n}"), file=shelf.add(content, media="video/mp4", pixels=""),
                   frames=2, seconds=0.25, fps=8.0, codec="h264")
        for n, content in enumerate((b"film one", b"film two"))
    ]  # fmt: skip

    paths = [results.write_film(root, run_of(film=film), shelf.path) for film in (*films, films[0])]

    assert [path.name for path in paths if path] == ["film.mp4", "film~2.mp4", "film.mp4"]


@pytest.mark.parametrize("folder", ["..", "a/b", "../outside", "", ".hidden", "con"])
def test_a_folder_name_that_leaves_the_root_is_refused(shelf: Shelf, root: Path, folder: str):
    with pytest.raises(Refused):
        results.write_job(root, run_of(folder), job_of([stage_of(shelf, "txt2img", b"a")]), shelf.path)


def test_results_are_not_written_through_a_link(shelf: Shelf, root: Path, tmp_path: Path):
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / run_of().spec.folder).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused, match="through links"):
        results.write_job(root, run_of(), job_of([stage_of(shelf, "txt2img", b"a")]), shelf.path)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_damaged_manifest_is_made_anew(shelf: Shelf, root: Path):
    jobs = [job_of([stage_of(shelf, "txt2img", b"a")])]
    path = results.write_manifest(root, run_of(), jobs, shelf.path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])

    results.write_manifest(root, run_of(), jobs, shelf.path)

    assert path.read_bytes() == whole


def test_what_a_crash_left_unfinished_is_removed(shelf: Shelf, root: Path):
    jobs = [job_of([stage_of(shelf, "txt2img", b"a")])]
    folder = results.write_manifest(root, run_of(), jobs, shelf.path).parent
    left = [folder / ".stablenew-a.part", folder / "stages" / ".stablenew-b.part"]
    for path in left:
        path.write_bytes(b"half")

    results.write_manifest(root, run_of(), jobs, shelf.path)

    assert not any(path.exists() for path in left)


@given(st.text(max_size=80))
def test_what_the_plan_names_is_a_name_in_the_results_folder_too(words: str):
    for planned in (f"2026-11-20-k3p9wq2m-{stem(words, 60)}", f"{stem(words)}-01-v1-s42"):
        assert safe_name(planned) == planned


@given(st.text(max_size=200) | st.sampled_from(["con", "NUL.txt", "com1", "..", ". .", "a.", "\0", "\u202egnp.exe"]))
def test_every_safe_name_is_one_harmless_component(words: str):
    name = safe_name(words)

    assert name
    assert name not in (".", "..")
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert not set(name) & set('/\\:*?"<>|\0\u202e\u200b\n\t')
    assert len(name.encode()) <= 120
    assert name.partition(".")[0].lower() not in RESERVED
    assert safe_name(name) == name


def _files(artifacts: Sequence[Artifact]) -> list[str]:
    return [artifact.file for artifact in artifacts]
