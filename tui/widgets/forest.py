"""Runs, and below each that is unfolded its jobs, as one long list. Pure.

The runs are a window on all there are, as `Pages`; of an unfolded run its first jobs are here, and a line tells how
many more there are. Places in this list are counted with the jobs that stand between.
"""

from collections.abc import Iterable, Sequence

import msgspec

from schema.ids import RunId
from schema.pages import RunRow
from schema.scenes import Row
from tui.widgets.pages import PAGE, Pages


class More(msgspec.Struct, frozen=True):
    """Jobs of a run that are not listed below it."""

    run: RunId
    many: int

    @property
    def id(self) -> str:
        return f"{self.run} and more"


Leaf = Row | More
Branch = RunRow | Row | More


class Forest(Pages[Branch]):
    def __init__(self) -> None:
        super().__init__(lambda line: line.id)
        self.runs: Pages[RunRow] = Pages(lambda run: run.id)
        self.unfolded: dict[RunId, tuple[Leaf, ...]] = {}
        """Each with what stands below it."""
        self._places: list[tuple[int, int, RunId]] = []
        """Of the unfolded ones among those that are here: number among all runs, lines below it, id; in order."""

    # Folding ----------------------------------------------------------------------------------------

    def unfold(self, run: RunId, jobs: Sequence[Row], many: int) -> None:
        """`many`: jobs of it in all. Of one that is unfolded already its jobs are other ones now."""
        more = (More(run, many - len(jobs)),) if many > len(jobs) else ()
        self.unfolded[run] = (*jobs, *more)
        self._arrange()

    def fold(self, run: RunId) -> None:
        self.unfolded.pop(run, None)
        self._arrange()

    def _arrange(self) -> None:
        found = [(self.runs.find(run), len(lines), run) for run, lines in self.unfolded.items()]
        self._places = sorted((at, many, run) for at, many, run in found if at is not None)
        self.total = self.runs.total + sum(many for _, many, _ in self._places)
        self.known = self.runs.known

    # Places -----------------------------------------------------------------------------------------

    def run_at(self, index: int) -> int:
        """The number of the run whose line this is, or below which it stands."""
        above = 0
        for at, many, _ in self._places:
            if index <= at + above:
                break
            if index <= at + above + many:
                return at
            above += many
        return index - above

    def place_of(self, number: int) -> int:
        """Where the run with this number stands."""
        return number + sum(many for at, many, _ in self._places if at < number)

    def get(self, index: int) -> Branch | None:
        if not 0 <= index < self.total:
            return None
        number = self.run_at(index)
        below = index - self.place_of(number)
        run = self.runs.get(number)
        return run if run is None or below == 0 else self.unfolded[run.id][below - 1]

    def find(self, name: str) -> int | None:
        if (number := self.runs.find(name)) is not None:
            return self.place_of(number)
        for at, _, run in self._places:
            for below, line in enumerate(self.unfolded[run], 1):
                if line.id == name:
                    return self.place_of(at) + below
        return None

    def here(self) -> Iterable[Branch]:
        for run in self.runs.here():
            yield run
            yield from self.unfolded.get(run.id, ())

    def names(self, indexes: Iterable[int]) -> list[str]:
        """What can be named in a wish: runs and jobs, not the line that tells of more."""
        lines = (self.get(index) for index in indexes)
        return [line.id for line in lines if line is not None and not isinstance(line, More)]

    def runs_between(self, first: int, last: int) -> Iterable[RunId]:
        """The unfolded ones of which a line is among these."""
        low, high = self.run_at(first), self.run_at(last)
        return [run for at, _, run in self._places if low <= at <= high]

    # The window on the runs: pages here are counted in lines ------------------------------------------

    def pages_of_runs(self, page: int) -> range:
        """Pages of runs that have lines on this page of the list."""
        return range(self.run_at(page * PAGE) // PAGE, self.run_at((page + 1) * PAGE - 1) // PAGE + 1)

    def take(self, page: int, runs: Sequence[RunRow], total: int, near: int) -> None:
        """A page of runs has come; pages far from line `near` are dropped."""
        self.runs.put(page, runs, total, self.run_at(near))
        self._arrange()

    def wanted(self, first: int, last: int) -> list[int]:
        needed = self.runs.wanted(self.run_at(first), self.run_at(last))
        return list(dict.fromkeys(self.place_of(page * PAGE) // PAGE for page in needed))

    def keep_only(self, first: int, last: int) -> None:
        self.age += 1
        self.runs.keep_only(self.run_at(first), self.run_at(last))
        self._arrange()

    def forget(self) -> None:
        self.age += 1
        self.runs.forget()
        self.unfolded.clear()
        self._arrange()

    def failed(self, page: int) -> None:
        for part in self.pages_of_runs(page):
            self.runs.failed(part)
