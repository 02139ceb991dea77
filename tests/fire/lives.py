"""Lives of the program on a disk that fails where it is told to: one request to the server each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Lived(NamedTuple):
    """How a life ended, and what it told before."""

    code: int
    """As of `subprocess`: below zero the signal."""
    notes: tuple[str, ...]

    @property
    def calls(self) -> int:
        """How often it wrote, synced, renamed or unlinked; 0 when it could not say."""
        return next((int(note.split()[1]) for note in self.notes if note.startswith("count ")), 0)

    @property
    def raised(self) -> str:
        return next((note for note in self.notes if note.startswith("raised ")), "")


class Lives:
    def __init__(self, shim: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", HERE / "server.py", shim], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "LD_PRELOAD": str(shim), "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip

    def live(self, folder: Path, **wanted: object) -> Lived:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), **wanted}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Lived(answer["code"], tuple(answer["notes"]))

    def close(self) -> None:
        self._process.communicate(timeout=30)
