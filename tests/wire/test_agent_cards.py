"""The watch over the backends' cards: who is asked when, what is told, and that a dead server delays nobody."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_place`

from agent_place import Patient, Place, order, placed, until

from agent import cards
from agent.absent import USUAL, Absent
from agent.backends import Backend, BackendTrouble
from agent.parts import made
from agent.start import Chosen, Start, auth_for, read
from schema.errors import Refused
from schema.orders import AgentNews, BackendCard, Card, CardChanged
from schema.settings import AgentSettings


@pytest.fixture
def server() -> Patient:
    return Patient("webui")


@pytest.fixture
async def place(tmp_path: Path, server: Patient) -> AsyncIterator[Place]:
    async with placed(tmp_path, server, Patient("sketch")) as place:
        yield place


async def card(place: Place) -> dict[str, BackendCard]:
    _, body = await place.call("GET", "/v1/card")
    return {backend.kind: backend for backend in msgspec.msgpack.decode(body, type=Card).backends}


async def changed(feed) -> dict[str, BackendCard]:  # type: ignore[no-untyped-def]
    decode = msgspec.msgpack.Decoder(AgentNews).decode
    async with asyncio.timeout(5):
        while not isinstance(news := decode((await feed.receive()).data), CardChanged):
            pass
    return {backend.kind: backend for backend in news.card.backends}


async def test_a_refresh_asks_everybody_and_tells_what_is_new(place: Place, server: Patient) -> None:
    async with place.session.ws_connect("/v1/feed") as feed:
        server.models = ("toy.safetensors",)
        status, body = await place.call("POST", "/v1/refresh")
        assert status == 200
        fresh = {backend.kind: backend for backend in msgspec.msgpack.decode(body, type=Card).backends}
        assert fresh["webui"].models == ("toy.safetensors",) == (await changed(feed))["webui"].models


async def test_a_refresh_has_those_look_into_their_folders_that_do_not_do_so_by_themselves(tmp_path: Path) -> None:
    class Lazy(Patient):
        def refresh(self) -> None:
            self.models = (*self.models, f"found {len(self.models)}")

    async with placed(tmp_path, Lazy("webui")) as place:
        assert (await card(place))["webui"].models == ("found 0",)
        await place.call("POST", "/v1/refresh")
        assert (await card(place))["webui"].models == ("found 0", "found 1")


async def test_a_server_that_comes_back_is_noticed_and_keeps_its_lists_meanwhile(
    place: Place, server: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "AWAY_SECONDS", 0.1)
    server.models = ("toy.safetensors",)
    await place.cards.refreshed()
    async with place.session.ws_connect("/v1/feed") as feed:
        server.state, server.models = "disconnected", ()
        await place.cards.refreshed()
        away = (await changed(feed))["webui"]
        assert (away.state, away.models) == ("disconnected", ("toy.safetensors",)) and "start it" in away.trouble
        server.state, server.models = "ready", ("toy.safetensors", "new.safetensors")
        back = (await changed(feed))["webui"]
        assert (back.state, back.trouble, len(back.models)) == ("ready", "", 2)


async def test_nothing_is_told_while_nothing_changes(place: Place, server: Patient) -> None:
    told: list[CardChanged] = []
    place.cards._tell = told.append
    for _ in range(5):
        await place.cards.refreshed()
    assert told == [] and server.asked == 6


async def test_a_ready_backend_is_left_alone_while_something_runs(
    place: Place, server: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(cards, "AWAY_SECONDS", 0.02)
    server.go.clear()
    await place.offer(order(1))
    await asyncio.sleep(0.05)
    asked = server.asked
    await asyncio.sleep(1.3)  # the watch had its turn
    assert server.asked == asked
    server.go.set()
    await place.ended(order(1))
    await until(lambda: asyncio.sleep(0.01, result=server.asked > asked or None))


async def test_a_server_that_does_not_answer_delays_the_card_by_a_moment_and_is_asked_once_at_a_time(
    place: Place, server: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "WATCH_SECONDS", 0.0)
    monkeypatch.setattr(cards, "MOMENT_SECONDS", 0.1)
    server.answers.clear()
    asked, began = server.asked, time.monotonic()
    shown = [await card(place) for _ in range(3)]
    assert time.monotonic() - began < 1.0 and server.asked <= asked + 1
    assert {one["sketch"].state for one in shown} == {"ready"}


async def test_a_backend_whose_card_fails_is_disconnected_with_the_reason(place: Place, server: Patient) -> None:
    def broken() -> BackendCard:
        raise ZeroDivisionError("oops")

    server.card = broken  # type: ignore[method-assign]
    await place.cards.refreshed()
    assert "oops" in (await card(place))["webui"].trouble

    def troubled() -> BackendCard:
        raise BackendTrouble("backend", "It says no.")

    server.card = troubled  # type: ignore[method-assign]
    await place.cards.refreshed()
    found = (await card(place))["webui"]
    assert (found.state, found.trouble) == ("disconnected", "It says no.")


# What is driven ---------------------------------------------------------------------------------


def started(*words: str, **env: str) -> Start:
    return read(["--home", "h", "--socket", "s", "--node", "n", *words], env)


def test_the_words_of_the_command_line() -> None:
    assert started().backends == (Chosen("sketch"),)
    start = started("--backend", "sketch", "--backend", "webui=http://127.0.0.1:7861?a=b", "--free-after", "60")
    assert start.backends == (Chosen("webui", "http://127.0.0.1:7861?a=b"), Chosen("sketch")) and start.free_after == 60
    assert started("--backend", "none").backends == ()
    assert started(STABLENEW_AGENT_AUTH="me:secret").auth == "me:secret"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--backend", "webgui"), "there is no backend 'webgui'"),
        (("--backend", "sketch", "--backend", "sketch"), "sketch is named twice"),
    ],
)
def test_backends_that_cannot_be(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(Refused, match=said):
        started(*words)


def test_credentials_go_to_whom_they_belong() -> None:
    assert auth_for("webui", "me:secret") == auth_for("comfyui", "me:secret") == "me:secret"
    assert auth_for("llm", "me:secret") == "" and auth_for("llm", "sk-key") == "sk-key"
    assert auth_for("webui", "sk-key") == auth_for("sketch", "me:secret") == ""


def test_a_backend_that_cannot_be_made_says_why_and_the_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(options: object) -> Backend:
        raise ImportError("diffusers is not installed; install stablenew[diffusers]")

    monkeypatch.setattr("agent.parts.BACKENDS", {"diffusers": no_library, "sketch": lambda _: Patient("sketch")})
    absent, sketch = made(Start(Path("h"), Path("s"), "n", backends=(Chosen("diffusers"), Chosen("sketch"))), time.time)
    assert isinstance(absent, Absent) and sketch.kind == "sketch"
    assert absent.card().state == "disconnected" and "install stablenew[diffusers]" in absent.card().trouble
    assert absent.card().kinds == absent.kinds() == USUAL["diffusers"]


def test_memory_is_given_back_after_the_time_that_the_settings_name_too() -> None:
    assert started("--backend", "sketch").free_after == AgentSettings().free_after == 600.0
    assert started("--free-after", "0").free_after == 0.0
