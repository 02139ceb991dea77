"""What tests of fleets have in common: how they wait, and a daemon that looks for local agents all the time."""

import asyncio
from collections.abc import Callable

import pytest

from daemon.fleet import local

PATIENCE = 40.0
"""Seconds; far more than any of it takes."""


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Until a task of the daemon or another process has made it true."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def hurry(monkeypatch: pytest.MonkeyPatch, *, look: float = 0.05, gone: float = 0.1) -> None:
    """Local agents are looked for every `look` seconds, and given up after `gone`."""
    monkeypatch.setattr(local, "LOOK_SECONDS", look)
    monkeypatch.setattr(local, "AGAIN_SECONDS", look)
    monkeypatch.setattr(local, "GONE_SECONDS", gone)


def seen(house, kind: type) -> list:  # type: ignore[no-untyped-def, type-arg]
    """The events of this kind, in order."""
    return [event for event in house.events if isinstance(event, kind)]
