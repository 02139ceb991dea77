"""A daemon that is killed while many submit, started by a hundred at once, besieged, and robbed of its socket.

What was acknowledged is in the log once; everything else never happened.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from schema.errors import NoDaemon, Refused
from tui.link.call import Daemon

pytestmark = pytest.mark.story

SUBMITTERS = 6


class Submitters:
    """Threads that submit held runs and rename nothing: each with a key of its own, until told to stop.

    Whoever is cut off asks again with the same key once the daemon is back, as a careful script does.
    """

    def __init__(self, home) -> None:
        self._home = home
        self._stop = threading.Event()
        self.answered: dict[str, str] = {}
        """Key to the run it was told."""
        self.different: list[str] = []
        self._threads = [threading.Thread(target=self._submit, args=(number,)) for number in range(SUBMITTERS)]

    def __enter__(self) -> "Submitters":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _submit(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            key = f"submitter-{number}-{count}"
            self._until_answered(key)

    def _until_answered(self, key: str) -> None:
        while not self._stop.is_set():
            answer = ask(self._home, key)
            if answer is None:
                time.sleep(0.02)
            else:
                self.answered[key] = answer
                return


def ask(home, key: str) -> str | None:
    """The run that the key was answered with; None: there was no answer."""
    with suppress(NoDaemon, OSError, ValueError, KeyError, Refused):
        endpoint = json.loads((home.root / "home/state/endpoint.json").read_text())
        body = {"prompt": f"a boat called {key}", "hold": True, "seed": 7}
        return Daemon(endpoint["socket"]).post("/v1/runs", body, key=key, patience=20).text("run")
    return None


def kill_and_ask_again(home, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    home.json("daemon", "start")
    with Submitters(home) as submitters:
        for _ in range(kills):
            before = len(submitters.answered)
            home.until(lambda so_far=before: len(submitters.answered) > so_far, "somebody is answered")
            time.sleep(chance.uniform(0.0, 0.3))  # the moment is the point: any moment
            home.kill(home.daemon_pid())
            started = home.run("daemon", "start")
            assert started.returncode == 0, started.stderr
            assert home.json("status")["state"] == "ready"
    for key, run in submitters.answered.items():
        assert ask(home, key) == run, f"{key} was answered with {run} before"
    home.json("log", "verify")
    events = home.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    submitted = Counter(event["spec"]["name"] for event in events if event["type"] == "RunSubmitted")
    assert set(submitted.values()) == {1} and len(submitted) >= len(submitters.answered)
    assert {event["run"] for event in events if event["type"] == "RunSubmitted"} >= set(submitters.answered.values())
    replayed = home.json("log", "replay", "--check")
    assert replayed["live"] == replayed["snapshot"] == replayed["replay"]


@pytest.mark.slow
def test_a_daemon_that_is_killed_while_many_submit_loses_nothing_it_acknowledged(home):
    kill_and_ask_again(home, kills=5, seed=3)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_two_hundred_kills_while_many_submit(home):
    kill_and_ask_again(home, kills=200, seed=4)


# Started by many -------------------------------------------------------------------------------------


def started_by(home, count: int) -> set[int]:
    """The daemons that so many starters at once end up with."""
    starters = [home.start("daemon", "start", "--json") for _ in range(count)]
    pids = set()
    for starter in starters:
        told, complaint = starter.communicate(timeout=600)
        assert starter.returncode == 0, complaint
        pids.add(json.loads(told)["pid"])
    return pids


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_who_start_it_at_once_get_one_daemon(home):
    pids = started_by(home, 100)

    assert pids == {home.daemon_pid()}
    assert sum(event["type"] == "DaemonStarted" for event in home.events()) == 1
    assert home.json("status")["state"] == "ready"


@pytest.mark.long
def test_a_hundred_daemons_begun_at_once_leave_one_and_its_socket(home):
    """Below the command line, where nobody looks first whether one runs."""
    home.json("daemon", "start")
    first = home.daemon_pid()
    others = [home.start("daemon", "run") for _ in range(100)]

    codes = Counter(other.wait(timeout=300) for other in others)
    for other in others:
        other.communicate()

    assert codes == {75: 100}
    assert home.daemon_pid() == first and home.json("status")["pid"] == first


# Robbed and sent away --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_removed_runtime_folder_is_made_again_under_a_running_daemon(home):
    """As logind does at the last logout."""
    runtime = home.root / "run"
    runtime.mkdir(mode=0o700)
    home.env["STABLENEW_SOCKET"] = str(runtime / "stablenew" / "api.sock")
    pid = home.json("daemon", "start")["pid"]

    shutil.rmtree(runtime)
    runtime.mkdir(mode=0o700)

    del home.env["STABLENEW_SOCKET"]  # a shell without a login session: nothing but the state folder tells it
    home.until(lambda: home.run("status").returncode == 0, "it listens again")
    assert home.json("status")["pid"] == pid


def ended(pid: int) -> bool:
    """Gone, or waiting for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def told_to_stop(home, pid: int) -> float:
    """Seconds from SIGTERM until the process is gone."""
    begun = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    home.until(lambda: ended(pid), "it has ended")
    return time.monotonic() - begun


