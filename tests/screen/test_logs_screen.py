"""The Logs area: every event a line, however many there are; what comes is seen; each leads to what it is about."""

import os

import pytest

from schema.scenes import Delta
from tui import keys

MILLION = 1_000_000


async def to_logs(eyes):
    await eyes.press("g", "o")
    await eyes.sees("[Logs]", "goes along with what comes")
    await eyes.quiet()


async def more(daemon, many):
    """So many events are appended, and told."""
    daemon.past.newest += many
    await daemon.tell(Delta(head=4211 + daemon.past.newest))


def asked(daemon, path="/v1/events"):
    return [one for one in daemon.asked if one.startswith(f"{path}?")]


@pytest.mark.parametrize(
    ("width", "height"),
    [(120, 36), pytest.param(80, 24, marks=pytest.mark.slow), pytest.param(200, 60, marks=pytest.mark.slow)],
)
async def test_the_newest_is_in_view_with_all_it_says_beside_it(show, picture_of, monkeypatch, width, height):
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    async with show(width, height) as eyes:
        await to_logs(eyes)
        await eyes.sees("5310", "the queue was paused", "5,310")
        await eyes.until(lambda: width < 100 or "As it stands in the log" in eyes.text())
        await eyes.settle()
        picture_of(eyes, f"logs-{width}x{height}")


@pytest.mark.slow
async def test_a_million_events_scroll_like_ten(show, daemon):
    daemon.past.newest = MILLION
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.sees(str(MILLION), "1,000,000 events")
        daemon.asked.clear()
        await eyes.press("g", "g")
        await eyes.until(lambda: eyes.app.screen.listing.item() is not None)
        await eyes.press("G")
        await eyes.sees(str(MILLION))
        await eyes.quiet()
        assert len(asked(daemon)) <= 4
        assert len(eyes.app.screen.listing.pages._pages) <= 12


