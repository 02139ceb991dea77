"""The agent's port on the network: the pairing page while nobody is pinned, afterwards its routes for that pin alone.

One listening socket for the agent's whole life. Changing hands closes one site and opens the other on it: an old
connection never speaks to the new one.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from pathlib import Path

from aiohttp import web

from schema.errors import Refused, why
from schema.pairing import PORT

log = logging.getLogger(__name__)

BACKLOG = 64
HANDSHAKE_SECONDS = 5.0
"""For TLS; who is slower is no daemon."""

LINGER_SECONDS = 1.0
"""What the answer that ends a pairing has to reach the other side."""

MOST = 64
"""Connections at once; a daemon needs a handful."""

STRANGER_SECONDS = 15.0
"""How long a connection lives that anybody may open: one call of a pairing, and not a place held for ever."""


class Site:
    """One application behind one TLS context, until `close`."""

    def __init__(self, runner: web.AppRunner, server: asyncio.Server, gate: "Gate") -> None:
        self._runner = runner
        self._server = server
        self._gate = gate

    @classmethod
    async def open(cls, listener: socket.socket, app: web.Application, context: ssl.SSLContext) -> "Site":
        """Where `context` asks for no certificate, nobody stays long."""
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=LINGER_SECONDS)
        await runner.setup()
        assert runner.server is not None
        gate = Gate(runner.server, STRANGER_SECONDS if context.verify_mode is ssl.CERT_NONE else None)
        server = await asyncio.get_running_loop().create_server(
            gate, sock=listener.dup(), ssl=context, backlog=BACKLOG,
            ssl_handshake_timeout=HANDSHAKE_SECONDS, ssl_shutdown_timeout=LINGER_SECONDS,
        )  # fmt: skip
        return cls(runner, server, gate)

    async def stop_accepting(self) -> None:
        """A connection that was accepted in this turn of the loop is still taken over: closing the server under it
        would leave it open and unanswered.
        """
        loop = asyncio.get_running_loop()
        for listener in self._server.sockets:
            loop.remove_reader(listener.fileno())
        for _ in range(3):
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Its connections too, once what is being answered has gone out."""
        await self.stop_accepting()
        self._gate.close()
        self._server.close()
        await self._runner.cleanup()


class Gate:
    """Makes a protocol for each connection; those beyond the limit, and those of a closed site, are hung up on."""

    def __init__(self, server: web.Server, lifetime: float | None) -> None:
        self._server = server
        self._lifetime = lifetime
        self._closed = False

    def __call__(self) -> asyncio.BaseProtocol:
        if not self.is_open:
            return _TurnedAway()
        protocol = self._server()
        if self._lifetime is not None:
            asyncio.get_running_loop().call_later(self._lifetime, _hang_up, protocol)
        return protocol

    @property
    def is_open(self) -> bool:
        return not self._closed and len(self._server.connections) < MOST

    def close(self) -> None:
        self._closed = True


def _hang_up(protocol: web.RequestHandler) -> None:
    if protocol.transport is not None:
        protocol.transport.abort()


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


class Network:
    """`serve` whenever somebody else is to be served; what was served before is hung up on."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._site: Site | None = None

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    async def serve(self, app: web.Application, context: ssl.SSLContext) -> None:
        """Who comes meanwhile waits in the socket's own queue."""
        last = self._site
        if last is not None:
            await last.stop_accepting()
        self._site = await Site.open(self._listener, app, context)
        if last is not None:
            await last.close()

    async def close(self) -> None:
        self._listener.close()
        if self._site is not None:
            await self._site.close()


def listening(port: int | None, kept: Path) -> socket.socket:
    """On all addresses, IPv4 and IPv6. None: where it was the last time (`kept`), or at the usual port, or at any.

    So a node that was added by its address stays where it is. 0: at any. Raises Refused where a named port is taken.
    """
    wanted = (_kept(kept), PORT, 0) if port is None else (port,)
    for number in wanted:
        if number is None:
            continue
        try:
            listener = _bound(number)
        except OSError as fault:
            if number == wanted[-1]:
                raise _refused(number, fault) from None
            continue
        with contextlib.suppress(OSError):
            if port != 0:
                kept.write_text(f"{listener.getsockname()[1]}\n", "ascii")
        return listener
    raise AssertionError(wanted)


def _bound(port: int) -> socket.socket:
    try:
        listener = socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=socket.has_dualstack_ipv6(), backlog=BACKLOG
        )
    except OSError as fault:
        if fault.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        listener = socket.create_server(("", port), backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def _refused(port: int, fault: OSError) -> Refused:
    taken = fault.errno == errno.EADDRINUSE
    told = f"port {port} is taken by another program" if taken else f"port {port} cannot be listened on: {why(fault)}"
    return Refused(told, where="--port", remedy="Choose another one, or --port 0 for any that is free.")


def _kept(path: Path) -> int | None:
    try:
        port = int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return port if 0 < port < 65536 else None