@pytest.mark.slow
def test_told_to_end_in_the_middle_of_work_it_goes_and_its_work_comes_back(home, record_property):
    home.env["STABLENEW_SKETCH__STEP_SECONDS"] = "0.2"
    home.json("daemon", "start")
    run = home.json("run", "--prompt", "a pier", "--count", "2", "--no-wait")["run"]
    home.until(lambda: home.json("status")["running"], "something is drawn")

    record_property("seconds: SIGTERM in the middle of work -> gone", told_to_stop(home, home.daemon_pid()))

    assert home.events()[-1]["type"] == "DaemonStopped"
    home.env["STABLENEW_SKETCH__STEP_SECONDS"] = "0"
    home.json("daemon", "start")
    done = home.json("job", "wait", run)
    assert (done["finished"], done["failed"]) == (2, 0)


# Besieged --------------------------------------------------------------------------------------------


def resident(pid: int) -> int:
    """Bytes of memory the process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmRSS")


def open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def asking(path: str, words: bytes) -> socket.socket | None:
    """A connection that has said this and reads nothing; None: it was sent away at once."""
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.connect(path)
        stream.sendall(words)
    except OSError:
        stream.close()
        return None
    return stream


UPGRADE = (
    b"GET /v1/feed HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HALF = b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"
FOLLOWING = b"GET /v1/log?after=0&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n"


def many_events(home, count: int) -> list[float]:
    """Brings so many about; seconds that `status` took in between, from others than those who besiege."""
    daemon = Daemon(home.json("daemon", "status")["socket"])
    seconds = []
    backlog = home.json("status")["head"] + count
    while home.json("status")["head"] < backlog:
        run = home.json("run", "--prompt", "a mole", "--count", "5000", "--hold")["run"]
        home.json("job", "cancel", run)
        begun = time.monotonic()
        daemon.get("/v1/status")
        seconds.append(time.monotonic() - begun)
    return seconds


@pytest.mark.long
@pytest.mark.timeout(900)
def test_five_hundred_connections_and_fifty_thousand_events_leave_it_quick_and_small(home, record_property):
    path = home.json("daemon", "start")["socket"]
    pid = home.daemon_pid()
    many_events(home, 50_000)
    before = resident(pid)

    besiegers = [asking(path, words) for _ in range(125) for words in (b"", HALF, FOLLOWING, UPGRADE)]
    seconds = many_events(home, 50_000)  # nobody of those who follow reads a byte of it
    record_property("seconds: status while besieged", max(seconds))
    grown = resident(pid) - before

    for one in besiegers:
        if one is not None:
            one.close()
    assert home.json("status")["state"] == "ready"
    assert home.json("log", "verify")["ok"]
    assert grown < 50 << 20, f"{grown >> 20} MB more"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_screen_that_is_stopped_holds_up_nobody_and_goes_on_where_it_was(home, record_property):
    tmux = ["tmux", "-L", f"stopped{os.getpid()}", "-f", "/dev/null"]
    env = {**home.env, "TERM": "xterm-256color"}
    home.json("daemon", "start")
    subprocess.run([*tmux, "new-session", "-d", "-x", "120", "-y", "36", " ".join(home.command)], env=env, check=True)
    try:
        home.until(lambda: "Queue" in told(tmux, "capture-pane", "-p"), "the screen is there")
        screen = int(told(tmux, "list-panes", "-F", "#{pane_pid}"))
        os.kill(screen, signal.SIGSTOP)
        done = home.json("run", "--prompt", "a buoy", "--count", "20", "--set", "txt2img.width=64")
        begun = time.monotonic()
        home.json("status")
        record_property("seconds: status beside a stopped screen", time.monotonic() - begun)
        os.kill(screen, signal.SIGCONT)
        assert done["finished"] == 20
        home.until(lambda: "20" in told(tmux, "capture-pane", "-p"), "the screen has caught up")
    finally:
        subprocess.run([*tmux, "kill-server"], env=env, capture_output=True)


def told(tmux: list[str], *words: str) -> str:
    return subprocess.run([*tmux, *words], capture_output=True, text=True, check=True).stdout


# A working day ---------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_a_thousand_jobs_leave_memory_and_open_files_as_they_were(home):
    home.json("daemon", "start")
    pid = home.daemon_pid()
    readings: list[tuple[int, int]] = []
    for _ in range(10):
        done = home.json("run", "--prompt", "a tide", "--count", "100", "--set", "txt2img.width=64",
                         "--set", "txt2img.height=64", "--set", "txt2img.steps=2", timeout=1200)  # fmt: skip
        assert done["finished"] == 100
        readings.append((resident(pid), open_files(pid)))
    early, late = max(readings[1:4]), max(readings[-3:])
    assert late[0] < early[0] + (25 << 20), [memory >> 20 for memory, _ in readings]
    assert max(files for _, files in readings[5:]) <= max(files for _, files in readings[:5]) + 4, readings
    wal = home.root / "home/state/events.db-wal"
    assert not wal.exists() or wal.stat().st_size < 64 << 20
