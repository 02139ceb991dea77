"""Questions and commands to the daemon's socket, for the terminal UI: asyncio, typed, patient.

A command carries an idempotency key and is sent again when its answer was lost: it happens once.
Knows the routes' shapes; knows nothing of screens.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from schema.errors import NoDaemon, Refused, why
from schema.forecast import Foretold
from schema.foreign import Understood
from schema.pages import Resource
from schema.plans import Scalar
from schema.prompts import Completions, Trial, Tried
from schema.requests import RunRequest
from schema.scenes import Answer
from tui.link.query import quoted

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

Shape = TypeVar("Shape")

TIMES = frozenset(
    {"added", "at", "checked", "created", "deadline", "ended", "latest", "not_before", "since", "soonest", "started",
     "until"}
)  # fmt: skip
"""Fields that structs hold as Unix seconds and routes write as ISO 8601."""

JSON = {"Content-Type": "application/json"}
PICTURE = {"Content-Type": "application/octet-stream"}

TRIES = 4
FIRST_WAIT = 0.2
"""Seconds before a command is sent again; doubles each time."""

PATIENCE = 60.0
"""Seconds that an answer may take."""

TEXT_LIMIT = 1 << 20
"""Bytes of one line of a streamed answer."""


class Fault(msgspec.Struct, frozen=True):
    """The body of every answer that is none."""

    error: str
    where: str = ""
    remedy: str = ""


class Told(Answer, frozen=True, kw_only=True):
    """An answer with what some commands say besides."""

    text: str = ""
    """Of undo and redo: what was taken back, or that nothing was left of it."""
    run: str | None = None
    jobs: int = 0
    folder: str = ""
    waits: bool = False


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """One job of a preview, or its last line: the one with `jobs`."""

    prompt: str = ""
    negative: str = ""
    seed: int = 0
    name: str = ""
    jobs: int | None = None
    plan_hash: str = ""
    warnings: tuple[str, ...] = ()
    config: dict[str, dict[str, Scalar]] = {}
    """Stage id to its settings, of a job."""
    overlay: dict[str, Scalar] = {}
    """`stage.field` to value, of a job: what differs from `base`."""
    origins: dict[str, str] = {}
    """`stage.field` to who said so, of a job."""
    base: dict[str, dict[str, Scalar]] = {}
    """Of the last line: every stage as its jobs begin from it, also those that are off."""


class Blob(msgspec.Struct, frozen=True):
    sha256: str


class Done(msgspec.Struct, frozen=True):
    """The answer of what changes nothing that is logged."""

    done: bool = False


class Names(msgspec.Struct, frozen=True):
    """`GET /v1/resources`."""

    items: tuple[Resource, ...]


class Asker:
    """Asks the daemon whose socket `find` names, anew after every loss: it may have moved."""

    def __init__(self, find: Callable[[], Path], *, fresh_key: Callable[[], str]) -> None:
        self._find = find
        self._fresh_key = fresh_key
        self._session: ClientSession | None = None
        self._loaded = False
        self.as_of: int | None = None
        """The seq that questions are about, and no wishes are sent; None: now."""
        self.heard: Callable[[str, bool], None] = lambda path, changed: None
        """Is told of every command that was done, and how much it changed."""

    async def get(self, path: str, shape: type[Shape], query: Mapping[str, str | int] | None = None) -> Shape:
        """Raises Refused, or NoDaemon when nobody answers."""
        return reply(await self.raw("GET", path, query=query), shape)

    async def picture(self, image: str, size: int) -> bytes:
        """The thumbnail, WebP, `size` pixels (256 or 1024) along its longer side."""
        return await self.raw("GET", f"/v1/images/{image}/thumb", query={"size": size})

    async def preview(self, job: str) -> bytes:
        """The unfinished picture of a running job, JPEG. Raises Refused while there is none."""
        return await self.raw("GET", f"/v1/jobs/{job}/preview")

    async def model_preview(self, key: str, size: int) -> bytes:
        """A small copy of a model's preview, WebP."""
        return await self.raw("GET", f"/v1/models/{quoted(key)}/preview", query={"size": size})

    async def upload(self, picture: bytes) -> str:
        """The hash under which the daemon now has the picture. Raises Refused for what is none."""
        return reply(await self.raw("PUT", "/v1/blobs", content=picture), Blob).sha256

    async def done(self, path: str) -> bool:
        """For wishes about a node that leave no trace in the log."""
        return reply(await self.raw("POST", path, key=self._fresh_key()), Done).done

    async def long(self, path: str, body: msgspec.Struct | None, shape: type[Shape], patience: float) -> Shape:
        """A wish whose answer may take `patience` seconds. Raises Refused or NoDaemon."""
        return reply(await self.raw("POST", path, body=body, key=self._fresh_key(), patience=patience), shape)

    async def command(self, path: str, body: msgspec.Struct | None = None, *, key: str = "") -> Told:
        """Sends it until it is answered; one key for all tries, `key` where the caller tries again later.

        Raises Refused or NoDaemon.
        """
        key = key or self._fresh_key()
        wait = FIRST_WAIT
        for tries in range(TRIES):
            try:
                answer = reply(await self.raw("POST", path, body=body, key=key), Told)
            except NoDaemon:
                if tries + 1 == TRIES:
                    raise
            else:
                self.heard(path, not answer.nothing)
                return answer
            await asyncio.sleep(wait)
            wait *= 2
        raise NoDaemon("the daemon does not answer")

    async def plan(self, body: msgspec.Struct, keep: int) -> tuple[tuple[PlanLine, ...], PlanLine]:
        """The first `keep` jobs of a preview and its last line; the rest is read past."""
        await self.loaded()
        from aiohttp import ClientError

        first: list[PlanLine] = []
        last = PlanLine(jobs=0)
        try:
            session = self.session()
            async with session.post("http://daemon/v1/plan", data=msgspec.json.encode(body), headers=JSON) as response:
                await refuse(response)
                async for line in response.content:
                    if len(first) < keep or b'"plan_hash"' in line:
                        one = msgspec.json.decode(line, type=PlanLine)
                        if one.jobs is not None:
                            last = one
                        elif len(first) < keep:
                            first.append(one)
        except (ClientError, OSError) as e:
            raise NoDaemon(f"the daemon does not answer: {why(e)}") from e
        except msgspec.DecodeError as e:
            raise Refused("the daemon's answer is not understood.", remedy="Is it of another version?") from e
        return tuple(first), last

    async def try_out(self, wish: RunRequest, show: int) -> Tried:
        """What the run would be, with its first `show` variants; nothing is queued. Raises Refused or NoDaemon."""
        return reply(await self.raw("POST", "/v1/prompt", body=Trial(run=wish, show=show)), Tried)

    async def foretell(self, wish: RunRequest) -> Foretold:
        """By when it would be done if it were queued now, and what room it takes. Raises Refused or NoDaemon."""
        return reply(await self.raw("POST", "/v1/forecast", body=wish), Foretold)

    async def completions(self, text: str, at: int, limit: int = 50) -> Completions:
        """What may stand at this character. Raises Refused or NoDaemon."""
        return await self.get("/v1/completions", Completions, {"text": text, "at": at, "limit": limit})

    async def foreign(self, content: bytes, name: str) -> Understood:
        """What a picture or a prompt file says of how it was made. Raises Refused or NoDaemon."""
        return reply(await self.raw("POST", "/v1/foreign", query={"name": name}, content=content), Understood)

    async def raw(
        self,
        verb: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: msgspec.Struct | None = None,
        key: str | None = None,
        content: bytes | None = None,
        patience: float = PATIENCE,
    ) -> bytes:
        """`content`: a picture, instead of a JSON `body`; `patience`: seconds until the answer must be here."""
        await self.loaded()
        from aiohttp import ClientError, ClientTimeout

        query = self._then(verb, query)
        headers = (JSON if content is None else PICTURE) | ({"Idempotency-Key": key} if key else {})
        sent = msgspec.json.encode(body) if body is not None else content
        try:
            session = self.session()
            async with session.request(
                verb,
                f"http://daemon{path}",
                params=query,
                data=sent,
                headers=headers,
                timeout=ClientTimeout(total=patience, connect=5.0),
            ) as response:
                await refuse(response)
                return await response.read()
        except (ClientError, OSError, TimeoutError) as e:
            await self.drop()
            raise NoDaemon(f"the daemon does not answer: {why(e)}") from e

    def _then(self, verb: str, query: Mapping[str, str | int] | None) -> Mapping[str, str | int] | None:
        """The query with the moment it is about. Raises Refused for wishes about the past."""
        if self.as_of is None:
            return query
        if verb != "GET":
            raise Refused("this is the past: nothing can be changed here.", remedy="Go back to now first.")
        return {"as_of": self.as_of, **(query or {})}

    async def loaded(self) -> None:
        """Loads the HTTP client beside the loop: it takes longer than the first frame of the screen."""
        if not self._loaded:
            await asyncio.to_thread(import_module, "aiohttp")
            self._loaded = True

    def session(self) -> "ClientSession":
        """Raises NoDaemon when no socket is known."""
        if self._session is None or self._session.closed:
            from aiohttp import ClientSession, ClientTimeout, UnixConnector

            self._session = ClientSession(
                connector=UnixConnector(path=str(self._find())),
                timeout=ClientTimeout(total=PATIENCE, connect=5.0),
                read_bufsize=TEXT_LIMIT,
            )
        return self._session

    async def drop(self) -> None:
        """Forgets the connection; the next question finds the socket again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def refuse(response: "ClientResponse") -> None:
    """Raises what an unhappy answer says: Refused, or NoDaemon while the daemon starts or stops."""
    if response.status < 400:
        return
    text = await response.read()
    try:
        fault = msgspec.json.decode(text, type=Fault)
    except (msgspec.DecodeError, UnicodeDecodeError):
        fault = Fault(error=f"the daemon answered {response.status}")
    if response.status == 503:
        raise NoDaemon(fault.error)
    raise Refused(fault.error, where=fault.where, remedy=fault.remedy)


def reply(text: bytes, shape: type[Shape]) -> Shape:
    """The JSON as `shape`, its ISO times as Unix seconds. Raises Refused when it is something else."""
    try:
        return msgspec.convert(seconds(msgspec.json.decode(text)), shape)
    except (msgspec.DecodeError, ValueError) as e:
        raise Refused("the daemon's answer is not understood.", remedy="Is it of another version?") from e


def seconds(value: object, name: object = "") -> object:
    """The value with every ISO time in a field of `TIMES` turned into Unix seconds."""
    if isinstance(value, dict):
        return {k: seconds(v, k) if isinstance(v, (dict, list)) or k in TIMES else v for k, v in value.items()}
    if isinstance(value, list):
        return [seconds(item) for item in value] if value and isinstance(value[0], (dict, list)) else value
    if isinstance(value, str) and name in TIMES:
        return datetime.fromisoformat(value).timestamp()
    return value
