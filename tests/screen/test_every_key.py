"""Every key of an area, pressed where it belongs: it means there what the table says, and something comes of it.

Those of dialogs and of parts of them are pressed in `test_every_binding`.
"""

import asyncio
from contextlib import nullcontext

import pytest
from screen_disk import DiskDaemon
from screen_ways import ON, WAYS, press

from tui import keys
from tui.dialogkeys import OVER
from tui.screens.alone import Alone
from tui.thenkeys import THEN, travelling

PATIENCE = 15.0
"""Seconds in which something has come of a key."""

STILL = 0.3
"""Seconds in which nothing moves any more once all is told."""

PLACES = {
    "everywhere": "queue", "then": "then", "lists": "queue", "queue": "queue", "runs": "runs-folded",
    "gallery": "gallery", "learn": "learn", "nodes": "nodes", "library": "profiles", "shelf": "profiles",
    "packs": "packs-all", "models": "models-here", "run": "run", "prompt": "editor", "text": "run",
    "places": "editor-places", "samples": "editor-samples", "stages": "stages-steps", "logs": "logs", "disk": "disk",
    "settings": "settings", "welcome": "welcome", "zoom": "zoom", "compare": "compare-two", "inbox": "inbox",
    "duel": "duel", "comparison": "comparison-new",
}  # fmt: skip
"""Where the keys of a place are pressed: a way of `screen_ways`."""

ELSEWHERE = {
    "go.queue": "gallery", "gallery.restore": "trash", "gallery.delete": "trash", "nodes.pair": "fleet-asking",
    "learn.stop": "learn-experiments", "learn.compare": "learn-experiments",
    **{f"welcome.rate{n}": "welcome-picture" for n in range(1, 6)}, "welcome.undo": "welcome-picture",
    **{f"welcome.{word}": "welcome-picture" for word in ("new", "library", "nodes", "settings")},
}  # fmt: skip
"""Keys that mean something only where there is something for them."""

BEFORE = {
    "list.up": ("j",), "list.half_up": ("G",), "list.top": ("G",), "list.clear": ("space",),
    "list.range": ("space", "j", "j", "j"), "queue.up": ("j", "j", "j"), "queue.down": ("j", "j"),
    "queue.send": ("j", "j"), "queue.write": ("j", "j"), "queue.list": ("l",), "runs.fold": ("enter",),
    "gallery.previous": ("G",), "gallery.left": ("l",), "gallery.group_back": ("G",),
    "gallery.compare": ("space", "space"), "learn.knob_back": (".",), "learn.list": ("enter",),
    "learn.up": ("j",), "learn.top": ("G",), "learn.half_up": ("G",),
    "nodes.list": ("l",), "nodes.forget": ("j",), "library.list": ("l",), "packs.try": ("l", "j"),
    "logs.list": ("l",), "logs.cause": ("k",),
    "places.free": ("space",), "samples.drop": ("enter", "=misty ", "ctrl+j"),
    "stages.back": ("+",), "stages.undo": ("+",), "stages.clear": ("/", "=cfg", "enter"),
    "disk.up": ("j",), "disk.half_up": ("ctrl+d",), "settings.up": ("j",), "settings.top": ("G",),
    "settings.half_up": ("G",), "settings.section_back": ("G",), "settings.clear": ("c",),
    "zoom.previous": ("j", "j"), "zoom.unrated_back": ("n", "n"), "compare.up": ("j",),
    "inbox.back": ("4",), "duel.back": ("1",), "comparison.back": ("4",), "comparison.left": ("l",),
    "comparison.previous": ("space",), "welcome.undo": ("4",),
    "text.take": ("=, __s",), "text.names": ("=, __s", "escape"), "then.on": ("(",), "then.on100": ("{",),
    "then.hour_on": ("ctrl+left",),
    **{f"run.{name}": ("escape",) for name in ("write", "stop", "work", "choose", "next", "back", "pause", "mode",
                                               "anew", "jobs", "logs", "refresh")},
    "run.choose": ("escape", ON),
}  # fmt: skip
"""What makes a key's effect one that can be seen."""


