"""JSON-line log of the agent, beside the daemon's, with run, job, stage and token where they are known."""

import logging
import logging.handlers
import os
import sys
from pathlib import Path

from schema.loglines import JsonLines

BYTES_PER_FILE = 4_000_000
FILES_KEPT = 3


def start_logs(folder: Path) -> None:
    """Writes to `folder/agent.jsonl`, turned over by size, and to the journal where systemd started us."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    to_file = logging.handlers.RotatingFileHandler(
        folder / "agent.jsonl", maxBytes=BYTES_PER_FILE, backupCount=FILES_KEPT, encoding="utf-8"
    )
    outlets: list[logging.Handler] = [to_file]
    if "JOURNAL_STREAM" in os.environ:
        outlets.append(logging.StreamHandler(sys.stderr))
    for outlet in outlets:
        outlet.setFormatter(JsonLines())
    logging.raiseExceptions = False  # lines for which the disk has no room are lost without a word
    logging.basicConfig(level=logging.INFO, handlers=outlets, force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("zeroconf").setLevel(logging.ERROR)  # it warns of every interface that has no multicast
