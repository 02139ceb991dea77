"""The agent as a process: it dies with its daemon, stops cleanly, and keeps what had ended through kill -9."""

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_fake`

from webui_engine import Engine
from webui_fake import FakeWebui, fake_webui

from agent.spool import Spool
from schema.ids import JobId, StageId, Token
from schema.orders import Accepted, AgentNews, AttemptReport, Card, Ended, Order, Progress, attempt_id
from schema.stages import Txt2Img

pytestmark = [pytest.mark.story, pytest.mark.fleet]


@asynccontextmanager
async def agent(home: Path, *options: str) -> AsyncIterator[Process]:
    """Started and ready; killed at the end if it still lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--loopback", "--home", str(home / "agent"), "--socket", str(home / "s"),
        "--node", "here", *options, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            said = json.loads(await process.stdout.readline())
        assert said == {"ready": True, "socket": str(home / "s")}
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def client(home: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession("http://agent", connector=aiohttp.UnixConnector(str(home / "s"))) as session:
        yield session


def order(token: int, steps: int = 2) -> Order:
    config = Txt2Img(id="txt2img", width=64, height=64, steps=steps)
    packed = msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json")))
    return Order(job=JobId("abcdefgh.1"), stage=StageId("txt2img"), token=Token(token), epoch=1, config=packed)


async def offer(session: aiohttp.ClientSession, asked: Order) -> Accepted:
    path = f"/v1/attempts/{attempt_id(asked.job, asked.stage, asked.token)}"
    async with session.put(path, data=msgspec.msgpack.encode(asked)) as answer:
        return msgspec.msgpack.decode(await answer.read(), type=Accepted)


async def attempts(session: aiohttp.ClientSession) -> dict[int, AttemptReport]:
    async with session.get("/v1/attempts") as answer:
        reports = msgspec.msgpack.decode(await answer.read(), type=list[AttemptReport])
    return {report.token: report for report in reports}


async def told(feed: aiohttp.ClientWebSocketResponse, kind: type[AgentNews]) -> AgentNews:
    """The next news of this kind."""
    decode = msgspec.msgpack.Decoder(AgentNews).decode
    async with asyncio.timeout(20):
        while not isinstance(news := decode((await feed.receive()).data), kind):
            pass
    return news


async def card(session: aiohttp.ClientSession) -> Card:
    async with session.get("/v1/card") as answer:
        return msgspec.msgpack.decode(await answer.read(), type=Card)


async def test_killed_in_a_stage_it_comes_back_with_what_had_ended_and_nothing_else(tmp_path: Path) -> None:
    slow = ("--sketch-step-seconds", "0.05")
    async with agent(tmp_path, *slow) as process, client(tmp_path) as session:
        before = await card(session)
        async with session.ws_connect("/v1/feed") as feed:
            await offer(session, order(1))
            await told(feed, Ended)
            await offer(session, order(2, steps=500))
            await told(feed, Progress)
        process.kill()
        await process.wait()
    async with agent(tmp_path, *slow), client(tmp_path) as session:
        known = await attempts(session)
        assert {token: report.state for token, report in known.items()} == {1: "done"}
        result = known[1].result
        assert result is not None
        async with session.get(f"/v1/blobs/{result.products[0].sha256}") as answer:
            assert len(await answer.read()) == result.products[0].bytes
        after = await card(session)
        assert after.node == before.node and after.instance != before.instance
        # the daemon gives the lost one out again under a new token, and commits the other
        async with session.delete("/v1/attempts/abcdefgh.1~txt2img~1") as answer:
            assert answer.status == 204
        assert (await offer(session, order(3))).state == "accepted"


async def test_it_ends_at_once_when_its_daemon_is_gone(tmp_path: Path) -> None:
    async with agent(tmp_path, "--sketch-step-seconds", "0.05") as process, client(tmp_path) as session:
        async with session.ws_connect("/v1/feed") as feed:
            await offer(session, order(1, steps=500))
            await told(feed, Progress)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(5):
            assert await process.wait() == 0
    assert not (tmp_path / "s").exists()


async def test_sigterm_stops_it_cleanly_in_the_middle_of_a_stage(tmp_path: Path) -> None:
    async with (
        agent(tmp_path, "--sketch-step-seconds", "0.05") as process,
        client(tmp_path) as session,
        session.ws_connect("/v1/feed") as feed,
    ):
        await offer(session, order(1, steps=500))
        await told(feed, Progress)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await process.wait() == 0
    # nobody cancelled the attempt, so nothing is said of it
    assert Spool(tmp_path / "agent" / "spool").reports() == ()


@asynccontextmanager
async def local_agent(home: Path, *options: str) -> AsyncIterator[Process]:
    """One that no daemon started: nobody holds its standard input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--home", str(home / "agent"), "--socket", str(home / "s"),
        "--node", "here", *options, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert json.loads(await process.stdout.readline())["ready"]
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_one_that_outlives_daemons_stops_within_a_second_when_told_to(tmp_path: Path, sign: int) -> None:
    async with (
        local_agent(tmp_path, "--sketch-step-seconds", "0.05") as process,
        client(tmp_path) as session,
        session.ws_connect("/v1/feed") as feed,
    ):
        await offer(session, order(1))
        await told(feed, Ended)
        await offer(session, order(2, steps=500))
        await told(feed, Progress)
        began = time.monotonic()
        process.send_signal(sign)
        async with asyncio.timeout(5):
            assert await process.wait() == 0
        assert time.monotonic() - began < 1.2
    assert not (tmp_path / "s").exists()
    assert [report.token for report in Spool(tmp_path / "agent" / "spool").reports()] == [1]
    async with local_agent(tmp_path), client(tmp_path) as session:
        known = await attempts(session)
        assert {token: report.state for token, report in known.items()} == {1: "done"}


@pytest.mark.parametrize("how", ["told", "orphaned"])
async def test_what_runs_is_cancelled_at_its_server_when_the_agent_ends(tmp_path: Path, how: str) -> None:
    with fake_webui(Engine(step_s=0.2)) as server:
        driven = ("--backend", f"webui={server.url}")
        start = agent if how == "orphaned" else local_agent
        async with start(tmp_path, *driven) as process, client(tmp_path) as session:
            assert (await card(session)).backends[0].state == "ready"
            async with session.ws_connect("/v1/feed") as feed:
                assert (await offer(session, order(1, steps=100))).state == "accepted"
                await told(feed, Progress)
            if process.stdin is not None:
                process.stdin.close()
            else:
                process.terminate()
            async with asyncio.timeout(5):
                assert await process.wait() == 0
        async with asyncio.timeout(5):
            while not server.engine.ended:  # noqa: ASYNC110 - the server's own thread ends it
                await asyncio.sleep(0.01)
        assert server.engine.ended[0]["cut"] is True


async def test_one_that_outlives_daemons_heeds_no_older_one_in_its_next_life(tmp_path: Path) -> None:
    async with local_agent(tmp_path), client(tmp_path) as session:
        newer = msgspec.structs.replace(order(1), epoch=9)
        assert (await offer(session, newer)).state == "accepted"
    async with local_agent(tmp_path), client(tmp_path) as session:
        assert (await card(session)).epoch == 9
        assert "epoch 1 is over" in (await offer(session, order(2))).reason


async def test_a_path_too_long_for_a_socket_leads_to_one(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 20) / ("er" * 20)
    home.mkdir(parents=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(home / "agent.sock"),
        "--node", "here", stdin=DEVNULL, stdout=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert json.loads(await process.stdout.readline())["ready"]
        short = (home / "agent.sock").resolve()
        connector = aiohttp.UnixConnector(str(short))
        async with aiohttp.ClientSession("http://agent", connector=connector) as session:
            assert (await card(session)).name == "here"
    finally:
        process.terminate()
        await process.wait()
    assert not (home / "agent.sock").is_symlink() and not short.parent.exists()


async def test_an_agent_whose_folder_is_deleted_ends_and_leaves_the_next_one_alone(tmp_path: Path) -> None:
    home = tmp_path / "agent"
    async with local_agent(tmp_path) as first:
        shutil.rmtree(home)
        async with local_agent(tmp_path), client(tmp_path) as session:
            async with asyncio.timeout(10):
                _, said = await first.communicate()
            assert first.returncode == 2 and b"was deleted or replaced" in said
            assert (tmp_path / "s").exists() and (await card(session)).name == "here"


async def test_its_folders_are_closed_to_others_from_the_start(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        async with local_agent(tmp_path / "state" / "agents"):
            for folder in ("state", "state/agents", "state/agents/agent", "state/agents/agent/logs"):
                assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700, folder
    finally:
        os.umask(old)


async def test_wrong_words_end_it_with_a_sentence(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--home", str(tmp_path), "--socket", str(tmp_path / "s"),
        "--node", "here", "--backend", "webgui", stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 2 and said.startswith(b"--backend: there is no backend 'webgui'. There are: sketch")


async def test_two_agents_never_share_a_home(tmp_path: Path) -> None:
    async with agent(tmp_path):
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "agent", "--home", str(tmp_path / "agent"), "--socket", str(tmp_path / "t"),
            "--node", "there", stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        async with asyncio.timeout(30):
            _, said = await second.communicate()
        assert second.returncode == 75 and b"another agent uses" in said
        async with client(tmp_path) as session:
            assert (await card(session)).name == "here"


async def test_a_server_that_answers_slowly_does_not_hold_up_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loaded one: whatever it is asked, also to interrupt, takes it seconds."""
    slow, answer = threading.Event(), FakeWebui.answer

    def late(server: FakeWebui, method: str, path: str, body: object, whole: str) -> object:
        if slow.is_set():
            time.sleep(4)
        return answer(server, method, path, body, whole)

    monkeypatch.setattr(FakeWebui, "answer", late)
    with fake_webui(Engine(step_s=0.2)) as server:
        async with (
            local_agent(tmp_path, "--backend", f"webui={server.url}") as process,
            client(tmp_path) as session,
            session.ws_connect("/v1/feed") as feed,
        ):
            assert (await card(session)).backends[0].state == "ready"
            assert (await offer(session, order(1, steps=100))).state == "accepted"
            await told(feed, Progress)
            slow.set()
            asking = asyncio.create_task(session.post("/v1/refresh"))
            await asyncio.sleep(0.3)
            began = time.monotonic()
            process.terminate()
            async with asyncio.timeout(8):
                assert await process.wait() == 0
            spent = time.monotonic() - began
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert spent < 1.4, spent


async def test_a_stopped_process_ends_in_time_however_long_its_backends_take_to_close(tmp_path: Path) -> None:
    """The clean way hangs here: the process that runs it blocks its own loop."""
    hangs = "import sys, time, agent.app; agent.app._closed = lambda _: time.sleep(30); " \
        "from agent.__main__ import main; main(sys.argv[1:])"  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", hangs, "--home", str(tmp_path / "agent"), "--socket", str(tmp_path / "s"),
        "--node", "here", stdin=DEVNULL, stdout=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert json.loads(await process.stdout.readline())["ready"]
    began = time.monotonic()
    process.terminate()
    async with asyncio.timeout(5):
        assert await process.wait() == 0
    assert time.monotonic() - began < 1.6 and not (tmp_path / "s").exists()
