"""Tables: one pool's rows as codes of levels, ready for counting."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from daemon.learning.rows import Row, Versus
from schema.plans import Scalar

Floats = NDArray[np.float64]
Codes = NDArray[np.int16]
Ids = NDArray[np.int32]


class Knob(NamedTuple):
    """A parameter that took several values in a pool. Its levels are in order where it is ordered."""

    name: str
    ordered: bool
    levels: tuple[tuple[Scalar, ...], ...]
    """The values that each level stands for."""


class Table(NamedTuple):
    """One pool. Rows of ratings come first, in the order of `rows`; then two for each duel, the better one first."""

    pool: str
    rows: tuple[Row, ...]
    duels: tuple[Versus, ...]
    knobs: tuple[Knob, ...]
    codes: Codes
    """Level of each row in each knob: [rows + 2 duels, knobs]."""
    session: Ids
    """Numbers of sittings, from 0."""
    block: Ids
    """Numbers of blocks (sitting, prompt, seed), from 0; a duel is a block of its own."""
    outcome: Codes
    """Stars; LOST and WON in duels."""

    @property
    def n(self) -> int:
        return len(self.rows)

    def knob(self, name: str) -> int:
        """Its place among the knobs. Raises KeyError where it did not vary."""
        raise NotImplementedError

    def side(self, name: str, levels: Sequence[int]) -> NDArray[np.bool_]:
        """Which rated rows stand at one of these levels: [rows]."""
        raise NotImplementedError


def tabulate(rows: Sequence[Row], duels: Sequence[Versus] = ()) -> dict[str, Table]:
    """Tables of all pools, by name; no order of rows is asked for."""
    raise NotImplementedError


def tagged(tables: Mapping[str, Table], tag: str) -> dict[str, Table]:
    """The same tables with another outcome: 2 where a picture has this tag, 1 where it has not; without duels."""
    raise NotImplementedError
