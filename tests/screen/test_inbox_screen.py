"""The blind inbox: one key a picture, and nothing of what is pressed is lost, doubled, or meant for another one."""

import asyncio

import msgspec
import pytest

from tui.screens.alone import Alone
from tui.screens.inbox import InboxScreen


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Keys count as soon as the picture stands on the screen: these tests do not wait for people."""
    monkeypatch.setattr(Alone, "look", 0.0)


@pytest.fixture(autouse=True)
def waiting(daemon):
    daemon.images = [msgspec.structs.replace(image, stars=0, tags=()) for image in daemon.images[:6]]


async def to_inbox(eyes, *, sees="1 of"):
    await eyes.press("g", "i")
    await eyes.sees("kn00gt7a.1 ")
    await eyes.press("i")
    await eyes.until(lambda: isinstance(eyes.app.screen, InboxScreen))
    await eyes.sees(sees)
    await seen(eyes)


async def seen(eyes):
    """Until the picture that is to be judged stands there."""
    await eyes.until(lambda: eyes.app.screen.picture.image is not None and eyes.app.screen.picture.seen)


async def rate(eyes, *keys):
    for key in keys:
        await seen(eyes)
        await eyes.press(key)


NARROW = pytest.param(80, 24, marks=pytest.mark.long)


@pytest.mark.parametrize(("width", "height"), [(120, 36), NARROW])
async def test_one_key_rates_and_how_it_was_made_is_told_after_its_stars(show, daemon, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_inbox(eyes)
        await eyes.sees("masterpiece, knight in rain")
        assert "seed" not in eyes.text() and "juggernaut" not in eyes.text() and "kn00gt7a" not in eyes.text()
        picture_of(eyes, f"inbox-{width}x{height}")
        await rate(eyes, "4")
        await eyes.sees("just now", "★★★★☆", "30 st", "juggernautXL_v9")
        await rate(eyes, "2", "5")
        await eyes.sees("4 of 6")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 3)
        assert daemon.sent("/v1/images/rate") == [
            {"select": ["im000000"], "stars": 4},
            {"select": ["im000001"], "stars": 2},
            {"select": ["im000002"], "stars": 5},
        ]


async def test_an_answer_that_never_comes_keeps_nobody_waiting(show, daemon, monkeypatch):
    """The next picture is there before the daemon has said anything of the last one."""
    held = asyncio.Event()
    real = daemon.command

    async def slow(request):
        await held.wait()
        return await real(request)

    monkeypatch.setattr(daemon, "command", slow)
    await daemon.end()
    await daemon.begin()
    async with show() as eyes:
        await to_inbox(eyes)
        await rate(eyes, "4", "3", "2", "1")
        await eyes.sees("5 of 6", "4 on their way")
        assert daemon.commands == []
        held.set()
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 4)
        assert [body["stars"] for body in daemon.sent("/v1/images/rate")] == [4, 3, 2, 1]


@pytest.mark.long
async def test_what_the_daemon_will_not_have_comes_back_behind_the_picture_one_looks_at(show, daemon):
    daemon.refuse["/v1/images/rate"] = ("there is no such picture.", "")
    async with show() as eyes:
        await to_inbox(eyes)
        await rate(eyes, "4")
        await eyes.sees("is not rated: there is no such picture")
        screen = eyes.app.screen
        assert screen.picture.image.id == "im000001"
        assert screen.deck.next(1)[0].id == "im000000"
        daemon.refuse.clear()
        await rate(eyes, "2", "3")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 3)
        assert [body["select"] for body in daemon.sent("/v1/images/rate")[1:]] == [["im000001"], ["im000000"]]


@pytest.mark.long
async def test_z_goes_back_to_the_picture_and_takes_its_stars_back(show, daemon):
    async with show() as eyes:
        await to_inbox(eyes)
        await rate(eyes, "4")
        await eyes.until(lambda: not eyes.app.outbox.waiting)
        await eyes.press("z")
        await eyes.until(lambda: daemon.sent("/v1/undo"))
        assert eyes.app.screen.picture.image.id == "im000000"
        await rate(eyes, "2")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 2)
        await eyes.press("space", "z", "z", "z")
        await eyes.sees("1 of 6", "nothing was done here that could be taken back")


@pytest.mark.long
async def test_tags_are_one_key_each_and_taken_back_before_the_stars(show, daemon):
    async with show() as eyes:
        await to_inbox(eyes)
        await eyes.press("t", "1", "6", *"my own", "enter")
        await eyes.sees("1 of 6  too noisy, nailed it, my own")
        await eyes.until(lambda: daemon.sent("/v1/images/tag"))
        assert daemon.sent("/v1/images/tag") == [{"select": ["im000000"], "add": ["too noisy", "nailed it", "my own"]}]
        await eyes.until(lambda: not eyes.app.outbox.waiting)
        await eyes.press("z")
        await eyes.sees("its tags are taken back")
        await eyes.until(lambda: daemon.sent("/v1/undo"))
        assert eyes.app.screen.picture.image.id == "im000000"


@pytest.mark.long
async def test_a_key_that_comes_before_the_picture_can_be_seen_rates_nothing(show, daemon, monkeypatch):
    monkeypatch.setattr(Alone, "look", 3600.0)
    async with show() as eyes:
        await to_inbox(eyes)
        await eyes.press("4")
        await eyes.sees("4 came before this could be seen: it has no verdict yet", "1 of 6")
        assert daemon.commands == []


@pytest.mark.long
async def test_skipped_pictures_come_again_and_the_end_is_told(show, daemon):
    async with show() as eyes:
        await to_inbox(eyes)
        await eyes.press("space")
        await rate(eyes, "1", "1", "1", "1", "d")
        await eyes.sees("All others are rated. 1 skipped: space shows them again")
        await eyes.press("n")
        await rate(eyes, "5")
        await eyes.sees("All 6 are rated.")
        await eyes.until(lambda: daemon.sent("/v1/images/trash"))
        await eyes.press("escape")
        await eyes.sees("5 pictures")


@pytest.mark.long
async def test_a_daemon_that_is_restarted_loses_no_verdict_and_doubles_none(show, daemon):
    async with show() as eyes:
        await to_inbox(eyes)
        await rate(eyes, "4")
        await eyes.until(lambda: daemon.sent("/v1/images/rate"))
        await daemon.end()
        await rate(eyes, "3", "2")
        await eyes.sees("no daemon: 2 verdicts wait")
        daemon.lose_answers = 1
        await daemon.begin()
        await eyes.until(lambda: len(daemon.answered) == 3)
        await eyes.until(lambda: not eyes.app.outbox.waiting)
        stars = {image.id: image.stars for image in daemon.images}
        assert [stars[f"im{n:06d}"] for n in range(4)] == [4, 3, 2, 0]
