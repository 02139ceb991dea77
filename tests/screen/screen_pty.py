"""The program in a terminal of its own, and what state it leaves that terminal in."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

START = "import sys; from tui.opening import run; sys.exit(run())"
ROOT = Path(__file__).parents[2]

AT_REST = {
    "1049": "l",  # the shell's own screen
    "25": "h",  # the cursor is seen
    "7": "h",  # long lines go on in the next one
    **dict.fromkeys(("1000", "1002", "1003", "1004", "1006", "1015", "1016", "2004", "2026", "2048"), "l"),
}
"""Private modes of a terminal whose user sits before a shell: no mouse, no brackets around what is pasted."""


class Pane:
    """A pty that is the program's controlling terminal, as a window is; read in the running loop."""

    def __init__(
        self, env: Mapping[str, str], *, columns: int = 120, rows: int = 36, program: str = START, owned: bool = True
    ) -> None:
        """`owned`: it is the program's controlling terminal."""
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        self.written = b""
        self._came = asyncio.Event()

        def own() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen(
            [sys.executable, "-P", "-c", program],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=dict(env),
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=own if owned else None,
        )
        os.set_blocking(self.master, False)
        self.look()

    def look(self) -> None:
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def look_away(self) -> None:
        """Nobody reads any more: the line is dead, and nobody knows it yet."""
        if self.master < 0:
            return
        asyncio.get_running_loop().remove_reader(self.master)

    def _read(self) -> None:
        if self.master < 0:
            return
        try:
            self.written += os.read(self.master, 1 << 16)
            self._came.set()
        except BlockingIOError:
            return
        except OSError:
            self.look_away()

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def keys(self, text: str | bytes) -> None:
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def click(self, x: int, y: int) -> None:
        """With the left button, cells counted from 0."""
        self.keys(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m")

    async def sees(self, *words: str) -> None:
        """Waits until all of these were written since `forget`."""
        try:
            async with asyncio.timeout(60):
                while not all(word in self.text for word in words):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"never seen: {words}\n{self.text[-3000:]}") from None

    def forget(self) -> None:
        self.written = b""

    @property
    def text(self) -> str:
        return self.written.decode(errors="replace")

    async def calm(self) -> None:
        """Until nothing more is written for a moment."""
        try:
            while True:
                self._came.clear()
                await asyncio.wait_for(self._came.wait(), 0.03)
        except TimeoutError:
            return

    def stopped(self) -> bool:
        """It was sent to sleep, as by ctrl+z."""
        return Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    async def ended(self) -> int:
        """Its exit code, or the negative number of the signal that killed it."""
        code = await asyncio.wait_for(asyncio.to_thread(self.child.wait), 60)
        await asyncio.sleep(0)
        self._read()
        return code

    def dirt(self) -> list[str]:
        """What is not as the shell had it: modes that are still set, keys that are still asked for, no echo."""
        modes: dict[str, str] = {}
        for numbers, way in re.findall(r"\x1b\[\?([0-9;]+)([hl])", self.text):
            modes |= dict.fromkeys(numbers.split(";"), way)
        found = [f"?{mode}{way}" for mode, way in modes.items() if way != AT_REST.get(mode, "l")]
        pushed, popped = len(re.findall(r"\x1b\[>\d*u", self.text)), len(re.findall(r"\x1b\[<\d*u", self.text))
        found += [f"{pushed - popped} kinds of keys still asked for"] if pushed > popped else []
        attributes = termios.tcgetattr(self.slave)
        return found + (["the line's own settings"] if attributes[:4] != self.before[:4] else [])

    def close(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.look_away()
        for end in (self.master, self.slave):
            if end >= 0:
                os.close(end)

    def hang_up(self) -> None:
        """The window is closed, ssh has lost its line: the kernel says so with SIGHUP, and writing fails."""
        self.look_away()
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1
