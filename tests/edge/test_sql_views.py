"""The SQL views that other programs read: what `docs/sql.md` promises holds, for a plain connection of their own."""

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import MemoryLog, knights, made, opened

from daemon.views.lists import Window
from schema.events import ImageRated, ImagesCompared, PicturesDeleted
from schema.ids import ImageId
from schema.pages import iso

PAGE = (Path(__file__).parents[2] / "docs/sql.md").read_text()
PROMISED = {
    row[1]: tuple(re.findall(r"`(\w+)`", row[2])) for row in re.finditer(r"^\| `(v1_\w+)` \|[^|]*\|(.*)\|$", PAGE, re.M)
}
QUESTIONS = re.findall(r"```sql\n(.*?)```", PAGE, re.S)


@contextmanager
def stranger(folder: Path) -> Iterator[sqlite3.Connection]:
    """Any program's connection: it has no function of ours."""
    with closing(sqlite3.connect(f"file:{folder}/views.db?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        yield db


def columns(db: sqlite3.Connection, view: str) -> tuple[str, ...]:
    return tuple(column[0] for column in db.execute(f"SELECT * FROM {view}").description)


async def test_every_view_has_the_columns_that_the_page_promises_and_every_question_has_an_answer(tmp_path: Path):
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path):
        with stranger(tmp_path) as db:
            found = {
                row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'v1\\_%' ESCAPE '\\'")
            }
            assert {view: columns(db, view) for view in found} == PROMISED
            assert len(QUESTIONS) >= 7
            answers = [db.execute(question).fetchall() for question in QUESTIONS]
            assert [tuple(row) for row in answers[4]] == [("run kn7", "kn7.2", "no such sampler")]
            assert [tuple(row) for row in answers[3]] == [("kn7", "run kn7", 2, 0)]


async def test_a_picture_is_told_with_how_it_was_made_and_what_was_said_of_it(tmp_path: Path):
    log = MemoryLog()
    knights(log)
    log.add(ImagesCompared(better=ImageId("kn7-1-upscale"), worse=ImageId("kn7-1-txt2img")))
    log.add(ImageRated(image=ImageId("kn7-1-upscale"), stars=5, was=4))
    async with opened(log, tmp_path) as views:
        shown = {row.id: row for row in (await views.images(Window())).items}
        with stranger(tmp_path) as db:
            rows = {row["picture"]: row for row in db.execute("SELECT * FROM v1_pictures")}
            assert set(rows) == set(shown) == {"kn7-1-txt2img", "kn7-1-upscale"}
            row, told = rows["kn7-1-upscale"], shown["kn7-1-upscale"]
            assert (row["run"], row["job"], row["stage"], row["sha256"]) == (
                told.run,
                told.job,
                told.stage,
                told.sha256,
            )
            assert row["made"] == iso(told.created) and row["prompt"] == "a Knight, red banner"
            assert (row["stars"], row["tags"], row["final"]) == (5, "banner, keep", 1)
            assert row["file"] == f"{told.sha256[:2]}/{told.sha256}.png"
            settings = db.execute("SELECT setting, value FROM v1_settings WHERE picture = 'kn7-1-txt2img'").fetchall()
            assert ("txt2img.steps", 20) in [tuple(one) for one in settings]
            ratings = db.execute("SELECT stars FROM v1_ratings WHERE picture = 'kn7-1-upscale' ORDER BY seq").fetchall()
            assert [one[0] for one in ratings] == [4, 5]
            assert db.execute("SELECT better FROM v1_comparisons").fetchone()[0] == "kn7-1-upscale"
            assert db.execute("SELECT seq FROM v1_head").fetchone()[0] == len(log.envelopes)
            job = db.execute("SELECT * FROM v1_jobs WHERE job = 'kn7.1'").fetchone()
            assert (job["state"], job["node"], job["prompt"]) == ("finished", "big box", "a Knight, red banner")
            run = db.execute("SELECT jobs, finished, failed, waiting FROM v1_runs WHERE run = 'kn7'").fetchone()
            assert tuple(run) == (3, 1, 1, 1)


async def test_what_was_deleted_for_good_is_in_none_of_them(tmp_path: Path):
    log = MemoryLog()
    knights(log)
    log.add(PicturesDeleted(images=(ImageId("kn7-1-upscale"),), files=(), bytes=0, reason="trash"))
    async with opened(log, tmp_path):
        with stranger(tmp_path) as db:
            for view in ("v1_pictures", "v1_settings", "v1_tags"):
                found = {row[0] for row in db.execute(f"SELECT picture FROM {view}")}
                assert found <= {"kn7-1-txt2img"}, view


async def test_a_reader_sees_one_moment_and_holds_nobody_up(tmp_path: Path):
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        with stranger(tmp_path) as db:
            db.execute("BEGIN")
            before = db.execute("SELECT count(*) FROM v1_pictures").fetchone()[0]
            made(log, "kn7.3")
            await views._catch_up()
            assert (await views.images(Window())).total == before + 2
            assert db.execute("SELECT count(*) FROM v1_pictures").fetchone()[0] == before
            wal = tmp_path / "views.db-wal"
            await views.empty_wal()
            assert wal.stat().st_size  # it is still being read
            db.rollback()
            assert db.execute("SELECT count(*) FROM v1_pictures").fetchone()[0] == before + 2
            db.rollback()
            await views.empty_wal()
            assert wal.stat().st_size == 0
