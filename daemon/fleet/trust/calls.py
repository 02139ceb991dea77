"""Single calls to an agent that is not known yet: little time, small answers, and words for all that can go wrong."""

import os
import ssl
from types import TracebackType
from typing import Literal, Self

import aiohttp

from daemon.fleet.sightings import read_address
from schema.errors import Refused, why
from schema.ids import NodeId
from schema.pairing import LARGEST, PORT, Denied, read_message

CONNECT_SECONDS, CALL_SECONDS = 5.0, 10.0
MEDIA = "application/msgpack"

Kind = Literal[
    "unreachable", "silent", "gone", "paired", "foreign", "version", "locked", "busy", "secret", "denied", "unproved"
]
"""What went wrong. Of the first three nobody answered: not connected, not in time, hung up. foreign: no agent of ours;
secret: code or token; unproved: it took the pairing, and then did not answer.
"""


class PairRefused(Refused):
    """Nothing is paired. `name` and `node` are what the other side claims to be, where it got that far."""

    def __init__(
        self, kind: Kind, sentence: str, *, remedy: str = "", name: str = "", node: NodeId | None = None
    ) -> None:
        self.kind = kind
        self.name = name
        self.node = node
        super().__init__(sentence, remedy=remedy)


class Deny(Exception):
    """The agent answered, and said why it goes no further."""

    def __init__(self, denied: Denied) -> None:
        self.denied = denied
        super().__init__(denied.reason)


class Calls:
    """To one address, over one context. Raises PairRefused and Deny."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        self._address = address
        self._session = aiohttp.ClientSession(
            base_url=url_of(address),
            connector=aiohttp.TCPConnector(ssl=context, limit=1, force_close=True),
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: bytes | None = None, limit: int = LARGEST) -> bytes:
        """The body of an answer of 200."""
        headers = {"Content-Type": MEDIA} if body is not None else {}
        try:
            async with self._session.request(method, path, data=body, headers=headers, allow_redirects=False) as answer:
                if "Content-Encoding" in answer.headers:
                    raise foreign(self._address, "it answers in a packed form")
                said = bytearray()
                async for chunk in answer.content.iter_any():
                    said += chunk
                    if len(said) > limit:
                        raise foreign(self._address, f"it answers more than {limit} bytes")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as fault:
            raise _refused(self._address, fault) from fault
        if answer.status == 200:
            return bytes(said)
        try:
            raise Deny(read_message(bytes(said), Denied))
        except ValueError:
            raise foreign(self._address, f"it answers with status {answer.status}") from None


def url_of(address: str) -> str:
    """Raises PairRefused for what is no address."""
    try:
        return f"https://{read_address(address)}"
    except ValueError as fault:
        raise PairRefused("unreachable", f"{fault}.", remedy=f"Write it like 10.0.0.12:{PORT}.") from None


def foreign(address: str, what: str) -> PairRefused:
    return PairRefused(
        "foreign",
        f"what answers at {address} is not an agent of stablenew that waits to be paired: {what}.",
        remedy="Check the address, and that `stablenew agent run` is running there.",
    )


def paired(address: str) -> PairRefused:
    return PairRefused(
        "paired",
        f"the agent at {address} is paired already, and answers its own daemon alone.",
        remedy="To give it to this one, run `stablenew agent unpair` on its machine first.",
    )


def _refused(address: str, fault: Exception) -> PairRefused:
    """Told from the outermost fault and those that it came from, as libraries wrap what TLS says."""
    told = f"{fault} {fault.__cause__} {fault.__context__}".upper().replace(" ", "_")
    if "CERTIFICATE_REQUIRED" in told:
        return paired(address)
    if isinstance(fault, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
        return foreign(address, "its certificate is not the one it had a moment ago")
    if isinstance(fault, ssl.SSLError | aiohttp.ClientSSLError):
        return foreign(address, "it does not speak TLS 1.3")
    if isinstance(fault, aiohttp.ClientResponseError | aiohttp.ClientPayloadError | aiohttp.InvalidURL):
        return foreign(address, "it does not speak HTTP as agents do")
    return PairRefused(
        _nobody(fault),
        f"no agent answers at {address}: {_told(fault)}.",
        remedy="Check that `stablenew agent run` is running there, and that a firewall leaves its port open.",
    )


def _nobody(fault: Exception) -> Kind:
    if isinstance(fault, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return "unreachable"
    if isinstance(fault, TimeoutError):
        return "silent"
    return "gone" if isinstance(fault, OSError | aiohttp.ServerDisconnectedError) else "unreachable"


def _told(fault: Exception) -> str:
    """In words of our own where those of the libraries repeat the address."""
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, OSError) and fault.errno and fault.errno > 0:
        return os.strerror(fault.errno).lower()
    return "it hung up" if isinstance(fault, OSError | aiohttp.ServerDisconnectedError) else why(fault)
