"""Travel through the log: the same screens as of a moment of the past, where nothing can be changed; and a daemon
that can only show."""

import asyncio

import pytest
from textual import events

from schema.scenes import Delta, Standing
from schema.then import Moment
from tui import keys, travel
from tui.messages import WentSilent
from tui.thenkeys import THEN, only_looks
from tui.widgets.panel import Panel

TROUBLE = (
    "The log is damaged: event 4,200 was changed: its hash does not fit; the log ends at 4,199 but 4,211 was promised."
    " Restore a backup with `stablenew log restore FILE`, or keep what is good with `stablenew log recover"
    " --accept-loss 12`."
)
DAMAGED = Standing(state="read-only", trouble=TROUBLE, moment=Moment(seq=4199, at=None, newest=4211))


async def go(eyes, when):
    await eyes.press("at")
    await eyes.sees("Go to")
    await eyes.press(*when, "enter")


@pytest.mark.parametrize(("width", "height"), [(120, 36), pytest.param(80, 24, marks=pytest.mark.long)])
async def test_a_moment_says_where_one_is_and_what_happened_there(show, picture_of, daemon, width, height):
    async with show(width, height) as eyes:
        await eyes.sees("kn00gt7a.4")
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of 5,310", "nothing can be changed", "the queue was paused", "0 now")
        await eyes.quiet()
        picture_of(eyes, f"then-{width}x{height}")


