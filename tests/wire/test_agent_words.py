"""An order for words goes through a real agent to a chat server, and its answer comes back without a picture."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `llm_fake`

from llm_fake import FakeChat, fake_chat, falling_silent, streaming

from schema.ids import JobId, StageId, Token
from schema.orders import AgentNews, AttemptReport, Card, Ended, Order, attempt_id
from schema.stages import LlmEnhance

pytestmark = pytest.mark.story


@asynccontextmanager
async def agent(home: Path, fake: FakeChat) -> AsyncIterator[aiohttp.ClientSession]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--loopback", "--home", str(home / "agent"), "--socket", str(home / "s"),
        "--node", "here", "--backend", "sketch", "--backend", f"llm={fake.url}", stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert json.loads(await process.stdout.readline())["ready"]
        async with aiohttp.ClientSession("http://agent", connector=aiohttp.UnixConnector(str(home / "s"))) as session:
            yield session
    finally:
        process.kill()
        await process.wait()


def order(token: int) -> Order:
    config = LlmEnhance(id="words", max_tokens=40)
    packed = msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json")))
    return Order(job=JobId("abcdefgh.1"), stage=StageId("words"), token=Token(token), epoch=1, config=packed,
                 prompt="a castle <lora:sea:0.5>", negative="text", seed=3)  # fmt: skip


async def ended(session: aiohttp.ClientSession, asked: Order, cancel: bool = False) -> AttemptReport:
    path = f"/v1/attempts/{attempt_id(asked.job, asked.stage, asked.token)}"
    async with session.ws_connect("/v1/feed") as feed, asyncio.timeout(20):
        async with session.put(path, data=msgspec.msgpack.encode(asked)) as answer:
            assert answer.status == 200
        while True:
            news = msgspec.msgpack.decode((await feed.receive()).data, type=AgentNews)
            if isinstance(news, Ended):
                return news.report
            if cancel and getattr(news, "doing", "") == "writing":
                async with session.post(f"{path}/cancel") as answer:
                    assert answer.status == 200


async def test_words_come_back_through_the_agent_and_can_be_cancelled(tmp_path: Path) -> None:
    with fake_chat() as fake:
        fake.script = [streaming("a large castle, ", "mist"), falling_silent("a ", "castle")]
        async with agent(tmp_path, fake) as session:
            async with session.get("/v1/card") as answer:
                card = msgspec.msgpack.decode(await answer.read(), type=Card)
            llm = next(backend for backend in card.backends if backend.kind == "llm")
            assert llm.url == fake.url and "llmEnhance" in llm.kinds
            done = await ended(session, order(1))
            assert done.state == "done" and done.result is not None
            assert done.result.products == () and done.result.backend == "llm"
            assert done.result.reported["prompt"] == "a large castle, mist <lora:sea:0.5>"
            assert done.result.reported["negative"] == "text" and done.result.effective["max_tokens"] == 40
            assert (await ended(session, order(2), cancel=True)).state == "cancelled"
