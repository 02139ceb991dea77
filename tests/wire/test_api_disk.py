"""The disk over the real socket: dry runs, deleting once per key, what is left alone, undo afterwards."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    """With a run of two jobs, made."""
    async with world(tmp_path) as it:
        await it.submit(count=2)
        await it.join_node()
        await it.finish_all()
        yield it


@pytest.mark.long
async def test_a_dry_run_says_what_would_go_and_nothing_goes(it: World) -> None:
    before = it.ledger.durable

    found = await it.post("/v1/disk/prune", {"stages": True, "dry_run": True})

    assert (found["seq"], found["changed"], found["cut"]["finals"], found["cut"]["stages"]) == (0, 4, 0, 4)
    assert [(one["pictures"], one["bytes"]) for one in found["cut"]["runs"]] == [(4, 36)]
    assert it.ledger.durable == before


async def test_a_key_deletes_once_and_tells_the_same_again(it: World) -> None:
    first = await it.post("/v1/disk/prune", {"stages": True}, "k1")
    again = await it.post("/v1/disk/prune", {"stages": True}, "k1")
    other = await it.post("/v1/disk/prune", {"stages": True, "rated": True}, "k1")

    assert (first["changed"], first["files"], first["bytes"]) == (4, 4, 36)
    assert again["repeated"] and {**again, "repeated": False, "cut": None} == {**first, "cut": None}
    assert (other["status"], other["exit"]) == (409, 2)
    assert (await it.get("/v1/images"))["total"] == 2


async def test_only_what_is_in_the_trash_is_emptied_and_rated_pictures_stay_in_it(it: World) -> None:
    one, other = await it.finals()
    await it.post("/v1/images/rate", {"select": [one], "stars": 5})
    await it.post("/v1/images/trash", {"select": [one, other]})

    done = await it.post("/v1/disk/empty", {})

    assert other in done["subjects"] and one not in done["subjects"]
    assert (done["cut"]["finals"], done["cut"]["stages"], done["cut"]["rated"]) == (1, 2, 1)
    assert [row["id"] for row in (await it.get("/v1/images", filter="state:trashed"))["items"]] == [one]
    assert (await it.get(f"/v1/images/{other}"))["status"] == 404
    assert (await it.post("/v1/images/rate", {"select": [other], "stars": 3}))["status"] == 404


@pytest.mark.long
@pytest.mark.parametrize("meanwhile", ["rate", "tag", "restore", "undo"])
async def test_what_is_rated_or_restored_while_pictures_are_chosen_stays(
    it: World, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    one, other = await it.finals()
    await it.post("/v1/images/trash", {"select": [other]})
    await it.post("/v1/images/trash", {"select": [one]})
    views, chosen = it.house.views, 0
    look = views.doomed
    told = {"rate": {"stars": 4}, "tag": {"add": ["favourite"]}, "restore": {}, "undo": None}[meanwhile]
    path = "/v1/undo" if meanwhile == "undo" else f"/v1/images/{meanwhile}"

    async def slow(rule: object) -> object:
        nonlocal chosen
        found = await look(rule)
        if not chosen:
            await it.post(path, None if told is None else {"select": [one], **told})
        chosen += 1
        return found

    monkeypatch.setattr(views, "doomed", slow)

    done = await it.post("/v1/disk/empty", {}, "k1")

    assert chosen == 2 and other in done["subjects"] and one not in done["subjects"]
    assert "status" not in await it.get(f"/v1/images/{one}")


@pytest.mark.long
async def test_deleting_gives_up_where_somebody_always_wishes_something(
    it: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    views, stars = it.house.views, 0
    one, _ = await it.finals()
    look = views.doomed

    async def slow(rule: object) -> object:
        nonlocal stars
        found = await look(rule)
        stars += 1
        await it.post("/v1/images/rate", {"select": [one], "stars": stars % 5 + 1})
        return found

    monkeypatch.setattr(views, "doomed", slow)

    done = await it.post("/v1/disk/prune", {"stages": True}, "k1")

    assert (done["status"], done["exit"]) == (409, 2) and "Nothing was deleted" in done["remedy"]
    monkeypatch.setattr(views, "doomed", look)
    assert (await it.post("/v1/disk/prune", {"stages": True}, "k1"))["changed"] == 4


@pytest.mark.long
async def test_named_pictures_that_are_not_in_the_trash_are_left_alone(it: World) -> None:
    one, other = await it.finals()
    await it.post("/v1/images/trash", {"select": [one]})

    done = await it.post("/v1/disk/empty", {"select": [one[:7], other]})

    assert one in done["subjects"] and await it.finals() == [other]


async def test_undo_says_that_the_pictures_are_gone(it: World) -> None:
    one, _ = await it.finals()
    await it.post("/v1/images/trash", {"select": [one]})
    await it.post("/v1/disk/empty", {})

    done = await it.post("/v1/undo")

    assert done["nothing"]
    assert done["text"] == "nothing was left to take back of: trash 1 picture; it was deleted for good since"


@pytest.mark.long
async def test_a_run_of_the_trash_is_restored_as_a_whole(it: World) -> None:
    run = (await it.get("/v1/runs"))["items"][0]["id"]
    before = await it.finals()
    await it.post("/v1/images/trash", {"select": [run]})
    assert await it.finals() == []

    done = await it.post("/v1/images/restore", {"select": [run]})

    assert done["changed"] == 2 and await it.finals() == before


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("prune", {}, "filter"),
        ("prune", {"older_than": "soon"}, "older_than"),
        ("prune", {"keep_best": -1}, "keep_best"),
        ("prune", {"filter": "state:gone"}, "filter 'state:gone'"),
        ("empty", {"select": ["nosuch"]}, ""),
        ("check", {"percent": 0}, "percent"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_and_nothing_goes(
    it: World, path: str, body: object, where: str
) -> None:
    before = it.ledger.durable
    told = await it.post(f"/v1/disk/{path}", body)
    assert told["status"] in (400, 404) and told["where"] == where
    assert it.ledger.durable == before


@pytest.mark.long
async def test_runs_are_told_by_what_they_take(it: World) -> None:
    page = await it.get("/v1/disk/runs", sort="size")
    (run,) = page["items"]
    assert (run["finals"], run["stages"], run["bytes"], page["total"]) == (2, 4, 54, 1)
    assert (await it.get("/v1/disk/runs", filter="pack:none"))["total"] == 0
    assert (await it.get("/v1/disk"))["exit"] == 2  # nobody looks after this one
