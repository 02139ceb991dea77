"""Tells every listener the news: ends at once, progress at most ten times a second, the load as a heartbeat.

A listener that does not read is dropped; it asks for the attempts when it comes back.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec
from aiohttp import web

from schema.orders import AgentNews, CardChanged, Ended, Load, Preview, Progress

HEARTBEAT_SECONDS = 2.0
PROGRESS_SECONDS = 0.1
SLOW_SECONDS = 10.0
"""A frame that could not be sent for this long: nobody reads."""

MOST_ENDED = 1000
"""Ends a listener may have before it; more are in the spool anyway."""


class Feed:
    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load
        self._listeners: set[_Listener] = set()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def tell(self, news: AgentNews) -> None:
        for listener in self._listeners:
            listener.put(news)

    async def serve(self, socket: web.WebSocketResponse, hang_up: Callable[[], None]) -> None:
        """Until the listener goes, or reads too slowly."""
        listener = _Listener()
        self._listeners.add(listener)
        speaking = asyncio.create_task(self._speak(listener, socket, hang_up))
        try:
            async for _ in socket:
                pass  # a listener has nothing to say; reading answers pings and sees the close
        finally:
            self._listeners.discard(listener)
            speaking.cancel()
            await asyncio.wait((speaking,))

    def close(self) -> None:
        """Wakes every listener for the last time."""
        for listener in self._listeners:
            listener.dropped = True
            listener.wake.set()

    async def _speak(self, listener: "_Listener", socket: web.WebSocketResponse, hang_up: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        encode = msgspec.msgpack.Encoder().encode
        beat = loop.time()
        try:
            while not listener.dropped:
                if loop.time() >= beat:
                    listener.put(self._load())
                    beat = loop.time() + HEARTBEAT_SECONDS
                for news in listener.take(loop.time()):
                    async with asyncio.timeout(SLOW_SECONDS):
                        await socket.send_bytes(encode(news))
                await _woken(listener.wake, min(beat, listener.due) - loop.time())
            await socket.close(drain=False)
        except (TimeoutError, ConnectionError):
            hang_up()


class _Listener:
    """What one listener has not been told yet: all ends, the newest of everything else."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.dropped = False
        self.due = float("inf")
        """Loop time when waiting progress may be told."""
        self._ended: deque[Ended] = deque()
        self._load: Load | None = None
        self._card: CardChanged | None = None
        self._latest: dict[tuple[type[AgentNews], int], Progress | Preview] = {}
        self._quiet_until = 0.0

    def put(self, news: AgentNews) -> None:
        match news:
            case Ended(report=report):
                self._ended.append(news)
                self._latest.pop((Progress, report.token), None)
                self._latest.pop((Preview, report.token), None)
                self.dropped = self.dropped or len(self._ended) > MOST_ENDED
                self.wake.set()
            case Load():
                self._load = news
            case CardChanged():
                self._card = news
                self.wake.set()
            case Progress() | Preview():
                self._latest[type(news), news.token] = news
                if self.due == float("inf"):
                    self.due = self._quiet_until
                    self.wake.set()

    def take(self, now: float) -> list[AgentNews]:
        self.wake.clear()
        news: list[AgentNews] = [each for each in (self._card, self._load) if each]
        self._card = self._load = None
        if now >= self.due:
            news += self._latest.values()
            self._latest.clear()
            self.due, self._quiet_until = float("inf"), now + PROGRESS_SECONDS
        news += self._ended
        self._ended.clear()
        return news


async def _woken(event: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        return
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
