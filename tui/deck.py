"""Pictures that wait for a verdict, one after the other: what is shown now, what comes next, what was done. Pure."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Item = TypeVar("Item")
Done = Literal["rated", "skipped", "trashed"]


@dataclass(eq=False)
class Step(Generic[Item]):
    """What was done with an item of the deck."""

    item: Item
    done: Done
    stars: int = 0


class Deck(Generic[Item]):
    """Items are told apart by `name`; each is shown once, unless it is brought back or gone back to."""

    def __init__(self) -> None:
        self.ahead: deque[tuple[str, Item]] = deque()
        """The first is the one that is shown."""
        self.behind: list[Step[Item]] = []
        self.waiting = 0
        """Of all that have no verdict yet, as was told last."""
        self._known: set[str] = set()
        self._judged_then = 0

    @property
    def item(self) -> Item | None:
        return self.ahead[0][1] if self.ahead else None

    def next(self, many: int) -> list[Item]:
        """Those behind the one that is shown."""
        return [item for _, item in list(self.ahead)[1 : 1 + many]]

    @property
    def judged(self) -> int:
        return sum(step.done != "skipped" for step in self.behind)

    @property
    def skipped(self) -> int:
        return sum(step.done == "skipped" for step in self.behind)

    @property
    def all(self) -> int:
        """How many there are in all, with those that were judged here."""
        return max(self._judged_then + self.waiting, len(self.behind) + len(self.ahead))

    def take(self, items: Iterable[tuple[str, Item]], waiting: int, judged: int) -> int:
        """More have come; how many of them were not known. `judged`: so many of ours were counted in `waiting` no
        longer."""
        fresh = [(name, item) for name, item in items if name not in self._known]
        self.ahead += fresh
        self._known.update(name for name, _ in fresh)
        self.waiting, self._judged_then = waiting, judged
        return len(fresh)

    def done(self, what: Done, stars: int = 0) -> Step[Item]:
        """The item that is shown is dealt with; the next one is shown."""
        step = Step(self.ahead.popleft()[1], what, stars)
        self.behind.append(step)
        return step

    def back(self, name: str) -> Step[Item]:
        """The last step was not done; its item, of that name, is shown again."""
        step = self.behind.pop()
        self.ahead.appendleft((name, step.item))
        return step

    def change(self, name: str, item: Item) -> None:
        """The item of that name is another now, in its place."""
        self.ahead = deque((known, item if known == name else one) for known, one in self.ahead)

    def bring_back(self, step: Step[Item], name: str) -> None:
        """What was done came to nothing: the item is shown next, not at once, for somebody looks at another one."""
        if step in self.behind:
            self.behind.remove(step)
            self.ahead.insert(min(1, len(self.ahead)), (name, step.item))

    def again(self, name: Callable[[Item], str]) -> int:
        """Those that were skipped come once more, behind all others; how many."""
        skipped = [step for step in self.behind if step.done == "skipped"]
        self.behind = [step for step in self.behind if step.done != "skipped"]
        self.ahead += [(name(step.item), step.item) for step in skipped]
        return len(skipped)
