"""The daemon and an agent as processes on machines of the network: started, killed, frozen, asked, moved to another."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lan import Machine

STABLENEW = str(Path(sys.executable).with_name("stablenew"))

KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH")
"""Of the environment: where Python and the program are found, nothing that says how it should behave."""

CODE = re.compile(rb"\b(\d{4}-\d{4})\b")

T = TypeVar("T")


def until(found: Callable[[], T], what: str, seconds: float = 30, pause: float = 0.02) -> T:
    """What was found, as soon as it is something; fails naming what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(pause)
    raise AssertionError(f"not within {seconds:g} s: {what}")


class Program:
    """One process after another, in one home, on one machine."""

    def __init__(self, machine: Machine, root: Path, settings: dict[str, str]) -> None:
        self.machine = machine
        self.root = root
        self.settings = settings
        """Of the environment, beyond what every program is given."""
        self.process: subprocess.Popen[bytes] | None = None
        root.mkdir(parents=True, exist_ok=True)

    @property
    def env(self) -> dict[str, str]:
        keep = {name: os.environ[name] for name in KEPT if name in os.environ}
        own = {"HOME": str(self.root), "STABLENEW_HOME": str(self.root / "home"), "NO_COLOR": "1"}
        return {**keep, **own, **self.settings}

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def said(self) -> bytes:
        """Everything since its last start."""
        return self.output.read_bytes()

    def launch(self, *words: str) -> None:
        assert not self.alive, f"{self.root.name} runs already"
        with self.output.open("wb") as output:
            self.process = self.machine.start(words, self.env, self.root, output.fileno())

    def cli(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """`stablenew WORDS` on this machine, as whoever sits before it."""
        process = self.machine.start([STABLENEW, *words], self.env, self.root, subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{words} did not end within {timeout:g} s: {out!r} {err!r}") from None
        return subprocess.CompletedProcess([*words], process.returncode, out.decode(), err.decode())

    def json(self, *words: str, code: int = 0, timeout: float = 60) -> Any:
        done = self.cli(*words, "--json", timeout=timeout)
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None and self.alive
        self.process.send_signal(number)

    def kill(self) -> None:
        """As if the power had gone, for that process."""
        self.signal(signal.SIGKILL)
        self.ended()

    def stop(self) -> None:
        self.signal(signal.SIGTERM)
        self.ended()

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def ended(self, seconds: float = 30) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process is not None and self.alive:
            self.process.kill()
            self.process.wait()


class Daemon(Program):
    def start(self) -> None:
        """Returns when it is ready."""
        self.launch(sys.executable, "-P", "-m", "daemon", "run")
        until(self._is_ready, f"the daemon is ready; it said {self.said()!r}", 60)

    def _is_ready(self) -> bool:
        assert self.alive, f"the daemon ended: {self.said().decode()}"
        try:
            where = json.loads((self.root / "home/state/endpoint.json").read_text())
            assert self.process is not None
            return where["pid"] == self.process.pid and self.get("/v1/status")["state"] == "ready"
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def get(self, path: str, timeout: float = 10) -> Any:
        """Straight from its socket, without the command line's half second. Raises OSError."""
        where = json.loads((self.root / "home/state/endpoint.json").read_text())
        wire = _Wire(where["socket"], timeout)
        try:
            wire.request("GET", path)
            answer = wire.getresponse()
            return json.loads(answer.read())
        finally:
            wire.close()

    def nodes(self) -> dict[str, Any]:
        """Name to node, as `node list` shows them; a name that two have counts once."""
        return {node["name"]: node for node in self.get("/v1/nodes")["items"]}

    @property
    def log(self) -> Path:
        return self.root / "home/state/events.db"

    @property
    def artifacts(self) -> Path:
        return self.root / "home/data/art"


class Agent(Program):
    """`step` seconds are slept in each step of its sketches; `vram` is what it plays to have, in GB."""

    def __init__(self, machine: Machine, root: Path, name: str, step: float, vram: float) -> None:
        super().__init__(machine, root, {})
        self.name = name
        self.step = step
        self.vram = vram
        self.options: tuple[str, ...] = ()
        """Further words of its command line."""

    @property
    def home(self) -> Path:
        return self.root / "home/state/agents" / self.name

    def start(self, *options: str) -> None:
        """Does not wait until it listens: who looks for it finds out."""
        self.launch(
            sys.executable, "-P", "-m", "agent", "--home", str(self.home), "--socket", str(self.home / "agent.sock"),
            "--node", self.name, "--backend", "sketch", "--sketch-step-seconds", str(self.step),
            "--sketch-vram-gb", str(self.vram), "--spool-floor-mb", "1", "--network", *self.options, *options,
        )  # fmt: skip

    def join(self, token: str) -> None:
        """As on a machine without a screen; its sketches are as quick as they can be."""
        self.launch(STABLENEW, "agent", "join", token, *self.which, "--backend", "sketch")

    @property
    def which(self) -> tuple[str, str]:
        """What the command line calls it by, on its own machine."""
        return ("--name", self.name)

    def code(self, seconds: float = 20) -> str:
        """The newest one it shows."""
        return until(lambda: CODE.findall(self.said()), f"{self.name} shows a code: {self.said()!r}", seconds)[
            -1
        ].decode()

    def copy_to(self, other: "Agent") -> None:
        """Its whole folder, as somebody does who copies a disk; a running program's socket is not copied."""
        shutil.rmtree(other.home, ignore_errors=True)
        shutil.copytree(self.home, other.home, ignore=lambda _, names: [name for name in names if "sock" in name])


class _Wire(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("stablenew", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
