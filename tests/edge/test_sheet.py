"""Contact sheets: which picture stands where, and that the page stays within bounds."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from daemon.artifacts.results import write_manifest
from daemon.artifacts.sheets.drawing import PIXELS, SIDE, digest, digest_of, draw, fitted
from daemon.artifacts.sheets.layout import Layout, lay_out
from daemon.artifacts.sheets.writing import write_sheet
from schema.errors import Refused
from schema.ids import ImageId, JobId, RunId, Sha256, StageId
from schema.pages import ImageRecord, JobRecord, RunRecord, RunRow, StageRecord
from schema.plans import JobSpec, Pick, Picture, Randomizer, RunSpec

RED, BLUE = (200, 30, 30), (30, 30, 200)


class Shelf:
    """Pictures of one colour by their hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, colour: tuple[int, ...], size: tuple[int, int] = (96, 64), mode: str = "RGB") -> Picture:
        sha = Sha256(f"{len(list(self.folder.iterdir())):064x}")
        Image.new(mode, size, colour).save(self.folder / sha, "PNG")
        return Picture(sha256=sha, pixels="", media="image/png", bytes=1, width=size[0], height=size[1])

    def path(self, sha: Sha256) -> Path:
        if not (self.folder / sha).exists():
            raise Refused(f"{sha[:12]} is not there")
        return self.folder / sha


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "store").mkdir()
    return Shelf(tmp_path / "store")


def run(jobs: Sequence[JobRecord], **axes: tuple[str, ...]) -> RunRecord:
    spec = RunSpec(
        name="bay", base=Sha256("0" * 64), plan_hash="p", seed=1, jobs=len(jobs), folder="bay",
        randomizer=Randomizer(axes={name.replace("__", "."): levels for name, levels in axes.items()}),
    )  # fmt: skip
    return RunRecord(row=RunRow(id=RunId("r7"), name="bay", state="finished", created=0.0, jobs=len(jobs)), spec=spec)


def job(number: int, *files: Picture, state: str = "finished", suspect: str | None = None, **spec: object) -> JobRecord:
    images = tuple(
        ImageRecord(id=ImageId(f"i{number}-{at}"), index=at, file=file, suspect=suspect)
        for at, file in enumerate(files)
    )
    stages = (StageRecord(id=StageId("paint"), kind="txt2img", state="done" if files else "waiting", images=images),)
    return JobRecord(
        id=JobId(f"r7.{number}"), run=RunId("r7"), state=state, created=0.0, stages=stages,  # type: ignore[arg-type]
        spec=JobSpec(**{"name": f"bay-{number}", "prompt": "a bay", "seed": 42, **spec}),  # type: ignore[arg-type]
    )  # fmt: skip


def names(layout: Layout) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    return [
        (panel.title, [(label, [cell.name if cell else "-" for cell in cells]) for label, cells in panel.rows])
        for panel in layout.panels
    ]


def test_a_grid_of_two_axes_has_their_levels_in_the_order_they_were_asked_for(shelf: Shelf) -> None:
    one = shelf.add(RED)
    cells = [("7.5", "20"), ("7.5", "8"), ("5.0", "20"), ("5.0", "8")]
    jobs = [job(n, one, axes={"txt2img.cfg": cfg, "txt2img.steps": steps}) for n, (cfg, steps) in enumerate(cells)]
    layout = lay_out(run(jobs, txt2img__cfg=("5.0", "7.5"), txt2img__steps=("8", "20")), jobs)

    assert (layout.x, layout.y, layout.columns) == ("txt2img.cfg", "txt2img.steps", ("5.0", "7.5"))
    assert names(layout) == [("", [("8", ["bay-3", "bay-1"]), ("20", ["bay-2", "bay-0"])])]

    turned = lay_out(run(jobs, txt2img__cfg=("5.0", "7.5"), txt2img__steps=("8", "20")), jobs, x="steps", y="cfg")
    assert names(turned) == [("", [("5.0", ["bay-3", "bay-2"]), ("7.5", ["bay-1", "bay-0"])])]


def test_loras_side_by_side_with_a_row_for_each_seed_and_a_panel_for_each_third_axis(shelf: Shelf) -> None:
    one, levels = shelf.add(RED), ("soft:0.4", "soft:0.8", "ink:0.6")
    jobs = [job(n, one, seed=seed, axes={"lora": lora})
            for n, (seed, lora) in enumerate((s, v) for s in (42, 43) for v in levels)]  # fmt: skip
    layout = lay_out(run(jobs, lora=levels), jobs)
    assert layout.columns == levels
    assert names(layout) == [("", [("42", ["bay-0", "bay-1", "bay-2"]), ("43", ["bay-3", "bay-4", "bay-5"])])]

    by_cfg = [job(n, one, axes={"lora": lora, "cfg": cfg, "steps": steps}) for n, (lora, cfg, steps) in enumerate(
        (v, c, s) for v in levels[:2] for c in "57" for s in "89")]  # fmt: skip
    layout = lay_out(run(by_cfg, lora=levels[:2], cfg=("5", "7"), steps=("8", "9")), by_cfg)
    assert [title for title, _ in names(layout)] == ["steps 8", "steps 9"]
    assert names(layout)[1][1] == [("5", ["bay-1", "bay-5"]), ("7", ["bay-3", "bay-7"])]


