"""Finding the daemon and starting one, against a stand-in that locks, gets ready and stops like the real one."""

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.errors import Exit, NoDaemon
from tui.link import endpoint
from tui.link.call import Daemon
from tui.link.endpoint import NotStarted, ensure, reach, socket_of, state_of, wait_gone

STAND_IN = """
import fcntl, json, os, sys, time
from http.server import BaseHTTPRequestHandler
from socketserver import UnixStreamServer
home = os.environ["STABLENEW_HOME"]
with open(home + "/starts", "a") as starts:
    starts.write(f"{os.getpid()}\\n")
while os.path.exists(home + "/race") and len(open(home + "/starts").readlines()) < 2:
    time.sleep(0.01)
if os.path.exists(home + "/damaged"):
    print("reading the log", flush=True)
    print("the log is damaged at event 7; run `stablenew log recover`", file=sys.stderr)
    sys.exit(1)
lock = open(home + "/state/lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("another daemon holds the log", file=sys.stderr)
    sys.exit(75)
asked = 0
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        trouble = open(home + "/trouble").read() if os.path.exists(home + "/trouble") else ""
        state = "ready" if asked > 3 and not trouble else "starting"
        about = {"state": state, "trouble": trouble}
        content = json.dumps({**about, "pid": os.getpid(), "session": os.getsid(0), "cwd": os.getcwd()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def address_string(self):
        return "unix"
    def log_message(self, *args):
        pass
server = UnixStreamServer(home + "/s", Handler)
with open(home + "/state/endpoint.new", "w") as file:
    json.dump({"socket": home + "/s", "pid": os.getpid(), "boot": "x"}, file)
os.rename(home + "/state/endpoint.new", home + "/state/endpoint.json")
server.serve_forever()
"""


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    monkeypatch.setattr(endpoint, "daemon_command", lambda *words: [sys.executable, "-c", STAND_IN])
    yield {**os.environ, "STABLENEW_HOME": str(tmp_path)}
    for child in endpoint._STARTED:
        child.kill()
        child.wait()
    endpoint._STARTED.clear()


def starts(env: dict[str, str]) -> int:
    return len((Path(env["STABLENEW_HOME"]) / "starts").read_text().splitlines())


def test_without_an_endpoint_nobody_is_guessed(tmp_path: Path) -> None:
    env = {"STABLENEW_HOME": str(tmp_path)}

    assert socket_of(env) is None
    assert state_of(env) == ""
    with pytest.raises(NoDaemon):
        reach(env)


@pytest.mark.parametrize("content", ["", "[1]", '{"pid": 3}', "{", '{"socket": ""}'])
def test_a_broken_endpoint_file_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "endpoint.json").write_text(content)

    assert socket_of({"STABLENEW_HOME": str(tmp_path)}) is None


def test_a_named_socket_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "endpoint.json").write_text(json.dumps({"socket": "/elsewhere"}))

    assert socket_of({"STABLENEW_HOME": str(tmp_path), "STABLENEW_SOCKET": "/named"}) == "/named"
    assert socket_of({"STABLENEW_HOME": str(tmp_path)}) == "/elsewhere"


def test_a_socket_that_a_dead_daemon_left_is_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))

    for path in (tmp_path / "s", tmp_path / "none", tmp_path, tmp_path / ("x" * 200)):
        with pytest.raises(NoDaemon):
            Daemon(str(path)).get("/v1/status")


def test_a_daemon_is_started_once_detached_and_waited_for_until_ready(env: dict[str, str]) -> None:
    told: list[str] = []

    status = ensure(env, told.append).get("/v1/status")
    again = ensure(env, told.append).get("/v1/status")

    assert status.text("state") == "ready"
    assert status.whole("session") == status.whole("pid") != os.getpid()
    assert status.text("cwd") == "/"
    assert again.whole("pid") == status.whole("pid")
    assert told == ["Starting the daemon."]
    assert starts(env) == 1


def test_of_two_that_start_at_once_one_daemon_runs_and_both_are_served(env: dict[str, str]) -> None:
    (Path(env["STABLENEW_HOME"]) / "race").touch()  # the first waits for a second before it takes the lock
    pids: list[int] = []
    together = threading.Barrier(4)

    def start() -> None:
        together.wait()
        pids.append(ensure(env).get("/v1/status").whole("pid"))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(pids) == 4 and len(set(pids)) == 1
    assert starts(env) >= 2


def test_a_daemon_that_cannot_start_says_why_in_its_own_words(env: dict[str, str]) -> None:
    (Path(env["STABLENEW_HOME"]) / "damaged").touch()

    with pytest.raises(NotStarted) as refused:
        ensure(env)

    assert refused.value.told() == "the log is damaged at event 7; run `stablenew log recover`."
    assert refused.value.code == Exit.FAILED
    assert starts(env) == 1


def test_a_folder_that_cannot_be_made_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotStarted) as refused:
        ensure({"STABLENEW_HOME": str(tmp_path / "file" / "home")})

    assert refused.value.code == Exit.REFUSED
    assert str(tmp_path / "file" / "home") in refused.value.told()


def test_gone_is_when_the_process_has_ended_and_nobody_answers(env: dict[str, str]) -> None:
    pid = ensure(env).get("/v1/status").whole("pid")

    assert not wait_gone(env, pid, patience=0.2)
    os.kill(pid, signal.SIGTERM)
    assert wait_gone(env, pid, patience=30)
    assert state_of(env) == ""


def test_a_daemon_that_stays_in_trouble_while_starting_is_not_waited_for_in_silence(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "TROUBLED", 0.2)
    (Path(env["STABLENEW_HOME"]) / "trouble").write_text("the agent of this machine cannot be started: no memory.")

    with pytest.raises(NotStarted) as refused:
        ensure(env)

    assert "the agent of this machine cannot be started: no memory." in refused.value.told()
    assert str(Path(env["STABLENEW_HOME"]) / "state" / "logs") in refused.value.remedy
    assert refused.value.code == Exit.FAILED


def test_a_trouble_that_passes_is_waited_for(env: dict[str, str]) -> None:
    (Path(env["STABLENEW_HOME"]) / "trouble").write_text("the agent of this machine ended and is started again.")
    told: list[str] = []
    thread = threading.Timer(1.0, (Path(env["STABLENEW_HOME"]) / "trouble").unlink)
    thread.start()
    status = ensure(env, told.append).get("/v1/status")
    thread.join()

    assert status.text("state") == "ready" and told == ["Starting the daemon."]
