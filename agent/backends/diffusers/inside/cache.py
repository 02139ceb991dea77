"""Models kept in memory, the least recently used given up first. Counts bytes; knows no torch.

What one stage uses together is held until it ends, so that a detail pass does not throw out the model it paints with.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

Thing = TypeVar("Thing")


class Kept(NamedTuple, Generic[Thing]):
    name: str
    bytes: int
    thing: Thing


class Cache(Generic[Thing]):
    """`room()` says how many bytes may be held now; `given_back` runs after something was let go."""

    def __init__(self, room: Callable[[], int], given_back: Callable[[], None]) -> None:
        self._room = room
        self._given_back = given_back
        self._kept: OrderedDict[Hashable, Kept[Thing]] = OrderedDict()
        self._held: set[Hashable] = set()
        self.evicted = 0
        """How often something was given up, in all."""

    @property
    def bytes(self) -> int:
        return sum(kept.bytes for kept in self._kept.values())

    def names(self) -> tuple[str, ...]:
        """The most recently used first."""
        return tuple(kept.name for kept in reversed(self._kept.values()))

    def newest(self, fits: Callable[[Thing], bool]) -> Thing | None:
        return next((kept.thing for kept in reversed(self._kept.values()) if fits(kept.thing)), None)

    def take(
        self, key: Hashable, name: str, need: int, make: Callable[[], Thing], size: Callable[[Thing], int]
    ) -> Thing:
        """The one that is there, or a new one, for which `need` bytes are made free first. Held until `release`."""
        kept = self._kept.get(key)
        if kept is None:
            self.make_room(need)
            thing = make()
            kept = Kept(name, size(thing), thing)
            self._kept[key] = kept
        self._kept.move_to_end(key)
        self._held.add(key)
        if self.bytes > self._room():
            self.make_room(0)
        return kept.thing

    def grown(self, key: Hashable, size: int) -> None:
        """It holds more or less than before: adapters."""
        if kept := self._kept.get(key):
            self._kept[key] = kept._replace(bytes=size)

    def make_room(self, need: int) -> bool:
        """Gives up what nobody holds, oldest first, until `need` more bytes fit. False: they do not."""
        for key in list(self._kept):
            if self.bytes + need <= self._room():
                break
            if key not in self._held:
                del self._kept[key]
                self.evicted += 1
                self._given_back()
        return self.bytes + need <= self._room()

    def release(self) -> None:
        """The stage is over."""
        self._held.clear()

    def clear(self) -> None:
        self._held.clear()
        if self._kept:
            self._kept.clear()
            self._given_back()
