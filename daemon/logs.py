"""JSON-line logs of the daemon: one line per surprise, with run, job and stage where they are known."""

import logging
import logging.handlers
import os
import sys
from contextlib import suppress
from pathlib import Path

from schema.loglines import JsonLines

BYTES_PER_FILE = 8_000_000
FILES_KEPT = 4


class Lines(logging.handlers.RotatingFileHandler):
    """Lines for which there is no room, or no folder, are lost without a word; the next ones may find some again."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, maxBytes=BYTES_PER_FILE, backupCount=FILES_KEPT, encoding="utf-8", delay=True, errors="replace"
        )

    def handleError(self, record: logging.LogRecord) -> None:
        """Closed, so that the next line opens the file that is there then."""
        if isinstance(sys.exc_info()[1], OSError):
            self.let_go()
        else:
            super().handleError(record)

    def let_go(self) -> None:
        """Keeps no file open until the next line: a disk that is to be taken away is not kept busy."""
        self.acquire()
        try:
            stream, self.stream = self.stream, None  # as `delay` leaves it
            if stream is not None:
                with suppress(OSError):  # what it still held finds no room
                    stream.close()
        finally:
            self.release()


def start_logs(folder: Path, program: str) -> None:
    """Writes to `folder/program.jsonl`, turned over by size, and to the journal where systemd started us."""
    outlets: list[logging.Handler] = []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        outlets.append(Lines(folder / f"{program}.jsonl"))
    except OSError:  # the daemon tells its clients what is in the way
        outlets.append(logging.StreamHandler(sys.stderr))
    if "JOURNAL_STREAM" in os.environ:
        outlets.append(logging.StreamHandler(sys.stderr))
    for outlet in outlets:
        outlet.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=outlets, force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def let_go() -> None:
    """Closes the files until the next line."""
    for outlet in logging.getLogger().handlers:
        if isinstance(outlet, Lines):
            outlet.let_go()
