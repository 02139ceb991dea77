"""Which of two is better: one key, the next pair at once."""

import pytest

from tui.screens.alone import Alone
from tui.screens.duel import DuelScreen

PAIRS = [("im000000", "im000003"), ("im000005", "im000001"), ("im000002", "im000004")]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(Alone, "look", 0.0)


async def to_duel(eyes):
    await eyes.press("g", "i")
    await eyes.sees("kn00gt7a.1 ")
    await eyes.press("b")
    await eyes.until(lambda: isinstance(eyes.app.screen, DuelScreen))


async def judge(eyes, *keys):
    for key in keys:
        await eyes.until(lambda: eyes.app.screen.left.seen and eyes.app.screen.right.seen)
        await eyes.press(key)


@pytest.mark.parametrize(("width", "height"), [(120, 36), pytest.param(80, 24, marks=pytest.mark.long)])
async def test_one_key_says_which_is_better(show, daemon, picture_of, width, height):
    daemon.learned.pairs = list(PAIRS)
    async with show(width, height) as eyes:
        await to_duel(eyes)
        await eyes.sees("which is better?", "▀▀▀")
        await eyes.until(lambda: eyes.app.screen.left.seen and eyes.app.screen.right.seen)
        await eyes.sees("masterpiece")
        picture_of(eyes, f"duel-{width}x{height}")
        await judge(eyes, "2", "left", "0")
        await eyes.sees("3 compared", "No two pictures are worth comparing now")
        await eyes.until(lambda: len(daemon.sent("/v1/images/compare")) == 3)
        assert daemon.sent("/v1/images/compare") == [
            {"select": ["im000000", "im000003"], "better": "im000003"},
            {"select": ["im000005", "im000001"], "better": "im000005"},
            {"select": ["im000002", "im000004"], "better": "="},
        ]


@pytest.mark.long
async def test_where_there_is_no_pair_it_says_what_one_takes(show):
    async with show() as eyes:
        await to_duel(eyes)
        await eyes.sees("No two pictures are worth comparing now", "of one prompt and seed")
        await eyes.press("1", "0", "space", "z", "escape")
        await eyes.sees("318 pictures")


@pytest.mark.long
async def test_a_pair_is_skipped_and_a_verdict_taken_back(show, daemon):
    daemon.learned.pairs = list(PAIRS)
    async with show() as eyes:
        await to_duel(eyes)
        await judge(eyes, "space", "1")
        await eyes.until(lambda: daemon.sent("/v1/images/compare"))
        assert daemon.sent("/v1/images/compare") == [{"select": ["im000005", "im000001"], "better": "im000005"}]
        await eyes.press("z")
        await eyes.until(lambda: daemon.sent("/v1/undo"))
        await judge(eyes, "2")
        await eyes.until(lambda: len(daemon.sent("/v1/images/compare")) == 2)
        assert daemon.sent("/v1/images/compare")[1] == {"select": ["im000005", "im000001"], "better": "im000001"}
