"""Favourites: names that the last runs did well with, and models that a person says so of; first in every list.

Asked for once for each opening of a form; where nobody knows any, lists stand as they are.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from schema.errors import NoDaemon, Refused
from schema.insights import Favourite
from schema.models import ModelRow
from schema.names import FILES
from schema.pages import Resource
from tui.link import learn
from tui.link.ask import Asker

MOST = 5
"""Of each list: what everything is, nothing is."""

GOOD = 3.0
"""Stars on average, at least, where its pictures have any."""


class Rows(msgspec.Struct, frozen=True):
    """`GET /v1/models`."""

    items: tuple[ModelRow, ...]


class Ordered(NamedTuple):
    names: tuple[Resource, ...]
    starred: frozenset[str]
    """Names that stand first."""


class Favoured:
    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._found: tuple[Favourite, ...] | None = None
        self._said: dict[str, tuple[str, ...]] = {}
        """List to models that a person calls favourites."""

    async def of(self, list_: str) -> tuple[str, ...]:
        """Names as they were used, the best first: of models a person's own choice before all others."""
        if self._found is None:
            await self._ask()
        good = [one.name for one in self._found or () if one.list == list_ and (one.stars >= GOOD or not one.stars)]
        return tuple(dict.fromkeys((*self._said.get(list_, ()), *good[:MOST])))

    async def first(self, list_: str, names: Sequence[Resource]) -> Ordered:
        return first(names, await self.of(list_))

    def forget(self) -> None:
        self._found = None

    async def _ask(self) -> None:
        try:
            self._found = (await learn.favourites(self._asker)).items
        except (Refused, NoDaemon):
            self._found = ()
        try:
            rows = (await self._asker.get("/v1/models", Rows, {"filter": "favourite:yes"})).items
        except (Refused, NoDaemon):
            rows = ()
        self._said = {}
        for row in rows:
            if row.favourite:
                self._said[row.list] = (*self._said.get(row.list, ()), row.name)


def first(names: Sequence[Resource], favourites: Iterable[str]) -> Ordered:
    """Favourites first, in their order; one that is not here by its name counts whatever its folder and ending."""
    here = {one.name for one in names}
    exact: dict[str, int] = {}
    loose: dict[str, int] = {}
    for place, name in enumerate(favourites):
        (exact if name in here else loose).setdefault(name if name in here else stem(name).casefold(), place)
    places = {one.name: exact.get(one.name, loose.get(stem(one.name).casefold())) for one in names}
    ours = sorted(((at, one) for one in names if (at := places[one.name]) is not None), key=lambda pair: pair[0])
    starred = frozenset(one.name for _, one in ours)
    return Ordered((*(one for _, one in ours), *(one for one in names if one.name not in starred)), starred)


def stem(name: str) -> str:
    """A file's name as a prompt says it: without folder and ending."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return next((last[: -len(end)] for end in FILES if last.lower().endswith(end)), last)
