"""The daemon's phases in one process: it works, stands still while its log cannot be written, and works again."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import asynccontextmanager
from unittest.mock import Mock

import aiohttp
import pytest

from daemon import app, standing, upkeep
from daemon.artifacts.store import ArtifactStore
from daemon.claim import Claim
from daemon.fleet.loopback import Loopback
from daemon.halt import Halt
from daemon.log import anchor
from daemon.log.appender import Appender
from daemon.log.chain import Head, link
from daemon.log.tables import COLUMNS, WIDTH, writer
from schema.errors import Exit
from schema.places import places
from schema.settings import Settings

SECONDS = 20
RUN = {"prompt": "boats", "seed": 1, "count": 2}


class Running:
    """A daemon without agents, and a client of its socket."""

    def __init__(self, where, halt: Halt, client: aiohttp.ClientSession) -> None:
        self.places = where
        self.halt = halt
        self._client = client

    async def ask(self, path: str, body: object = None, key: str | None = None) -> tuple[int, dict]:
        """Also while the daemon changes from one phase to the other: a request that was cut off is sent again."""
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            try:
                how = self._client.get(f"http://x{path}") if body is None else None
                async with how or self._client.post(f"http://x{path}", json=body, headers=headers) as answer:
                    return answer.status, json.loads(await answer.read())
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0)

    async def until(self, state: str, trouble: str = "") -> dict:
        async with asyncio.timeout(SECONDS):
            while True:
                _, status = await self.ask("/v1/status")
                if status["state"] == state and trouble in status["trouble"]:
                    return status
                await asyncio.sleep(0.01)


@pytest.fixture
def home(tmp_path):
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
def daemon(home, tmp_path, monkeypatch):
    async def no_agent(self):
        await asyncio.Event().wait()
        yield

    async def at_once(self):
        """No decoders: nothing is drawn here."""

    kept: list[Halt] = []

    def halting(asked) -> Halt:
        kept.append(Halt(asked))
        return kept[-1]

    monkeypatch.setattr(Loopback, "lives", no_agent)
    monkeypatch.setattr(ArtifactStore, "warm", at_once)
    monkeypatch.setattr(app, "Halt", halting)
    monkeypatch.setattr(app.gc, "collect", lambda: 0)  # of all the tests' garbage
    monkeypatch.setattr(app, "start_logs", lambda folder, program: None)
    monkeypatch.setattr(app, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(app, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(upkeep, "GROUND_SECONDS", 0.01)
    usual = {"fleet": {"discover": False}, "daemon": {"free_floor_mb": 0, "submit_floor_mb": 0}}
    socket = str(tmp_path / "s")

    @asynccontextmanager
    async def started(**more):
        settings = Settings.model_validate({**usual, **more})
        task = asyncio.create_task(app.run(home, settings, {"STABLENEW_SOCKET": socket}))
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket)) as client:
            try:
                async with asyncio.timeout(SECONDS):
                    while not kept or not (tmp_path / "s").exists():
                        assert not task.done() or task.result()
                        await asyncio.sleep(0)
                yield Running(home, kept[-1], client)
            finally:
                if kept:
                    kept[-1].ask()
                async with asyncio.timeout(SECONDS):
                    assert await task == Exit.DONE

    return started


@pytest.fixture
def disk(monkeypatch):
    """A disk that is full while `full` is set."""
    append, held = Appender.append, asyncio.Event()

    def appending(self, batches):
        if held.is_set():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        append(self, batches)

    monkeypatch.setattr(Appender, "append", appending)
    return held


async def test_a_full_disk_is_told_shown_and_outlived_in_the_same_process(daemon, disk):
    async with daemon() as it:
        status, run = await it.ask("/v1/runs", RUN, "k1")
        assert status == 201
        disk.set()
        status, told = await it.ask("/v1/runs", RUN, "k2")
        assert (status, told["exit"]) == (503, Exit.FAILED)
        shown = await it.until("read-only")
        assert "is full" in shown["trouble"] and "Free some space" in shown["trouble"]
        assert shown["head"] >= run["seq"]
        assert (await it.ask("/v1/jobs"))[1]["total"] == 2
        assert (await it.ask("/v1/runs", RUN, "k1"))[1]["run"] == run["run"]  # acknowledged then, told so now
        status, told = await it.ask("/v1/runs", RUN, "k2")
        assert status == 503 and "Free some space" in told["remedy"]
        disk.clear()
        await it.until("starting")
        assert (await it.ask("/v1/runs", RUN, "k2"))[0] == 201
        assert (await it.ask("/v1/jobs"))[1]["total"] == 4


async def test_a_folder_that_is_away_is_waited_for(daemon, home):
    async with daemon() as it:
        _, run = await it.ask("/v1/runs", RUN, "k1")
        elsewhere = home.state.with_name("elsewhere")
        home.state.rename(elsewhere)
        shown = await it.until("read-only")
        assert str(home.state) in shown["trouble"] and "Bring it back" in shown["trouble"]
        assert shown["runs"][0]["run"] == run["run"]  # from memory
        status, told = await it.ask("/v1/jobs")
        assert status == 503 and str(home.state) in told["error"]
        assert not home.state.exists()  # nothing is made in its place
        elsewhere.rename(home.state)
        await it.until("starting")
        assert (await it.ask("/v1/jobs"))[1]["total"] == 2
        assert (await it.ask("/v1/runs", RUN, "k1"))[1]["repeated"]


@pytest.mark.long
async def test_a_folder_that_comes_back_without_what_was_acknowledged_is_not_worked_on(daemon, home):
    async with daemon() as it:
        pass
    older = home.state.with_name("older")
    shutil.copytree(home.state, older)
    async with daemon() as it:
        _, run = await it.ask("/v1/runs", RUN)
        home.state.rename(home.state.with_name("elsewhere"))
        await it.until("read-only")
        home.witness.unlink(missing_ok=True)  # only the process itself knows better
        older.rename(home.state)
        shown = await it.until("read-only", "damaged")
        assert "log recover --accept-loss" in shown["trouble"]
        assert shown["head"] < run["seq"]


def changed(home) -> int:
    """Flips a bit of an event in the middle; its seq."""
    with sqlite3.connect(home.log) as db:
        seq, data = db.execute("SELECT seq, data FROM events WHERE type = 'JobSubmitted' LIMIT 1").fetchone()
    db.close()
    content = bytearray(home.log.read_bytes())
    content[content.index(bytes(data)) + 20] ^= 1
    home.log.write_bytes(content)
    return seq


async def test_a_damaged_log_is_shown_as_far_as_it_is_good_and_taken_up_when_a_whole_one_lies_there(daemon, home):
    async with daemon() as it:
        await it.ask("/v1/runs", RUN)
    good = home.log.read_bytes()
    seq = changed(home)
    async with daemon() as it:
        shown = await it.until("read-only")
        assert f"event {seq} was changed" in shown["trouble"] and "log recover --accept-loss" in shown["trouble"]
        assert (shown["head"], shown["moment"]["seq"]) == (seq - 1, seq - 1)
        assert (await it.ask("/v1/runs"))[1]["total"] == 1
        assert (await it.ask("/v1/jobs"))[1]["total"] == 0
        assert (await it.ask("/v1/queue/pause", {}))[0] == 503
        home.log.write_bytes(good)
        await it.until("starting")
        assert (await it.ask("/v1/jobs"))[1]["total"] == 2


def add_newer(home, data: bytes) -> int:
    """What a newer version might have written behind ours; its seq."""
    db = writer(home.log)
    seq, epoch, last = db.execute("SELECT seq, epoch, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    (sver,) = db.execute("SELECT MAX(sver) FROM events WHERE stream = 'sys'").fetchone()
    row = (seq + 1, 1, epoch, "sys", sver + 1, "WeatherTold", 1, "daemon", None, None, None, None, data)
    digest = link(last, row)
    db.execute(f"INSERT INTO events({COLUMNS}) VALUES ({','.join('?' * WIDTH)})", (*row, digest))
    db.close()
    anchor.reset(home.head, Head(seq + 1, digest))
    home.witness.unlink(missing_ok=True)
    return seq + 1


@pytest.mark.slow
async def test_a_log_of_a_newer_version_is_shown_up_to_what_is_not_known(daemon, home):
    async with daemon() as it:
        await it.ask("/v1/runs", RUN)
    seq = add_newer(home, b'{"type":"WeatherTold","rain":true}')
    async with daemon() as it:
        shown = await it.until("read-only")
        assert (
            f"vent {seq} is of the type WeatherTold" in shown["trouble"] and "Install the version" in shown["trouble"]
        )
        assert shown["head"] == seq - 1 and shown["moment"]["newest"] == seq
        assert (await it.ask("/v1/jobs"))[1]["total"] == 2


@pytest.mark.long
async def test_what_a_newer_version_calls_optional_is_passed_by(daemon, home):
    async with daemon() as it:
        await it.ask("/v1/runs", RUN)
    seq = add_newer(home, b'{"type":"WeatherTold","opt":true}')
    async with daemon() as it:
        assert (await it.until("starting"))["head"] > seq
        assert (await it.ask("/v1/jobs"))[1]["total"] == 2


@pytest.mark.long
async def test_a_second_daemon_is_kept_out_also_while_the_first_stands_still(daemon, disk, home):
    async with daemon() as it:
        disk.set()
        await it.ask("/v1/runs", RUN)
        await it.until("read-only")
        with pytest.raises(Exception, match="another daemon"):
            Claim.take(home, boot="b2")


@pytest.mark.long
async def test_a_disk_that_is_full_before_the_first_event_is_outlived_too(daemon, disk):
    disk.set()
    async with daemon() as it:
        await it.until("read-only", "is full")
        disk.clear()
        await it.until("starting")
        assert (await it.ask("/v1/runs", RUN))[0] == 201


@pytest.mark.long
async def test_hooks_and_systemd_are_told_of_a_log_that_can_only_be_read(daemon, disk, tmp_path, monkeypatch):
    note, env = tmp_path / "told", {}
    monkeypatch.setattr(
        standing, "Notifier", Mock(of=lambda told, pid: env.setdefault("standing", Mock(watchdog=None)))
    )
    hooks = {"note": {"on": ["trouble"], "command": ["sh", "-c", f"cat >> {note}; echo >> {note}"]}}
    async with daemon(hooks=hooks) as it:
        for _ in range(2):
            disk.set()
            await it.ask("/v1/runs", RUN)
            assert (await it.until("read-only"))["readings"] is not None
            assert (await it.ask("/v1/hooks"))[1]["total"] == 1
            async with asyncio.timeout(SECONDS):
                while not note.exists() or not note.read_text().endswith("\n"):  # noqa: ASYNC110 - a command writes it
                    await asyncio.sleep(0.01)
            disk.clear()
            await it.until("starting")
    (line,) = note.read_text().splitlines()  # the second time within the hour is no news
    assert json.loads(line)["on"] == "trouble" and "is full" in json.loads(line)["text"]
    env["standing"].ready.assert_called()
    assert any("read-only" in call.args[0] for call in env["standing"].status.call_args_list)
