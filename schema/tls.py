"""What makes a TLS context ours, on both sides: TLS 1.3 alone, and one certificate as the only trust. Opens nothing.

A certificate is compared, never judged: names, dates and issuers prove nothing here.
"""

import asyncio
import ssl

from schema.keys import same

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the standard library does not name. A machine whose clock says 1970
must still connect; who it is follows from the pin.
"""


def only_newest(context: ssl.SSLContext) -> None:
    """TLS 1.3, and every connection with a whole handshake: a session that is resumed would outlive its pin."""
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0


def only_pinned(context: ssl.SSLContext, pin: bytes) -> None:
    """Nobody but the holder of `pin`'s key (DER) gets through the handshake, by OpenSSL's judgement and by ours."""

    class Pinned(ssl.SSLObject):
        """Compared once more before the first byte of a request: a mixed-up trust store must not be enough."""

        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake()
            if not same(self.getpeercert(True), pin):
                raise ssl.SSLCertVerificationError("the certificate is not the pinned one")

    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    context.load_verify_locations(cadata=pin)
    context.sslobject_class = Pinned


def is_peer(transport: asyncio.BaseTransport | None, pin: bytes) -> bool:
    """Whether the other end of a connection has shown exactly this certificate (DER)."""
    if transport is None:
        return False
    session = transport.get_extra_info("ssl_object")
    return isinstance(session, ssl.SSLObject) and same(session.getpeercert(True), pin)