@pytest.mark.long
async def test_every_question_of_every_area_is_about_the_moment(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of 5,310")
        await eyes.quiet()
        daemon.asked.clear()
        for area in ("gallery", "nodes", "learn", "queue"):
            await eyes.app.action_go(area)
            await eyes.sees("event 5,000 of 5,310")
            await eyes.quiet()
        assert daemon.asked and all("as_of=5000" in one for one in daemon.asked), daemon.asked


@pytest.mark.long
async def test_steps_go_by_events_hundreds_and_hours_and_stop_at_both_ends(show, daemon):
    async with show() as eyes:
        await go(eyes, "200")
        for key, at in (("(", 199), (")", 200), ("{", 100), ("}", 200), ("ctrl+right", 260), ("ctrl+left", 200)):
            names = {"(": "left_parenthesis", ")": "right_parenthesis", "{": "left_curly_bracket",
                     "}": "right_curly_bracket"}  # fmt: skip
            await eyes.press(names.get(key, key))
            await eyes.sees(f"event {at} of 5,310")
        await eyes.press(*["left_curly_bracket"] * 4)
        await eyes.sees("before the first event", "event 0 of 5,310", "nothing had happened yet")
        await eyes.press("left_parenthesis")
        await eyes.sees("there is nothing before")
        await go(eyes, "5310")
        await eyes.sees("event 5,310 of 5,310")
        await eyes.press("right_parenthesis")
        await eyes.sees("this is the newest event")


@pytest.mark.long
async def test_many_steps_are_one_jump_to_where_they_lead(show, daemon):
    async with show() as eyes:
        await go(eyes, "1000")
        await eyes.sees("event 1,000 of")
        asked = len([one for one in daemon.asked if one.startswith("/v1/status")])
        for _ in range(40):
            eyes.app.action_travel(1)
        await eyes.sees("event 1,040 of")
        assert len([one for one in daemon.asked if one.startswith("/v1/status")]) - asked <= 3


async def test_back_to_now_stays_there_when_a_step_is_answered_late(show, monkeypatch):
    asked, answered = asyncio.Event(), asyncio.Event()
    at_once = travel.then

    async def late(asker, when):
        found = await at_once(asker, when)
        asked.set()
        await answered.wait()
        return found

    async with show() as eyes:
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of")
        monkeypatch.setattr(travel, "then", late)
        await eyes.press("left_parenthesis")
        await asyncio.wait_for(asked.wait(), 10)
        await eyes.press("0")
        answered.set()
        await eyes.until(lambda: not eyes.app._going)
        await eyes.sees("131 jobs", "daemon up")
        assert not eyes.app.past


@pytest.mark.long
async def test_the_past_is_not_changed_whatever_key_is_pressed(show, daemon):
    async with show() as eyes:
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of")
        travel = {name for key in THEN for name in key.keys.split(",")}
        for area in ("queue", "gallery", "nodes", "library.packs", "library.models", "library.styles", "learn"):
            await eyes.app.action_go(area)
            for key in keys.of(*keys.places_of(eyes.app.screen.place or area), "everywhere"):
                first = key.keys.split(",")[0]
                if not only_looks(key.id) and first not in travel:
                    await eyes.press(first)
                    assert not eyes.app.screen.is_modal, key.id
        assert daemon.commands == []
        await eyes.sees("nothing can be changed here. 0 goes back to now")


@pytest.mark.long
async def test_a_rating_is_not_even_shown_in_the_past(show, daemon):
    async with show() as eyes:
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of")
        await eyes.app.action_go("gallery")
        await eyes.sees("318 pictures")
        await eyes.quiet()
        before = eyes.app.screen.listing.item().stars
        await eyes.press("5" if before != 5 else "1")
        await eyes.sees("nothing can be changed here")
        assert eyes.app.screen.listing.item().stars == before and daemon.commands == []


@pytest.mark.slow
async def test_back_to_now_the_feed_is_heard_again_and_wishes_are_granted(show, daemon):
    async with show() as eyes:
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of")
        await eyes.press("0")
        await eyes.until(lambda: eyes.app.live.scene.head == 4211 and eyes.app.live.linked)
        await eyes.until(lambda: "event 5,000" not in eyes.text())
        await eyes.press("p")
        await eyes.until(lambda: [path for path, _, _ in daemon.commands] == ["/v1/queue/pause"])
        daemon.asked.clear()
        await eyes.press("slash", *"city", "enter")
        await eyes.until(lambda: daemon.asked and not any("as_of" in one for one in daemon.asked))


@pytest.mark.long
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_what_is_different_from_now_and_from_a_mark(show, picture_of, daemon, width, height):
    async with show(width, height) as eyes:
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of")
        await eyes.press("equals_sign")
        await eyes.sees("Different from now", "queue: paused → open", "[b]knights-01", "5 jobs in another state")
        await eyes.settle()
        picture_of(eyes, f"differs-{width}x{height}")
        await eyes.press("escape", "apostrophe", "right_curly_bracket")
        await eyes.sees("event 5,100 of")
        await eyes.press("equals_sign")
        await eyes.sees("Different from the mark")
        assert daemon.past.differs == [("5000", ""), ("5100", "5000")]


@pytest.mark.long
async def test_what_the_event_was_and_what_it_changed(show, daemon):
    async with show() as eyes:
        await go(eyes, "5001")
        await eyes.sees("job kn00gt7a.4 was held")
        await eyes.press("w")
        await eyes.sees("Event 5,001", "JobHeld", "uid:1000", "As it stands in the log")
        assert daemon.past.differs == [("5000", "5001")]


@pytest.mark.long
async def test_what_is_no_moment_says_so_and_one_stays_where_one_was(show):
    async with show() as eyes:
        await go(eyes, "nonsense")
        await eyes.sees("`nonsense` is no point in time")
        assert not eyes.app.past
        await go(eyes, "2h")
        await eyes.sees("event 5,190 of 5,310")


@pytest.mark.long
async def test_the_help_of_the_past_tells_its_keys(show):
    async with show() as eyes:
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of")
        await eyes.press("question_mark")
        await eyes.sees("In the past", "a hundred events back", "back to now")


def test_no_key_of_travel_hides_one_that_only_looks():
    travel = [name for key in THEN for name in key.keys.split(",")]
    assert len(travel) == len(set(travel))
    places = ("everywhere", "lists", *(area.id for area in keys.AREAS))
    looking = {name for key in keys.of(*places) if only_looks(key.id) for name in key.keys.split(",")}
    assert looking & set(travel) == {"at", "w"}  # both are about the event under the cursor, where one is in the log


# A daemon that can only show -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_damage_is_told_on_one_screen_and_stays_in_view(show, picture_of, daemon, width, height):
    daemon.standing = DAMAGED
    async with show(width, height) as eyes:
        await eyes.sees("How the daemon stands", "What happened, and what to do", "--accept-loss", "event 4,199")
        await eyes.settle()
        picture_of(eyes, f"damaged-{width}x{height}")
        await eyes.press("escape")
        await eyes.sees("read-only: The log is damaged", "! tells all", "kn00gt7a.4")
        await eyes.press("x")
        await eyes.sees("read-only: nothing can be changed now")
        assert daemon.commands == []


async def test_why_no_daemon_started_is_told_in_full(show, daemon):
    async with show() as eyes:
        await eyes.app.on_event(WentSilent("none runs; `: start the daemon` starts one", 60.0))
        eyes.app.absence = "config.toml:3: broken TOML: Unclosed array"
        await eyes.press("!")
        await eyes.sees("No daemon answers: none runs", "Why none started", "config.toml:3: broken TOML",
                        "g , opens Settings")  # fmt: skip


@pytest.mark.slow
async def test_trouble_is_wrapped_anew_when_the_terminal_becomes_narrow(show, daemon):
    daemon.standing = DAMAGED
    async with show(200, 60) as eyes:
        await eyes.sees("How the daemon stands")
        await eyes.press("escape")
        await eyes.sees("! read-only: The log is damaged", "131 jobs")
        await eyes.pilot.resize_terminal(80, 24)
        await eyes.until(lambda: "! tells all" in eyes.text().split("\n")[3])


@pytest.mark.long
async def test_a_disk_that_is_full_and_has_room_again_is_seen_as_it_happens(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        full = Standing(state="read-only", trouble="The disk is full: free 1.2 GB on /data. It goes on by itself then.")
        await daemon.tell(Delta(head=4212, standing=full))
        await eyes.sees("How the daemon stands", "free 1.2 GB")
        await eyes.press("escape")
        await eyes.sees("read-only: The disk is full")
        await daemon.tell(Delta(head=4213, standing=Standing()))
        await eyes.sees("the daemon goes on: wishes are granted again")
        await eyes.until(lambda: "read-only" not in eyes.text())
        await eyes.press("p")
        await eyes.until(lambda: daemon.commands)


@pytest.mark.long
async def test_a_concern_stands_in_one_line_and_all_are_one_key_away(show, daemon):
    daemon.standing = Standing(concerns=("The last backup failed: no room on /backup.", "The WAL has 80 MB."))
    async with show() as eyes:
        await eyes.sees("! The last backup failed: no room on /backup. (and 1 more)", "131 jobs")
        await eyes.press("exclamation_mark")
        await eyes.sees("It works.", "! The WAL has 80 MB.")


@pytest.mark.long
async def test_the_page_on_how_the_daemon_stands_never_keeps_what_is_over(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await daemon.tell(Delta(head=4212, standing=DAMAGED))
        await eyes.sees("How the daemon stands", "--accept-loss")
        await daemon.tell(Delta(head=4213, standing=Standing(state="starting")))
        await eyes.sees("It starts.")
        await daemon.tell(Delta(head=4214, standing=Standing(concerns=("The newest backup is old.",))))
        await eyes.sees("It works.", "The newest backup is old.")
        await daemon.tell(Delta(head=4215, standing=Standing()))
        await eyes.sees("Nothing is wrong.")
        page = "".join(piece.text for line in eyes.app.screen.query_one(Panel).lines for piece in line)
        assert "backup" not in page and "It starts." not in page


@pytest.mark.long
async def test_the_past_offers_no_key_that_changes_something(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await go(eyes, "5000")
        await eyes.sees("event 5,000 of")
        eyes.app.area_screen.listing.still, eyes.app.area_screen.listing.pages.total = True, 0
        eyes.app.area_screen.listing.redraw_all()
        await eyes.press("exclamation_mark")
        await eyes.sees("This is the past", "0 goes back to now")
        await eyes.press("escape", "g", "i")
        await eyes.sees("Stars & tags", "n next unrated")
        assert "1-5 rate" not in eyes.text()
        await eyes.press("M")
        await eyes.sees("Disk", "back")
        assert "empty trash" not in eyes.text()


@pytest.mark.long
async def test_what_an_event_was_is_told_of_the_one_that_steps_lead_to(show, daemon):
    async with show() as eyes:
        await go(eyes, "1000")
        await eyes.sees("event 1,000 of")
        for _ in range(5):
            eyes.app.action_travel(-1)
        eyes.app.action_happening()
        await eyes.sees("Event 995")


@pytest.mark.long
async def test_keys_behind_the_one_that_leaves_do_nothing(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        eyes.app.exit()
        before = len(eyes.app.screen_stack)
        await eyes.app.on_event(events.Key("s", "s"))
        assert len(eyes.app.screen_stack) == before
