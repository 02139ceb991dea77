"""`stablenew web`: the real server, asked as a browser asks; the screen it sends, and who is sent nothing."""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("textual_serve", reason="the extra stablenew[web] is not installed")

from aiohttp import ClientSession, CookieJar, WSMsgType, WSServerHandshakeError

START = "import sys; from tui.web import serve; sys.exit(serve(0, lambda address: print(address, flush=True)))"


class Web:
    """The server as a process, and a browser that has opened the address it printed."""

    def __init__(self, address: str, browser: ClientSession) -> None:
        self.address, self.browser = address, browser
        self.root = address.partition("/?")[0]

    async def screen(self, *words: str) -> str:
        """All that a tab of 100x30 was sent until it showed these words."""
        got = ""
        socket_url = f"{self.root}/ws?width=100&height=30".replace("http", "ws", 1)
        async with self.browser.ws_connect(socket_url, headers={"Origin": self.root}) as tab:
            async with asyncio.timeout(30):
                async for message in tab:
                    assert message.type is WSMsgType.BINARY
                    got += message.data.decode()
                    if all(word in got for word in words):
                        break
            await tab.send_str(json.dumps(["stdin", "q"]))
            async with asyncio.timeout(30):
                while "keeps running" not in got:
                    got += (await tab.receive_bytes()).decode()
        return got


@pytest.fixture
async def web(daemon, tmp_path: Path):
    env = {**os.environ, "STABLENEW_HOME": str(tmp_path), "STABLENEW_SOCKET": str(daemon.socket)}
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", START, stdout=asyncio.subprocess.PIPE, env=env, cwd=Path(__file__).parents[2]
    )
    assert server.stdout is not None
    address = (await asyncio.wait_for(server.stdout.readline(), 30)).decode().strip()
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:  # unsafe: cookies of a bare address too
        yield Web(address, browser)
    server.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(server.wait(), 30) == 0


@pytest.mark.slow
@pytest.mark.story
async def test_the_address_leads_to_a_page_and_the_page_to_the_screen(web):
    async with web.browser.get(web.address) as page:
        text = await page.text()
        assert (page.status, str(page.url)) == (200, f"{web.root}/")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        (nonce,) = re.findall(r"script-src 'self' 'nonce-([\w-]+)'", policy)
        assert f'<script nonce="{nonce}">' in text
    assert "//fonts." not in text and f"ws{web.root[4:]}/ws" in text
    async with web.browser.get(f"{web.root}/static/js/textual.js") as script:
        assert script.status == 200

    seen = await web.screen("Queue", "Gallery", "kn00gt7a.3")

    assert "\x1b[?1049h" in seen


@pytest.mark.slow
@pytest.mark.story
async def test_nobody_else_is_shown_anything(web):
    async with web.browser.get(f"{web.root}/") as page:
        assert page.status == 403
    async with web.browser.get(f"{web.root}/?secret=guessed") as page:
        assert page.status == 403
    async with web.browser.get(web.address, headers={"Host": "stablenew.example:80"}) as page:
        assert page.status == 403
    async with web.browser.get(web.address) as page:
        assert page.status == 200
    for origin in ({"Origin": "https://elsewhere.example"}, {}):
        with pytest.raises(WSServerHandshakeError, match="403"):
            await web.browser.ws_connect(f"{web.root}/ws", headers=origin)
