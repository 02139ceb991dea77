"""Every screen of the terminal UI, reached by keys and looked at in three sizes; a new one is not forgotten."""

import ast
import asyncio
import os
import re
from pathlib import Path

import pytest
from screen_disk import DiskDaemon
from screen_ways import WAYS, classes

import tui.screens

HERE = Path(__file__).parent
SIZES = ((80, 24), (120, 36), (200, 60))
LONGEST, SETTLED = 20.0, 1.5
"""Seconds in which a screen has become what it stays: where that is known, and where it is written anew."""


DAEMON = DiskDaemon


def kept(name, width, height):
    return HERE / "snapshots" / f"{name}-{width}x{height}.txt"


def screens():
    """Classes of screens that somebody is shown: those that nothing is derived from, and those that are made."""
    found = classes()
    made = {
        node.func.id
        for file in Path(tui.screens.__file__).parents[1].rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    ancestors = {base for one in found.values() for base in one.__mro__[1:]}
    return {name for name, one in found.items() if one not in ancestors or name in made}


def test_there_is_a_way_to_every_screen():
    assert screens() - {way.screen for way in WAYS.values()} == set()


def test_every_screen_is_kept_at_every_size():
    missing = [kept(name, *size).name for name in WAYS for size in SIZES if not kept(name, *size).is_file()]
    assert not missing


def test_every_picture_that_is_kept_is_looked_at():
    written = "".join(file.read_text("utf-8") for file in HERE.glob("test_*.py"))
    names = {re.sub(r"-\d+x\d+$", "", file.stem) for file in (HERE / "snapshots").iterdir()}
    assert [name for name in names if name not in WAYS and f'"{name}-' not in written] == []


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", WAYS)
async def test_how_it_looks(at, picture_of, name, size):
    async with at(name, *size) as eyes:
        file = kept(name, *size)
        wanted = file.read_text("utf-8").removesuffix("\n") if file.is_file() else ""
        try:
            async with asyncio.timeout(SETTLED if os.environ.get("STABLENEW_SNAPSHOTS") == "write" else LONGEST):
                await eyes.until(lambda: eyes.text() == wanted)
        except TimeoutError:
            pass  # the difference is told below
        picture_of(eyes, f"{name}-{size[0]}x{size[1]}")
