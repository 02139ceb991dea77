"""The link to the daemon: lost and found again, answers lost and commands not done twice."""

import asyncio

import pytest

from schema.errors import NoDaemon, Refused
from schema.pages import JobRecord, Page
from schema.requests import RunRequest, Selection
from schema.scenes import Row, Welcome
from tui.link.ask import Asker, reply, seconds
from tui.link.feed import Silence, news


@pytest.fixture
async def asker(daemon):
    keys = iter(f"key-{n}" for n in range(100))
    asker = Asker(lambda: daemon.socket, fresh_key=lambda: next(keys))
    yield asker
    await asker.drop()


async def test_rows_come_as_structs_with_seconds(asker, daemon):
    page = await asker.get("/v1/jobs", Page[Row], {"filter": "state:queued", "offset": 0, "limit": 2})
    assert (page.total, [row.id for row in page.items]) == (9, ["kn00gt7a.3", "kn00gt7a.4"])
    assert page.items[0] == daemon.rows[2]


async def test_a_refusal_is_its_sentence_with_the_remedy(asker, daemon):
    with pytest.raises(Refused, match=r"no job is called nobody\.1"):
        await asker.get("/v1/jobs/nobody.1", JobRecord)


async def test_a_command_whose_answer_was_lost_is_done_once(asker, daemon):
    daemon.lose_answers = 2
    answer = await asker.command("/v1/jobs/cancel", Selection(select=("kn00gt7a.3",)))
    assert answer.changed == 1
    assert [key for _, _, key in daemon.commands] == ["key-0"] * 3
    assert len(daemon.answered) == 1


async def test_two_commands_have_two_keys(asker, daemon):
    await asker.command("/v1/queue/pause")
    await asker.command("/v1/queue/resume")
    assert [key for _, _, key in daemon.commands] == ["key-0", "key-1"]


async def test_nobody_there_is_told_as_such(asker, daemon):
    await daemon.end()
    with pytest.raises(NoDaemon):
        await asker.get("/v1/jobs", Page[Row])


async def test_of_a_long_plan_only_what_is_shown_is_kept(asker):
    first, last = await asker.plan(RunRequest(prompt="a kite", count=3000), keep=2)
    assert [line.seed for line in first] == [7, 8]
    assert (last.jobs, last.plan_hash) == (3000, "cafe01")


async def test_the_feed_goes_silent_and_comes_back(asker, daemon):
    stream = news(asker, 10)
    assert isinstance(await anext(stream), Welcome)
    await daemon.end()
    silences = [await anext(stream), await anext(stream)]
    assert all(isinstance(one, Silence) for one in silences)
    assert silences[1].again_in > silences[0].again_in / 2
    await daemon.begin()
    async with asyncio.timeout(10):
        async for one in stream:
            if isinstance(one, Welcome):
                break
    await stream.aclose()


async def test_whoever_stops_listening_leaves_a_question_that_is_under_way(asker, daemon):
    heard = asyncio.Event()

    async def listen():
        async for _ in news(asker, 10):
            heard.set()

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(heard.wait(), 10)
    daemon.pairing.clear()
    asked = asyncio.create_task(asker.raw("POST", "/v1/nodes/pair", key="k"))
    async with asyncio.timeout(10):
        await daemon.asked_to_pair.wait()
    listening.cancel()
    await asyncio.wait([listening])
    daemon.pairing.set()
    assert b"laptop" in await asked


async def test_a_daemon_that_goes_is_a_state_of_the_screen(show, daemon, picture_of):
    async with show() as eyes:
        await eyes.sees("131 jobs", "before variation")
        await daemon.end()
        await eyes.sees("○ no daemon", "trying again")
        assert "kn00gt7a.3" in eyes.text()
        await daemon.begin()
        await eyes.sees("● daemon up")


async def test_what_was_not_done_is_said(show, daemon, monkeypatch):
    monkeypatch.setattr("tui.link.ask.FIRST_WAIT", 0.01)
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await daemon.end()
        await eyes.press("p")
        await eyes.sees("The daemon does not answer; whether it was done")


def test_times_become_seconds_wherever_they_are():
    told = {"items": [{"created": "1970-01-01T00:01:00.000Z", "name": "1970-01-01T00:01:00.000Z"}], "ended": None}
    assert seconds(told) == {"items": [{"created": 60.0, "name": "1970-01-01T00:01:00.000Z"}], "ended": None}


def test_an_answer_of_another_shape_is_refused():
    with pytest.raises(Refused, match="not understood"):
        reply(b'{"items": 3}', Page[Row])
