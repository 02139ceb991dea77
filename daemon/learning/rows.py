"""Rows: verdicts in the order and shape the statistics read; the last verdict on a picture counts.

Same verdicts give the same rows whatever the order in which they are handed over.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schema.plans import Scalar
from schema.records import Record

SKETCH = "\tsketch"
"""Ends the name of a pool of sketched pictures; no pack's name holds a tab."""


class Row(NamedTuple):
    """A rated picture. `at` in unix seconds, `stars` 1 to 5."""

    id: str
    at: float
    session: str
    pool: str
    prompt: str
    seed: int
    run: str
    params: Mapping[str, Scalar]
    stars: int
    tags: tuple[str, ...]


class Versus(NamedTuple):
    """A duel: both pictures are of one pool; their rows have 0 stars if nobody rated them otherwise."""

    better: Row
    worse: Row
    session: str
    at: float


def pool_of(pack: str, backend: str) -> str:
    """What is fitted together: a pack's real pictures, or its sketched ones; never both."""
    return pack + SKETCH if backend == "sketch" else pack


def pack_of(pool: str) -> tuple[str, str]:
    """Pack and backend (`sketch` or empty) of a pool."""
    return (pool.removesuffix(SKETCH), "sketch") if pool.endswith(SKETCH) else (pool, "")


def rows_of(records: Iterable[Record]) -> tuple[tuple[Row, ...], tuple[Versus, ...]]:
    """All verdicts that stand, ordered by pool, session, prompt, seed and id; then the duels, likewise."""
    raise NotImplementedError
