"""What lies outside the terminal: the clipboard, and the desktop's programs. No textual here."""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 3.0
"""Seconds for tmux to take a text."""


def has_desktop(env: Mapping[str, str]) -> bool:
    """Whether a program with a window could be seen by the person at this terminal."""
    if is_remote(env):
        return False
    return sys.platform in ("darwin", "win32") or bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def is_remote(env: Mapping[str, str]) -> bool:
    return bool(env.get("SSH_CONNECTION") or env.get("SSH_TTY"))


def opener() -> str | None:
    """The desktop's program that opens anything."""
    return shutil.which("open" if sys.platform == "darwin" else "xdg-open")


async def open_path(path: Path) -> bool:
    """Opens it and does not wait for the person to close it. False: there is nothing to open with."""
    program = opener()
    if program is None:
        return False
    nowhere = asyncio.subprocess.DEVNULL
    await asyncio.create_subprocess_exec(
        program, str(path), stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    return True


async def to_tmux(text: str) -> bool:
    """Into tmux's buffer, and by `-w` into the outer terminal's clipboard. OSC 52 alone is dropped by its default."""
    try:
        child = await asyncio.create_subprocess_exec(
            "tmux", "load-buffer", "-w", "-",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return False
    try:
        await asyncio.wait_for(child.communicate(text.encode()), PATIENCE)
    except TimeoutError:
        child.kill()
        await child.wait()
    return child.returncode == 0
