"""What the nodes have, by list, asked for once: thousands of names are then found while one types."""

import asyncio
from collections.abc import Sequence

from schema.pages import Resource
from tui.link.ask import Asker, Names


class Catalogue:
    """Knows the lists as they were when they were first asked for; `forget` has them asked for again."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._lists: dict[tuple[str, str], tuple[Resource, ...]] = {}
        self._turn = asyncio.Lock()

    async def of(self, list_: str, backend: str = "") -> tuple[Resource, ...]:
        """All of a list, a field of `schema.orders.BackendCard`; of one backend only. Raises NoDaemon or Refused."""
        async with self._turn:
            if (list_, backend) not in self._lists:
                asked = {"list": list_, **({"backend": backend} if backend else {})}
                self._lists[list_, backend] = (await self._asker.get("/v1/resources", Names, asked)).items
            return self._lists[list_, backend]

    def forget(self) -> None:
        self._lists.clear()


def narrowed(names: Sequence[Resource], words: str) -> tuple[Resource, ...]:
    """Those that hold all the words; those that begin with the first, or with what stands behind a folder, first."""
    parts = words.lower().split()
    if not parts:
        return tuple(names)
    found = [one for one in names if all(part in one.name.lower() for part in parts)]
    return tuple(sorted(found, key=lambda one: not one.name.lower().rpartition("/")[2].startswith(parts[0])))
