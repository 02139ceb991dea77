"""How the daemon connects to an agent: to the one it knows, or to one whose certificate it has yet to remember."""

import asyncio
import ssl

from daemon.fleet.trust.keys import Keys
from schema.keys import der_of
from schema.tls import is_peer, only_newest, only_pinned


def pinned_context(keys: Keys, certificate: str) -> ssl.SSLContext:
    """The handshake succeeds with the holder of `certificate` (PEM) alone, and shows it the daemon's. One per agent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    only_newest(context)
    only_pinned(context, der_of(certificate.encode("ascii")))
    context.load_cert_chain(keys.certificate_file, keys.key_file)
    return context


def is_pinned(transport: asyncio.BaseTransport | None, certificate: str) -> bool:
    return is_peer(transport, der_of(certificate.encode("ascii")))


class Stranger:
    """A context that lets anybody answer, and remembers with which certificate. For one connection; shows none."""

    def __init__(self) -> None:
        self.certificates: list[bytes] = []
        """DER, of every handshake that succeeded."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        only_newest(self.context)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.sslobject_class = _remembering(self.certificates)


def _remembering(seen: list[bytes]) -> type[ssl.SSLObject]:
    class Remembering(ssl.SSLObject):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake()
            seen.append(self.getpeercert(True) or b"")

    return Remembering