def test_places_to_vary_are_axes_too_and_what_is_the_same_everywhere_is_none(shelf: Shelf) -> None:
    one = shelf.add(RED)
    jobs = [job(n, one, seed=seed, variant=n, picks=(Pick(key="__sky__", value=sky),))
            for n, (sky, seed) in enumerate((v, s) for v in ("dusk", "dawn") for s in (1, 2))]  # fmt: skip

    layout = lay_out(run(jobs), jobs)
    assert (layout.x, layout.y) == ("seed", "__sky__")
    assert names(layout) == [("", [("dusk", ["bay-0", "bay-1"]), ("dawn", ["bay-2", "bay-3"])])]
    assert lay_out(run(jobs), jobs, x="sky").x == "__sky__"
    with pytest.raises(Refused, match="'steps' is nothing that this run varies"):
        lay_out(run(jobs), jobs, y="steps")


def test_without_anything_in_common_pictures_stand_in_a_square_with_their_names(shelf: Shelf) -> None:
    jobs = [job(n, shelf.add(RED), prompt_number=n, template=f"prompt {n}") for n in range(5)]
    layout = lay_out(run(jobs), jobs)
    assert layout.captions
    assert names(layout) == [("", [("", ["bay-0", "bay-1", "bay-2"]), ("", ["bay-3", "bay-4", "-"])])]


def test_every_picture_of_a_batch_has_a_place_and_so_has_a_job_without_one(shelf: Shelf) -> None:
    one = shelf.add(RED)
    jobs = [job(1, one, one, axes={"cfg": "5"}), job(2, state="failed", axes={"cfg": "7"})]
    layout = lay_out(run(jobs, cfg=("5", "7")), jobs)
    assert names(layout) == [("", [("1", ["bay-1", "bay-2"]), ("2", ["bay-1", "-"])])]
    assert [cell.mark for cell in layout.cells()] == ["", "failed", ""]


def test_the_page_shows_the_pictures_where_the_layout_says(shelf: Shelf, tmp_path: Path) -> None:
    jobs = [
        job(1, shelf.add(RED), axes={"cfg": "5"}),
        job(2, shelf.add((*BLUE, 255), mode="RGBA"), axes={"cfg": "7"}),
        job(3, Picture(sha256=Sha256("f" * 64), pixels="", media="image/png", bytes=1, width=9, height=6),
            axes={"cfg": "9"}),
    ]  # fmt: skip
    layout = lay_out(run(jobs, cfg=("5", "7", "9")), jobs)
    page = Image.open(io.BytesIO(draw(layout, shelf.path, 128)))
    plan = fitted(layout, 128)

    assert page.size == (plan.width, plan.height)
    middle = page.height - 16 - plan.cell[1] // 2 - 6
    found = [page.getpixel((16 + plan.label + at * (plan.cell[0] + 6) + plan.cell[0] // 2, middle)) for at in range(3)]
    assert found[:2] == [RED, BLUE]
    assert found[2] == (44, 44, 49)  # its file is gone: a hole, and the others are there


def test_the_largest_pages_stay_within_bounds_and_too_many_pictures_are_refused(shelf: Shelf) -> None:
    one = shelf.add(RED, (512, 512))

    def grid(wide: int, high: int) -> Layout:
        jobs = [job(n, one, axes={"a": str(n % wide), "b": str(n // wide)}) for n in range(wide * high)]
        return lay_out(run(jobs, a=tuple(map(str, range(wide))), b=tuple(map(str, range(high)))), jobs)

    for wide, high in ((2, 2), (10, 10), (40, 30), (3, 100)):
        plan = fitted(grid(wide, high))
        assert plan.width * plan.height <= PIXELS
        assert max(plan.width, plan.height) <= SIDE
    with pytest.raises(Refused, match=r"12,000 pictures"):
        fitted(grid(120, 100))


def test_a_sheet_that_shows_what_is_there_stays_as_it_is(shelf: Shelf, tmp_path: Path) -> None:
    jobs = [job(n, shelf.add(RED), axes={"cfg": str(n)}) for n in (5, 7)]
    record, name = run(jobs, cfg=("5", "7")), tmp_path / "sheet.png"

    assert write_sheet(name, record, jobs, shelf.path) == name
    before = name.stat()
    assert digest_of(name) == digest(lay_out(record, jobs))
    write_sheet(name, record, jobs, shelf.path)
    assert name.stat().st_ino == before.st_ino

    jobs[1] = job(7, shelf.add(BLUE), axes={"cfg": "7"})
    write_sheet(name, record, jobs, shelf.path)
    assert name.stat().st_ino != before.st_ino
    assert write_sheet(tmp_path / "none.png", run(jobs), jobs, shelf.path) is None
    assert not (tmp_path / "none.png").exists()


def test_the_manifest_of_a_grid_names_its_sheet_and_that_of_another_run_none(shelf: Shelf, tmp_path: Path) -> None:
    jobs = [job(n, shelf.add(RED), axes={"cfg": str(n)}) for n in (5, 7)]
    for record, named in ((run(jobs, cfg=("5", "7")), True), (run(jobs), False)):
        root = tmp_path / f"results-{named}"
        manifest = json.loads(write_manifest(root, record, jobs, shelf.path).read_text())
        page = root / "bay" / "sheet.png"
        assert manifest["sheet_path"] == (str(page) if named else None)
        assert page.exists() == named
