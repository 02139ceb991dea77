"""An agent that is none of ours: it may have stolen keys, speak another protocol, or claim to be somebody else.

    python strange_agent.py --keys DIR --name NAME --node ID --port N --seen FILE [--protocol N] [--pin DAEMON.pem]

Speaks TLS as a paired agent does, with the key and certificate of `DIR`; without `--pin` it lets anybody in. Says of
itself what it is told to say; every request that reaches it is a line of `FILE`. Shares no code with the program.
"""

import argparse
import asyncio
import ssl
import uuid
from pathlib import Path

import msgspec
from aiohttp import web
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

SERVICE = "_stablenew-agent._tcp.local."


def context(keys: Path, pin: Path | None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(keys / "cert.pem", keys / "key.pem")
    if pin is not None:
        made.verify_mode = ssl.CERT_REQUIRED
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        made.load_verify_locations(pin)
    return made


def app(asked: argparse.Namespace) -> web.Application:
    card = {
        "node": asked.node, "name": asked.name, "instance": uuid.uuid4().hex, "version": "9.9.9",
        "protocol": asked.protocol, "vram_gb": 48.0, "host": asked.name, "boot": uuid.uuid4().hex,
        "backends": [{"kind": "sketch", "kinds": ["txt2img", "upscale", "detail"], "open_lists": True}],
    }  # fmt: skip

    async def answer(request: web.Request) -> web.StreamResponse:
        with asked.seen.open("a") as seen:
            seen.write(f"{request.method} {request.path}\n")
        if request.path == "/v1/feed":
            feed = web.WebSocketResponse()
            await feed.prepare(request)
            async for _ in feed:
                pass
            return feed
        body: object = {"/v1/card": card, "/v1/attempts": []}.get(request.path, {"state": "accepted"})
        return web.Response(body=msgspec.msgpack.encode(body))

    application = web.Application()
    application.router.add_route("*", "/{anything:.*}", answer)
    return application


async def advertised(asked: argparse.Namespace) -> AsyncZeroconf:
    known = AsyncZeroconf(ip_version=IPVersion.All)
    label = asked.label or f"{asked.name}-{asked.node[:8]}"
    info = AsyncServiceInfo(
        SERVICE, f"{label}.{SERVICE}", port=asked.port, server=f"{label}.local.",
        properties={"id": asked.node, "v": str(asked.protocol), "pair": asked.pair}, parsed_addresses=asked.address,
    )  # fmt: skip
    await (await known.async_register_service(info, cooperating_responders=True))
    return known


async def serve(asked: argparse.Namespace) -> None:
    runner = web.AppRunner(app(asked), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", asked.port, ssl_context=context(asked.keys, asked.pin)).start()
    print("listens", flush=True)
    known = await advertised(asked)
    print("known", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await known.async_close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--pin", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--label", help="the service's name; default: as ours are called")
    parser.add_argument("--node", required=True)
    parser.add_argument("--address", action="append", required=True)
    parser.add_argument("--port", type=int, default=7801)
    parser.add_argument("--protocol", type=int, default=1)
    parser.add_argument("--pair", default="0")
    parser.add_argument("--seen", type=Path, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
