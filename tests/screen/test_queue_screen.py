"""The queue, as a person with a keyboard meets it: first what the daemon is asked, then what is seen."""

import msgspec
import pytest
from screen_things import make_row


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24), (60, 15)])
async def test_the_queue_at_its_three_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await eyes.sees("kn00gt7a.1 ", "knights")
        if width >= 100:
            await eyes.sees("before variation", "gothic plate")
        picture_of(eyes, f"queue-{width}x{height}")


async def test_a_terminal_that_is_too_small_says_so(show):
    async with show(59, 14) as eyes:
        await eyes.sees("needs 60x15, this is 59x14")


@pytest.mark.slow
async def test_at_80_columns_enter_shows_the_details_instead_of_the_list(show, picture_of):
    async with show(80, 24) as eyes:
        await eyes.sees("kn00gt7a.4")
        await eyes.press("enter")
        await eyes.sees("before variation", "knights · prompt 7")
        picture_of(eyes, "queue-details-80x24")
        await eyes.press("q")
        await eyes.sees("kn00gt7a.4")
        await eyes.until(lambda: "before variation" not in eyes.text())


async def test_progress_reaches_the_row_without_asking_for_it(show, daemon):
    async with show() as eyes:
        await eyes.sees("21%", "before variation")
        await eyes.quiet()
        asked = len(daemon.asked)
        await daemon.progress(token=100, step=27)
        await eyes.sees("30%", "27/30")
        assert len(daemon.asked) == asked


