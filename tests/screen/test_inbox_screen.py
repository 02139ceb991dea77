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


async def test_one_key_rates_and_the_next_picture_is_there(show, daemon):
    async with show() as eyes:
        await to_inbox(eyes)
        await rate(eyes, "4", "2", "5")
        await eyes.sees("4 of 6")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 3)
        assert daemon.sent("/v1/images/rate") == [
            {"select": ["im000000"], "stars": 4},
            {"select": ["im000001"], "stars": 2},
            {"select": ["im000002"], "stars": 5},
        ]


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_how_it_was_made_is_told_after_its_stars(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_inbox(eyes)
        await eyes.sees("masterpiece, knight in rain")
        assert "seed" not in eyes.text() and "juggernaut" not in eyes.text() and "kn00gt7a" not in eyes.text()
        picture_of(eyes, f"inbox-{width}x{height}")
        await rate(eyes, "4")
        await eyes.sees("just now", "★★★★☆", "30 st", "juggernautXL_v9")


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
