"""A home of its own for every story: the installed command, a real daemon, a real agent, a real log."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Home:
    """What a person has: a folder, a shell, and `stablenew` on the path."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)
    """Words before each command that take it into a namespace."""

    def run(self, *words: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *words], env=self.env, capture_output=True, text=True, timeout=timeout, cwd=self.root
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *words], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=self.root,
        )  # fmt: skip

    def json(self, *words: str, code: int = 0, timeout: float = 100) -> Any:
        """The one document a command prints with --json; fails with what it said if its exit code is another."""
        done = self.run(*words, "--json", timeout=timeout)
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    @property
    def command(self) -> list[str]:
        return [*self.inside, str(Path(sys.executable).with_name("stablenew"))]

    def daemon_pid(self) -> int | None:
        try:
            pid = int(json.loads((self.root / "home/state/endpoint.json").read_text())["pid"])
        except (OSError, ValueError):
            return None
        return pid if _program(pid, "daemon") else None

    def agent_pid(self) -> int | None:
        daemon = self.daemon_pid()
        return next((pid for pid in _children(daemon) if _program(pid, "agent")), None) if daemon else None

    def kill(self, pid: int | None) -> None:
        """As if the power had gone, for that process. Returns when it is gone."""
        if pid is None:
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.until(lambda: not _program(pid, ""), "the killed process is gone")

    @staticmethod
    def until(found: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        """Waits for a condition and returns what it found; fails naming what was waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := found():
                return value
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds:g} s: {what}")

    def events(self) -> list[dict[str, Any]]:
        """The whole log, read by nothing of the program's own."""
        import sqlite3

        path = self.root / "home/state/events.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as log:
            rows = log.execute("SELECT seq, type, data FROM events ORDER BY seq").fetchall()
        log.close()
        return [{"seq": seq, "type": kind, **json.loads(data)} for seq, kind, data in rows]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    env = {**keep, "HOME": str(tmp_path), "STABLENEW_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    env["STABLENEW_FLEET__DISCOVER"] = "false"  # a story about the network looks into one of its own
    home = Home(tmp_path, env)
    yield home
    pid = home.daemon_pid()
    if pid is not None:
        home.run("daemon", "stop")
        home.kill(home.agent_pid())
        home.kill(home.daemon_pid())


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                found.append(int(folder.name))
    return found


def _program(pid: int, name: str) -> bool:
    """Whether that process lives (zombies do not) and runs `python -m NAME`."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and (not name or name.encode() in words)
