"""Others are told of a real daemon's work: a server, a command, systemd, and a program that reads with SQL."""

import json
import os
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.story

TINY = ("--set", "txt2img.width=64", "--set", "txt2img.height=64", "--set", "txt2img.steps=4")


class Told(BaseHTTPRequestHandler):
    """Every third is not heard the first time."""

    def do_POST(self) -> None:
        news = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        assert isinstance(server, Server)
        server.asked += 1
        heard = server.asked % 3 != 0
        if heard:
            server.news.append(news)
        self.send_response(204 if heard else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.asked = 0
        self.news: list[dict[str, object]] = []


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as it:
        threading.Thread(target=it.serve_forever, args=(0.01,), daemon=True).start()
        yield it
        it.shutdown()


def hooks(home, server: Server) -> None:
    folder = home.root / "home/config"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        f'[hooks.phone]\non = ["run-finished", "queue-empty"]\nurl = "http://127.0.0.1:{server.server_port}/x"\n'
        f'[hooks.note]\non = ["queue-empty"]\ncommand = ["sh", "-c", "cat >> {home.root}/noted"]\n'
    )


@pytest.mark.long
def test_a_server_and_a_command_are_told_through_kills_of_the_daemon(home, server):
    hooks(home, server)
    runs = []
    for number in range(2):
        assert home.run("daemon", "start").returncode == 0
        runs.append(home.json("run", "--prompt", f"boat {number}", "--count", "2", *TINY)["run"])
        home.kill(home.daemon_pid())
    assert home.run("daemon", "start").returncode == 0
    home.until(lambda: {one["run"]["run"] for one in server.news if one["run"]} >= set(runs), "every run is told")
    home.until(lambda: home.json("hook", "list")["items"][0]["waiting"] == 0, "nothing waits")
    times = Counter(one["id"] for one in server.news if one["on"] == "run-finished")
    assert len(times) == 2 and sum(times.values()) <= 2 + 2  # each kill may repeat the last
    noted = (home.root / "noted").read_text().replace("}{", "}\n{").splitlines()
    ids = [json.loads(line)["id"] for line in noted]
    assert len(ids) == len(set(ids)) >= 1
    rows = {row["name"]: row for row in home.json("hook", "list")["items"]}
    assert rows["phone"]["state"] in ("well", "unused") and "/x" not in rows["phone"]["to"]
    assert home.json("hook", "test", "note")["well"] is True


@pytest.mark.long
def test_a_stranger_reads_with_sql_while_a_run_goes_on(home):
    assert home.run("daemon", "start").returncode == 0
    views = home.json("config", "path")["views"]
    run = home.json("run", "--prompt", "boats", "--count", "12", "--no-wait", *TINY)["run"]
    counts: list[int] = []

    def read() -> int:
        with closing(sqlite3.connect(f"file:{views}?mode=ro", uri=True)) as db:
            pictures, finished = db.execute(
                "SELECT (SELECT count(*) FROM v1_pictures WHERE final), (SELECT finished FROM v1_runs)"
            ).fetchone()
        counts.append(pictures)
        return finished

    home.until(lambda: read() == 12, "twelve finished jobs, told by SQL alone")
    assert counts == sorted(counts) and counts[-1] == 12
    assert home.json("job", "wait", run)["finished"] == 12
    shown = {row["id"] for row in home.json("image", "list")["items"]}
    with closing(sqlite3.connect(f"file:{views}?mode=ro", uri=True)) as db:
        assert shown <= {row[0] for row in db.execute("SELECT picture FROM v1_pictures")}
    # SQLite before 3.51.3 may spoil a file that two connections write to.
    assert writers(home.daemon_pid()) == {"events.db": 1, "views.db": 1, "models.db": 1}


def writers(pid: int) -> dict[str, int]:
    """Databases by name, and how many connections have each open for writing."""
    found: Counter[str] = Counter()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            name = each.readlink().name
            told = Path(f"/proc/{pid}/fdinfo/{each.name}").read_text()
            flags = int(told.partition("flags:")[2].split()[0], 8)
            found[name] += name.endswith(".db") and flags & os.O_ACCMODE == os.O_RDWR
    return {name: count for name, count in found.items() if count}


@pytest.mark.long
def test_systemd_is_told_that_it_is_ready_that_it_lives_and_that_it_stops(home):
    path = home.root / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(30)
        home.env |= {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "600000"}
        assert home.run("daemon", "start").returncode == 0
        assert systemd.recv(4096) == b"READY=1"
        lines = {systemd.recv(4096) for _ in range(6)}
        assert lines == {b"WATCHDOG=1", b"STATUS=nothing to do"}
        os.kill(home.daemon_pid(), 15)
        home.until(lambda: systemd.recv(4096).startswith(b"STOPPING=1"), "that it stops")