LOW, SCROLLED = (80, 15), ("compare.down", "compare.up")
"""Keys that move what does not fit, and a terminal in which it does not."""

WARN = ("disk.check",)
"""Keys that find something wrong where they are pressed here."""


DAEMON = DiskDaemon

KEYS = [key for key in keys.TABLE if key not in OVER]


@pytest.fixture(autouse=True)
def editor(tmp_path, monkeypatch):
    """Verdicts count at once, and the person's editor writes a line more."""
    monkeypatch.setattr(Alone, "look", 0.0)
    written = tmp_path / "editor"
    written.write_text('#!/bin/sh\necho more >> "$1"\n')
    written.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(written))


class Watched:
    """What a person, the daemon or the terminal would notice of a key."""

    def __init__(self, eyes, daemon, monkeypatch) -> None:
        self.eyes, self.daemon = eyes, daemon
        self.terminal: list[str] = []
        app = eyes.app
        monkeypatch.setattr(app._driver, "write", self.terminal.append)
        monkeypatch.setattr(app, "action_suspend_process", lambda: self.terminal.append("suspended"))
        monkeypatch.setattr(app, "copy_to_clipboard", self.terminal.append)
        monkeypatch.setattr(app, "suspend", nullcontext)

    def seen(self):
        app = self.eyes.app
        return (
            app._exit, [type(screen) for screen in app.screen_stack], app.focused, len(self.terminal),
            len(self.daemon.commands), len(self.daemon.asked), self.eyes.text(),
        )  # fmt: skip

    def warned(self):
        return {one.message for one in self.eyes.app._notifications if one.severity != "information"}

    async def still(self) -> None:
        await self.eyes.quiet()
        clock = asyncio.get_running_loop().time
        was, since = self.seen(), clock()
        while clock() - since < STILL:
            await self.eyes.pilot.pause(0.05)
            if (now := self.seen()) != was:
                was, since = now, clock()


async def looked_at(eyes) -> None:
    """Pictures that are judged stand there, and a verdict counts."""
    if (attention := getattr(eyes.app.screen, "attention", None)) is not None:
        attention.look = 0.0
        await eyes.until(lambda: attention._since is not None)


def means(eyes, name, key) -> bool:
    """Whether this key is that of the table where one is."""
    if key in THEN:
        return travelling(name, {}) is key
    found = eyes.app.screen.active_bindings.get(name)
    return found is not None and found.binding.id == key.id


def test_there_is_a_place_for_every_key():
    assert {key.where for key in KEYS} <= PLACES.keys()
    assert {*PLACES.values(), *ELSEWHERE.values()} <= WAYS.keys()
    assert {*ELSEWHERE, *BEFORE} <= {key.id for key in KEYS}


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
async def test_something_comes_of_it(at, daemon, monkeypatch, key):
    size = LOW if key.id in SCROLLED else (120, 36)
    async with at(ELSEWHERE.get(key.id, PLACES[key.where]), *size) as eyes:
        for one in BEFORE.get(key.id, ()):
            await looked_at(eyes)
            await press(eyes, (one,))
        await looked_at(eyes)
        names = key.keys.split(",")
        assert [name for name in names if not means(eyes, name, key)] == []
        await something_comes(Watched(eyes, daemon, monkeypatch), names[0], warns=key.id in WARN)


async def something_comes(watched, name, *, warns=False) -> None:
    await watched.still()
    before, warned = watched.seen(), watched.warned()
    await watched.eyes.press(name)
    async with asyncio.timeout(PATIENCE):
        await watched.eyes.until(lambda: watched.seen() != before)
    await watched.eyes.quiet()
    assert warns or watched.warned() <= warned
