"""One line of a program's own log, the same of daemon and agent: JSON, with what tells where it belongs."""

import json
import logging
from datetime import UTC, datetime

FIELDS = ("run", "job", "stage", "token", "node", "seq")
"""Attributes that a call may pass as `extra` and that are then fields of the line."""


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | int | float] = {
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
