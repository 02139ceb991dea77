"""The agent's port on the network: open for pairing and nothing else, then for the daemon it is paired with alone."""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_net` and `webui_fake`

from agent_net import Daemon, launched, order, running, until
from webui_engine import Engine
from webui_fake import fake_webui

from daemon.fleet.node import Node
from daemon.fleet.trust.calls import PairRefused
from schema.errors import Refused
from schema.orders import Card, CardChanged, Load
from schema.tokens import SECRET_BYTES, Token, short_of, token_text
from tui.cli.agents import lay_token

pytestmark = [pytest.mark.story, pytest.mark.fleet]

ROUTES = [
    ("GET", "/v1/card"), ("GET", "/v1/attempts"), ("PUT", "/v1/attempts/abcdefgh.1~txt2img~1"), ("GET", "/v1/feed"),
    ("POST", "/v1/attempts/abcdefgh.1~txt2img~1/cancel"), ("DELETE", "/v1/attempts/abcdefgh.1~txt2img~1"),
    ("GET", f"/v1/blobs/{'0' * 64}"), ("PUT", f"/v1/blobs/{'0' * 64}"), ("PUT", "/v1/watched"), ("POST", "/v1/free"),
    ("POST", "/v1/refresh"), ("GET", "/v1/pairing"), ("DELETE", "/v1/pairing"), ("GET", "/"), ("GET", "/pair/3"),
]  # fmt: skip


def anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def test_while_it_is_unpaired_nothing_but_pairing_answers(tmp_path: Path) -> None:
    async with running(tmp_path / "a") as agent:
        connector = aiohttp.TCPConnector(ssl=anybody())
        async with aiohttp.ClientSession(f"https://{agent.address}", connector=connector) as session:
            async with session.get("/pair/0") as answer:
                assert answer.status == 200
            for method, path in ROUTES:
                async with session.request(method, path) as answer:
                    assert answer.status in (400, 404), (method, path)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"http://{agent.address}/pair/0")
        assert f"stablenew node pair rig2 {await agent.code()}" in agent.said
        assert (await agent.standing())["state"] == "waiting"


async def test_it_listens_at_ipv4_and_ipv6(tmp_path: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    async with running(tmp_path / "a") as agent:
        for host in ("127.0.0.1", "[::1]"):
            connector = aiohttp.TCPConnector(ssl=anybody())
            url = f"https://{host}:{agent.ready['port']}/pair/0"
            async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
                assert answer.status == 200


async def test_once_paired_it_works_for_that_daemon_and_answers_nobody_else(tmp_path: Path) -> None:
    ours, theirs = Daemon.at(tmp_path / "ours"), Daemon.at(tmp_path / "theirs")
    async with running(tmp_path / "a") as agent:
        pairing = await ours.pairs(agent)
        await agent.heard(f"Paired with the daemon {ours.keys.fleet}")
        async with ours.connected(pairing) as link:
            card = await link.card()
            assert card.node == pairing.node == agent.ready["node"] and card.boot and card.host
            assert (await link.offer(order(1))).state == "accepted"
            result = (await link.ended(1)).result
            assert result is not None
            picture = await link.read("GET", f"/v1/blobs/{result.products[0].sha256}")
            assert len(picture) == result.products[0].bytes
            assert isinstance(await link.told(Load), Load)
            async with link.session.ws_connect("/v1/feed"):
                await agent.heard("The daemon is connected.")
                assert (await agent.standing())["connected"] is True
            await agent.heard("The daemon has hung up")
            await link.read("DELETE", "/v1/attempts/abcdefgh.1~txt2img~1")
            assert await link.status("DELETE", "/v1/attempts/abcdefgh.1~txt2img~1") == 404  # its answer was lost
            assert await link.status("GET", "/pair/0") == 404
            assert await link.status("GET", "/v1/pairing") == 404
        async with theirs.connected(pairing) as link:
            with pytest.raises(aiohttp.ClientError):
                await link.card()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=anybody())) as session:
            for path in ("/v1/card", "/pair/0"):
                with pytest.raises(aiohttp.ClientError):
                    await session.get(f"https://{agent.address}{path}")
        with pytest.raises(PairRefused):
            await theirs.pairs(agent, "1234-5678")


async def test_a_wrong_code_is_told_on_its_terminal_and_pairs_nobody(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with running(tmp_path / "a") as agent:
        code = await agent.code()
        wrong = f"{(int(code.replace('-', '')) + 1) % 10**8:08d}"
        with pytest.raises(PairRefused):
            await daemon.pairs(agent, wrong)
        await agent.heard("Refused an attempt to pair from")
        assert (await agent.standing())["state"] == "waiting" and await agent.code() == code
        await daemon.pairs(agent, code)


async def test_killed_it_comes_back_at_its_port_paired_and_with_its_results(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with running(tmp_path / "a", port="") as agent:
        pairing = await daemon.pairs(agent)
        async with daemon.connected(pairing) as link:
            await link.offer(order(1))
            await link.ended(1)
        was = agent.ready["port"]
        await agent.end("kill")
    async with running(tmp_path / "a", port="") as agent:
        assert agent.ready["port"] == was and agent.ready["state"] == "paired"
        assert "Pairing code" not in agent.said
        async with daemon.connected(pairing) as link:
            assert {token: report.state for token, report in (await link.attempts()).items()} == {1: "done"}
            assert "epoch 6 is over" in (await link.offer(order(2, epoch=6))).reason


async def test_unpaired_over_the_network_it_hangs_up_and_shows_a_new_code(tmp_path: Path) -> None:
    first, second = Daemon.at(tmp_path / "first"), Daemon.at(tmp_path / "second", epoch=3)
    async with running(tmp_path / "a", "--sketch-step-seconds", "0.02") as agent:
        pairing = await first.pairs(agent)
        async with first.connected(pairing) as link:
            await link.offer(order(1, seed=1))
            await link.ended(1)
            await link.offer(order(2, steps=100))
            feed = await link.session.ws_connect("/v1/feed")
            assert await link.status("DELETE", "/v1/pairing") == 204
            async with asyncio.timeout(5):
                while (await feed.receive()).type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                    pass
            assert await link.status("GET", "/v1/card") == 404
        # what the first has not taken is not the second's, which begins with epochs of its own
        other = await second.pairs(agent)
        async with second.connected(other) as link:
            assert await link.attempts() == {}
            assert (await link.offer(order(5, epoch=3))).state == "accepted"
            await link.ended(5)
        async with agent.at_home() as session:
            assert (await session.delete("/v1/pairing")).status == 204
        again = await first.pairs(agent)
        async with first.connected(again) as link:
            assert {token: report.state for token, report in (await link.attempts()).items()} == {1: "done"}


async def test_a_paired_agent_refuses_the_daemon_of_its_machine_but_answers_its_people(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with running(tmp_path / "a") as agent:
        await daemon.pairs(agent)
        async with agent.at_home() as session:
            for method, path in ROUTES[:11]:
                async with session.request(method, path) as answer:
                    assert answer.status == 403, path
                    assert "stablenew agent unpair --name rig2" in await answer.text()
        standing = await agent.standing()
        assert (standing["state"], standing["fleet"], standing["code"]) == ("paired", daemon.keys.fleet, None)


async def test_while_the_daemon_of_its_machine_uses_it_nobody_pairs_it(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with running(tmp_path / "a") as agent:
        code = await agent.code()
        async with agent.at_home() as session, session.ws_connect("/v1/feed"):
            await agent.heard("The daemon of this machine uses the agent")
            assert (await agent.standing())["state"] == "local"
            with pytest.raises(PairRefused, match="its own machine"):
                await daemon.pairs(agent, code)
        assert (await agent.standing())["state"] == "local"  # that daemon may be starting again


async def test_without_network_it_listens_nowhere_and_works_for_its_machine(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with running(tmp_path / "a") as agent:
        await daemon.pairs(agent)
        await agent.end("terminate")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--home", str(tmp_path / "a"), "--socket", str(tmp_path / "a/agent.sock"),
        "--node", "rig2", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None and b'"port"' not in await process.stdout.readline()
        connector = aiohttp.UnixConnector(str(tmp_path / "a" / "agent.sock"))
        async with aiohttp.ClientSession("http://agent", connector=connector) as session:
            assert (await session.get("/v1/card")).status == 200
            assert (await (await session.get("/v1/pairing")).json())["port"] is None
    finally:
        process.kill()
        await process.wait()
    async with running(tmp_path / "a") as agent:
        assert agent.ready["state"] == "paired"


async def test_with_a_token_it_waits_for_one_fleet_and_forgets_the_token_then(tmp_path: Path) -> None:
    ours, theirs = Daemon.at(tmp_path / "ours"), Daemon.at(tmp_path / "theirs")
    secret = bytes(range(SECRET_BYTES))
    token = Token(secret, sha256(ours.keys.certificate).digest())
    (tmp_path / "a").mkdir()
    lay_token(tmp_path / "a", token_text(token))
    assert token.short == short_of(ours.keys.certificate)
    async with running(tmp_path / "a") as agent:
        assert (await agent.standing())["state"] == "joining" and "Pairing code" not in agent.said
        with pytest.raises(PairRefused):
            await theirs.pairs(agent, secret)
        await ours.pairs(agent, secret)

        async def gone() -> bool | None:
            return True if not (tmp_path / "a" / "keys" / "token").exists() else None

        await until(gone)
        assert (await agent.standing())["state"] == "paired"


async def test_a_port_that_is_taken_is_refused_where_it_was_named_and_else_another_is_found(tmp_path: Path) -> None:
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as other:
        port = str(other.getsockname()[1])
        process = await launched(tmp_path / "a", port=port)
        async with asyncio.timeout(20):
            _, said = await process.communicate()
        assert process.returncode == 2
        assert said.decode() == (
            f"--port: port {port} is taken by another program. Choose another one, or --port 0 for any that is free.\n"
        )
        (tmp_path / "a" / "port").write_text(port)
        async with running(tmp_path / "a", port="") as agent:
            assert agent.ready["port"] != int(port)


async def test_a_connection_that_was_made_before_the_unpairing_finds_nothing_afterwards(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with running(tmp_path / "a") as agent:
        pairing = await daemon.pairs(agent)
        async with daemon.connected(pairing) as kept, agent.at_home() as home:
            await kept.card()
            assert (await home.delete("/v1/pairing")).status == 204
            assert (await home.delete("/v1/pairing")).status == 409
            await agent.heard("Unpaired")

            async def refused() -> bool | None:
                try:
                    return True if await kept.status("GET", "/v1/card") == 404 else None
                except aiohttp.ClientError:
                    return True

            await until(refused)


async def test_what_should_go_on_for_ever_and_breaks_ends_the_agent_with_a_failure(tmp_path: Path) -> None:
    """So that systemd starts it anew, rather than that it lives on unseen."""
    breaks = (
        "import sys, agent.advertise as a; a.published = lambda found: 1 / 0; from agent.__main__ import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    home = tmp_path / "a"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", breaks, "--home", str(home), "--socket", str(home / "agent.sock"), "--node", "rig2",
        "--port", "0", stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode == 1 and b"ZeroDivisionError" in said
    assert not (home / "agent.sock").exists()
    assert "broke, and the agent ends" in (home / "logs" / "agent.jsonl").read_text()


async def test_a_daemons_own_child_loads_nothing_of_the_network(tmp_path: Path) -> None:
    """It is started with every daemon, and waited for."""
    loads = "import sys, agent.app; print([name for name in ('zeroconf', 'cryptography', 'spake2', 'pynvml') " \
        "if name in sys.modules])"  # fmt: skip
    process = await asyncio.create_subprocess_exec(sys.executable, "-P", "-c", loads, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"[]\n"


def spent(process: int) -> float:
    """Seconds of the processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_paired_and_idle_it_costs_next_to_nothing(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with running(tmp_path / "a") as agent:
        pairing = await daemon.pairs(agent)
        async with daemon.connected(pairing) as link, link.session.ws_connect("/v1/feed") as feed:
            await asyncio.sleep(2.5)  # it announces itself
            began, heard = spent(agent.process.pid), 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    while True:
                        heard += len((await feed.receive()).data)
            assert spent(agent.process.pid) - began < 0.1  # measured: 0.01 s in 20 s
            assert 0 < heard < 1000  # measured: 62 bytes a second


async def test_the_daemon_of_its_machine_is_not_troubled_by_it_and_has_it_back_once_it_is_unpaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from daemon.fleet import local

    monkeypatch.setattr(local, "LOOK_SECONDS", 0.1)
    asked: list[Card] = []

    def node_of(card: Card) -> Node:
        asked.append(card)
        raise Refused("found, and that is all that is asked here")

    theirs, agents = Daemon.at(tmp_path / "theirs"), local.LocalAgents(tmp_path / "agents", node_of)
    async with running(tmp_path / "agents" / "rig2") as agent:
        await theirs.pairs(agent)
        looking = asyncio.create_task(agents.run())

        async def refused() -> bool | None:
            return True if "is paired with a fleet on the network" in caplog.text else None

        await until(refused)
        assert agents.trouble == "" and not asked
        async with agent.at_home() as session:
            await session.delete("/v1/pairing")

        async def given() -> bool | None:
            return True if asked and "that is all" in agents.trouble else None

        await until(given)
        looking.cancel()
        await asyncio.wait([looking])


async def test_a_daemon_on_the_network_hears_of_models_that_come_and_servers_that_go(tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    with fake_webui(Engine()) as server:
        async with running(tmp_path / "a", "--backend", f"webui={server.url}") as agent:
            pairing = await daemon.pairs(agent)
            async with daemon.connected(pairing) as link:

                async def ready() -> bool | None:
                    return True if (await link.card()).backends[0].state == "ready" else None

                await until(ready)
                async with link.session.ws_connect("/v1/feed") as feed:
                    await link.next_of(feed, Load)
                    server.engine.models.append("new.safetensors")
                    await link.read("POST", "/v1/refresh")
                    news = await link.next_of(feed, CardChanged)
                    assert isinstance(news, CardChanged)
                    assert any("new" in model for model in news.card.backends[0].models)
                    server.kill()
                    await link.read("POST", "/v1/refresh")
                    news = await link.next_of(feed, CardChanged)
                    assert isinstance(news, CardChanged) and news.card.backends[0].state == "disconnected"
