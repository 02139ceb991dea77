"""Records as JSON lines: the flat form of the contract, or whole ones. Made here, read by `daemon.learning.reading`."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from schema.records import Record

R = TypeVar("R", bound=Record)


def verdicts(records: Sequence[R]) -> list[R]:
    """Without pictures that nobody rated or compared: they have tags at most."""
    dueling = {each for record in records if record.better_than for each in (record.id, record.better_than)}
    return [record for record in records if record.stars or record.better_than or record.id in dueling]


_ENCODER = msgspec.json.Encoder(order="sorted")


def lines(records: Iterable[Record], *, whole: bool = False) -> bytes:
    """One line each, keys in order, all of the flat form's own fields written out.

    `whole`: of whole records everything they hold; otherwise what the contract names.
    """
    return b"".join(_line(record, whole) + b"\n" for record in records)


def _line(record: Record, whole: bool) -> bytes:
    flat: dict[str, object] = {
        "id": record.id, "at": record.at, "session": record.session, "pack": record.pack, "prompt": record.prompt,
        "seed": record.seed, "run": record.run, "params": record.params, "stars": record.stars, "tags": record.tags,
    }  # fmt: skip
    if record.backend:
        flat["backend"] = record.backend
    if record.better_than:
        flat["better_than"] = record.better_than
    if record.tie:
        flat["tie"] = True
    if record.whole:
        flat["whole"] = True
    if record.made:
        flat["made"] = record.made
    return _ENCODER.encode({**msgspec.to_builtins(record), **flat} if whole else flat)
