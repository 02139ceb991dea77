"""The agent's two faces on the network: open to anybody who has the code, and open to one daemon alone."""

import asyncio
import ssl

from aiohttp import web

from agent.pairing.keys import Kept
from agent.pairing.pins import Pin
from schema.tls import is_peer, only_newest, only_pinned


def open_context(kept: Kept) -> ssl.SSLContext:
    """Asks nobody for a certificate: for the routes of pairing and nothing else."""
    context = _shown(kept)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pinned_context(kept: Kept, pin: Pin) -> ssl.SSLContext:
    """A handshake succeeds with the pinned daemon only. Unpairing needs a new context, and connections closed."""
    context = _shown(kept)
    only_pinned(context, pin.certificate)
    return context


def is_pinned(of: web.BaseRequest | asyncio.BaseTransport | None, pin: Pin) -> bool:
    """For every request once more, as a route that is served over a mixed-up context would be an open door."""
    return is_peer(of.transport if isinstance(of, web.BaseRequest) else of, pin.certificate)


def _shown(kept: Kept) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    only_newest(context)
    context.load_cert_chain(kept.certificate_file, kept.key_file)
    return context
