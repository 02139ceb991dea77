"""Files of records that come in: our own flat form, or StableNew's learning records in any of their shapes."""

from typing import NamedTuple

from schema.records import Record


class Incoming(NamedTuple):
    records: tuple[Record, ...]
    source: str
    """What they are forgotten by: `stablenew`, or the name of the file."""
    passed: tuple[str, ...]
    """What is no rating and was passed over, in sentences."""


def read_incoming(name: str, text: bytes) -> Incoming:
    """All of it or nothing: a broken line is Refused with file:line:column."""
    raise AssertionError(name, text)
