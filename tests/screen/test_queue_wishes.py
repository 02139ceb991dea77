"""Wishes of the queue that take more than a key: why a job waits, a stage again, many at once, words of the filter."""

import msgspec
import pytest

from tui.changes import Change


@pytest.mark.slow
async def test_w_tells_why_a_job_is_where_it_is(show):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j", "w")
        await eyes.sees("where it is, and why", "It is third in its lane; rtx3090 takes it next")
        await eyes.press("escape")
        await eyes.until(lambda: "where it is, and why" not in eyes.text())


@pytest.mark.slow
async def test_r_runs_again_from_a_stage_or_one_alone(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.14")
        await eyes.press(*"jjjjjjjjjjjjj", "r")
        await eyes.sees("Run again kn00gt7a.14", "from detail on: detail → upscale", "detail alone")
        await eyes.press("j", "enter")
        await eyes.until(lambda: daemon.sent("/v1/jobs/rerun"))
        await eyes.press("r", "j", "j", "j", "enter")
        await eyes.until(lambda: len(daemon.sent("/v1/jobs/rerun")) == 2)
        assert daemon.sent("/v1/jobs/rerun") == [
            {"select": ["kn00gt7a.14"], "stage": "detail"},
            {"select": ["kn00gt7a.14"], "stage": "txt2img", "only": True},
        ]


@pytest.mark.slow
async def test_d_cancels_what_waits_and_puts_pictures_of_what_ended_into_the_trash(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.14")
        await eyes.press("j", "j", "d")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel"))
        await eyes.press(*"jjjjjjjjjjj", "d")
        await eyes.until(lambda: daemon.sent("/v1/images/trash"))
        assert daemon.sent("/v1/jobs/cancel") == [{"select": ["kn00gt7a.3"]}]
        assert daemon.sent("/v1/images/trash") == [{"select": ["kn00gt7a.14"]}]
        await eyes.sees("z takes it back")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "question", "path"),
    [
        ("H", "Hold 131 jobs?", "/v1/jobs/hold"),
        ("R", "Try again 131 jobs?", "/v1/jobs/retry"),
        ("plus", "Give priority +1 to 131 jobs?", "/v1/jobs/priority"),
    ],
)
async def test_more_than_a_hundred_are_not_changed_unasked(show, daemon, key, question, path):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("a")
        await eyes.is_asked(key, question, lambda: daemon.sent(path))


@pytest.mark.slow
async def test_what_is_marked_is_moved_to_where_the_cursor_stands(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j", "space", "space", "K")
        await eyes.until(lambda: daemon.sent("/v1/jobs/move"))
        await eyes.press("k", "J")
        await eyes.sees("put the cursor on the job that the marked ones are to stand behind")
        await eyes.press("T")
        await eyes.until(lambda: len(daemon.sent("/v1/jobs/move")) == 2)
        marked = ["kn00gt7a.3", "kn00gt7a.4"]
        assert daemon.sent("/v1/jobs/move") == [
            {"select": marked, "to": "before", "anchor": "kn00gt7a.5"},
            {"select": marked, "to": "top"},
        ]


@pytest.mark.slow
async def test_a_wish_is_made_by_what_is_marked_and_not_by_what_the_cursor_went_on_to(show, daemon):
    daemon.rows[2] = msgspec.structs.replace(daemon.rows[2], state="held", priority=3)
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j", "space", "H", "plus", "plus")
        await eyes.until(lambda: len(daemon.sent("/v1/jobs/priority")) == 2)
        assert daemon.sent("/v1/jobs/release") == [{"select": ["kn00gt7a.3"]}]
        assert [one["priority"] for one in daemon.sent("/v1/jobs/priority")] == [4, 5]


@pytest.mark.slow
async def test_words_of_the_filter_are_offered_and_taken_with_tab(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("slash")
        await eyes.sees("open, queued, failed", "tab take")
        await eyes.press(*"st", "tab", *"que", "tab")
        await eyes.sees("9 of 131 jobs")
        assert eyes.app.screen.filter_line.input.value == "state:queued "
        await eyes.press(*"run:", "tab")
        await eyes.until(lambda: eyes.app.screen.filter == "state:queued run:kn00gt7a")
        await eyes.press("enter")
        await eyes.until(lambda: "tab take" not in eyes.text())


@pytest.mark.slow
async def test_an_offer_is_chosen_with_arrows_once_a_word_is_begun(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("slash", "down", *"state:", "down", "tab", "enter")
        await eyes.until(lambda: eyes.app.screen.filter == "state:queued")
        assert eyes.app.screen.listing.cursor == 0


@pytest.mark.slow
async def test_where_there_is_nothing_to_do_it_is_said_before_z_takes_back_something_else(show, daemon, monkeypatch):
    do = daemon.do
    nothing = b'{"command": "c9", "seq": 4300, "nothing": true}'
    monkeypatch.setattr(daemon, "do", lambda path, body: nothing if path == "/v1/jobs/hold" else do(path, body))
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j", "H")
        await eyes.sees("Nothing to do: it is so already")
        await eyes.press("z")
        await eyes.sees("taken back: cancel 2 jobs; Z does it again")


@pytest.mark.slow
async def test_a_pause_of_the_queue_is_taken_back_before_the_file_that_was_deleted_first(show, daemon):
    """It is about nothing that has an id: it counts all the same."""
    put_back = []

    async def back():
        put_back.append("knights")

    async with show() as eyes:
        await eyes.sees("131 jobs")
        eyes.app.changes.note(Change("delete the pack knights", back, back))
        await eyes.press("p")
        await eyes.until(lambda: daemon.sent("/v1/queue/pause"))
        await eyes.quiet()
        await eyes.press("z")
        await eyes.sees("taken back: cancel 2 jobs; Z does it again")
        assert not put_back
        await eyes.press("z")
        await eyes.sees("taken back: delete the pack knights; Z does it again")
        assert put_back == ["knights"]