async def test_a_job_that_changes_is_read_again(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await daemon.change(2, msgspec.structs.replace(daemon.rows[2], state="failed", reason="the model is gone"))
        await eyes.sees("the model is g")


async def test_x_cancels_what_is_marked(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.5")
        await eyes.press("j", "j", "space", "space", "x")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel"))
        assert daemon.sent("/v1/jobs/cancel") == [{"select": ["kn00gt7a.3", "kn00gt7a.4"]}]
        await eyes.sees("2 cancelled")


@pytest.mark.slow
async def test_a_job_running_for_minutes_is_not_cancelled_unasked(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.1 ")
        daemon.now += 120
        await eyes.press("x")
        await eyes.sees("Cancel kn00gt7a.1?", "running for 2 min")
        await eyes.press("n")
        await eyes.press("x")
        await eyes.sees("Cancel kn00gt7a.1?")
        assert not daemon.sent("/v1/jobs/cancel")
        await eyes.press("y")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel"))


@pytest.mark.slow
async def test_more_than_a_hundred_are_not_cancelled_unasked(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("a")
        await eyes.sees("131 marked")
        await eyes.press("x")
        await eyes.sees("Cancel 131 jobs?")
        await eyes.press("y")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel"))
        assert daemon.sent("/v1/jobs/cancel")[0]["select"][0].startswith("state:queued|")


@pytest.mark.slow
async def test_all_in_the_filter_is_told_as_the_filter(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("slash", *"state:queued", "enter")
        await eyes.sees("9 of 131 jobs")
        await eyes.press("a", "x")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel"))
        assert daemon.sent("/v1/jobs/cancel") == [{"select": ["state:queued"]}]


@pytest.mark.slow
async def test_more_than_there_were_when_all_were_looked_at_are_not_told_as_a_part_of_those(show, daemon):
    every, daemon.rows = daemon.rows, daemon.rows[:3]
    async with show() as eyes:
        await eyes.sees("3 jobs")
        await eyes.press("slash", *"state:queued", "enter")
        await eyes.until(lambda: eyes.app.screen.filter == "state:queued")
        daemon.rows = every
        eyes.app.screen.reread()
        await eyes.sees("9 jobs")
        assert "of 3 jobs" not in eyes.text()


@pytest.mark.slow
async def test_a_wrong_filter_is_told_where_it_was_typed(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("slash", *"colour:red")
        await eyes.sees("colour: is no key of a filter")
        await eyes.press("escape")
        await eyes.sees("131 jobs")


@pytest.mark.slow
async def test_escape_takes_the_marks_away_and_then_the_filter(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("slash", *"knights", "enter")
        await eyes.sees("of 131 jobs")
        await eyes.press("space")
        await eyes.sees("1 marked")
        await eyes.press("escape")
        await eyes.until(lambda: "marked" not in eyes.text())
        await eyes.press("escape")
        await eyes.sees(" 131 jobs")


@pytest.mark.slow
async def test_a_range_is_marked_from_v_to_the_cursor(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("j", "v", "j", "j", "j")
        await eyes.sees("4 marked")
        await eyes.press("k")
        await eyes.sees("3 marked")
        await eyes.press("v", "j", "j")
        await eyes.sees("3 marked")


@pytest.mark.slow
@pytest.mark.parametrize(("many", "told"), [(900, ("900 marked · ",)), (4000, ("marked, ", "too far · "))])
async def test_of_a_long_range_all_is_marked_or_told_how_much_is_not(show, daemon, many, told):
    daemon.rows = [make_row(n) for n in range(many)]
    async with show() as eyes:
        await eyes.sees(f"{many:,} jobs")
        await eyes.press("v", "G")
        await eyes.sees(*told)
        listing = eyes.app.screen.listing
        assert listing.marked + listing.overlooked == many
        await eyes.press("escape")
        await eyes.until(lambda: "marked" not in eyes.text())


@pytest.mark.slow
async def test_a_job_moves_with_J_and_the_cursor_with_it(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.6")
        await eyes.press("j", "j", "J", "J")
        await eyes.until(lambda: len(daemon.sent("/v1/jobs/move")) == 2)
        assert daemon.sent("/v1/jobs/move") == [
            {"select": ["kn00gt7a.3"], "to": "after", "anchor": "kn00gt7a.4"},
            {"select": ["kn00gt7a.3"], "to": "after", "anchor": "kn00gt7a.5"},
        ]
        assert eyes.app.area_screen.listing.item().id == "kn00gt7a.3"


@pytest.mark.parametrize(
    ("keys", "path", "body"),
    [
        (["j", "j", "plus"], "/v1/jobs/priority", {"select": ["kn00gt7a.3"], "priority": 1}),
        (["j", "j", "minus", "minus"], "/v1/jobs/priority", {"select": ["kn00gt7a.3"], "priority": -1}),
        (["j", "j", "H"], "/v1/jobs/hold", {"select": ["kn00gt7a.3"]}),
        ([*"jjjjjjj", "H"], "/v1/jobs/release", {"select": ["kn00gt7a.8"]}),
        ([*"jjjjjjjjjjjj", "R"], "/v1/jobs/retry", {"select": ["kn00gt7a.13"]}),
        (["S"], "/v1/jobs/skip", {"select": ["kn00gt7a.1"]}),
        (["p"], "/v1/queue/pause", {}),
        (["z"], "/v1/undo", {}),
        (["Z"], "/v1/redo", {}),
    ],
)
async def test_each_key_sends_its_command_with_a_key_of_its_own(show, daemon, keys, path, body):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.13")
        await eyes.press(*keys)
        await eyes.until(lambda: daemon.sent(path))
        assert daemon.sent(path)[0] == body
        used = [key for where, _, key in daemon.commands if where == path]
        assert all(used) and len(set(used)) == len(used)


@pytest.mark.slow
async def test_an_undo_says_what_it_took_back_and_when_nothing_was_left(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.1 ")
        await eyes.press("z")
        await eyes.sees("taken back: cancel 2 jobs")
        daemon.taken_back = {"text": "nothing was left to take back of: skip a stage", "nothing": True}
        await eyes.press("z")
        await eyes.sees("nothing was left to take back of: skip a stage")
        assert "taken back: nothing" not in eyes.text()


async def test_what_is_refused_is_told_with_its_remedy(show, daemon):
    daemon.refuse["/v1/jobs/skip"] = ("a first stage cannot be skipped", "Cancel the job instead.")
    async with show() as eyes:
        await eyes.sees("kn00gt7a.1 ")
        await eyes.press("S")
        await eyes.sees("a first stage cannot be skipped", "Cancel the job instead.")


@pytest.mark.slow
async def test_the_order_is_chosen_from_a_list(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("s", "j", "j", "enter")
        await eyes.sees("sort: name")
        await eyes.until(lambda: any("sort=name" in asked for asked in daemon.asked))


@pytest.mark.slow
async def test_a_new_run_is_planned_before_it_is_queued(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("n")
        await eyes.sees("[Generate]")
        await eyes.press(*"a red kite")
        await eyes.sees("1 job · seed 7")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        assert daemon.sent("/v1/runs") == [{"prompt": "a red kite", "plan_hash": "cafe01", "seed": 7}]
        await eyes.sees("newrun22")


@pytest.mark.slow
async def test_a_run_that_is_refused_stays_written(show, daemon):
    daemon.refuse["/v1/runs"] = ("only 0.1 GB are free", "Make room.")
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("n")
        await eyes.sees("[Generate]")
        await eyes.press(*"a red kite", "ctrl+j")
        await eyes.sees("only 0.1 GB are free", "a red kite")
        await eyes.press("f2", "n")
        await eyes.sees("[Generate]", "a red kite")


@pytest.mark.slow
async def test_a_job_is_cloned_with_its_settings(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j", "c")
        await eyes.sees("Prompt  like kn00gt7a.3", "● 6.0")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        sent = daemon.sent("/v1/runs")[0]
        assert sent["set"] == ["txt2img.cfg=6.0", "txt2img.steps=30"]
        assert sent["prompt"].startswith("masterpiece, knight in rain")


async def test_q_asks_at_the_top_and_leaves(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("q")
        await eyes.sees("Leave? The daemon keeps running.")
        await eyes.press("y")
        await eyes.until(lambda: not eyes.app.is_running)
        assert eyes.app.return_code in (0, None)


@pytest.mark.slow
async def test_details_appear_when_the_terminal_grows(show):
    async with show(80, 24) as eyes:
        await eyes.sees("kn00gt7a.4")
        await eyes.pilot.resize_terminal(120, 36)
        await eyes.sees("before variation")
