"""What a run would come to, asked over the socket before anybody queues it."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world

from daemon.foretelling import Foretelling

ONE_STAGE = {"name": "p", "text": '{"stages": [{"type": "txt2img", "width": 512, "height": 512}]}'}
HARE = {"prompt": "a brown hare", "seed": 7, "pipeline": ONE_STAGE}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as it:
        it.house.foretell = Foretelling(it.ledger, it.views).unsent
        yield it


async def test_it_is_told_how_much_it_is_and_nothing_is_queued(it: World) -> None:
    await it.join_node()
    await it.submit()
    durable = it.ledger.durable

    told = await it.post("/v1/forecast", {**HARE, "count": 3})

    assert (told["jobs"], told["stages"], told["pictures"], told["measured"]) == (3, 3, 3, False)
    assert told["bytes"] > 3 * 512 * 512 and told["run"]["jobs"] == 3
    assert it.ledger.durable == durable and (await it.get("/v1/runs"))["total"] == 1


async def test_more_of_it_takes_more_room(it: World) -> None:
    one, three = [await it.post("/v1/forecast", {**HARE, "count": count}) for count in (1, 3)]
    assert one["bytes"] > 0 and round(three["bytes"] / one["bytes"], 4) == 3


async def test_a_prompt_that_cannot_be_read_is_refused_where_it_is_wrong(it: World) -> None:
    told = await it.post("/v1/forecast", {**HARE, "prompt": "a {brown hare"})
    assert told["status"] >= 400 and "prompt:1:3" in told["where"]


async def test_where_nothing_can_be_queued_it_is_said(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        told = await it.post("/v1/forecast", HARE)
    assert told["status"] >= 400 and "nothing can be queued here" in told["error"]
