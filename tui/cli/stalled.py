"""Why nothing goes on while somebody waits: the daemon's own sentence about the first job in line, told once."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from schema.errors import NoDaemon, Refused
from tui.cli import ask, output
from tui.link.doc import Doc

if TYPE_CHECKING:
    from tui.link.call import Daemon

PATIENCE = 3.0
"""Seconds without anything running before the reason is asked for; and between two questions."""


class Stalled:
    """Is shown every progress; asks only while nothing runs though something waits."""

    def __init__(self, selected: Sequence[str]) -> None:
        self._selected = selected
        self._since = time.monotonic()
        self._told = ""

    def look(self, daemon: "Daemon", progress: Doc) -> str | None:
        """A sentence that was not told yet; None: nothing new to say."""
        if progress.docs("running") or progress.text("film") == "making":
            self._since = time.monotonic()
            return None
        if time.monotonic() - self._since < PATIENCE:
            return None
        self._since = time.monotonic()
        try:
            why = self._why(daemon)
        except (Refused, NoDaemon):
            return None  # the wait goes on, and says itself what becomes of the daemon
        if not why or why == self._told:
            return None
        self._told = why
        return why

    def _why(self, daemon: "Daemon") -> str:
        for name in self._selected:
            if ask.is_pair(name):
                return ""
            job = name if "." in name else _first_waiting(daemon, name)
            if job and (text := daemon.get(f"/v1/jobs/{job}/explain").text("text")):
                return f"{output.clean(job)} waits: {output.clean(text.splitlines()[0])}"
        return ""


def _first_waiting(daemon: "Daemon", run: str) -> str:
    for state in ("queued", "held"):
        page = daemon.get("/v1/jobs", {"filter": f"run:{run} state:{state}", "limit": 1, "sort": "position"})
        for job in page.docs("items"):
            return job.text("id")
    return ""
