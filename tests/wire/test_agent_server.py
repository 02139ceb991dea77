"""The agent's routes over a real Unix socket: what is done once, what is refused, and what is told."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_place`

from agent_place import Patient, Place, order, placed, send_blob, until

from agent.backends import Backend, BackendTrouble
from schema.ids import JobId, StageId, Token
from schema.orders import AgentNews, AttemptReport, Card, Ended, Load, Preview, Progress
from schema.stages import Img2Img


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with placed(tmp_path) as place:
        yield place


# One attempt ------------------------------------------------------------------------------------


async def test_an_order_becomes_a_result_whose_file_can_be_fetched(place: Place) -> None:
    asked = order(seed=11)
    assert (await place.offer(asked)).state == "accepted"
    report = await place.ended(asked)
    assert report.state == "done" and report.result is not None
    (product,) = report.result.products
    status, content = await place.call("GET", f"/v1/blobs/{product.sha256}")
    assert (status, content, product.bytes, product.seed) == (200, b"picture 11", 10, 11)
    assert report.result.backend == "patient" and report.result.effective == {"steps": 3}
    assert report.result.measures.executed_s > 0


async def test_the_same_order_runs_once_however_often_it_is_sent(place: Place) -> None:
    place.backend.go.clear()
    answers = await asyncio.gather(*(place.offer(order()) for _ in range(20)))
    place.backend.go.set()
    await place.ended(order())
    again = await place.offer(order())
    assert {answer.state for answer in (*answers, again)} == {"accepted"}
    assert len(place.backend.works) == 1


async def test_an_acknowledged_attempt_is_forgotten_and_never_runs_again(place: Place) -> None:
    await place.offer(order())
    report = await place.ended(order())
    name = "/v1/attempts/abcdefgh.1~txt2img~1"
    assert (await place.call("DELETE", name))[0] == 204
    assert (await place.call("DELETE", name))[0] == 404
    assert await place.attempts() == {}
    assert (await place.offer(order())).state == "refused"
    assert len(place.backend.works) == 1
    # the picture stays as a blob: the next stage will want it
    assert report.result is not None
    assert (await place.call("HEAD", f"/v1/blobs/{report.result.products[0].sha256}"))[0] == 200


async def test_a_restarted_daemon_may_send_what_it_had_begun_again(place: Place) -> None:
    place.backend.go.clear()
    await place.offer(order(epoch=5))
    assert (await place.offer(order(epoch=6))).state == "accepted"
    place.backend.go.set()
    await place.ended(order())
    assert (await place.offer(order(epoch=7))).state == "accepted"
    assert len(place.backend.works) == 1


async def test_another_order_under_a_used_name_is_refused(place: Place) -> None:
    await place.offer(order(seed=1))
    status, body = await place.put(order(seed=2))
    assert status == 409 and b"another order" in body


async def test_one_runs_one_waits_and_a_third_is_told_to_come_back(place: Place) -> None:
    place.backend.go.clear()
    states = [(await place.offer(order(token))).state for token in (1, 2, 3)]
    assert states == ["accepted", "accepted", "busy"]
    shown = await place.attempts()
    assert [report.state for report in shown.values()] == ["running", "waiting"]
    place.backend.go.set()
    await place.ended(order(2))
    assert (await place.offer(order(3))).state == "accepted"


async def test_a_running_attempt_is_cancelled_within_a_step(place: Place) -> None:
    place.backend.go.clear()
    await place.offer(order())
    status, body = await place.call("POST", "/v1/attempts/abcdefgh.1~txt2img~1/cancel")
    assert status == 200 and msgspec.msgpack.decode(body, type=AttemptReport).token == 1
    report = await place.ended(order())
    assert (report.state, report.result) == ("cancelled", None)


async def test_a_waiting_attempt_is_cancelled_while_another_runs(place: Place) -> None:
    place.backend.go.clear()
    await place.offer(order(1))
    await place.offer(order(2))
    await place.call("POST", "/v1/attempts/abcdefgh.1~txt2img~2/cancel")
    assert (await place.ended(order(2))).state == "cancelled"
    assert (await place.attempts())["abcdefgh.1~txt2img~1"].state == "running"
    assert len(place.backend.works) == 1


async def test_cancelling_what_has_ended_changes_nothing(place: Place) -> None:
    await place.offer(order())
    await place.ended(order())
    _, body = await place.call("POST", "/v1/attempts/abcdefgh.1~txt2img~1/cancel")
    assert msgspec.msgpack.decode(body, type=AttemptReport).state == "done"


async def test_a_running_attempt_cannot_be_forgotten(place: Place) -> None:
    place.backend.go.clear()
    await place.offer(order())
    assert (await place.call("DELETE", "/v1/attempts/abcdefgh.1~txt2img~1"))[0] == 409


@pytest.mark.parametrize(
    ("fault", "trouble", "words"),
    [
        (BackendTrouble("out-of-memory", "no room"), "out-of-memory", "no room"),
        (BackendTrouble("bad-request", "no such thing"), "bad-request", "no such thing"),
        (ZeroDivisionError("oops"), "backend", "failed: oops. The agent's log says more."),
    ],
)
async def test_trouble_is_told_as_the_backend_names_it_and_the_next_order_runs(
    place: Place, fault: Exception, trouble: str, words: str
) -> None:
    place.backend.trouble = fault
    await place.offer(order(1))
    report = await place.ended(order(1))
    assert (report.state, report.trouble) == ("broke", trouble) and words in report.reason
    place.backend.trouble = None
    await place.offer(order(2))
    assert (await place.ended(order(2))).state == "done"


async def test_a_spool_that_cannot_be_written_is_told_and_work_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(report: AttemptReport, contents: Sequence[bytes] = ()) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.spool, "write", full)
    await place.offer(order(1))
    report = await place.ended(order(1))
    assert (report.state, report.trouble, report.result) == ("broke", "backend", None)
    assert "no space left" in report.reason and "Free space" in report.reason
    monkeypatch.undo()
    await place.offer(order(2))
    assert (await place.ended(order(2))).state == "done"


async def test_the_measures_tell_waiting_from_moving_from_working(place: Place) -> None:
    sent = await send_blob(place, b"before" * 100_000)
    place.backend.go.clear()
    await place.offer(order(1))
    second = order(2, stage="img2img", config=Img2Img(id="img2img"), inputs=(sent,))
    await place.offer(second)
    await until(lambda: asyncio.sleep(0.02, result=place.backend.works or None))
    place.backend.go.set()
    first, last = (await place.ended(order(1))).result, (await place.ended(second)).result
    assert first is not None and last is not None
    assert last.measures.waited_s > 0.015 > first.measures.moved_s == 0
    assert last.measures.moved_s > 0 and first.measures.executed_s > 0.015


async def test_somebody_who_comes_in_the_middle_of_a_stage_is_shown_it(place: Place) -> None:
    decode = msgspec.msgpack.Decoder(AgentNews).decode
    assert (await place.call("PUT", "/v1/watched", b"\xa1?"))[0] == 400
    for token, said, shown in ((1, False, False), (2, True, True), (3, False, False)):
        place.backend.go.clear()
        async with place.session.ws_connect("/v1/feed") as feed:
            await place.offer(order(token))
            assert (await place.call("PUT", "/v1/watched", msgspec.msgpack.encode(said)))[0] == 204
            place.backend.go.set()
            news: list[AgentNews] = []
            while not news or not isinstance(news[-1], Ended):
                news.append(decode((await feed.receive(timeout=5)).data))
        assert place.bench.watched is shown


# Blobs ------------------------------------------------------------------------------------------


async def test_a_blob_must_be_what_its_name_says(place: Place) -> None:
    status, said = await place.call("PUT", f"/v1/blobs/{'00' * 32}", b"something else")
    assert status == 422 and b"hashes to" in said
    assert (await place.call("HEAD", f"/v1/blobs/{'00' * 32}"))[0] == 404
    assert list((place.home / "blobs").iterdir()) == []


async def test_a_blob_that_rotted_between_two_lives_is_not_believed(tmp_path: Path) -> None:
    async with placed(tmp_path) as place:
        kept, rotted = await send_blob(place, b"kept"), await send_blob(place, b"rotted")
    (tmp_path / "blobs" / rotted).write_bytes(b"other!")
    async with placed(tmp_path) as place:
        assert (await place.call("HEAD", f"/v1/blobs/{kept}"))[0] == 200
        assert (await place.call("HEAD", f"/v1/blobs/{rotted}"))[0] == 404


async def test_the_least_recently_used_blobs_make_room_but_never_those_in_use(tmp_path: Path) -> None:
    async with placed(tmp_path, blob_limit=25) as place:
        needed, old = await send_blob(place, b"needed 000"), await send_blob(place, b"old 000000")
        place.backend.go.clear()
        await place.offer(order(stage="img2img", config=Img2Img(id="img2img"), inputs=(needed,)))
        new = await send_blob(place, b"new 000000")
        newest = await send_blob(place, b"newest 000")
        known = [(await place.call("HEAD", f"/v1/blobs/{sha}"))[0] for sha in (needed, old, new, newest)]
        assert known == [200, 404, 404, 200]


# The feed ---------------------------------------------------------------------------------------


async def test_the_feed_tells_progress_previews_and_the_end_and_beats(place: Place) -> None:
    decode = msgspec.msgpack.Decoder(AgentNews).decode
    async with place.session.ws_connect("/v1/feed") as feed:
        first = decode((await feed.receive(timeout=5)).data)
        assert isinstance(first, Load) and first.resident == ("m",) and first.vram_used_gb == 2.0
        await place.offer(order(previews=True))
        news: list[AgentNews] = []
        while not news or not isinstance(news[-1], Ended):
            news.append(decode((await feed.receive(timeout=5)).data))
        assert any(isinstance(each, Progress) for each in news) or len(news) == 1
        async with asyncio.timeout(5):
            while not isinstance(decode((await feed.receive()).data), Load):
                pass


async def test_progress_is_coalesced_and_only_grows(place: Place) -> None:
    decode = msgspec.msgpack.Decoder(AgentNews).decode
    async with place.session.ws_connect("/v1/feed") as feed:
        place.backend.go.clear()
        await place.offer(order(previews=True))
        began = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_later(0.5, place.backend.go.set)
        steps, previews = [], 0
        while True:
            news = decode((await feed.receive(timeout=5)).data)
            if isinstance(news, Progress):
                steps.append(news.step)
            previews += isinstance(news, Preview)
            if isinstance(news, Ended):
                break
        spent = asyncio.get_running_loop().time() - began
        assert steps == sorted(steps) and 1 <= len(steps) <= spent * 10 + 2


async def test_a_listener_that_goes_disturbs_nobody(place: Place) -> None:
    gone = await place.session.ws_connect("/v1/feed")
    async with place.session.ws_connect("/v1/feed") as feed:
        await gone.close()
        await place.offer(order())
        decode = msgspec.msgpack.Decoder(AgentNews).decode
        async with asyncio.timeout(5):
            while not isinstance(decode((await feed.receive()).data), Ended):
                pass


async def test_a_listener_that_never_reads_is_dropped_and_the_others_hear_all(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.feed.SLOW_SECONDS", 0.2)
    reader, writer = await asyncio.open_unix_connection(str(place.home / "s"), limit=1024)
    writer.write(
        b"GET /v1/feed HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b"101" in await reader.readline()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    report = AttemptReport(job=JobId("j.1"), stage=StageId("s"), token=Token(1), state="done", reason="x" * 50_000)

    async def dropped() -> bool | None:
        place.feed.tell(Ended(report=report))
        return True if place.feed.listeners == 1 else None

    decode = msgspec.msgpack.Decoder(AgentNews).decode
    async with place.session.ws_connect("/v1/feed", max_msg_size=2**20) as feed:
        assert isinstance(decode((await feed.receive()).data), Load)
        await until(dropped)
        async with asyncio.timeout(5):
            while not isinstance(decode((await feed.receive()).data), Ended):
                pass
    writer.close()


# The rest ---------------------------------------------------------------------------------------


async def test_the_card_says_what_the_backends_offer(place: Place) -> None:
    _, body = await place.call("GET", "/v1/card")
    card = msgspec.msgpack.decode(body, type=Card)
    assert [backend.kind for backend in card.backends] == ["patient"] and card.vram_gb == 8.0 and card.ram_gb > 0


async def test_models_are_freed_only_when_nothing_runs(place: Place) -> None:
    assert (await place.call("POST", "/v1/free"))[0] == 204
    place.backend.go.clear()
    await place.offer(order())
    assert (await place.call("POST", "/v1/free"))[0] == 409


def test_the_fake_is_a_backend() -> None:
    backend: Backend = Patient()
    assert backend.kind == "patient"
