"""A window on a long list that the daemon holds: pages of 200 rows, kept while they are near. Pure.

The list may have a million rows; here are at most `KEPT` pages of them. A row's place is its index in the list.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")

PAGE = 200
KEPT = 12


class Pages(Generic[Item]):
    """`name` gives an item's id, which is how an item is found again when it has moved."""

    def __init__(self, name: Callable[[Item], str]) -> None:
        self._name = name
        self._pages: dict[int, tuple[Item, ...]] = {}
        self._asked: set[int] = set()
        self.total = 0
        self.known = False
        """False until the first page has come."""
        self.age = 0
        """Answers asked for at another age are of another list."""

    def get(self, index: int) -> Item | None:
        page = self._pages.get(index // PAGE)
        if page is None or not 0 <= index < self.total:
            return None
        at = index % PAGE
        return page[at] if at < len(page) else None

    def wanted(self, first: int, last: int) -> list[int]:
        """Pages of these rows that are neither here nor asked for; they count as asked for from now on."""
        if self.known and self.total == 0:
            return []
        end = min(last, self.total - 1) if self.known else last
        near = range(max(first, 0) // PAGE, end // PAGE + 1)
        pages = [page for page in near if page not in self._pages and page not in self._asked]
        self._asked.update(pages)
        return pages

    def put(self, page: int, items: Sequence[Item], total: int, near: int) -> set[int]:
        """A page has come. Indexes whose item changed; pages far from row `near` are dropped."""
        self._asked.discard(page)
        self.known = True
        old, new = self._pages.get(page, ()), tuple(items[:PAGE])
        if total < self.total:
            self._pages = {p: held[: total - p * PAGE] for p, held in self._pages.items() if p * PAGE < total}
        self.total = total
        self._pages[page] = new
        if len(self._pages) > KEPT:
            here = near // PAGE
            for far in sorted(self._pages, key=lambda p: abs(p - here))[KEPT:]:
                del self._pages[far]
        longest = max(len(old), len(new))
        return {page * PAGE + i for i in range(longest) if old[i : i + 1] != new[i : i + 1]}

    def keep_only(self, first: int, last: int) -> None:
        """Drops what is out of sight, for it may have moved; asks that are under way become worthless."""
        self.age += 1
        self._asked.clear()
        for page in [p for p in self._pages if not first // PAGE <= p <= last // PAGE]:
            del self._pages[page]

    def forget(self) -> None:
        """Another filter or order: all rows are other rows."""
        self.age += 1
        self._asked.clear()
        self._pages.clear()
        self.total = 0
        self.known = False

    def failed(self, page: int) -> None:
        """The ask for this page came to nothing; it may be asked for again."""
        self._asked.discard(page)

    def find(self, name: str) -> int | None:
        """The index of the item with this id, if it is here."""
        for page, items in self._pages.items():
            for at, item in enumerate(items):
                if self._name(item) == name:
                    return page * PAGE + at
        return None

    def replace(self, index: int, item: Item) -> None:
        page = self._pages.get(index // PAGE)
        if page is not None and index % PAGE < len(page):
            at = index % PAGE
            self._pages[index // PAGE] = (*page[:at], item, *page[at + 1 :])

    def swap(self, one: int, other: int) -> None:
        """Two rows change places here before the daemon has told so."""
        first, second = self.get(one), self.get(other)
        if first is not None and second is not None:
            self.replace(one, second)
            self.replace(other, first)

    def here(self) -> Iterable[Item]:
        """All items that are here, in order."""
        return (item for page in sorted(self._pages) for item in self._pages[page])

    def names(self, indexes: Iterable[int]) -> list[str]:
        """Ids of the items that are here, in order."""
        items = (self.get(index) for index in indexes)
        return [self._name(item) for item in items if item is not None]
