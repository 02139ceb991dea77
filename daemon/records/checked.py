"""Records as a client sends them, before they stand in the log for ever: everything in them is what it should be."""

from collections.abc import Iterable
from datetime import datetime

from schema.errors import Refused
from schema.records import Record

MOST_STARS = 5
MOST_PARAMS = 2_000
MOST_TAGS = 200
LONGEST_NAME = 400
LONGEST_TEXT = 100_000
LARGEST_NUMBER = 2**63


def check_records(source: str, records: Iterable[Record]) -> None:
    """Raises Refused for the first that is not as it should be, with its number and the field."""
    if not source.strip() or len(source) > LONGEST_NAME:
        raise Refused("they need a name to be forgotten by.", where="source", remedy="Name the file, for instance.")
    for number, record in enumerate(records, 1):
        wrong = _wrong(record)
        if wrong:
            field, sentence = wrong
            raise Refused(sentence, where=f"record {number}, {field}", remedy="Nothing was taken over.")


def _wrong(record: Record) -> tuple[str, str] | None:
    if not record.id or record.id == record.better_than:
        return "id", "this is no id of a picture of its own."
    if not 0 <= record.stars <= MOST_STARS:
        return "stars", f"{record.stars} stars are none: ratings go from 1 to {MOST_STARS}."
    if not _is_time(record.at):
        return "at", "this is no time."
    if record.made and not _is_time(record.made):
        return "made", "this is no time."
    for field in ("id", "session", "pack", "run", "backend", "better_than", "at", "made"):
        if len(getattr(record, field)) > LONGEST_NAME:
            return field, f"longer than {LONGEST_NAME} letters."
    if len(record.prompt) > LONGEST_TEXT:
        return "prompt", f"longer than {LONGEST_TEXT:,} letters."
    if not record.pack or "\t" in record.pack:
        return "pack", "this is no name of a pack."
    if abs(record.seed) >= LARGEST_NUMBER:
        return "seed", "this number is too large."
    if len(record.tags) > MOST_TAGS or any(len(tag) > LONGEST_NAME for tag in record.tags):
        return "tags", "these are too many, or too long."
    return _wrong_params(record)


def _wrong_params(record: Record) -> tuple[str, str] | None:
    if len(record.params) > MOST_PARAMS:
        return "params", f"more than {MOST_PARAMS:,} settings."
    for name, value in record.params.items():
        if len(name) > LONGEST_NAME or (isinstance(value, str) and len(value) > LONGEST_TEXT):
            return "params", "a setting is too long."
        if isinstance(value, int | float) and not abs(value) < LARGEST_NUMBER:  # neither is NaN
            return "params", f"{name[:80]} is too large a number."
    return None


def _is_time(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
        return 0 <= (moment.timestamp() if moment.tzinfo else 0.0) < LARGEST_NUMBER
    except (ValueError, OverflowError, OSError):
        return False
