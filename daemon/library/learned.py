"""What a file of learning records holds: how many, and which lines are broken. Reads nothing into them."""

import json
from typing import NamedTuple

from daemon.prompting.texts import suffix, told

MARKS = frozenset({"run_id", "rating", "stars", "base_config", "variant_configs", "primary_sampler", "experiment_id"})
"""A record of StableNew, or of ours, has at least one of these."""


class Records(NamedTuple):
    records: int
    broken: tuple[str, ...]
    likely: bool
    """By its name these should be learning records."""


def read_records(file: str, text: str) -> Records:
    """JSON lines, or one JSON document."""
    likely = "learning" in file.casefold()
    if suffix(file) == ".json":
        lines = [(1, text)]
    else:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    found, broken = 0, list[str]()
    for number, line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as fault:
            at = getattr(fault, "colno", 1)
            broken.append(f"{told(file, 200)}:{number}:{at}: a record is broken and left aside.")
            continue
        items = value if isinstance(value, list) else [value]
        found += sum(isinstance(item, dict) and bool(MARKS & item.keys()) for item in items)
    return Records(found, tuple(broken[:20]), likely)
