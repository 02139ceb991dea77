"""The child that reads files of strangers for the daemon: what it may do, and what becomes of one that hangs."""

import asyncio
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from daemon.artifacts.foreign.readers import Readers
from schema.errors import Refused

pytestmark = pytest.mark.story


@pytest.fixture
async def readers(tmp_path: Path):
    found = Readers(tmp_path)
    yield found
    await found.close()


def png(path: Path) -> bytes:
    told = PngInfo()
    told.add_text("parameters", "a mill\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 64x48")
    Image.new("RGB", (64, 48)).save(path, pnginfo=told)
    return path.read_bytes()


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_bytes_and_files_are_read_and_nothing_is_left_behind(tmp_path: Path, readers: Readers):
    raw = png(tmp_path / "a.png")

    sent, kept = await readers.read(raw, "a.png"), await readers.read(tmp_path / "a.png", "other.png")

    assert (sent.foreign.seed, sent.run.prompt) == (7, "a mill")
    assert kept.foreign.name == "other.png"
    assert _names(tmp_path) == ["a.png"]


async def test_a_refusal_comes_over_whole(readers: Readers):
    with pytest.raises(Refused) as refused:
        await readers.read(b"\x89PNG\r\n\x1a\n", "torn\n.png")

    assert refused.value.where == "torn\n.png"
    assert refused.value.sentence == "the picture ends early, at byte 8."


async def test_it_can_write_no_file_and_take_no_more_than_a_gigabyte(readers: Readers):
    await readers.warm()
    (child,) = readers._idle
    limits = Path.read_text(Path(f"/proc/{child.pid}/limits"))

    found = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
    assert (found["Max address space"], found["Max file size"]) == (str(1 << 30), "0")


async def test_one_that_died_is_replaced(tmp_path: Path, readers: Readers):
    raw = png(tmp_path / "a.png")
    await readers.warm()
    (child,) = readers._idle
    child.kill()
    await child.wait()

    assert (await readers.read(raw, "a.png")).foreign.seed == 7


async def test_one_that_hangs_is_ended_and_told(tmp_path: Path):
    readers = Readers(tmp_path, timeout=0.3)
    await readers.warm()
    (child,) = readers._idle
    child.send_signal(19)  # SIGSTOP

    with pytest.raises(Refused, match=r"longer than 0\.3 seconds"):
        await readers.read(b"a mill", "a.txt")

    await asyncio.wait_for(child.wait(), 5)
    await readers.close()
