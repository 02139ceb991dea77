"""The way out: HTTP to the sites of the settings and to where they send one, and to nowhere else.

A redirect may lead to any public address by https; never to this machine, its network or a cloud's own services. Names
are resolved here and the very address that was checked is connected to. A token goes to its own site only.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from daemon.library.models.loose import Loose, loads
from schema.errors import Refused, why

REDIRECTS = 6
MOST_JSON = 8 << 20
TIMES = aiohttp.ClientTimeout(total=None, sock_connect=20.0, sock_read=60.0)
PATIENCE = 120.0
"""Seconds until a site has begun to answer, and until one of its records is there."""

AGENT = "stablenew"

MOVED = (301, 302, 303, 307, 308)


class Site:
    """One site of the settings with its key."""

    def __init__(self, address: str, token: str | None) -> None:
        self.url = URL(address.rstrip("/"))
        self.token = token

    def at(self, path: str) -> URL:
        """`path` begins with a slash and is percent-encoded where needed."""
        return self.url.join(URL(f"{self.url.path.rstrip('/')}{path}", encoded=True))

    def owns(self, url: URL) -> bool:
        return (url.scheme, url.host, url.port) == (self.url.scheme, self.url.host, self.url.port)


class Door:
    def __init__(self, sites: tuple[Site, ...]) -> None:
        self._sites = sites
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def get(self, url: URL, headers: Mapping[str, str] | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer behind all redirects, whatever its status. Raises Refused, also where the network fails."""
        for _ in range(REDIRECTS):
            self._check(url)
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await self._opened().get(url, headers=self._headers(url, headers), allow_redirects=False)
            except (aiohttp.ClientError, OSError, TimeoutError) as fault:
                raise _unreached(url, fault) from None
            location = answer.headers.get("Location")
            if answer.status not in MOVED or not location:
                try:
                    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                        raise Refused(f"{url.host} packs its answers.", remedy="Nothing is unpacked; try again later.")
                    yield answer
                finally:
                    answer.close()
                return
            answer.close()
            url = joined(url, location)
        raise Refused(f"{url.host} sends one around in circles.")

    async def json(self, url: URL) -> Loose:
        """An object; a list is in its field `items`. Raises Refused for any other answer."""
        async with self.get(url, {"Accept": "application/json"}) as answer:
            check(answer)
            try:
                async with asyncio.timeout(PATIENCE):
                    text = await read(answer, MOST_JSON)
                if len(text) > MOST_JSON:
                    raise Refused(f"{url.host} answers with more than {MOST_JSON >> 20} MB.")
                found = await asyncio.to_thread(loads, text)
            except (aiohttp.ClientError, OSError, TimeoutError) as fault:
                raise _unreached(url, fault) from None
            except ValueError:
                raise Refused(f"{url.host} answers with no JSON.", remedy="Try again later.") from None
        return Loose({"items": found} if isinstance(found, list) else found)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=_Public(self._sites), limit=8, ttl_dns_cache=0)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=TIMES, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
            )  # fmt: skip
        return self._session

    def _headers(self, url: URL, headers: Mapping[str, str] | None) -> dict[str, str]:
        token = next((site.token for site in self._sites if site.owns(url)), None)
        return {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}

    def _check(self, url: URL) -> None:
        if any(site.owns(url) for site in self._sites):
            return
        if url.scheme != "https" or not url.raw_host or url.user or url.password:
            raise Refused(f"a redirect to {url.scheme}://{url.host} is not followed.", remedy="Only https is.")
        check_address(url.raw_host)


class _Public(AbstractResolver):
    """Gives addresses of the public internet only; those of the settings' own hosts as they are."""

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self._own = frozenset((site.url.raw_host, site.url.port) for site in sites)
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = found if (host, port) in self._own else [one for one in found if not _is_private(one["host"])]
        if not public:
            raise OSError("its address is no public one")
        return public

    async def close(self) -> None:
        await self._inner.close()


async def read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Its body, or a piece more than `most` bytes of it. Raises what the network raises."""
    found = bytearray()
    async for piece in answer.content.iter_any():
        found += piece
        if len(found) > most:
            break
    return bytes(found)


def joined(base: URL, told: str) -> URL:
    """An address as a site tells it, seen from `base`. Raises Refused."""
    try:
        return base.join(URL(told))
    except ValueError:
        raise Refused(f"{base.host} sends one to no address.") from None


def check_address(host: str) -> None:
    """Raises Refused for an address that is no public one, written in any way; names are checked when resolved."""
    if _is_private(host) or host.lower().rstrip(".").rpartition(".")[2] in ("localhost", "local", "internal", "lan"):
        raise Refused(f"{host} is no address of the public internet.", remedy="It is not asked.")


def check(answer: aiohttp.ClientResponse, *fine: int) -> None:
    """Raises Refused for a status that is neither 200 nor one of `fine`."""
    host = answer.url.host
    match answer.status:
        case 200:
            return
        case status if status in fine:
            return
        case 401 | 403:
            raise Refused(
                f"{host} wants to know who asks.",
                remedy="Write your key into `civitai_token` or `huggingface_token` below [library].",
            )
        case 404:
            raise Refused(f"{host} has no such model.", remedy="`stablenew model search WORDS` shows what there is.")
        case 429:
            raise Refused(f"{host} has been asked too often.", remedy="Wait some minutes.")
        case status:
            raise Refused(f"{host} answers with status {status}.", remedy="Try again later.")


def _is_private(host: str) -> bool:
    """Also of IPv4 within IPv6, and of the short and octal spellings that the system's own resolver takes."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            return False
    if isinstance(address, ipaddress.IPv6Address):
        packed = int(address)
        carries = packed >> 32 == 0 or packed >> 32 == NAT64
        inner = (
            address.ipv4_mapped
            or address.sixtofour
            or (ipaddress.IPv4Address(packed & 0xFFFFFFFF) if carries else None)
        )
        if address.is_site_local:
            return True
        address = inner or address
    return not address.is_global or address.is_multicast


NAT64 = 0x0064FF9B << 64
"""The upper 96 bits of `64:ff9b::/96` (RFC 6052): an IPv4 address follows."""


def _unreached(url: URL, fault: Exception) -> Refused:
    return Refused(f"{url.host} cannot be reached: {why(fault)}.", remedy="Check the connection.")
