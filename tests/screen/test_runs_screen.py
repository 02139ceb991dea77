"""The queue by run: folded and unfolded, and what a wish about a run is sent as."""

import msgspec
import pytest

from schema.ids import ImageId, RunId
from schema.pages import FilmRecord, RunRow
from schema.plans import Picture, RunSpec
from tui.widgets import runcard
from tui.widgets.runrow import outcome


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_runs_and_the_jobs_of_one(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_runs(eyes)
        await eyes.press("enter")
        await eyes.sees("kn00gt7a.1 ", "kn00gt7a.12")
        await eyes.quiet()
        picture_of(eyes, f"runs-{width}x{height}")


async def test_enter_unfolds_a_run_and_h_folds_it_again(show, daemon):
    async with show() as eyes:
        await to_runs(eyes)
        await eyes.press("enter")
        await eyes.sees("kn00gt7a.2 ")
        await eyes.press("j", "j", "h")
        await eyes.until(lambda: "kn00gt7a.2 " not in eyes.text())
        assert eyes.app.screen.listing.item().id == "kn00gt7a"
        await eyes.press("j")
        assert eyes.app.screen.listing.item().id == "kn01gt7a"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "path", "body"),
    [
        ("p", "/v1/runs/kn00gt7a/pause", {}),
        ("R", "/v1/jobs/retry", {"select": ["kn00gt7a"]}),
        ("T", "/v1/jobs/move", {"select": ["kn00gt7a"], "to": "top"}),
        ("B", "/v1/jobs/move", {"select": ["kn00gt7a"], "to": "bottom"}),
        ("H", "/v1/jobs/hold", {"select": ["kn00gt7a"]}),
        ("x", "/v1/jobs/cancel", {"select": ["kn00gt7a"]}),
    ],
)
async def test_a_wish_about_a_run_is_about_its_jobs(show, daemon, keys, path, body):
    async with show() as eyes:
        await to_runs(eyes)
        await eyes.press(*keys)
        await eyes.until(lambda: daemon.sent(path))
        assert daemon.sent(path) == [body]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "state", "question", "path"),
    [
        ("x", "queued", "Cancel 131 jobs of 1 run?", "/v1/jobs/cancel"),
        ("H", "queued", "Hold 131 jobs of 1 run?", "/v1/jobs/hold"),
        ("T", "queued", "Move 131 jobs of 1 run?", "/v1/jobs/move"),
        ("B", "queued", "Move 131 jobs of 1 run?", "/v1/jobs/move"),
        ("R", "failed", "Try again 131 jobs of 1 run?", "/v1/jobs/retry"),
    ],
)
async def test_many_jobs_of_a_run_are_not_changed_unasked(show, daemon, key, state, question, path):
    daemon.rows = [msgspec.structs.replace(row, run="big00run", state=state) for row in daemon.rows]
    async with show() as eyes:
        await to_runs(eyes, "big00run")
        await eyes.is_asked(key, question, lambda: daemon.sent(path))


@pytest.mark.slow
async def test_a_run_whose_job_is_made_for_long_is_not_cancelled_unasked(show, daemon):
    async with show() as eyes:
        await to_runs(eyes)
        daemon.now += 300
        await eyes.press("x")
        await eyes.sees("Cancel kn00gt7a.1? It has been running for 5 min.")
        await eyes.press("n")
        assert not daemon.sent("/v1/jobs/cancel")


@pytest.mark.slow
async def test_f_lists_its_jobs_and_i_its_pictures(show, daemon):
    async with show() as eyes:
        await to_runs(eyes)
        await eyes.press("f")
        await eyes.sees("[Jobs]", "40 of 131 jobs")
        await eyes.press("right_square_bracket")
        await eyes.sees("[Runs]")
        await eyes.press("i")
        await eyes.sees("[Gallery]", "40 pictures")


@pytest.mark.slow
async def test_a_job_that_ends_is_told_below_its_run(show, daemon):
    async with show() as eyes:
        await to_runs(eyes)
        await eyes.press("enter")
        await eyes.sees("kn00gt7a.3")
        await daemon.change(2, msgspec.structs.replace(daemon.rows[2], state="failed", reason="the model is gone"))
        await eyes.sees("✗", "the model is")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"finished": 3}, "✓ finished"),
        ({"finished": 1, "cancelled": 2}, "✓ finished"),
        ({"cancelled": 3}, "⊘ cancelled"),
        ({"failed": 1, "cancelled": 2}, "✗ failed"),
    ],
)
def test_a_run_of_which_nothing_was_made_is_not_told_as_finished(counts, told):
    run = RunRow(id=RunId("kn00gt7a"), name="knights", state="finished", created=0.0, jobs=3, ended=9.0, **counts)
    assert " ".join(outcome(run)[:2]) == told


MP4 = Picture(sha256="a" * 64, pixels="b" * 64, media="video/mp4", bytes=1_400_000, width=768, height=512)
FILM = FilmRecord(id=ImageId("f"), file=MP4, frames=96, seconds=12.0, fps=8.0, codec="h264")


@pytest.mark.parametrize(
    ("of_it", "told", "untold"),
    [
        (
            {"film": FILM, "video": "/results/knights/film.mp4"},
            ["film", "/results/knights/film.mp4", "0:12 · h264 · 768x512 · 1.4 MB", "o opens its folder"],
            "no film",
        ),
        ({"film": FILM}, ["its file is gone"], "no film"),
        ({"film_reason": "ffmpeg is not installed."}, ["no film", "ffmpeg is not installed."], "opens"),
        ({}, ["finished", "100%"], "film"),
    ],
)
def test_the_card_of_a_run_that_ended_names_its_film_or_why_there_is_none(of_it, told, untold):
    run = RunRow(id=RunId("kn00gt7a"), name="knights", state="finished", created=0.0, jobs=3, finished=3, ended=9.0,
                 folder="/results/knights")  # fmt: skip
    spec = RunSpec(name="knights", base="0" * 64, plan_hash="ab12", seed=7, jobs=3)
    record = runcard.LookedRun(row=run, spec=spec, **of_it)
    lines = [runcard.title(run), *runcard.card(run, None, None, 60, 0.0, record)]
    text = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert all(words in text for words in told) and untold not in text


async def test_a_run_that_ended_is_asked_for_its_film(show, daemon):
    daemon.films["kn01gt7a"] = (FILM, "/results/knights/film.mp4")
    async with show() as eyes:
        await to_runs(eyes)
        await eyes.press("j")
        await eyes.sees("/results/knights/film.mp4", "h264", "o opens its folder")
        await eyes.press("j")
        await eyes.until(lambda: "h264" not in eyes.text())


async def to_runs(eyes, run="kn00gt7a"):
    await eyes.sees("131", "kn00gt7a.1 " if run == "kn00gt7a" else "queued")
    await eyes.press("right_square_bracket")
    await eyes.sees("[Runs]", f"{run} ")
