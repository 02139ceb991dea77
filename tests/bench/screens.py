"""Programs in a terminal whose every byte is counted: a pty of 120x36 in full colour, near or behind a slow line."""

import asyncio
import fcntl
import importlib.util
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections import deque
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLUMNS, LINES = 120, 36
START = "import sys; from tui.opening import run; sys.exit(run())"
MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("131 jobs")
Minimal().run()
"""
"""The least that Textual can show."""


def fake_daemon() -> ModuleType:
    """The daemon of the screen tests, and what it tells of."""
    sys.path.insert(0, str(ROOT))
    spec = importlib.util.spec_from_file_location("screen_conftest", HERE.parent / "screen" / "conftest.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["screen_conftest"] = module
    spec.loader.exec_module(module)
    return module


class Screen:
    """A program in a pty; what it writes is counted."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.began = time.perf_counter()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.text = b""

    def read(self) -> int:
        """Bytes since the last look."""
        part = self.take()
        self.text = (self.text + part)[-(1 << 17) :]
        return len(part)

    def take(self) -> bytes:
        parts = []
        while True:
            try:
                part = os.read(self.master, 1 << 16)
            except (BlockingIOError, OSError):
                break
            if not part:
                break
            parts.append(part)
        return b"".join(parts)

    async def until(self, word: bytes) -> float:
        """Seconds since the start until the word was written."""
        async with asyncio.timeout(60):
            while word not in self.text:
                self.read()
                await asyncio.sleep(0.002)
        return time.perf_counter() - self.began

    async def calm(self, seconds: float = 0.6) -> int:
        """Reads until nothing was written for so long; the bytes. Raises TimeoutError where it never falls silent."""
        many, began = 0, time.perf_counter()
        last = began
        while time.perf_counter() - last < seconds:
            if last - began > 60:
                raise TimeoutError(f"it never falls silent; the screen: {self.text[-2000:]!r}")
            if part := self.read():
                many, last = many + part, time.perf_counter()
            await asyncio.sleep(0.01)
        return many

    async def answered(self, text: str, calm: float = 0.05) -> tuple[float, int]:
        """Keys are typed: milliseconds until something is seen of it, and the bytes until it is calm."""
        began, many = time.perf_counter(), 0
        self.keys(text)
        while not many:
            if time.perf_counter() - began > 20:
                raise TimeoutError(f"{text!r} shows nothing; the screen: {self.text[-2000:]!r}")
            await asyncio.sleep(0.0005)
            many = self.read()
        seen = 1000 * (time.perf_counter() - began)
        return seen, many + await self.calm(calm)

    async def rate(self, seconds: float) -> float:
        """Bytes a second, over so many."""
        began, many = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            many += self.read()
            await asyncio.sleep(0.02)
        return many / (time.perf_counter() - began)

    def keys(self, text: str) -> None:
        os.write(self.master, text.encode())

    def cpu(self) -> float:
        """Seconds of the processor so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MiB that lie in memory."""
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def end(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while self.child.poll() is None:
            self.read()
            if time.monotonic() > deadline:
                self.child.kill()
            time.sleep(0.01)
        os.close(self.master)


class Far(Screen):
    """The same behind a line of `delay` seconds each way: what is typed and what is written comes so much later."""

    def __init__(self, command: list[str], env: dict[str, str], delay: float) -> None:
        self.delay = delay
        self._typed: deque[tuple[float, str]] = deque()
        self._written: deque[tuple[float, bytes]] = deque()
        super().__init__(command, env)

    def keys(self, text: str) -> None:
        self._typed.append((time.perf_counter() + self.delay, text))

    def take(self) -> bytes:
        now = time.perf_counter()
        while self._typed and self._typed[0][0] <= now:
            super().keys(self._typed.popleft()[1])
        if part := super().take():
            self._written.append((now + self.delay, part))
        come = []
        while self._written and self._written[0][0] <= now:
            come.append(self._written.popleft()[1])
        return b"".join(come)


def environment(home: Path, socket: Path) -> dict[str, str]:
    """As within tmux, where most are and where no program asks the terminal what it can draw."""
    kept = {k: v for k, v in os.environ.items() if k not in ("SSH_CONNECTION", "COLUMNS", "LINES", "NO_COLOR")}
    more = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "TMUX": "none"}
    return kept | more | {"STABLENEW_HOME": str(home), "STABLENEW_SOCKET": str(socket)}
