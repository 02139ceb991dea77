"""Thumbnails as they came: kept while there is room, and weighed once however many wait for them."""

import asyncio

from tui.widgets import thumbs
from tui.widgets.thumbs import LARGE, Thumbs


async def test_what_two_fetch_at_once_takes_its_room_once(monkeypatch):
    monkeypatch.setattr(thumbs, "KEPT_BLOBS", 100)
    fetched = []

    async def fetch(image: str, size: int) -> bytes:
        fetched.append(image)
        await asyncio.sleep(0)
        return b"x" * 40

    kept = Thumbs(fetch, lambda work: None, true=lambda: True)
    for image in "abcd":
        assert await asyncio.gather(kept.blob(image, LARGE), kept.blob(image, LARGE)) == [b"x" * 40] * 2
    fetched.clear()
    for image in "dca":
        await kept.blob(image, LARGE)
    assert fetched == ["a"], "the two that were wanted last are here"


async def test_one_that_is_larger_than_all_the_room_is_shown_all_the_same(monkeypatch):
    monkeypatch.setattr(thumbs, "KEPT_BLOBS", 10)

    async def fetch(image: str, size: int) -> bytes:
        return b"x" * 40

    kept = Thumbs(fetch, lambda work: None, true=lambda: True)
    assert [await kept.blob(image, LARGE) for image in "ab"] == [b"x" * 40] * 2
