"""The API fuzzed from its own OpenAPI page: no request breaks it, and every answer is what the page says.

Requests know nothing but the page and some ids. A refusal is a `Told`; anything else fits the schema of its route.
"""

import asyncio
import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

sys.path.insert(0, str(Path(__file__).parent))  # for `learn_world`

from learn_world import learning, paint, taught
from openapi_values import ANYTHING, TEXT, Page

from daemon.api.routes import ALL
from daemon.learner import Learner
from schema.errors import Refused

REFUSALS = {400, 403, 404, 405, 409, 413, 415, 503}
ENDLESS = ("/v1/follow", "/v1/log", "/v1/feed")
"""Streams: only the first line is looked at."""


class Answer(NamedTuple):
    status: int
    media: str
    content: bytes


class Client(http.client.HTTPConnection):
    """Over the Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("d", timeout=20)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self._path)


class Running:
    """A daemon's routes in a thread of their own, with a learner, pictures and verdicts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun = threading.Event()
        self._over: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.bugs: list[str] = []
        self.words: list[str] = []
        self.socket = folder / "s"
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._begun.wait(60)
        told = self.ask("GET", "/v1/openapi.json", None)
        self.document: dict[str, Any] = json.loads(told.content)
        self.page = Page(self.document, self.words)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with learning(self._folder) as it:
                it.house.learning = Learner(it.views, it.ledger, seq_at=_seq_at, quiet=0.0)
                run = await paint(it, prompt="a fox", count=2, name="foxes")
                await taught(it, total=40)
                await it.submit("a hare that waits")
                images = [row["id"] for row in (await it.get("/v1/images"))["items"]]
                await it.post("/v1/images/rate", {"select": images, "stars": 4})
                self.words = [run, f"{run}.1", *images, "node", "box", "bays", "standard", "read", "1", "3", "2h", "a"]
                self._begun.set()
                await self._over.wait()
        finally:
            self._begun.set()

    def ask(self, method: str, target: str, body: bytes | None, **headers: str) -> Answer:
        client = Client(self.socket)
        with closing(client):
            client.request(method, target, body, headers)
            answer = client.getresponse()
            media = answer.headers.get_content_type()
            endless = target.startswith(ENDLESS) and answer.status == 200
            return Answer(answer.status, media, answer.readline() if endless else answer.read())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    it = Running(tmp_path_factory.mktemp("fuzz"))
    yield it
    it.close()


def _seq_at(when: str) -> int:
    """As the daemon's own: Refused for what is no moment."""
    if not when.isdecimal() or not 0 < int(when[:19]) < 100:
        raise Refused(f"{when[:40]!r} is no moment.", where="as_of")
    return int(when)


OPERATIONS = sorted({(route.method, route.path) for route in ALL})


def fuzzed(running: Running, method: str, path: str, data: st.DataObject) -> None:
    page = running.page
    operation = page.operation(method, path)
    target, headers = path, {}
    query = {}
    for one in operation["parameters"]:
        value = page.words | TEXT
        match one["in"]:
            case "path":
                target = target.replace(f"{{{one['name']}}}", quote(data.draw(value), safe="", errors="surrogatepass"))
            case "query" if data.draw(st.booleans()):
                query[one["name"]] = data.draw(value)
            case "header" if data.draw(st.booleans()):
                headers[one["name"]] = data.draw(
                    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5)
                )
    if query:
        target += "?" + urlencode(query, errors="surrogatepass")
    body = _body(running, operation, data, headers)
    answer = running.ask(method, target, body, **headers)
    check(running, operation, answer, (method, target, body and body[:300], headers))


def _body(running: Running, operation: Any, data: st.DataObject, headers: dict[str, str]) -> bytes | None:
    asked = operation.get("requestBody")
    if asked is None:
        return None
    media, schema = next((media, said.get("schema")) for media, said in asked["content"].items())
    headers["Content-Type"] = media
    if schema is None:
        return data.draw(st.binary(max_size=40))
    page = running.page
    value = data.draw(page.fitting(schema) | page.fitting(schema) | page.almost(schema) | ANYTHING)
    return json.dumps(value, allow_nan=False).encode()


def check(running: Running, operation: Any, answer: Answer, asked: object) -> None:
    assert answer.status != 500, (asked, answer)
    responses = operation["responses"]
    if str(answer.status) not in responses:
        assert answer.status in REFUSALS, (asked, answer)
        said = responses["default"]["content"]["application/json"]
        assert answer.media == "application/json", (asked, answer)
        _fits(running, said["schema"], answer.content, asked)
        return
    media, said = next(iter(responses[str(answer.status)]["content"].items()))
    if "schema" not in said:
        return
    lines = answer.content.splitlines() if media == "application/x-ndjson" else [answer.content]
    for line in filter(None, lines[:50]):
        _fits(running, said["schema"], line, asked)


def _fits(running: Running, schema: Any, content: bytes, asked: object) -> None:
    whole = {**schema, "components": running.document["components"]}
    faults = [fault.message[:300] for fault in Draft202012Validator(whole).iter_errors(json.loads(content))]
    assert not faults, (asked, content[:300], faults[:3])


QUIETLY = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=15)


@QUIETLY
@given(data=st.data())
def test_no_request_breaks_it_and_every_answer_is_as_described(running: Running, data: st.DataObject) -> None:
    fuzzed(running, *data.draw(st.sampled_from(OPERATIONS)), data)


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(one) for one in OPERATIONS])
def test_no_request_breaks_a_route(running: Running, method: str, path: str) -> None:
    @settings(QUIETLY, max_examples=30)
    @given(data=st.data())
    def many(data: st.DataObject) -> None:
        fuzzed(running, method, path, data)

    many()


@pytest.mark.long
def test_what_the_page_says_of_itself_is_true(running: Running) -> None:
    Draft202012Validator.check_schema({"$defs": running.document["components"]["schemas"]})
    assert running.page.operations() == OPERATIONS
    for method, path in OPERATIONS:
        operation = running.page.operation(method, path)
        assert operation["x-scope"] in ("read", "rate", "run", "all", "socket") and operation["summary"]
