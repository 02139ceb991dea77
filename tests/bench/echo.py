"""The peer of the daemon's socket: an aiohttp server that reads the body and answers at once, and nothing else.

python tests/bench/echo.py SOCKET
"""

import asyncio
import sys

from aiohttp import web

ANSWER = b'{"command":"c","seq":1,"subjects":["r","r.1"],"changed":2,"repeated":false,"run":"r","jobs":1}'


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/json")


async def main(path: str) -> None:
    app = web.Application()
    app.router.add_route("*", "/v1/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, path, backlog=512).start()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(sys.argv[1]))
    else:
        uvloop.run(main(sys.argv[1]))
