"""Speaks to a gallery over HTTP, as `docs/gallery.md` says. Knows nothing of jobs.

What may pass by (no answer, 429, 5xx) is tried again; whatever is sent twice happens once.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from io import BytesIO
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import ClientError, ClientResponse, ClientTimeout, FormData

from schema.errors import Away, Refused, why

TRIES = 4
FIRST_WAIT = 0.5
"""Seconds; doubles each time."""

LONGEST_WAIT = 30.0
"""Seconds that a gallery may ask to be left alone for."""

LARGEST_ANSWER = 8 << 20
PAGE = 1000
MOST_PAGES = 1000
PATIENCE = ClientTimeout(total=120.0, sock_connect=10.0)
LISTING = 600.0
"""Seconds that all pages of a list may take together."""

Wait = Callable[[float], Awaitable[None]]


class Declined(Refused):
    """The gallery does not take this picture; the others it may."""


class Gallery:
    """One conversation. Every call raises Away where nobody answers, Refused where one may not speak to it."""

    def __init__(self, url: str, token: str | None, *, wait: Wait = asyncio.sleep) -> None:
        self.url = url.rstrip("/")
        self._wait = wait
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self._session = aiohttp.ClientSession(
            timeout=PATIENCE,
            headers=headers,
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

    async def post(self, key: str, picture: bytes, name: str, media: str, metadata: bytes) -> str:
        """What the gallery calls it. The same `key` is the same picture, however often it is sent. Raises Declined."""

        def form() -> FormData:
            body = FormData()
            body.add_field("metadata", metadata.decode(), content_type="application/json")
            body.add_field("picture", BytesIO(picture), filename=name, content_type=media)
            return body

        answer = await self._ask("POST", "/pictures", form=form, key=key)
        entry = _entry(answer.get("id"))
        if not entry:
            raise Declined("the gallery's answer names no id.", where=self.url)
        return entry

    async def favourites(self, posted: Collection[str]) -> dict[str, bool]:
        """Those of `posted` that are there, by their ids, and whether each is a favourite. Raises Refused."""
        try:
            async with asyncio.timeout(LISTING):
                return await self._favourites(posted)
        except TimeoutError:
            raise Away("the gallery's list does not come to an end.", where=self.url) from None

    async def _favourites(self, posted: Collection[str]) -> dict[str, bool]:
        found: dict[str, bool] = {}
        offset = 0
        for _ in range(MOST_PAGES):
            answer = await self._ask("GET", f"/pictures?offset={offset}&limit={PAGE}")
            items, total = answer.get("items"), answer.get("total")
            if not isinstance(items, list):
                raise Refused("the gallery answers with no list.", where=self.url, remedy="Check gallery.url.")
            for item in items:
                entry = _entry(item.get("id")) if isinstance(item, dict) else ""
                if entry in posted:
                    found[entry] = item.get("favourite") is True
            offset += len(items)
            if not items or not isinstance(total, int) or offset >= total:
                break
        return found

    async def favour(self, entry: str, favourite: bool) -> None:
        """Raises Declined."""
        from urllib.parse import quote

        path = f"/pictures/{quote(entry, safe='')}/favourite"
        await self._ask("PUT", path, body=json.dumps({"favourite": favourite}).encode())

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        form: Callable[[], FormData] | None = None,
        body: bytes | None = None,
        key: str | None = None,
    ) -> dict[str, object]:
        """The answer's object, empty where it is none."""
        headers = {"Idempotency-Key": key} if key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        pause, trouble = FIRST_WAIT, ""
        for tries in range(TRIES):
            asked = pause
            try:
                async with self._session.request(
                    method, self.url + path, data=form() if form else body, headers=headers, allow_redirects=False
                ) as response:
                    raw = await _whole(response)
                    if response.status < 300:
                        return _object(raw)
                    if response.status != 429 and response.status < 500:
                        raise self._refused(response.status, raw)
                    trouble = f"it answers {response.status}"
                    asked = _asked(response.headers.get("Retry-After"), pause)
            except (ClientError, OSError, TimeoutError) as fault:
                inner = getattr(fault, "os_error", fault)
                trouble = why(inner if isinstance(inner, Exception) else fault)
            if tries + 1 < TRIES:
                await self._wait(asked)
                pause *= 2
        raise Away(
            f"the gallery cannot be reached: {trouble}.", where=self.url,
            remedy="Check that it runs, then do it again: what it has is not sent twice.",
        )  # fmt: skip

    def _refused(self, status: int, raw: bytes) -> Refused:
        if status in (401, 403):
            return Refused("the gallery does not accept the token.", where=self.url, remedy="Check gallery.token.")
        if 300 <= status < 400:
            return Refused("the gallery sends one elsewhere.", where=self.url, remedy="Write its own address.")
        if status == 404:
            return Declined("there is no such thing in the gallery.", where=self.url, remedy="Check gallery.url.")
        said = _object(raw).get("error")
        plain = "".join(each if each.isprintable() else " " for each in said[:1000]) if isinstance(said, str) else ""
        words = f": {' '.join(plain.split())[:200]}" if plain.strip() else ""
        return Declined(f"the gallery answers {status}{words}.", where=self.url)


async def _whole(response: ClientResponse) -> bytes:
    """Its body, as far as one byte beyond the limit; nothing is unpacked."""
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) > LARGEST_ANSWER:
            break
    return bytes(raw)


def _entry(id: object) -> str:
    """What a gallery calls a picture: short and printable, else nothing."""
    text = str(id) if isinstance(id, str | int) and not isinstance(id, bool) else ""
    return text if len(text) <= 200 and text.isprintable() else ""


def _object(raw: bytes) -> dict[str, object]:
    if len(raw) > LARGEST_ANSWER:
        return {}
    try:
        found = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _asked(header: str | None, otherwise: float) -> float:
    plain = (header or "").strip()
    return min(float(plain), LONGEST_WAIT) if plain.isascii() and plain.isdigit() else otherwise