async def test_what_comes_is_gone_along_with_until_one_looks_elsewhere(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await more(daemon, 2)
        await eyes.sees("5312")
        await eyes.press("k")
        await eyes.sees("stands still")
        await more(daemon, 3)
        await eyes.sees("3 came since")
        assert eyes.app.screen.event_here() == 5311
        await eyes.press("f")
        await eyes.sees("goes along with what comes", "5315")
        assert eyes.app.screen.event_here() == 5315


@pytest.mark.slow
async def test_only_what_was_appended_is_asked_for(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.press("g", "g")
        await eyes.sees("stands still")
        await eyes.quiet()
        daemon.asked.clear()
        await more(daemon, 1)
        await eyes.sees("1 came since")
        await eyes.quiet()
        assert asked(daemon) and all("offset=5200" in one for one in asked(daemon)), daemon.asked


@pytest.mark.slow
async def test_turned_round_the_newest_is_on_top_and_stays_there(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.press("s")
        await eyes.sees("newest on top", "5310")
        assert eyes.app.screen.listing.cursor == 0 and eyes.app.screen.event_here() == 5310
        await more(daemon, 1)
        await eyes.until(lambda: eyes.app.screen.event_here() == 5311)


@pytest.mark.slow
async def test_trouble_alone_and_a_word_at_fault(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.press("t")
        await eyes.sees("what went wrong")
        await eyes.press("j", "enter")
        await eyes.sees("531 of 5,310 events", "Filter: kind:trouble", "txt2img failed on")
        await eyes.press("slash", *" colour:red", "enter")
        await eyes.sees("a filter has no 'colour:'")
        await eyes.press("escape")
        await eyes.sees("5,310 events")


@pytest.mark.slow
async def test_an_event_leads_to_its_wish_its_cause_and_its_job(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.press("b")
        await eyes.until(lambda: eyes.app.screen.event_here() == 5309)
        await eyes.sees("because of", "5308: the queue was paused")
        await eyes.press("b", "c")
        await eyes.sees("Filter: command:wish5308", "1 of 5,310")
        await eyes.press("c", "b")
        await eyes.sees("nothing in the log led to event 5308")
        await eyes.press("escape")
        await eyes.sees("5,310 events")
        await eyes.press("k", "J")
        await eyes.sees("[Queue]", "job:kn00gt7a.4", "1 of 131")


@pytest.mark.slow
async def test_L_on_a_job_a_picture_and_a_node_shows_what_the_log_says_of_it(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.4")
        await eyes.press("j", "j", "j", "L")
        await eyes.sees("[Logs]", "Filter: job:kn00gt7a.4", "2,655 of 5,310")
        for letter, item in (("i", "picture:"), ("n", "node:")):
            await eyes.press("g", letter)
            await eyes.until(lambda: eyes.app.screen.listing.item() is not None)
            await eyes.press("L")
            await eyes.sees("[Logs]", f"Filter: {item}")


@pytest.mark.slow
async def test_what_an_event_changed_and_going_to_its_moment(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.press("k", "w")
        await eyes.sees("Event 5,309", "JobHeld", "As it stands in the log")
        assert daemon.past.differs == [("5308", "5309")]
        await eyes.press("escape", "at")
        await eyes.sees("Go to", "5309")
        await eyes.press("enter")
        await eyes.sees("event 5,309 of 5,310", "nothing can be changed")
        for key, seq in (("left_parenthesis", 5308), ("right_parenthesis", 5309)):
            await eyes.press("k", key)
            await eyes.until(lambda: (item := eyes.app.screen.listing.item()) is not None and item.seq == seq)  # noqa: B023
            await eyes.until(lambda: eyes.app.screen.listing.pages.total == seq)  # noqa: B023
        await eyes.press("k", "k", "w")
        await eyes.sees("Event 5,307")
        await eyes.press("escape", "0")
        await eyes.sees("back to now")
        await eyes.until(lambda: eyes.app.screen.listing.pages.total == 5310)


@pytest.mark.slow
async def test_the_moment_that_is_offered_gives_way_to_what_is_typed(show):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.press("at")
        await eyes.sees("Go to", "5310")
        await eyes.press(*"2h", "enter")
        await eyes.sees("event 5,190 of 5,310")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_lines_of_the_programs_are_a_tab_of_their_own(show, picture_of, daemon, width, height):
    async with show(width, height) as eyes:
        await to_logs(eyes)
        await eyes.press("right_square_bracket")
        await eyes.sees("[Programs]", "node attic did not answer, look 59", "60")
        await eyes.settle()
        picture_of(eyes, f"lines-{width}x{height}")
        await eyes.press("t", "j", "enter")
        await eyes.sees("level:warning", "look 9", "6/60" if width < 100 else "6 of 60")
        await eyes.press("L")
        await eyes.sees("[Events]", "job:kn00gt7a.4")
        await eyes.press("left_square_bracket")
        await eyes.sees("[Programs]", "level:warning")
        await eyes.press("g", "q", "g", "o")
        await eyes.sees("[Programs]")


@pytest.mark.slow
async def test_a_line_that_was_just_written_is_seen_at_the_next_look(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.press("right_square_bracket")
        await eyes.sees("look 59")
        daemon.journal.lines.append(daemon.journal.line(60))
        eyes.app.screen.tick()
        await eyes.sees("look 60")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_an_event_whole_with_words_of_strangers_as_text(show, width, height):
    async with show(width, height) as eyes:
        await to_logs(eyes)
        await eyes.press("k", "k", "k", "enter")
        await eyes.sees("As it stands in the log", "out of memory [b]bold[/b] ·[2J·", "out-of-memory", "hash")
        await eyes.press("h")
        await eyes.sees("5310", "what happened")


@pytest.mark.slow
async def test_the_log_of_a_daemon_that_is_gone_stays_in_view(show, daemon):
    async with show() as eyes:
        await to_logs(eyes)
        await eyes.sees("5310")
        await daemon.end()
        await eyes.sees("no daemon")
        await eyes.press("k", "k")
        assert eyes.app.screen.event_here() == 5308


async def test_no_key_of_the_area_means_two_things():
    places = ("everywhere", *keys.places_of("logs"))
    pressed = [name for key in keys.of(*places) for name in key.keys.split(",")]
    assert sorted(pressed) == sorted(set(pressed))
