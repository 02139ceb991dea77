"""A machine comes into the fleet, works, is explained and leaves it again, all by what a person types."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.story

SMALL = ("--set", "txt2img.width=64", "--set", "txt2img.height=64")


class Machine:
    """Another machine, as far as one has several: an agent with a home of its own, on the network of this one."""

    def __init__(self, folder: Path, env: dict[str, str], *words: str) -> None:
        self.told: list[str] = []
        self._process = subprocess.Popen(
            [Path(sys.executable).with_name("stablenew"), "agent", *words, "--backend", "sketch", "--port", "0"],
            env={**env, "STABLENEW_HOME": str(folder)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd=folder.parent,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self.told.extend(iter(lines.readline, ""))

    def port(self) -> int | None:
        line = next((line for line in self.told if line.startswith("{")), None)
        return None if line is None else int(json.loads(line)["port"])

    def code(self) -> str | None:
        """The newest that it shows."""
        return next((found[0] for line in reversed(self.told) if (found := re.search(r"\d{4}-\d{4}", line))), None)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()


@pytest.fixture
def attic(home) -> Iterator[Machine]:
    machine = Machine(home.root / "attic", home.env, "run", "--name", "attic")
    home.until(lambda: machine.port() and machine.code(), "it listens and shows a code")
    yield machine
    machine.end()


@pytest.mark.slow
def test_a_machine_is_added_works_is_explained_and_leaves(home, attic):
    home.run("daemon", "start")
    wrong = home.run("node", "add", f"127.0.0.1:{attic.port()}", "0000-0000")
    assert wrong.returncode == 4 and "code" in wrong.stderr and wrong.stdout == ""
    assert not [node for node in home.json("node", "list")["items"] if node["name"] == "attic" and node["done"]]

    added = home.run("node", "add", f"127.0.0.1:{attic.port()}", attic.code())
    assert added.returncode == 0, added.stderr
    assert "attic is paired: its key is" in added.stderr and "attic is ready after" in added.stderr
    shown = home.json("node", "show", "attic")
    assert (shown["state"], shown["link"], shown["address"]) == ("ready", "lan", f"127.0.0.1:{attic.port()}")

    done = home.json("run", "--prompt", "boats", "--count", "3", "--whole", "--node", "attic", *SMALL)
    assert (done["finished"], done["failed"]) == (3, 0)
    told = home.run("job", "explain", f"{done['run']}.1").stdout
    assert "finished on attic" in told and re.search(r"txt2img \(done on attic\): \S", told)
    assert "attic" in home.run("job", "list", f"run:{done['run']}").stdout

    late = home.run("run", "--prompt", "boats", "--window", "00:00-23:59", "--deadline", "2h", "--no-wait", *SMALL)
    assert late.returncode == 0 and "in time" in late.stderr
    assert home.json("fleet", "what-if", "--add-node", "12GB speed 2", "--since", "1h")["stages"] >= 9

    home.run("node", "unpair", "attic")
    home.until(lambda: "Unpaired" in "".join(attic.told), "the agent is told")
    refused = home.run("run", "--prompt", "boats", "--node", "nobody", "--no-wait")
    assert refused.returncode == 2 and "no node 'nobody' is known" in refused.stderr
    assert home.json("log", "verify")["ok"] is True


@pytest.mark.slow
def test_a_machine_without_a_screen_joins_by_a_token_and_by_its_address(home):
    home.run("daemon", "start")
    invited = home.run("node", "invite")
    token = invited.stdout.strip()
    assert f"stablenew agent join {token}" in invited.stderr
    machine = Machine(home.root / "shed", home.env, "join", token, "--name", "shed")
    try:
        home.until(machine.port, "it listens")
        added = home.json("node", "add", f"127.0.0.1:{machine.port()}")
        assert (added["name"], added["paired"], added["ready"]) == ("shed", True, True)
        probed = home.run("node", "probe", "shed")
        assert probed.returncode == 0 and "shed is ready after" in probed.stderr
    finally:
        machine.end()
