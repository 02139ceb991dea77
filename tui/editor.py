"""The person's own editor, on a file, while the screen steps aside. No textual here but the app it is told of."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import why

if TYPE_CHECKING:
    from textual.app import App

USUAL = ("sensible-editor", "nano", "vim", "vi")
"""Looked for where neither VISUAL nor EDITOR is set."""

AT_LINE = (
    "vi",
    "vim",
    "nvim",
    "nano",
    "emacs",
    "emacsclient",
    "micro",
    "kak",
    "joe",
    "mcedit",
    "view",
    "sensible-editor",
)
"""Editors that go to a line by `+N` before the file; `hx` and others take `FILE:N`."""

BEHIND_COLON = ("hx", "helix", "subl", "zed")


_open: "list[subprocess.Popen[bytes]]" = []
"""Those that have the terminal now, and the loop waits for."""


def recall() -> None:
    """Asks for the terminal back: an editor that is open ends, and keeps what it can in a file of its own."""
    for one in tuple(_open):
        one.terminate()


def editor_of(env: Mapping[str, str]) -> list[str]:
    """The words of the command; empty: there is none."""
    named = env.get("VISUAL") or env.get("EDITOR") or ""
    try:
        words = shlex.split(named)
    except ValueError:
        words = [named]
    return words or [found for name in USUAL if (found := shutil.which(name))][:1]


def command(editor: list[str], path: Path, line: int = 0) -> list[str]:
    """`line` from 1; 0: nowhere in particular."""
    name = Path(editor[0]).name
    if line and name in AT_LINE:
        return [*editor, f"+{line}", str(path)]
    if line and name in BEHIND_COLON:
        return [*editor, f"{path}:{line}"]
    if line and name in ("code", "codium"):
        return [*editor, "--wait", "--goto", f"{path}:{line}"]
    return [*editor, str(path)]


def edit_text(app: "App[None]", text: str, path: Path, line: int = 0) -> tuple[str, str]:
    """The text as it was left, and what went wrong as `edit` tells it. `path` is written, and stays.

    Raises OSError where it cannot be written.
    """
    path.write_text(text, "utf-8", newline="")
    trouble = edit(app, path, line)
    try:
        return path.read_bytes().decode("utf-8", "replace"), trouble
    except OSError as fault:
        return text, trouble or f"What was written cannot be read: {why(fault)}."


def edit(app: "App[None]", path: Path, line: int = 0) -> str:
    """Returns when it was closed: what went wrong, with what to do; empty when all went well."""
    from textual.app import SuspendNotSupported

    editor = editor_of(os.environ)
    if not editor:
        return "No editor is known: set EDITOR."
    try:
        with app.suspend():
            return _closed(command(editor, path, line))
    except SuspendNotSupported:
        return "This terminal cannot be lent to an editor."


def _closed(words: list[str]) -> str:
    """Raises nothing: Textual takes the terminal back only after what went well."""
    try:
        with subprocess.Popen(words) as done:
            _open.append(done)
            try:
                done.wait()
            finally:
                _open.remove(done)
    except OSError as fault:
        return f"{words[0]} cannot be started: {why(fault)}. EDITOR names another."
    return "" if done.returncode == 0 else f"{words[0]} ended with {done.returncode}."
