"""The program in a real terminal: tmux shows what a person would see, also after it has ended."""

import asyncio
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, the terminal of these stories, is not installed"),
]

START = "import sys; from tui.opening import run; sys.exit(run())"


class Terminal:
    """One tmux server of its own with one pane."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def tmux(self, *words: str) -> str:
        child = await asyncio.create_subprocess_exec(
            "tmux",
            "-L",
            self.name,
            "-f",
            "/dev/null",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
        assert child.returncode == 0, err.decode()
        return out.decode()

    async def text(self) -> str:
        return await self.tmux("capture-pane", "-p")

    async def keys(self, *names: str) -> None:
        await self.tmux("send-keys", *names)

    async def sees(self, *words: str) -> str:
        seen = ""
        try:
            async with asyncio.timeout(20):
                while not all(word in seen for word in words):
                    await asyncio.sleep(0.05)
                    seen = await self.text()
        except TimeoutError:
            raise AssertionError(f"never seen together: {words}\n{seen}") from None
        return seen


@pytest.fixture
async def terminal(daemon, tmp_path):
    """The program on the fake daemon, 120x36; its pid and exit code are told in the pane."""
    pane = Terminal(f"stablenew-{os.getpid()}-{tmp_path.name}")
    env = (
        f"env -u SSH_CONNECTION -u COLUMNS -u LINES LANG=C.UTF-8 COLORTERM=truecolor STABLENEW_HOME={tmp_path} "
        f"STABLENEW_SOCKET={daemon.socket}"
    )
    command = (
        f"cd {Path(__file__).parents[2]}; {env} {sys.executable} -P -c '{START}'; echo ended with $?; stty -a; cat"
    )
    script = tmp_path / "start.sh"
    script.write_text(command)
    await pane.tmux("new-session", "-d", "-x", "120", "-y", "36", f"bash {script}")
    yield pane
    await pane.tmux("kill-server")


def child_of(shell: str) -> int:
    return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])


async def test_sigterm_ends_it_and_gives_the_terminal_back(terminal):
    await terminal.sees("131 jobs", "n new  x cancel")
    os.kill(child_of((await terminal.tmux("list-panes", "-F", "#{pane_pid}")).strip()), signal.SIGTERM)
    seen = await terminal.sees("ended with 143", "icanon", "echo ")
    assert " -icanon" not in seen and not re.search(r" -echo\b", seen)
    assert (await terminal.tmux("display", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}")).strip() == "0 0 1"


async def test_it_is_left_with_q_and_ends_with_0(terminal):
    await terminal.sees("131 jobs")
    await terminal.keys("q")
    await terminal.sees("The daemon keeps running.")
    await terminal.keys("y")
    await terminal.sees("ended with 0")


async def test_copying_fills_tmux_own_buffer(terminal):
    await terminal.sees("131 jobs", "before variation")
    await terminal.keys("j", "y")
    await terminal.sees("also into tmux's buffer")
    assert await terminal.tmux("show-buffer") == "kn00gt7a.2"


async def test_keys_typed_in_one_burst_mean_what_they_say(terminal, daemon):
    await terminal.sees("131 jobs")
    await terminal.keys("/", "x", "p", "R", "Enter")
    await terminal.sees(" xpR ", "0 of 131 jobs")
    assert daemon.commands == []
    await terminal.keys("Escape")
    await terminal.sees("131 jobs")


async def test_the_window_may_change_its_size(terminal):
    await terminal.sees("131 jobs", "stages")
    await terminal.tmux("resize-window", "-x", "80", "-y", "24")
    await terminal.sees(" [Queue] Run  Gallery ", "? help")
    await terminal.tmux("resize-window", "-x", "50", "-y", "10")
    await terminal.sees("needs 60x15, this is 50x10")
    await terminal.tmux("resize-window", "-x", "120", "-y", "36")
    await terminal.sees("131 jobs", "before variation")
