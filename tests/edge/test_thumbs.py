"""Thumbnails: made once per content and size, made again when damaged, never on the event loop."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from daemon.artifacts import thumbs
from daemon.artifacts.thumbs import Size, Thumbnails
from schema.errors import Refused
from schema.ids import Sha256

NAME = Sha256("ab" + "0" * 62)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    Image.effect_noise((1200, 600), 50).convert("RGB").save(path, compress_level=1)
    return path


@pytest.fixture
async def cache(tmp_path: Path, source: Path) -> AsyncIterator[Thumbnails]:
    made = Thumbnails(tmp_path / "thumbs", lambda sha: source)
    yield made
    made.close()


@pytest.mark.parametrize(("size", "expected"), [(256, (256, 128)), (1024, (1024, 512))])
async def test_it_fits_into_its_size(cache: Thumbnails, size: Size, expected: tuple[int, int]):
    path = await cache.of(NAME, size)

    with Image.open(path) as small:
        assert (small.format, small.size) == ("WEBP", expected)


async def test_it_is_never_larger_than_the_picture_and_keeps_transparency(cache: Thumbnails, source: Path):
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(source)

    with Image.open(await cache.of(NAME, 256)) as small:
        assert (small.size, small.mode) == ((40, 30), "RGBA")


async def test_it_is_made_once(cache: Thumbnails, monkeypatch: pytest.MonkeyPatch):
    made = []
    really = thumbs.make
    monkeypatch.setattr(thumbs, "make", lambda *given: (made.append(given), really(*given)))

    paths = await asyncio.gather(*(cache.of(NAME, 256) for _ in range(20)))
    await cache.of(NAME, 256)

    assert len(made) == 1
    assert len(set(paths)) == 1


@pytest.mark.parametrize("damage", [b"", b"RIFF", b"half", b"other words that are no picture at all"])
async def test_a_damaged_one_is_made_again(cache: Thumbnails, damage: bytes):
    path = await cache.of(NAME, 256)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10] if damage == b"half" else damage)

    assert (await cache.of(NAME, 256)).read_bytes() == whole


async def test_the_whole_cache_may_be_deleted(cache: Thumbnails):
    path = await cache.of(NAME, 256)
    path.unlink()
    path.parent.rmdir()

    assert (await cache.of(NAME, 256)).is_file()


async def test_a_picture_that_is_no_picture_is_refused_each_time_it_is_asked_for(cache: Thumbnails, source: Path):
    Path.write_bytes(source, b"words")

    for _ in range(2):
        with pytest.raises(Refused, match="damaged or no picture"):
            await cache.of(NAME, 256)


async def test_a_film_has_none(tmp_path: Path):
    cache = Thumbnails(tmp_path / "thumbs", lambda sha: tmp_path / "film.mp4")

    with pytest.raises(Refused, match="is a film"):
        await cache.of(NAME, 256)
    cache.close()


async def test_a_caller_that_goes_away_does_not_spoil_it_for_the_others(cache: Thumbnails):
    first = asyncio.ensure_future(cache.of(NAME, 1024))
    second = asyncio.ensure_future(cache.of(NAME, 1024))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).is_file()


async def test_the_loop_goes_on_meanwhile(cache: Thumbnails):
    making = asyncio.ensure_future(cache.of(NAME, 1024))
    longest, last = 0.0, time.perf_counter()
    turns = 0
    while not making.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last, turns = max(longest, now - last), now, turns + 1

    assert turns > 3
    assert longest < 0.25


async def test_the_cache_is_kept_small_and_what_was_looked_at_last_stays(cache: Thumbnails, tmp_path: Path):
    names = [Sha256(f"{n:02x}" + "0" * 62) for n in range(4)]
    paths = [await cache.of(name, 256) for name in names]
    for age, path in enumerate(reversed(paths)):
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    size = paths[0].stat().st_size

    assert cache.shrink(2 * size) == 2
    assert [path.exists() for path in paths] == [False, False, True, True]

    cache.drop(names[3])
    assert [path.exists() for path in paths] == [False, False, True, False]
    assert (await cache.of(names[0], 256)).exists()
