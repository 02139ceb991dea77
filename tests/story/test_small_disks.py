"""A home on a small disk of its own that fills up, becomes read-only or is pulled out under a working daemon.

Nothing acknowledged is lost, and the same process goes on by itself when the disk is back. The disk is a tmpfs in a
mount namespace; the rest of this machine sees nothing of it.
"""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from schema.errors import NoDaemon, Refused
from tui.link.call import Daemon

pytestmark = pytest.mark.story

SIZE_MB = 48
TINY = {"set": ["txt2img.width=64", "txt2img.height=64", "txt2img.steps=2"], "pipeline": "sketch.json"}
ONE_STAGE = '{"stages": [{"id": "txt2img", "type": "txt2img"}]}'


class Disk:
    """A tmpfs, shown at the home's folder through a bind mount that can be taken away or covered."""

    def __init__(self, home, below: Path) -> None:
        self._back, self._frozen, self.place = below / "disk", below / "frozen", below / "home"
        for folder in (self._back, self._frozen, self.place):
            folder.mkdir()
        alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--user", "--map-root-user"]
        self._holder = subprocess.Popen(
            [*alone, "sh", "-c", "echo there; exec sleep infinity"], stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None and self._holder.stdout.readline() == "there\n", "no namespace here"
        self.inside = ["nsenter", "--target", str(self._holder.pid), "--mount"]
        if os.geteuid() != 0:
            self.inside += ["--user", "--preserve-credentials"]
        self.do("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(self._back))
        self.do("mount", "--bind", str(self._back), str(self._frozen))
        self.do("mount", "-o", "remount,ro,bind", str(self._frozen))
        self.plug_in()
        home.root = Path(f"/proc/{self._holder.pid}/root{below}")

    def do(self, *words: str) -> None:
        done = subprocess.run([*self.inside, *words], capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stderr}"

    def fill(self) -> None:
        subprocess.run([*self.inside, "dd", "if=/dev/zero", f"of={self.place}/filler", "bs=64K"], capture_output=True)

    def free(self) -> None:
        self.do("rm", "-f", f"{self.place}/filler")

    def make_read_only(self) -> None:
        """By a second mount over the first: the kernel refuses to turn one that has files open for writing."""
        self.do("mount", "--bind", str(self._frozen), str(self.place))

    def make_writable(self) -> None:
        self.do("umount", "--lazy", str(self.place))

    def pull_out(self) -> None:
        self.do("umount", "--lazy", str(self.place))

    def plug_in(self) -> None:
        self.do("mount", "--bind", str(self._back), str(self.place))

    def end(self) -> None:
        self._holder.kill()
        self._holder.communicate()


class Asker:
    """Submits runs, each with a key, and remembers what was acknowledged."""

    def __init__(self, path: str) -> None:
        self._daemon = Daemon(path)
        self.answered: dict[str, str] = {}
        self._next = 0

    def ask(self) -> bool:
        """Whether one more run was taken; whoever is refused asks with the same key again."""
        key = f"key-{self._next}"
        with suppress(NoDaemon, OSError, Refused):
            self.answered[key] = self.again(key)
            self._next += 1
            return True
        return False

    def again(self, key: str) -> str:
        hold = int(key.rpartition("-")[2]) % 4 > 0
        body = {"prompt": f"a boat called {key}", "hold": hold, "seed": 7, "set": TINY["set"]}
        body["pipeline"] = {"name": TINY["pipeline"], "text": ONE_STAGE}
        return self._daemon.post("/v1/runs", body, key=key, patience=60).text("run")

    def state(self) -> str:
        with suppress(NoDaemon, OSError):
            return self._daemon.get("/v1/status", patience=20).text("state")
        return "away"


@pytest.fixture
def disk(home, tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(home, tmp_path)
    home.inside = disk.inside
    home.env |= {
        "STABLENEW_SOCKET": str(tmp_path / "s"),
        "STABLENEW_DAEMON__FREE_FLOOR_MB": "0",
        "STABLENEW_DAEMON__SUBMIT_FLOOR_MB": "0",
    }
    yield disk
    home.run("daemon", "stop")
    home.kill(home.daemon_pid())
    disk.end()


def fault(disk: Disk, kind: str) -> None:
    match kind:
        case "full":
            disk.fill()
        case "read-only":
            disk.make_read_only()
        case _:
            disk.pull_out()


def mend(disk: Disk, kind: str) -> None:
    match kind:
        case "full":
            disk.free()
        case "read-only":
            disk.make_writable()
        case _:
            disk.plug_in()


def rounds(home, disk: Disk, count: int, seed: int) -> None:
    chance = random.Random(seed)
    pid = home.json("daemon", "start")["pid"]
    asker = Asker(home.env["STABLENEW_SOCKET"])
    kinds = [("full", "read-only", "unplugged")[number % 3] for number in range(count)]
    chance.shuffle(kinds)
    for number, kind in enumerate(kinds):
        for _ in range(chance.randint(1, 4)):
            home.until(asker.ask, f"round {number}: a run is taken before the disk is {kind}")
        fault(disk, kind)
        home.until(lambda: not asker.ask(), f"round {number}: nothing is taken any more, the disk is {kind}")
        home.until(lambda: asker.state() == "read-only", f"round {number}: it says that it only reads, being {kind}")
        mend(disk, kind)
        home.until(asker.ask, f"round {number}: a run is taken again after the disk was {kind}")
        assert home.daemon_pid() == pid, f"round {number}: another process after {kind}"
    check_the_books(home, asker)


def check_the_books(home, asker: Asker) -> None:
    for key, run in asker.answered.items():
        assert asker.again(key) == run, key
    lines = home.run("log", "tail", "-n", "1000000", "--jsonl").stdout.splitlines()  # the file lies in the namespace
    events = [json.loads(line) for line in lines]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    submitted = [event["event"]["run"] for event in events if event["type"] == "RunSubmitted"]
    assert len(submitted) == len(set(submitted)) and set(asker.answered.values()) <= set(submitted)
    for run in asker.answered.values():
        home.json("job", "release", run)
    drawn = home.json("job", "wait", "since:1d", timeout=600)
    assert drawn["failed"] == 0 and drawn["finished"] >= len(asker.answered)
    assert home.json("log", "verify")["ok"]
    replayed = home.json("log", "replay", "--check")
    assert replayed["live"] == replayed["snapshot"] == replayed["replay"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "read-only", "unplugged"])
def test_it_stands_while_its_disk_is_not_there_and_goes_on_by_itself(home, disk, kind):
    home.json("daemon", "start")
    pid = home.daemon_pid()
    asker = Asker(home.env["STABLENEW_SOCKET"])
    home.until(asker.ask, "a run is taken")

    fault(disk, kind)

    home.until(lambda: not asker.ask() and asker.state() == "read-only", "it only reads")
    told = home.run("status").stdout
    assert "read-only" in told and "goes on by itself" in told, told
    refused = home.run("queue", "pause")
    assert refused.returncode == 1 and "goes on by itself" in refused.stderr, refused

    mend(disk, kind)

    home.until(asker.ask, "a run is taken again")
    assert home.daemon_pid() == pid
    check_the_books(home, asker)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_fifty_rounds_lose_nothing_that_was_acknowledged(home, disk):
    rounds(home, disk, 50, seed=9)
