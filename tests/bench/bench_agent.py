"""One stage through the agent, from the order to the acknowledgement, against calling its backend directly.

    python tests/bench/bench_agent.py [--rounds N] [--json]

The agent is a process, its spool is on a disk whose syncs take 150 us, and the picture is fetched over the socket.
The limit is `Sketch.run` in this process with the same config. Goal: at most 1.15 of it for the picture everybody
begins with; the smallest possible stage shows what the way itself costs.
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import msgspec
from measure import Goal, compared, finish, interleaved, scratch, seconds, synced

from agent.backends import Work
from agent.backends.sketch import Sketch
from schema.ids import JobId, StageId, Token
from schema.orders import AgentNews, Ended, Order, attempt_id
from schema.settings import SketchSettings
from schema.stages import Txt2Img

PICTURES = {
    "txt2img 512x512, 20 steps": Txt2Img(id="txt2img"),
    "txt2img 1024x1024, 30 steps": Txt2Img(id="txt2img", width=1024, height=1024, steps=30),
    "the smallest stage": Txt2Img(id="txt2img", width=16, height=16, steps=1),
}


class Silent:
    """A reporter that nobody listens to."""

    previews = False

    def step(self, step: int, steps: int, doing: str) -> None: ...

    def preview(self, jpeg: bytes) -> None: ...

    def rest(self, seconds: float) -> None: ...

    def cancelled(self) -> bool:
        return False


def ordered(token: int, config: Txt2Img, backend: str | None = None) -> Order:
    packed = msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json")))
    return Order(
        job=JobId("abcdefgh.1"), stage=StageId("txt2img"), token=Token(token), epoch=1, config=packed,
        prompt="old lighthouse, sea, clouds", seed=7, backend=backend,
    )  # fmt: skip


@contextmanager
def agent(home: Path, *options: str) -> Iterator[tuple[Path, int]]:
    """Its socket and its process."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "agent", "--loopback", "--home", home / "agent", "--socket", home / "s",
         "--node", "bench", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **synced()},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["ready"]
        yield home / "s", process.pid
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


class Client:
    """Takes one stage after the other through an agent, as a daemon does."""

    def __init__(self, session: aiohttp.ClientSession, feed: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._feed = feed
        self._tokens = itertools.count(1)
        self._decode = msgspec.msgpack.Decoder(AgentNews).decode

    async def stage(self, config: Txt2Img, backend: str | None = None) -> float:
        """Seconds from the order until the picture is here, checked and acknowledged."""
        order = ordered(next(self._tokens), config, backend)
        body, began = msgspec.msgpack.encode(order), time.perf_counter()
        path = f"/v1/attempts/{attempt_id(order.job, order.stage, order.token)}"
        async with self._session.put(path, data=body) as answer:
            assert b"accepted" in await answer.read()
        while not isinstance(news := self._decode((await self._feed.receive()).data), Ended):
            pass
        assert news.report.result is not None, news.report.reason
        (product,) = news.report.result.products
        async with self._session.get(f"/v1/blobs/{product.sha256}") as answer:
            assert hashlib.sha256(await answer.read()).hexdigest() == product.sha256
        async with self._session.delete(path) as answer:
            assert answer.status == 204
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    lines = []
    sketch = Sketch(SketchSettings(), time.monotonic)
    with scratch("agent") as folder, agent(folder) as (socket, _), asyncio.Runner() as runner:
        session = runner.run(session_of(socket))
        feed = runner.run(feed_of(session))
        client = Client(session, feed)
        for name, config in PICTURES.items():

            def direct(config: Txt2Img = config) -> float:
                return seconds(lambda: sketch.run(Work(ordered(0, config), config), Silent()))

            def through(config: Txt2Img = config) -> float:
                return runner.run(client.stage(config))

            direct()
            through()  # both are warm
            found = interleaved(asked.rounds, {"through": through, "direct": direct})
            goal = Goal("ratio", most=1.15) if "512" in name else None
            mine, limit = [1e3 * s for s in found["through"]], [1e3 * s for s in found["direct"]]
            lines.append(compared(name, "ms", mine, "its backend, called directly", limit, goal))
        runner.run(feed.close())
        runner.run(session.close())
    finish(lines, sys.argv[1:])


async def session_of(socket: Path) -> aiohttp.ClientSession:
    """Of an agent that knows its backends: it asks them when somebody asks it."""
    session = aiohttp.ClientSession("http://agent", connector=aiohttp.UnixConnector(str(socket)))
    async with session.get("/v1/card") as answer:
        await answer.read()
    return session


async def feed_of(session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect("/v1/feed", max_msg_size=2**22)


if __name__ == "__main__":
    main()
