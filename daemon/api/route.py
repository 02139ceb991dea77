"""A route, as data: what the server registers, the guard checks and the OpenAPI page tells."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from daemon.api.house import House
from schema.keeping import Scope

Answering = Callable[[House, web.Request], Awaitable[web.StreamResponse]]

MIB = 1024 * 1024

AS_OF = "as_of"
"""Query of every GET: a seq, an ISO time or an age. The answer is what it was then; empty: now."""

PAGE = ("filter", "sort", "offset", "limit")
"""Query of every list."""


@dataclass(frozen=True, kw_only=True)
class Route:
    method: Literal["GET", "POST", "PUT"]
    path: str
    """With `{names}` of parts, as aiohttp writes them."""
    does: str
    """One line for people."""
    run: Answering
    scope: Scope | Literal["socket"] | None = None
    """What an access over TCP must allow at least; `socket`: nobody may ask over TCP. None is refused there too: who
    adds a route says whom it is for."""
    takes: type | None = None
    """The struct of its JSON body."""
    gives: object = None
    """The type of its JSON answer, or of each line of a stream; None: said by `media`."""
    query: tuple[str, ...] = ()
    """Names it takes; others are refused."""
    media: str = "application/json"
    """Of the answer."""
    takes_media: str = "application/json"
    limit: int = MIB
    """Bytes its body may have."""
    status: int = 200

    def __post_init__(self) -> None:
        """Whatever can be read can be read as of any moment; some routes take it up themselves."""
        if self.method == "GET" and AS_OF not in self.query:
            object.__setattr__(self, "query", (*self.query, AS_OF))
            object.__setattr__(self, "run", _travelling(self.run))


def _travelling(run: Answering) -> Answering:
    async def travelling(house: House, request: web.Request) -> web.StreamResponse:
        when = request.query.get(AS_OF, "")
        return await run(await house.then(when) if when else house, request)

    return travelling
