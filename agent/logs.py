"""JSON-line log of the agent, beside the daemon's, with run, job, stage and token where they are known."""

import json
import logging
import logging.handlers
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

FIELDS = ("run", "job", "stage", "token")
"""Attributes that a call may pass as `extra` and that are then fields of the line."""

BYTES_PER_FILE = 4_000_000
FILES_KEPT = 3


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | int] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "says": record.getMessage(),
        }
        for field in FIELDS:
            value = getattr(record, field, None)
            if value is not None:
                line[field] = value
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


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
    logging.basicConfig(level=logging.INFO, handlers=outlets, force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
