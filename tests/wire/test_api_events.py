"""The log as a list of sentences, and what the programs wrote of themselves, as the socket tells them."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import world

from daemon.said import said


async def test_events_are_told_in_words_with_what_they_are_about(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.join_node()
        run = (await it.submit("a fox"))["subjects"][0]
        await it.finish_all()
        page = await it.get("/v1/events")
        assert page["total"] == page["head"] == it.ledger.durable
        assert [row["seq"] for row in page["items"]] == list(range(1, page["total"] + 1))
        submitted = next(row for row in page["items"] if row["type"] == "RunSubmitted")
        assert submitted["words"].startswith(f"run {run} was submitted")
        assert (submitted["run"], submitted["kind"], submitted["trouble"]) == (run, "run", False)
        picture = next(row for row in page["items"] if row["type"] == "ArtifactStored")
        assert picture["run"] == run and picture["job"] == f"{run}.1" and picture["image"]

        images = (await it.get("/v1/images"))["items"]
        await it.post("/v1/images/rate", {"select": [images[0]["id"]], "stars": 4})
        for words in (f"job:{run}.1", f"run:{run[:5]}", f"picture:{images[0]['id']}", "kind:picture actor:me"):
            told = [row["words"] for row in (await it.get("/v1/events", filter=words))["items"]]
            assert any("was rated: 4 of 5 stars" in one for one in told), words
            assert not any("daemon started" in one for one in told), words
        newest = await it.get("/v1/events", sort="newest", limit=1)
        assert newest["items"][0]["seq"] == newest["total"]
        then = await it.get("/v1/events", filter="until:3")
        assert then["total"] == 3


async def test_what_went_wrong_is_one_kind(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.join_node()
        await it.submit("a fox")
        await it.break_one()
        await it.submit("a hen")
        await it.finish_one()
        rows = (await it.get("/v1/events", filter="kind:trouble"))["items"]
        assert rows and all(row["trouble"] for row in rows)
        assert {row["type"] for row in rows} <= {"StageFailed", "JobFailed", "JobParked"}
        both = await it.get("/v1/events", filter="kind:trouble type:JobHeld")
        assert both["total"] == 0


async def test_a_word_at_fault_is_named_and_windows_are_bounded(tmp_path: Path) -> None:
    faults = {
        "colour:red": "a filter has no 'colour:'",
        "kind:weather": "there is no kind 'weather'",
        "type:Rain": "there is no event called 'Rain'",
        "run:fo": "too many runs begin like this",
        "since:soon": "this is no time",
        "until:99999999999999999999": "no log has so many events",
    }
    async with world(tmp_path) as it:
        for words, fault in faults.items():
            told = await it.get("/v1/events", filter=words)
            assert told["status"] == 400 and fault in told["error"] and words.split(":")[0] in told["where"], words
        assert (await it.get("/v1/events", limit=1001))["status"] == 400
        assert "cannot be sorted by 'colour'" in (await it.get("/v1/events", sort="colour"))["error"]
        event = await it.get("/v1/log/1")
        assert event["type"] == "DaemonStarted" and event["hash"] == (await it.log.hash_at(1)).hex()


def write_lines(folder: Path, name: str, lines: list[dict[str, object]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def line(second: int, says: str, level: str = "info", **more: object) -> dict[str, object]:
    return {"at": f"2026-11-20T10:00:{second:02}.000+00:00", "level": level, "from": "daemon.x", "says": says, **more}


async def test_lines_of_all_programs_in_the_order_of_their_times(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    write_lines(logs, "daemon.jsonl.1", [line(1, "older")])
    write_lines(
        logs, "daemon.jsonl", [line(3, "it stumbled", "error", job="fox.1", trace="Trace\nback"), line(5, "on")]
    )
    write_lines(logs, "agent.jsonl", [line(2, "hello"), line(4, "Warm", "warning")])
    with (logs / "agent.jsonl").open("a") as file:
        file.write("no json at all\n")
    async with world(tmp_path, lines=partial(said, logs)) as it:
        page = await it.get("/v1/lines")
        told = [row["says"] for row in page["items"]]
        assert told == ["older", "hello", "it stumbled", "Warm", "no json at all", "on"]
        stumbled = page["items"][2]
        assert (stumbled["program"], stumbled["about"], stumbled["trace"]) == (
            "daemon",
            {"job": "fox.1"},
            "Trace\nback",
        )
        assert stumbled["at"] == "2026-11-20T10:00:03.000Z" and stumbled["folder"] == str(logs)
        assert len({row["id"] for row in page["items"]}) == 6

        async def says(**query: object) -> list[str]:
            return [row["says"] for row in (await it.get("/v1/lines", **query))["items"]]

        assert await says(filter="level:warning") == ["it stumbled", "Warm"]
        assert await says(filter="program:agent WARM") == ["Warm"]
        assert await says(filter="fox.1") == ["it stumbled"]
        assert await says(filter="since:2026-11-20T10:00:04+00:00") == ["Warm", "no json at all", "on"]
        assert await says(sort="newest", offset=1, limit=1) == ["no json at all"]
        assert "lines of programs have no seq" in (await it.get("/v1/lines", filter="since:12"))["error"]


def test_of_a_long_log_the_end_is_read_and_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon import said as module
    from daemon.sieve import LineSieve

    monkeypatch.setattr(module, "LATE", 1000)
    write_lines(tmp_path, "daemon.jsonl", [line(n % 60, f"line {n:04}") for n in range(500)])
    found = said(tmp_path, LineSieve())
    assert 5 < len(found) < 12 and all(one.says.startswith("line 0") and one.level == "info" for one in found)
    assert "line 0499" in {one.says for one in found}
    whole = (tmp_path / "daemon.jsonl").read_bytes()
    for one in found:  # its id is its place in the file: the same however much is written behind it
        at = int(one.id.removeprefix("daemon.jsonl:"))
        assert one.says.encode() in whole[at:].partition(b"\n")[0] and whole[at - 1 : at] == b"\n"
    assert said(tmp_path / "nowhere", LineSieve()) == ()
