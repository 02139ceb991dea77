"""Hooks against a server and commands of our own: what they are told, when, how often, and what a restart does."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world` and `hooks_world`

from api_world import until
from hooks_world import hooked, posting, receiver, running

from daemon.hooks import hook as one_hook
from daemon.hooks.hooks import QUIET_SECONDS
from daemon.hooks.sending import Outcome, environment
from schema.observations import StageBroke
from schema.settings import HookSettings, Settings


async def test_a_run_that_ends_is_told_and_then_that_the_queue_is_empty(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, token="t0ken")) as mine:
        run = (await mine.it.submit("a fox", count=2))["run"]
        await mine.it.finish_all()
        await until(lambda: len(there.news) == 2)

        ended, empty = there.news
        assert (ended["on"], empty["on"]) == ("run-finished", "queue-empty")
        assert ended["run"] == {
            "run": run, "name": ended["run"]["name"], "jobs": 2, "finished": 2, "failed": 0, "cancelled": 0,
            "attention": 0, "folder": ended["run"]["folder"],
        }  # fmt: skip
        assert Path(ended["run"]["folder"]).is_absolute() and mine.written == ended["seq"]
        assert ended["text"] == f"{ended['run']['name']} has finished: 2 of 2 jobs."
        assert ended["hook"] == "phone" and ended["host"] == "box" and not ended["test"] and empty["run"] is None
        told = there.headers[0]
        assert told["Authorization"] == "Bearer t0ken" and told["Idempotency-Key"] == ended["id"]


async def test_the_queue_is_not_empty_while_something_waits_and_held_jobs_do_not_count(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url)) as mine:
        it = mine.it
        held = (await it.submit("a fox", hold=True))["run"]
        first, second = (await it.submit("a hen"))["run"], (await it.submit("a duck"))["run"]
        await it.post("/v1/runs/" + second + "/pause")
        counts = it.ledger.scene
        while any(run.run == first for run in it.ledger.scene().runs):
            await it.finish_one()
            await until(lambda: bool(it.open) or all(run.run != first for run in it.ledger.scene().runs))
        await mine.rest()
        assert there.kinds == ["run-finished"] and counts().queue.counts.queued == 1

        await it.post("/v1/jobs/cancel", {"select": [second]})
        await until(lambda: len(there.news) == 3)
        assert there.kinds == ["run-finished", "run-finished", "queue-empty"]

        await it.post("/v1/jobs/cancel", {"select": [held]})  # a person tidies up: nothing has ended
        await until(lambda: len(there.news) == 4)
        await mine.rest()
        assert there.kinds[3:] == ["run-finished"]


@pytest.mark.long
async def test_a_job_that_needs_a_person_is_told(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, ("attention",))) as mine:
        it = mine.it
        job = (await it.submit("a fox"))["run"] + ".1"
        for _ in range(3):
            attempt = await it.assigned()
            await it.ledger.observe(StageBroke(attempt=attempt, trouble="suspect", reason="it is black"))
            await until(lambda: bool(it.open) or bool(it.ledger.scene().queue.counts.attention))
            if not it.open:
                break
        await until(lambda: len(there.news) == 1)
        told = there.news[0]
        assert told["job"]["job"] == job and told["job"]["reason"] in told["text"] and "needs attention" in told["text"]


async def test_it_is_tried_again_with_the_same_id_and_longer_pauses_and_given_up_with_a_word_to_the_person(tmp_path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, ("run-finished",), tries=4)) as mine:
        there.answers = [web.Response(status=status) for status in (503, 429, 500)]
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert len(there.news) == 4 and len(set(there.ids)) == 1
        assert mine.waits.seconds == [2.0, 4.0, 8.0] and not mine.concerns.sentences()

        there.answers = [web.Response(status=503) for _ in range(4)]
        await mine.it.submit("a hen")
        await mine.it.finish_all()
        await mine.rest()
        (told,) = mine.concerns.sentences()
        assert "hook phone" in told and "503" in told and "4 tries" in told and "stablenew hook test phone" in told
        assert "/topic" not in told

        await mine.it.submit("a duck")
        await mine.it.finish_all()
        await mine.rest()
        assert not mine.concerns.sentences()


@pytest.mark.long
@pytest.mark.parametrize("status", [301, 307, 400, 404])
async def test_what_will_not_be_otherwise_is_not_tried_again_and_no_redirect_is_followed(tmp_path: Path, status: int):
    async with (
        receiver() as elsewhere,
        receiver() as there,
        hooked(tmp_path, phone=posting(there.url, ("run-finished",))) as mine,
    ):
        there.answers = [web.Response(status=status, headers={"Location": elsewhere.url})]
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert len(there.news) == 1 and not elsewhere.news and not mine.waits.seconds
        assert str(status) in mine.concerns.sentences()[0]


@pytest.mark.long
async def test_whoever_does_not_answer_delays_nobody_and_is_left_in_time(tmp_path: Path):
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with hooked(tmp_path, deaf=posting(url, ("run-finished",), timeout=0.1, tries=2)) as mine:
        for words in ("a fox", "a hen"):
            await mine.it.submit(words)
            await mine.it.finish_all()
        await mine.rest()
        assert "no answer within 0.1 s" in mine.concerns.sentences()[0]
    server.close()


@pytest.mark.long
async def test_a_restart_loses_nothing_and_repeats_nothing(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url)) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        first = list(there.ids)
        assert mine.hooks.rows()[0].state == "well"

        await mine.stop()
        await mine.it.submit("a hen")
        await mine.it.finish_all()
        await mine.begin()
        await mine.rest()
        assert there.kinds == ["run-finished", "queue-empty"] * 2 and there.ids[:2] == first

        await mine.stop()
        await mine.begin()
        await mine.rest()
        assert len(there.ids) == 4


@pytest.mark.long
async def test_a_new_hook_is_told_of_nothing_old(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.stop()
        mine.settings = {"phone": posting(there.url)}
        await mine.begin()
        await mine.rest()
        assert not there.news


@pytest.mark.long
@pytest.mark.parametrize("kept", ["", "{", '{"phone":{"seq":999999}}', '{"phone":[]}', '{"other":{"seq":1}}'])
async def test_a_mark_that_means_nothing_here_is_begun_anew(tmp_path: Path, kept: str):
    (tmp_path / "hooks.json").write_text(kept)
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, ("run-finished",))) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert there.kinds == ["run-finished"]


@pytest.mark.long
async def test_a_mark_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("daemon.hooks.cursor.write_whole", full)
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, ("run-finished",))) as mine:
        for words in ("a fox", "a hen"):
            await mine.it.submit(words)
            await mine.it.finish_all()
        await mine.rest()
        assert len(set(there.ids)) == 2


async def test_a_command_reads_the_news_and_no_shell_reads_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STABLENEW_GALLERY__TOKEN", "s3cret")
    program = "import sys, os, json; json.dump([sys.argv[1:], json.load(sys.stdin), dict(os.environ)], open('{}', 'w'))"
    out = tmp_path / "out"
    words = ("$(touch pwned)", "; ls", "a b")
    command = running(sys.executable, "-c", program.format(out), *words)
    async with hooked(tmp_path, mine=command) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        said, news, env = json.loads(out.read_text())
        assert said == list(words) and news["on"] == "run-finished" and news["run"]["finished"] == 1
        assert "s3cret" not in json.dumps(env) and not mine.concerns.sentences()


@pytest.mark.long
async def test_a_command_that_reads_nothing_and_leaves_a_child_behind_is_over_when_it_ends(tmp_path: Path):
    command = running("sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid")
    async with hooked(tmp_path, mine=command) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert mine.hooks.rows()[0].told == "ended with 0"
        os.kill(int((tmp_path / "pid").read_text()), 9)


@pytest.mark.long
async def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path):
    command = running("sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait", timeout=0.3, tries=1)
    async with hooked(tmp_path, mine=command) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert "took longer than 0.3 s and was killed" in mine.concerns.sentences()[0]
        await until(lambda: gone(int((tmp_path / "pid").read_text())))


def gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


@pytest.mark.long
async def test_what_a_command_says_last_is_told_without_what_could_drive_a_terminal(tmp_path: Path):
    command = running("sh", "-c", r"printf 'first\nno \033[31mbed\n' >&2; exit 3", tries=1)
    async with hooked(tmp_path, mine=command, none=running("/no/such/program")) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        failed, missing = sorted(mine.concerns.sentences(), reverse=True)
        assert "ended with 3: no [31mbed" in missing + failed and "\x1b" not in missing + failed
        assert "could not be run: no such file or directory" in missing + failed and not mine.waits.seconds


@pytest.mark.long
@pytest.mark.parametrize("words", [("~nosuchuser/bin/told",), ("/bin/echo", "a\0b"), ("",)])
async def test_a_command_that_cannot_be_one_stops_no_other_hook(tmp_path: Path, words: tuple[str, ...]):
    async with receiver() as there, hooked(tmp_path, none=running(*words), phone=posting(there.url)) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert there.kinds == ["run-finished", "queue-empty"]
        assert "could not be run" in mine.concerns.sentences()[0] and not mine.waits.seconds
        assert "could not be run" in (await mine.hooks.test("none")).told


@pytest.mark.long
async def test_a_command_that_never_stops_talking_takes_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("daemon.hooks.sending.LOOK_SECONDS", 0.001)
    given_back: list[int] = []
    ftruncate = os.ftruncate

    def counted(file: int, size: int) -> None:
        given_back.append(os.fstat(file).st_size)
        ftruncate(file, size)

    monkeypatch.setattr("daemon.hooks.sending.os.ftruncate", counted)
    command = running(
        "sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x; sleep 0.2; echo; echo last words; exit 3", tries=1
    )
    async with hooked(tmp_path, mine=command) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert given_back and mine.hooks.rows()[0].told == "ended with 3: last words"


@pytest.mark.long
async def test_what_a_command_is_given_is_shown_to_nobody(tmp_path: Path):
    command = running("sh", "-c", "exit 3", "Authorization: Bearer s3cret", tries=1)
    async with hooked(tmp_path, mine=command) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await mine.rest()
        assert mine.hooks.rows()[0].to == "sh" and "s3cret" not in mine.concerns.sentences()[0]


@pytest.mark.long
async def test_a_command_that_was_begun_is_not_begun_again_by_a_restart(tmp_path: Path):
    """It may be what ended the daemon: a machine must not switch itself off again when it is switched on."""
    command = running("sh", "-c", f"echo x >> {tmp_path}/begun; sleep 60", on=("queue-empty", "run-finished"))
    async with hooked(tmp_path, off=command) as mine:
        await mine.it.submit("a fox")
        await mine.it.finish_all()
        await until(lambda: (tmp_path / "begun").exists() and bool((tmp_path / "begun").read_text()))
        await mine.stop()

        mine.settings["off"] = running("sh", "-c", f"echo y >> {tmp_path}/begun", on=("queue-empty", "run-finished"))
        await mine.begin()
        await mine.rest()
        assert (tmp_path / "begun").read_text() == "x\ny\n"  # the second news, which was not begun, and it alone


async def test_trouble_is_told_once_an_hour_and_that_a_hook_fails_to_no_hook(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, ("trouble",))) as mine:
        mine.concerns.tell("backup", "The backup failed. Make room.")
        mine.concerns.tell("hook phone", "The hook phone does not work.")
        mine.concerns.tell("disk", "The disk fills.")
        mine.concerns.tell("backup", "The backup failed again. Make room.")
        await until(lambda: len(there.news) == 2)
        assert [one["text"] for one in there.news] == ["The backup failed. Make room.", "The disk fills."]

        mine.it.house.clock.now += QUIET_SECONDS
        mine.concerns.tell("backup", "It failed once more. Make room.")
        await until(lambda: len(there.news) == 3)
        assert len(set(there.ids)) == 3


@pytest.mark.long
async def test_what_stands_in_the_way_is_told_when_it_stays(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, ("trouble",))) as mine:
        looks = [{"agent": "It died."}, {"agent": ""}, {"agent": "It died."}, {"agent": "It died again."}]
        looked = asyncio.Event()

        def standing() -> dict[str, str]:
            if not looks:
                looked.set()
            return looks.pop(0) if looks else {}

        task = asyncio.create_task(mine.hooks.look_out(standing))
        await until(lambda: looked.is_set() and bool(there.news))
        task.cancel()
        assert [one["text"] for one in there.news] == ["It died again."]


async def test_hooks_are_listed_without_what_may_be_a_secret_and_can_be_tried(tmp_path: Path):
    async with receiver() as there, hooked(tmp_path, phone=posting(there.url, token="t0ken")) as mine:
        row = (await mine.it.get("/v1/hooks"))["items"][0]
        assert (row["name"], row["state"], row["to"]) == ("phone", "unused", there.url.removesuffix("/topic"))
        tried = await mine.it.post("/v1/hooks/phone/test", key="k1")
        assert tried["well"] and tried["told"] == "answered 204" and there.news[0]["test"] is True
        assert await mine.it.post("/v1/hooks/phone/test", key="k1") == tried and len(there.news) == 1
        there.answers = [web.Response(status=500)]
        assert (await mine.it.post("/v1/hooks/phone/test"))["well"] is False
        assert (await mine.it.get("/v1/hooks"))["items"][0]["state"] == "failing" and len(there.news) == 2
        assert (await mine.it.post("/v1/hooks/nobody/test"))["status"] in (400, 404)


@pytest.mark.long
async def test_what_waits_for_a_hook_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(one_hook, "MOST", 3)
    hold, seen = asyncio.Event(), []

    async def held(how: HookSettings, news: object) -> Outcome:
        seen.append(news)
        await hold.wait()
        return Outcome(True, "heard")

    monkeypatch.setattr(one_hook, "send", held)
    async with hooked(tmp_path, phone=posting("http://127.0.0.1:9", ("trouble",))) as mine:
        for number in range(6):
            mine.concerns.tell(f"subject {number}", f"Trouble {number}.")
        await until(lambda: bool(seen))
        assert mine.hooks.rows()[0].waiting == 3 and "the oldest news was given up" in " ".join(
            mine.concerns.sentences()
        )
        hold.set()
        await mine.rest()
        assert [news.text for news in seen] == ["Trouble 0.", "Trouble 4.", "Trouble 5."]


def test_a_command_is_given_nothing_that_is_private_to_us():
    ours = {"PATH": "/bin", "STABLENEW_HOME": "/h", "STABLENEW_HOOKS__A__TOKEN": "x", "NOTIFY_SOCKET": "/n"}
    assert environment(ours) == {"PATH": "/bin", "STABLENEW_HOME": "/h"}


PAGE = (Path(__file__).parents[2] / "docs/hooks.md").read_text()


def examples() -> list[dict[str, HookSettings]]:
    return [Settings.model_validate(tomllib.loads(text)).hooks for text in re.findall(r"```toml\n(.*?)```", PAGE, re.S)]


def test_the_examples_of_the_page_are_hooks():
    assert [sorted(hooks) for hooks in examples()] == [["copy", "phone"], ["sleep"], ["sleep"]]


@pytest.mark.long
@pytest.mark.parametrize(("queued", "sleeps"), [(0, True), (3, False), (12, False)])
def test_the_example_that_looks_again_sleeps_only_where_nothing_came(tmp_path: Path, queued: int, sleeps: bool):
    scene = json.dumps({"counts": {"queued": queued, "held": 4, "running": 0}}, separators=(",", ":"))
    for name, does in (("stablenew", f"echo '{scene}'"), ("systemctl", f"echo $1 > {tmp_path}/slept"), ("sleep", ":")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    command = examples()[-1]["sleep"].command
    subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert (tmp_path / "slept").exists() == sleeps
