"""A drive that hangs: it costs its own threads, a little time once, and nobody else anything."""

import asyncio
import os
import threading

import pytest

from daemon.fleet import shared
from daemon.fleet.shared import Shared


@pytest.fixture
def drive(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "READ_SECONDS", 0.1)
    (tmp_path / "a.png").write_bytes(b"a picture")
    return Shared.open(tmp_path)


async def read(drive: Shared) -> bytes:
    return b"".join([piece async for piece in drive.pieces("a.png", 100)])


async def test_one_that_hangs_is_left_alone_for_a_while_and_what_it_opens_late_is_closed(drive, monkeypatch):
    goes_on, opened, asked = threading.Event(), list[int](), []
    opens = shared._opened

    def hangs(folder, place):
        asked.append(place)
        goes_on.wait(10)
        opened.append(opens(folder, place))
        return opened[-1]

    monkeypatch.setattr(shared, "_opened", hangs)
    try:
        for _ in range(20):
            with pytest.raises(OSError):
                await read(drive)
        assert len(asked) == 1
        assert await asyncio.to_thread(lambda: 7) == 7
    finally:
        goes_on.set()
    async with asyncio.timeout(5):
        while not (opened and is_closed(opened[0])):  # noqa: ASYNC110 - another thread closes it
            await asyncio.sleep(0.01)
    monkeypatch.setattr(shared, "_opened", opens)
    drive._again = 0.0
    assert await read(drive) == b"a picture"


def is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False
