"""The daemon's end of one agent: HTTP with msgpack bodies (docs/agent-protocol.md), over whatever connects.

Knows the wire, nothing of the ledger. Every call may raise LinkLost: the agent may be gone at any moment.
"""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar, get_args

import aiohttp
import msgspec

from daemon.fleet.seam import (
    Declined,
    HungUp,
    LinkLost,
    NotKnown,
    NotThere,
    OtherKey,
    OtherProtocol,
    Refusing,
    Unwilling,
)
from daemon.fleet.sober import Unsound, sober_answer, sober_card, sober_news, sober_report
from schema.errors import why
from schema.ids import Sha256
from schema.orders import LARGEST_ORDER, Accepted, AgentNews, AttemptReport, Card, Order

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of anything but a blob; a card with the names of all models is the largest."""

CALL_SECONDS = 30.0
"""An agent answers every call at once, or within a server's patience; work is told on the feed."""

SILENCE_SECONDS = 15.0
"""The feed's heartbeat comes every few seconds; after this long without one the link is lost."""

BLOBS = 4
"""Fetched at once: slow ones leave room for everything else."""

SLOWEST = 64 * 1024
"""Bytes a second below which a blob is given up, its first half minute aside."""

FEED = "/v1/feed"
NEWS = frozenset(kind.__name__ for kind in get_args(AgentNews))

T = TypeVar("T")


