"""A daemon of these tests' own, the app on it, and ways to see what a person would see."""

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tui.app import StableNew
from tui.preferences import Preferences

sys.path.insert(0, str(Path(__file__).parent))  # for `screen_daemon` and `screen_things`

from screen_daemon import FakeDaemon
from screen_things import make_row, picture

__all__ = ["FakeDaemon", "make_row", "picture"]
"""What the benchmark of the screen takes from here."""

asyncio.set_event_loop(None)
"""Else pytest-asyncio makes one when a sync test came first, and leaves it open."""

# Fixtures -------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def quiet_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is told by the developer's terminal, and clocks show UTC."""
    for name in ("SSH_CONNECTION", "TMUX", "DISPLAY", "WAYLAND_DISPLAY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
async def daemon(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[FakeDaemon]:
    """Of the kind that a module names `DAEMON`, where it needs more than the plain one."""
    fake: FakeDaemon = getattr(request.module, "DAEMON", FakeDaemon)(tmp_path / "api.sock")
    await fake.begin()
    yield fake
    await fake.end()


class Eyes:
    """The app under test, its pilot, and ways to wait for what a person would see."""

    def __init__(self, app: StableNew, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    def text(self) -> str:
        """The screen as lines of text, exactly as wide and high as the terminal."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def until(self, holds: Callable[[], object], why: str = "") -> None:
        async with asyncio.timeout(60):
            for look in itertools.count(1):
                if holds():
                    return
                if look % 50 == 0:
                    await self.settle()
                await self.pilot.pause(0.01)

    async def sees(self, *words: str) -> None:
        def seen() -> bool:
            text = self.text()
            return all(word in text for word in words)

        try:
            await self.until(seen)
        except TimeoutError:
            raise AssertionError(f"never seen together: {words}\n{self.text()}") from None
        await self.settle()

    async def settle(self) -> None:
        """Laid out and drawn anew: what lies under a dialog may have been drawn before it was there itself."""
        self.app.screen.refresh(layout=True)
        await self.pilot.pause()

    async def quiet(self) -> None:
        """Until nothing is being read."""
        quick = ("pages", "reread", "look", "commands", "pictures")
        await self.until(lambda: not any(worker.group in quick for worker in self.app.workers))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def is_asked(self, key: str, question: str, sent: Callable[[], object]) -> None:
        """The key asks first: after a no nothing is sent, after a yes it is."""
        await self.press(key)
        await self.sees(question)
        await self.press("n")
        assert not sent()
        await self.press(key, "y")
        await self.until(sent)


@pytest.fixture
def show(daemon: FakeDaemon) -> Callable[..., object]:
    """`async with show(width, height, ui=...) as eyes`: the app on the fake daemon, linked and filled."""

    @asynccontextmanager
    async def shown(
        width: int = 120, height: int = 36, *, ui: Preferences | None = None, env: dict[str, str] | None = None
    ) -> AsyncIterator[Eyes]:
        app = StableNew(lambda: daemon.socket, ui=ui, env=env or {}, clock=lambda: daemon.now)
        app.animation_level = "none"
        async with app.run_test(size=(width, height), notifications=True) as pilot:
            eyes = Eyes(app, pilot)
            await eyes.until(lambda: app.live.linked)
            try:
                yield eyes
            finally:
                app.exit()  # as a person leaves: work beside a screen that is going away knows it

    return shown


@pytest.fixture
def at(show: Callable[..., object], daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """`async with at(NAME, width, height) as eyes`: the app at a screen of `screen_ways`."""
    from screen_ways import at_home, go, prepare

    monkeypatch.setattr(os, "getuid", lambda: 1000)

    @asynccontextmanager
    async def arrived(
        name: str, width: int = 120, height: int = 36, *, words: bool = True, ui: Preferences | None = None
    ) -> AsyncIterator[Eyes]:
        prepare(daemon, name)
        async with show(width, height, ui=ui) as eyes:
            at_home(eyes, tmp_path)
            await go(eyes, daemon, name, words=words)
            await eyes.settle()
            yield eyes

    return arrived


@pytest.fixture
def picture_of() -> Callable[[Eyes, str], None]:
    """Compares the screen with `snapshots/NAME.txt`; `STABLENEW_SNAPSHOTS=write` writes it instead."""

    def compare(eyes: Eyes, name: str) -> None:
        width, height = eyes.app.size
        seen = eyes.text()
        lines = seen.split("\n")
        assert (len(lines), {cell_len(line) for line in lines}) == (height, {width}), "the picture is not whole"
        kept = Path(__file__).parent / "snapshots" / f"{name}.txt"
        if os.environ.get("STABLENEW_SNAPSHOTS") == "write":
            kept.write_text(seen + "\n", "utf-8")
        assert seen + "\n" == kept.read_text("utf-8"), f"{name} looks otherwise:\n{seen}"

    return compare
