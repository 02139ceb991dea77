"""Whatever is typed, clicked and told, in whatever order: it goes on, and every line is as wide as the screen."""

import random
import re
from contextlib import AsyncExitStack

import msgspec
import pytest
from rich.cells import cell_len
from textual import events
from textual.pilot import Pilot

from tui import keys
from tui.screens.area import AreaScreen

SIZES = ((120, 36), (80, 24), (200, 60))
ODD_SIZES = (*SIZES, (60, 15), (59, 14), (101, 29), (20, 5))

NAMES = sorted({name for key in keys.TABLE for name in key.keys.split(",")} - {"ctrl+q", "ctrl+z"})
"""Every key that means something somewhere, but for those that leave at once."""

USUAL = (
    "j",
    "k",
    "l",
    "h",
    "down",
    "up",
    "enter",
    "escape",
    "tab",
    "shift+tab",
    "space",
    "G",
    "g",
    "slash",
    "backspace",
)

PICTURE = re.compile(r"\x1b\[[0-9;]*H|\x1bP.*?\x1b\\")
"""A picture as sixel: drawn over cells that stay empty, by a terminal that is told where."""

DRAWN = "\ue000"
"""Stands for it in its line, whose other cells end before it."""

LETTERS = {"slash": "/", "colon": ":", "question_mark": "?", "plus": "+", "minus": "-", "asterisk": "*", "space": " ",
           "at": "@", "comma": ",", "full_stop": ".", "left_square_bracket": "[", "right_square_bracket": "]",
           "enter": "\r", "tab": "\t", "equals_sign": "=", "apostrophe": "'", "exclamation_mark": "!"}  # fmt: skip


class Cat:
    """Walks over keyboard and mouse while the daemon works, breaks off and comes back; the seed says how."""

    def __init__(self, seed: int, eyes, daemon) -> None:
        self.draw = random.Random(seed)
        self.eyes, self.daemon = eyes, daemon
        self.walked: list[object] = []

    async def walk(self, steps: int) -> None:
        kinds = {"several": 60, "area": 8, "word": 6, "click": 12, "wheel": 5, "news": 8}
        kinds |= {"size": 2, "paste": 1, "gone": 1}
        for _ in range(steps):
            if not self.eyes.app.is_running or self.eyes.app._exit:
                return
            [kind] = self.draw.choices(list(kinds), list(kinds.values()))
            await getattr(self, kind)()
            await self.eyes.pilot.pause()
            self.check()

    def check(self) -> None:
        app = self.eyes.app
        assert app._exception is None, f"after {self.walked[-30:]}"
        if not app.is_running or app._exit or not isinstance(app.screen, AreaScreen) or not app.screen.ready:
            return
        lines = PICTURE.sub(DRAWN, self.eyes.text()).split("\n")
        assert {cell_len(line) for line in lines if DRAWN not in line} <= {app.size.width}, f"after {self.walked[-30:]}"
        lines = [line.replace(DRAWN, "") for line in lines]
        assert max(map(cell_len, lines)) <= app.size.width, f"after {self.walked[-30:]}"
        assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for line in lines for letter in line)

    def _type(self, *names: str) -> None:
        self.walked += names
        for name in names:
            letter = name if len(name) == 1 else LETTERS.get(name)
            self.eyes.app._driver.send_message(events.Key(name, letter))

    async def several(self) -> None:
        """A few at once: the second is typed before the first was looked at."""
        many = self.draw.randrange(1, 5)
        self._type(*(self.draw.choice(USUAL if self.draw.random() < 0.5 else NAMES) for _ in range(many)))

    async def area(self) -> None:
        self._type("escape", "escape", "g", self.draw.choice([area.letter for area in keys.AREAS]))

    async def word(self) -> None:
        self._type(*self.draw.choice(("state:open", "{a|b", "(x:1.2", "__w__", "[b]x[/]", "9" * 30, "é漢")))

    async def click(self) -> None:
        width, height = self.eyes.app.size
        x, y = self.draw.randrange(width), self.draw.choice((0, 1, height - 1, self.draw.randrange(height)))
        self.walked.append(("click", x, y))
        how = self.eyes.pilot.double_click if self.draw.random() < 0.2 else self.eyes.pilot.click
        await how(offset=(x, y))

    async def wheel(self) -> None:
        kind = self.draw.choice((events.MouseScrollDown, events.MouseScrollUp))
        self.walked.append(kind.__name__)
        width, height = self.eyes.app.size
        pilot: Pilot[None] = self.eyes.pilot
        await pilot._post_mouse_events([kind], offset=(self.draw.randrange(width), self.draw.randrange(height)))

    async def paste(self) -> None:
        self.walked.append("paste")
        self.eyes.app._driver.send_message(events.Paste("a quiet\rharbour \x1b[2J"))

    async def size(self) -> None:
        size = self.draw.choice(ODD_SIZES)
        self.walked.append(size)
        await self.eyes.pilot.resize_terminal(*size)

    async def news(self) -> None:
        self.walked.append("news")
        await self.daemon.progress(100 + self.draw.randrange(2), self.draw.randrange(31))
        if self.draw.random() < 0.5:
            index = self.draw.randrange(12)
            row = msgspec.structs.replace(self.daemon.rows[index], state="finished", seconds=3.0)
            await self.daemon.change(index, row)

    async def gone(self) -> None:
        """Killed and started again."""
        self.walked.append("gone")
        await self.daemon.end()
        await self.eyes.pilot.pause(0.05)
        await self.daemon.begin()


@pytest.fixture
def walked(show, daemon, tmp_path, monkeypatch):
    """Lets a cat walk so many steps; where it leaves the program, it comes in again."""
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    monkeypatch.setenv("VISUAL", "true")
    monkeypatch.setenv("EDITOR", "true")

    async def walk(seed: int, size: tuple[int, int], steps: int) -> None:
        done = 0
        while done < steps:
            async with AsyncExitStack() as stack:
                eyes = await stack.enter_async_context(show(*size))
                cat = Cat(seed + done, eyes, daemon)
                part = min(250, steps - done)
                await cat.walk(part)
                done += part

    return walk


async def test_a_short_walk(walked):
    await walked(1, (120, 36), 12)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_walk_at_every_size(walked, size):
    await walked(2, size, 120)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("seed", range(10_000, 110_000, 10_000))
async def test_a_long_walk(walked, seed, size):
    await walked(seed, size, 500)