class AgentLink:
    def __init__(
        self,
        connector: aiohttp.BaseConnector,
        *,
        base: str = "http://agent",
        answer: type[aiohttp.ClientResponse] | None = None,
        beat: float | None = None,
        silence: float | None = None,
    ) -> None:
        """`beat`: seconds between two signs of life that are asked for, beside the agent's own. `answer` may look at
        every answer's connection first.
        """
        self._beat = beat
        self._silence = silence
        self.alive: Callable[[], None] = lambda: None
        """Told of every sign of life."""
        self._blobs = asyncio.Semaphore(BLOBS)
        self._session = aiohttp.ClientSession(
            base_url=base,
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
            auto_decompress=False,
            trust_env=False,
            response_class=answer or Direct,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()

    async def card(self) -> Card:
        """At most some seconds old."""
        return _card(await self._call("GET", "/v1/card"))

    async def refresh(self) -> Card:
        """Every backend asked anew."""
        return _card(await self._call("POST", "/v1/refresh"))

    async def free(self) -> None:
        """Unloads models. Raises Declined while something runs."""
        await self._call("POST", "/v1/free")

    async def watch(self, watched: bool) -> None:
        """Whether unfinished pictures are looked at now. An agent of before this route makes what its orders say."""
        with suppress(Unwilling):
            await self._call("PUT", "/v1/watched", io.BytesIO(msgspec.msgpack.encode(watched)))

    async def attempts(self) -> list[AttemptReport]:
        reports = []
        for report in _decoded(await self._call("GET", "/v1/attempts"), list[AttemptReport]):
            with suppress(Unsound):
                reports.append(sober_report(report))
        return reports

    async def start(self, attempt: str, order: Order) -> Accepted:
        """Raises Unwilling for one that it cannot read."""
        body = msgspec.msgpack.encode(order)
        if len(body) > LARGEST_ORDER:
            raise Unwilling(413, f"the order has {len(body)} bytes and {LARGEST_ORDER} are the most")
        said = await self._call("PUT", f"/v1/attempts/{attempt}", io.BytesIO(body))
        return sober_answer(_decoded(said, Accepted))

    async def cancel(self, attempt: str) -> bool:
        """Whether the agent knows the attempt; its end is told on the feed."""
        try:
            await self._call("POST", f"/v1/attempts/{attempt}/cancel")
        except NotThere:
            return False
        return True

    async def forget(self, attempt: str) -> None:
        with suppress(NotThere):
            await self._call("DELETE", f"/v1/attempts/{attempt}")

    async def unpair(self) -> None:
        """It forgets this daemon, and may be paired anew."""
        await self._call("DELETE", "/v1/pairing")

    async def has_blob(self, sha256: Sha256) -> bool:
        try:
            await self._call("HEAD", f"/v1/blobs/{sha256}")
        except NotThere:
            return False
        return True

    async def send_blob(self, sha256: Sha256, path: Path) -> None:
        with path.open("rb") as file:
            await self._call("PUT", f"/v1/blobs/{sha256}", file)

    async def blob(self, sha256: Sha256, size: int = 0) -> AsyncIterator[bytes]:
        """The bytes of a product, as they come; the caller checks their hash and their number.

        One of more than `size` bytes, as it was announced, is given up if it takes too long.
        """
        limit = aiohttp.ClientTimeout(total=CALL_SECONDS + size / SLOWEST, sock_read=CALL_SECONDS)
        try:
            async with (
                self._blobs,
                self._session.get(f"/v1/blobs/{sha256}", allow_redirects=False, timeout=limit) as answer,
            ):
                if answer.status != 200:
                    raise _unwilling(answer.status, f"the agent has no blob {sha256[:12]} ({answer.status})")
                async for chunk in answer.content.iter_chunked(256 * 1024):
                    yield chunk
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise _lost(f"blob {sha256[:12]}", fault) from fault

    async def feed(self, listening: asyncio.Event) -> AsyncIterator[AgentNews]:
        """News until the link is lost, which is raised. `listening` is set once nothing can be missed."""
        silence = SILENCE_SECONDS if self._silence is None else self._silence
        try:
            async with self._session.ws_connect(
                FEED, max_msg_size=LARGEST_ANSWER, compress=0, autoping=False
            ) as socket:
                listening.set()
                asking = asyncio.create_task(self._ask(socket))
                try:
                    while True:
                        message = await socket.receive(timeout=silence)
                        if (news := await self._frame(message, socket)) is not None:
                            yield news
                finally:
                    asking.cancel()
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise _lost("feed", fault) from fault

    async def _ask(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """For signs of life, however seldom the agent gives one by itself."""
        with suppress(aiohttp.ClientError, OSError):  # whoever reads finds out as well
            while self._beat is not None:
                await asyncio.sleep(self._beat)
                await socket.ping()

    async def _frame(self, message: aiohttp.WSMessage, socket: aiohttp.ClientWebSocketResponse) -> AgentNews | None:
        """Any frame is a sign of life; None: it was nothing more. Raises LinkLost."""
        match message.type:
            case aiohttp.WSMsgType.BINARY:
                self.alive()
                return _news(message.data)
            case aiohttp.WSMsgType.PONG:
                self.alive()
            case aiohttp.WSMsgType.PING:
                self.alive()
                await socket.pong(message.data)
            case aiohttp.WSMsgType.CLOSE:
                raise HungUp("the agent hung up")
            case other:
                raise LinkLost(f"the agent closed its feed ({other.name.lower()})")
        return None

    async def _call(self, method: str, path: str, body: BinaryIO | None = None) -> bytes:
        try:
            async with self._session.request(method, path, data=body, allow_redirects=False) as answer:
                said = bytearray()
                async for chunk in answer.content.iter_any():
                    said += chunk
                    if len(said) > LARGEST_ANSWER:
                        raise LinkLost(f"{method} {path}: an answer of more than {LARGEST_ANSWER} bytes")
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise _lost(f"{method} {path}", fault) from fault
        self.alive()
        if answer.status >= 300:
            raise _unwilling(answer.status, said[:1000].decode(errors="replace") or f"{method} {path}: {answer.status}")
        return bytes(said)


class Direct(aiohttp.ClientResponse):
    """Websockets follow redirects wherever an agent sends them, and cannot be told not to: here they do not."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        answer = await super().start(connection)
        if 300 <= answer.status < 400 and self.url.path == FEED:
            raise aiohttp.ClientResponseError(
                self.request_info, (), status=answer.status, message="it sends the daemon elsewhere"
            )
        return answer


def _lost(doing: str, fault: Exception) -> LinkLost:
    """Of what kind, as far as the wire tells; TLS says whose key was not taken.

    Only who has proved its own key can say that it does not take ours: an alert before that may be anybody's.
    """
    proved = not isinstance(fault, aiohttp.ClientConnectorError)
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError | aiohttp.ServerFingerprintMismatch):
            return OtherKey("another key than the one that was paired")
        if isinstance(cause, ConnectionRefusedError):
            return Refusing(f"{doing}: {why(fault)}")
        if proved and isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
            return NotKnown(f"it does not take this daemon's key ({(cause.reason or '').lower().replace('_', ' ')})")
        cause = cause.__cause__ or (cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else None)
    return LinkLost(f"{doing}: {why(fault)}")


def _unwilling(status: int, sentence: str) -> Unwilling:
    return {404: NotThere, 409: Declined}.get(status, Unwilling)(status, sentence)


def _decoded(said: bytes, kind: type[T]) -> T:
    """Raises OtherProtocol. Every answer of an agent is read here."""
    try:
        return msgspec.msgpack.decode(said, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        raise OtherProtocol(fault) from fault


def _news(said: bytes) -> AgentNews | None:
    """None: news of a type that only a newer agent knows, or that may be missed. Raises OtherProtocol."""
    if _decoded(said, _Typed).type not in NEWS:
        return None
    news: AgentNews = _decoded(said, AgentNews)  # type: ignore[arg-type]  # a union is no type to mypy
    try:
        return sober_news(news)
    except Unsound as fault:
        raise OtherProtocol(fault) from fault


def _card(said: bytes) -> Card:
    """Raises OtherProtocol."""
    try:
        return sober_card(_decoded(said, Card))
    except Unsound as fault:
        raise OtherProtocol(fault) from fault


class _Typed(msgspec.Struct):
    type: str


def over_socket(path: Path) -> AgentLink:
    """To an agent of this machine."""
    return AgentLink(aiohttp.UnixConnector(path=str(path), limit=16))


def over_network(
    address: str,
    context: ssl.SSLContext,
    is_pinned: Callable[[asyncio.BaseTransport], bool],
    *,
    beat: float | None = None,
    silence: float | None = None,
) -> AgentLink:
    """To a paired agent at `HOST:PORT`. The context trusts its key alone; every answer's is looked at too."""

    class Pinned(Direct):
        async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            if connection.transport is None or not is_pinned(connection.transport):
                connection.close()
                raise aiohttp.ServerFingerprintMismatch(b"", b"", address, 0)
            return await super().start(connection)

    connector = aiohttp.TCPConnector(ssl=context, limit=16, use_dns_cache=False)
    return AgentLink(connector, base=f"https://{address}", answer=Pinned, beat=beat, silence=silence)
