"""The bundle for a language model: a zip of records, insights and what explains them, with its own JSON Schema."""

from collections.abc import Sequence
from typing import NamedTuple

from schema.insights import Insights, Report
from schema.records import RecordRun, WholeRecord


class Material(NamedTuple):
    """What a bundle is made of. All of it follows from the log up to `seq`."""

    seq: int
    at: float
    """Unix seconds."""
    version: str
    """Of the program."""
    records: Sequence[WholeRecord]
    """Of pictures, and of duels (`better_than`); in the order of their verdicts."""
    runs: Sequence[RecordRun]
    insights: Insights
    report: Report | None = None


class Limits(NamedTuple):
    redact: bool = False
    """Prompts and all names that a person gave become salted ids."""
    megabytes: float = 5.0
    """Of the zip: the newest records that fit, and all runs."""


def make_bundle(material: Material, salt: bytes, limits: Limits = Limits()) -> bytes:  # noqa: B008 - a constant
    """The same bytes for the same material, salt and limits. Refused where not even what explains it fits."""
    raise AssertionError(material, salt, limits)
