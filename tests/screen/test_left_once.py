"""A screen that was left is left: what it is told after that ends no other."""

import re
from pathlib import Path

import pytest
from textual import events

import tui
from tui import keys
from tui.background import leave
from tui.palette import Palette
from tui.screens.ask import Confirm
from tui.screens.settingasking import PressKey


def test_screens_end_by_one_door():
    """Textual's own `dismiss` takes away whichever screen is on top, and crashes on the last."""
    texts = {path: path.read_text(encoding="utf-8") for path in Path(tui.__file__).parent.rglob("*.py")}
    found = {path.name for path, text in texts.items() if re.search(r"\.dismiss\(|pop_screen\(", text)}
    assert found == {"background.py", "palette.py"}


@pytest.mark.slow
async def test_of_two_keys_at_once_the_first_is_taken(show):
    pressed = []
    key = next(key for key in keys.TABLE if key.id == "app.undo")
    async with show() as eyes:
        await eyes.app.push_screen(PressKey(key, key.keys, {}, more=False), pressed.append)
        for name in ("f13", "f14"):
            eyes.app._driver.send_message(events.Key(name, None))
        await eyes.sees("sort: position")
        await eyes.until(lambda: pressed)
    assert pressed == [("f13", None)]


@pytest.mark.slow
async def test_what_was_asked_over_it_goes_with_it(show):
    async with show() as eyes:
        below, above = Confirm("Below?"), Confirm("Above?")
        await eyes.app.push_screen(below)
        await eyes.app.push_screen(above)
        for _ in range(2):
            leave(below, None)
        await eyes.sees("sort: position")
        assert eyes.app.screen_stack[1:] == []


@pytest.mark.slow
async def test_of_two_clicks_beside_the_palette_the_first_is_taken(show):
    async with show() as eyes:
        await eyes.press("colon")
        await eyes.until(lambda: isinstance(eyes.app.screen, Palette))
        for _ in range(2):
            for kind in (events.MouseDown, events.MouseUp):
                eyes.app._driver.send_message(kind(None, 1, 1, 0, 0, 1, False, False, False, 1, 1))
        await eyes.sees("sort: position")
        assert eyes.app._exception is None
