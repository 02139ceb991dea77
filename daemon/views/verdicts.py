"""Verdicts for learning: every rated picture with the config it was made with, as of any seq.

Only events up to that seq have a say in what is answered, so that a replay of the truncated log says the same.
"""

from typing import NamedTuple

from schema.records import Record


class Verdicts(NamedTuple):
    """What was said after one seq and up to another."""

    seq: int
    """Up to which."""
    records: tuple[Record, ...]
    """In the order they were given: rated pictures (stars 0: taken back), duels (`better_than`), and imported ones.
    Where several have the same id, the last one holds."""
    afresh: bool
    """They are all there are, not only those behind `after`: something was taken back that cannot be told one by one.
    """


def merged(known: dict[tuple[str, str, str], Record], news: Verdicts) -> None:
    """Brings what a caller keeps up to date: by id, and for duels by the other picture and time."""
    if news.afresh:
        known.clear()
    for record in news.records:
        key = (record.id, record.better_than, record.at if record.better_than else "")
        if record.stars or record.better_than:
            known[key] = record
        else:
            known.pop(key, None)
