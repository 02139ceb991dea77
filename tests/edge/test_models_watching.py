"""Changes below the models' folders are noticed: at rest, at the latest after a while, and where nobody tells."""

import asyncio
from contextlib import aclosing, asynccontextmanager

import pytest

from daemon.disk import UNFINISHED
from daemon.library.models import watching
from daemon.library.models.watching import Watch, is_remote


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    for name, seconds in (("QUIET", 0.02), ("LONGEST", 0.2), ("ROOTS", 0.02), ("POLL", 0.02)):
        monkeypatch.setattr(watching, name, seconds)


class Told:
    """`changes` as the test plays them; what the watch made of it."""

    def __init__(self, monkeypatch):
        self.bundles = asyncio.Queue()
        self.polled = []
        self.heard = asyncio.Queue()
        monkeypatch.setattr(watching, "changes", self.changes)

    async def changes(self, folders, polling):
        self.polled.append(polling)
        while True:
            bundle = await self.bundles.get()
            if isinstance(bundle, Exception):
                raise bundle
            yield bundle

    async def changed(self, paths):
        self.heard.put_nowait(paths)

    @asynccontextmanager
    async def watching(self, *roots, mode="auto"):
        task = asyncio.create_task(Watch(roots, mode, self.changed).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))


@pytest.fixture
def told(monkeypatch):
    return Told(monkeypatch)


async def test_changes_that_come_together_are_told_together(told, tmp_path):
    async with told.watching(tmp_path):
        told.bundles.put_nowait({"/m/a"})
        told.bundles.put_nowait({"/m/b"})

        assert await asyncio.wait_for(told.heard.get(), 5) == {"/m/a", "/m/b"}
        told.bundles.put_nowait({"/m/c"})
        assert await asyncio.wait_for(told.heard.get(), 5) == {"/m/c"}
    assert told.polled == [False]


async def test_what_never_rests_is_told_all_the_same(told, tmp_path):
    async def grow():
        while True:
            told.bundles.put_nowait({"/m/growing"})
            await asyncio.sleep(0.005)

    async with told.watching(tmp_path):
        growing = asyncio.create_task(grow())
        assert await asyncio.wait_for(told.heard.get(), 5) == {"/m/growing"}
        growing.cancel()
        await asyncio.wait((growing,))


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), RuntimeError("limit of watches reached")])
async def test_where_nothing_can_be_heard_it_is_looked_for(told, tmp_path, fault, caplog):
    async with told.watching(tmp_path):
        told.bundles.put_nowait(fault)
        assert await asyncio.wait_for(told.heard.get(), 5) is None  # anything may have happened meanwhile
        told.bundles.put_nowait({"/m/a"})
        assert await asyncio.wait_for(told.heard.get(), 5) == {"/m/a"}
    assert told.polled == [False, True] and "looked for every few seconds" in caplog.text


async def test_a_folder_that_comes_later_is_watched_and_looked_through(told, tmp_path):
    later = tmp_path / "later"
    async with told.watching(later):
        later.mkdir()
        async with asyncio.timeout(5):
            while told.polled != [False]:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.002)
        told.bundles.put_nowait({"/m/a"})
        while await asyncio.wait_for(told.heard.get(), 5) != {"/m/a"}:
            pass


async def test_long_silence_is_broken_by_a_look_at_everything(told, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "LOOK", 0.02)
    async with told.watching(tmp_path):
        assert await asyncio.wait_for(told.heard.get(), 5) is None


async def test_what_is_switched_off_ends_at_once(told, tmp_path):
    await Watch([tmp_path], "off", told.changed).run()
    await Watch([], "auto", told.changed).run()

    assert told.polled == []


@pytest.mark.parametrize("polling", [False, True])
async def test_a_new_file_is_heard_and_an_unfinished_one_is_not(tmp_path, monkeypatch, polling):
    heard: set[str] = set()

    async def limited(changes):
        async with aclosing(changes):
            for _ in range(2):
                yield await anext(changes)

    async def listen():
        told = [paths async for paths in limited(watching.changes([tmp_path], polling))]
        assert told[0] is None  # what came before was not heard
        heard.update(path for paths in told[1:] for path in paths)

    monkeypatch.setattr(watching, "READY", 50)
    listening = asyncio.create_task(listen())
    async with asyncio.timeout(20):
        number = 0
        while not listening.done():  # listening begins a moment after it was asked for
            number += 1
            (tmp_path / f"{UNFINISHED}{number}.part").touch()
            (tmp_path / f"{number}.safetensors").touch()
            await asyncio.sleep(0.05)
    listening.result()
    assert not any(UNFINISHED in path for path in heard)


def test_file_systems_of_other_machines_are_known(tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    mounts = tmp_path / "mounts"
    where = str(folder).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nnas:/models {where} nfs4 rw 0 0\n/dev/x {where}/local ext4 rw 0 0\n")

    assert is_remote(folder, mounts) and is_remote(folder / "sub", mounts)
    assert not is_remote(folder / "local/x", mounts) and not is_remote(tmp_path, mounts)
    assert not is_remote(folder, tmp_path / "nothing")
