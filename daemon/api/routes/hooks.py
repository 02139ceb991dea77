"""Hooks of the settings: how they fare, and trying one."""

from aiohttp import web

from daemon.api.asked import no_body
from daemon.api.house import House
from daemon.api.once import ONCE
from daemon.api.route import Route
from daemon.api.told import answer
from schema.hooks import HookRows, HookTried


async def list_hooks(house: House, request: web.Request) -> web.StreamResponse:
    rows = house.hooks.rows()
    return answer(HookRows(items=rows, total=len(rows)))


async def test(house: House, request: web.Request) -> web.StreamResponse:
    """Answers when the one try is over, however it ended."""
    await no_body(request)
    name = request.match_info["hook"]

    async def tried() -> HookTried:
        return await house.hooks.test(name)

    return await request.app[ONCE].answer(house, request, f"hook test {name}", tried)


ROUTES = (
    Route(method="GET", path="/v1/hooks", run=list_hooks, gives=HookRows, scope="all", does="List hooks."),
    Route(
        method="POST", path="/v1/hooks/{hook}/test", run=test, gives=HookTried, scope="socket",
        does="Tell a hook, once, of something that did not happen.",
    ),
)  # fmt: skip
