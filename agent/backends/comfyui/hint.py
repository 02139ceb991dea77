"""What ComfyUI tells over its WebSocket while a prompt runs: a hint only. Without it everything works, less lively.

A thread with an event loop of its own, as the backend itself blocks. Every connection has a client id of its own:
two with one id would take each other's messages away.
"""

import asyncio
import contextlib
import queue
import struct
import threading
import uuid
from typing import NamedTuple

import aiohttp
import msgspec

from agent.answers import decoded
from agent.http import Server

LARGEST = 64 << 20
PERIOD = 20.0
"""Seconds between pings, so that a half-open connection is noticed."""

GOODBYE = 0.05
"""Seconds the next stage waits for the connection to be closed properly."""

AGAIN = 2.0
"""Seconds before a connection is tried again."""

KEPT = 10_000
"""Messages nobody has taken; beyond it new ones are dropped, as the truth is elsewhere."""


class _Direct(aiohttp.ClientResponse):
    """A websocket would follow a redirect to wherever the server says; no other call to it does."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        answer = await super().start(connection)
        if 300 <= answer.status < 400:
            raise aiohttp.ClientResponseError(self.request_info, (), status=answer.status)
        return answer


class Told(msgspec.Struct, frozen=True):
    type: str
    data: dict[str, msgspec.Raw] = {}

    def text(self, name: str) -> str | None:
        value = self._of(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> float:
        value = self._of(name)
        return value if isinstance(value, int | float) else 0.0

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._of(name)
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()

    def _of(self, name: str) -> object:
        try:
            return decoded(self.data[name], object) if name in self.data else None
        except msgspec.MsgspecError:
            return None


class Shown(NamedTuple):
    """A preview."""

    content: bytes
    prompt: str | None
    """None: an older server does not say whose it is."""


class Closed(NamedTuple):
    """The connection is gone; it will be tried again."""


News = Told | Shown | Closed


class Hints:
    """`with Hints(server) as hints`: connected before the prompt is sent, so that nothing is missed."""

    def __init__(self, server: Server, connect_s: float = 3.0) -> None:
        self.client = uuid.uuid4().hex
        self.connected = threading.Event()
        self._server = server
        self._patience = connect_s
        self._news: queue.Queue[News] = queue.Queue(KEPT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="comfyui-hints", daemon=True)

    def __enter__(self) -> "Hints":
        self._thread.start()
        self._begun.wait(self._patience)
        return self

    def __exit__(self, *_: object) -> None:
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # the loop may just have ended
                loop.call_soon_threadsafe(task.cancel)
        self._thread.join(GOODBYE)

    def next(self, seconds: float) -> News | None:
        """None: nothing was said for so long."""
        try:
            return self._news.get(timeout=max(0.0, seconds)) if seconds > 0 else self._news.get_nowait()
        except queue.Empty:
            return None

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        with contextlib.suppress(asyncio.CancelledError):
            async with aiohttp.ClientSession(
                headers=dict(self._server.headers),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=3.0),
                response_class=_Direct,
            ) as session:
                while True:
                    await self._listen(session)
                    self.connected.clear()
                    self._put(Closed())
                    self._begun.set()
                    await asyncio.sleep(AGAIN)

    async def _listen(self, session: aiohttp.ClientSession) -> None:
        address = f"{self._server.url}/ws?clientId={self.client}"
        try:
            async with asyncio.timeout(self._patience):
                socket = await session.ws_connect(
                    address, max_msg_size=LARGEST, heartbeat=PERIOD, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return
        async with socket:
            # without it older previews come, that do not say whose they are
            await socket.send_str('{"type":"feature_flags","data":{"supports_preview_metadata":true}}')
            self.connected.set()
            self._begun.set()
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._put(preview_of(message.data))
                elif message.type is aiohttp.WSMsgType.TEXT:
                    with contextlib.suppress(msgspec.MsgspecError):
                        self._put(decoded(message.data, Told))

    def _put(self, news: News | None) -> None:
        if news is not None:
            with contextlib.suppress(queue.Full):
                self._news.put_nowait(news)


class _Owner(msgspec.Struct):
    prompt_id: str | None = None


def preview_of(message: bytes) -> Shown | None:
    """Event 1: number, format (1 JPEG, 2 PNG), bytes. Event 4: number, length, JSON, bytes. None: something else."""
    if len(message) < 8:
        return None
    event, number = struct.unpack_from(">II", message)
    if event == 1:
        return Shown(message[8:], None) if number in (1, 2) else None
    if event == 4 and len(message) >= 8 + number:
        try:
            owner = decoded(message[8 : 8 + number], _Owner)
        except msgspec.MsgspecError:
            return None
        return Shown(message[8 + number :], owner.prompt_id)
    return None
