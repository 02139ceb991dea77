"""What the way of one stage to a paired agent costs, over TLS on loopback, against the bare way of the same bytes."""

import asyncio
import hashlib
import io
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import aiohttp
import msgspec
from bench_agent import Silent
from measure import Line, compared, seconds, synced
from PIL import Image

from agent.backends import Work
from agent.backends.sketch import Sketch
from daemon.fleet.link import AgentLink, over_network
from daemon.fleet.trust.contexts import is_pinned, pinned_context
from daemon.fleet.trust.keys import kept_keys
from daemon.fleet.trust.pairing import Pairing, pair
from schema.ids import JobId, Sha256, StageId, Token
from schema.orders import Ended, Order, attempt_id
from schema.settings import SketchSettings
from schema.stages import Txt2Img, Upscale

BARE = """
import asyncio, sys
from aiohttp import web
kept = {}
async def put(request):
    kept[request.match_info["name"]] = await request.read()
    return web.Response(status=204)
async def get(request):
    return web.Response(body=kept[request.match_info["name"]])
app = web.Application(client_max_size=1 << 30)
app.router.add_put("/{name}", put)
app.router.add_get("/{name}", get)
async def main():
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


# The way of one stage ---------------------------------------------------------------------------


@contextmanager
def on_loopback(folder: Path) -> Iterator[tuple[str, str]]:
    """An agent that waits to be paired: its address and its code."""
    home, output = folder / "agent", folder / "output"
    words = ["--home", str(home), "--socket", str(home / "s"), "--node", "bench", "--port", "0", "--backend", "sketch"]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "agent", *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            env={**os.environ, **synced()},
        )  # fmt: skip
    try:
        code = _waited(output, rb"\b\d{4}-\d{4}\b")
        ready = json.loads(_waited(output, rb"(?m)^\{.*\}$"))
        yield f"127.0.0.1:{ready['port']}", code
    finally:
        process.terminate()
        process.wait()


class Through:
    """Takes one stage after the other through an agent, as a daemon does, over the daemon's own link."""

    def __init__(self, link: AgentLink) -> None:
        self._link = link
        self._tokens = itertools.count(1)
        self._ended: asyncio.Queue[Ended] = asyncio.Queue()
        self.listening = asyncio.Event()

    async def listen(self) -> None:
        async for news in self._link.feed(self.listening):
            if isinstance(news, Ended):
                self._ended.put_nowait(news)

    async def stage(self, picture: Path, config: Upscale) -> tuple[float, bytes]:
        """Seconds from the upload of its input until its product is here, checked and acknowledged; the product."""
        token = next(self._tokens)
        began = time.perf_counter()
        sha256 = Sha256(await asyncio.to_thread(hashed, picture))
        order = ordered(token, config, (sha256,))
        name = attempt_id(order.job, order.stage, order.token)
        if not await self._link.has_blob(sha256):
            await self._link.send_blob(sha256, picture)
        assert (await self._link.start(name, order)).state == "accepted"
        report = (await self._ended.get()).report
        assert report.result is not None, report.reason
        (product,) = report.result.products
        found = b"".join([piece async for piece in self._link.blob(product.sha256)])
        assert hashlib.sha256(found).hexdigest() == product.sha256
        await self._link.forget(name)
        return time.perf_counter() - began, found


def ordered(token: int, config: Txt2Img | Upscale, inputs: tuple[Sha256, ...] = ()) -> Order:
    packed = msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json")))
    return Order(
        job=JobId(f"abcdefgh.{token}"), stage=StageId(config.id), token=Token(token), epoch=10**9, config=packed,
        prompt="old lighthouse, sea, clouds", seed=7, inputs=inputs,
    )  # fmt: skip


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def way(folder: Path, rounds: int) -> list[Line]:
    keys = kept_keys(folder / "keys", "bench")
    with on_loopback(folder) as (address, code):
        paired: Pairing = await pair(address, code, keys, 1, node=None)
        context = pinned_context(keys, paired.certificate)
        async with over_network(address, context, partial(is_pinned, certificate=paired.certificate)) as link:
            through = Through(link)
            listening = asyncio.create_task(through.listen())
            await through.listening.wait()
            try:
                return await ways(folder, through, rounds)
            finally:
                listening.cancel()
                await asyncio.wait((listening,))


async def ways(folder: Path, through: Through, rounds: int) -> list[Line]:
    """Every round with a picture that nobody has seen, so that it is uploaded."""
    config, sketch = Upscale(id="upscale", factor=1.0), Sketch(SketchSettings(), time.monotonic)
    lines = []
    with bare() as url:
        async with aiohttp.ClientSession(url) as session:
            for side in (64, 512, 1024):
                found = await rounds_of(folder, side, through, session, sketch, config, rounds)
                mine = [1e3 * (whole - alone) for whole, alone, _ in found]
                peers = [1e3 * peer for _, _, peer in found]
                size = (folder / "product").stat().st_size
                what = f"overhead of a stage over TLS, {side}x{side} ({size / 1e3:.0f} kB each way)"
                lines.append(compared(what, "ms", mine, "bare aiohttp, up and down", peers, None))
    return lines


async def rounds_of(
    folder: Path,
    side: int,
    through: Through,
    session: aiohttp.ClientSession,
    sketch: Sketch,
    config: Upscale,
    rounds: int,
) -> list[tuple[float, float, float]]:
    """Seconds through the agent, by its backend alone, and of the bare way; the first round warms up."""
    found = []
    for number in range(rounds + 1):
        picture = folder / "input.png"
        picture.write_bytes(noise(side, number))
        whole, product = await through.stage(picture, config)
        work = Work(ordered(0, config), config, inputs=(picture,))
        alone = seconds(partial(sketch.run, work, Silent()))
        peer = await up_and_down(session, picture.read_bytes(), product)
        (folder / "product").write_bytes(product)
        found.append((whole, alone, peer))
    return found[1:]


async def up_and_down(session: aiohttp.ClientSession, picture: bytes, product: bytes) -> float:
    async with session.put("/product", data=product) as answer:
        await answer.read()
    began = time.perf_counter()
    async with session.put("/picture", data=picture) as answer:
        await answer.read()
    async with session.get("/product") as answer:
        await answer.read()
    return time.perf_counter() - began


def noise(side: int, seed: int) -> bytes:
    content = io.BytesIO()
    pixels = random.Random(seed).randbytes(3 * side * side)
    Image.frombytes("RGB", (side, side), pixels).save(content, "PNG", compress_level=1)
    return content.getvalue()


@contextmanager
def bare() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.terminate()


def _waited(output: Path, wanted: bytes) -> str:
    """What the agent has said, as soon as it has."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := re.search(wanted, output.read_bytes()):
            return found[0].decode()
        time.sleep(0.02)
    raise RuntimeError(f"the agent never said {wanted!r}: {output.read_text()}")
