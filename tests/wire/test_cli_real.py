"""The command line with the real daemon, each a process of its own below one temporary folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schema.errors import Exit

pytestmark = pytest.mark.story

SETTINGS = '[sketch]\nstep_seconds = 0.01\n[run]\npipeline = "small"\n'
PIPELINE = '[{"type": "txt2img", "width": 64, "height": 64}, {"type": "upscale"}]'
"""A job of it takes about a third of a second."""


class House:
    """One installation below a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("STABLENEW")}
        self.env["STABLENEW_HOME"] = str(home)
        (home / "config" / "pipelines").mkdir(parents=True)
        (home / "config" / "config.toml").write_text(SETTINGS)
        (home / "config" / "pipelines" / "small.json").write_text(PIPELINE)

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-P", "-m", "tui.cli", *words]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, *words: str, code: int = Exit.DONE) -> str:
        """What the verb printed on stdout, once it has ended as it should."""
        with self.begin(*words) as child:
            out, err = child.communicate(timeout=100)
        assert child.returncode == code, (words, out, err)
        assert "Traceback" not in err and "\x1b" not in out + err
        return out

    def document(self, *words: str, code: int = Exit.DONE) -> dict[str, object]:
        return dict(json.loads(self.ask(*words, "--json", code=code)))

    def total(self, *words: str) -> int:
        return int(str(self.document("job", "list", *words)["total"]))

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("home"))
    yield house
    with house.begin("daemon", "stop") as child:
        child.communicate(timeout=60)


@pytest.fixture
def begun(house: House) -> House:
    """With a daemon, whichever test came first."""
    house.ask("daemon", "start")
    return house


def test_run_starts_the_daemon_and_ends_with_pictures_and_a_manifest(house: House) -> None:
    done = house.document("run", "--prompt", "a lighthouse", "--count", "2", "--seed", "5")

    assert set(done) == {
        "run", "plan_hash", "seed", "jobs", "finished", "failed", "cancelled", "folder", "manifest", "video",
    }  # fmt: skip
    assert (done["jobs"], done["finished"], done["failed"], done["seed"], done["video"]) == (2, 2, 0, 5, None)
    assert len(list(Path(str(done["folder"])).glob("*.png"))) == 2
    assert len(json.loads(Path(str(done["manifest"])).read_text())["jobs"]) == 2
    assert house.ask("run", "--prompt", "a lighthouse", "--seed", "5").strip().startswith("/")


def test_plan_and_run_agree(house: House) -> None:
    lines = house.ask("plan", "--prompt", "a mill", "--count", "2", "--seed", "9").splitlines()
    planned = json.loads(lines[-1])
    taken = house.document("run", "--prompt", "a mill", "--count", "2", "--seed", "9", "--no-wait")

    assert len(lines) == planned["jobs"] + 1
    assert {name: taken[name] for name in ("plan_hash", "seed", "jobs")} == {
        name: planned[name] for name in ("plan_hash", "seed", "jobs")
    }
    house.ask("job", "wait", str(taken["run"]))


@pytest.mark.slow
def test_start_is_done_when_one_runs_and_starters_do_not_get_in_each_others_way(house: House) -> None:
    house.ask("daemon", "start")
    house.ask("daemon", "stop")
    house.ask("status", code=Exit.NO_DAEMON)

    starters = [house.begin("daemon", "start", "--json") for _ in range(3)]
    pids = set()
    for starter in starters:
        with starter:
            out, err = starter.communicate(timeout=100)
        assert starter.returncode == Exit.DONE, err
        pids.add(json.loads(out)["pid"])

    assert pids == {house.document("daemon", "status")["pid"]}
    nodes = house.document("node", "list")["items"]
    assert isinstance(nodes, list) and nodes[0]["backends"] == ["sketch", "words"]


def test_a_second_daemon_is_told_who_holds_the_lock(begun: House) -> None:
    begun.ask("daemon", "start")

    begun.ask("daemon", "run", code=Exit.LOCKED)


def test_a_cancelled_job_is_a_five_and_a_retry_makes_it_good(begun: House) -> None:
    run = str(begun.document("run", "--prompt", "a barn", "--hold", "--count", "2")["run"])
    begun.ask("job", "cancel", f"{run}.2", "--reason", "enough")
    begun.ask("job", "release", f"{run}.1")

    done = begun.document("job", "wait", run, code=Exit.JOB_FAILED)
    assert (done["finished"], done["cancelled"]) == (1, 1)

    begun.ask("job", "retry", f"{run}.2")
    assert begun.document("job", "wait", run)["finished"] == 2


def test_ctrl_c_ends_the_wait_and_not_the_run(begun: House) -> None:
    before = begun.total("state:finished")
    with begun.begin("run", "--prompt", "a bridge", "--count", "9") as child:
        begun.until(lambda: begun.total("bridge") == 9)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)

    assert child.returncode == Exit.INTERRUPTED
    assert "`stablenew job wait " in err and "`stablenew job cancel " in err
    begun.ask("job", "wait", "bridge since:1h")
    assert begun.total("state:finished") == before + 9


@pytest.mark.slow
def test_a_wait_outlives_a_daemon_that_is_killed(begun: House) -> None:
    with begun.begin("run", "--prompt", "a canal", "--count", "9", "--json") as child:
        begun.until(lambda: begun.total("canal") == 9)
        os.kill(int(str(begun.document("daemon", "status")["pid"])), signal.SIGKILL)
        begun.ask("daemon", "start")
        out, err = child.communicate(timeout=100)

    assert child.returncode == Exit.DONE, err
    assert json.loads(out)["finished"] == 9
    assert begun.document("log", "verify")["ok"] is True
    begun.ask("log", "replay", "--check")


def test_the_same_key_is_the_same_answer_and_another_body_is_refused(begun: House) -> None:
    asked = ("run", "--prompt", "a harbour", "--no-wait", "--key", "once")
    first = begun.document(*asked)

    assert begun.document(*asked) == first
    assert begun.total("harbour") == 1
    begun.ask("run", "--prompt", "another", "--no-wait", "--key", "once", code=Exit.REFUSED)
    begun.ask("job", "wait", str(first["run"]))


def test_ratings_are_taken_back_and_given_again(begun: House) -> None:
    run = str(begun.document("run", "--prompt", "a garden")["run"])
    begun.ask("image", "rate", run, "5")

    def starred() -> object:
        return begun.document("image", "list", f"run:{run}", "stars:5", "--final")["total"]

    assert starred() == 1
    begun.ask("undo")
    assert starred() == 0
    begun.ask("redo")
    assert starred() == 1


@pytest.mark.parametrize(
    "words",
    [
        ("status",), ("queue", "show"), ("job", "list"), ("image", "list"), ("node", "list"), ("agent", "status"),
        ("pack", "list"), ("pipeline", "list"), ("preset", "list"), ("log", "tail"), ("log", "show", "1"),
        ("log", "stats"), ("log", "at", "2"), ("config", "path"), ("config", "show"), ("config", "validate"),
        ("config", "schema"), ("doctor",), ("daemon", "status"),
    ],
)  # fmt: skip
def test_every_reading_verb_answers_in_one_line_and_in_words(begun: House, words: tuple[str, ...]) -> None:
    assert begun.ask(*words, "--json").count("\n") == 1
    begun.ask(*words)
