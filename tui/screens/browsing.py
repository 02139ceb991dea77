"""What lists of jobs, runs and pictures share: words offered in the filter, and a question before many are changed."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from schema.errors import NoDaemon, Refused
from tui.background import begin
from tui.dialogkeys import KNOWN_TAGS
from tui.filterwords import STATES, Offer, offers, usual
from tui.keys import pressed
from tui.link.shelf import names_of
from tui.screens.listarea import ListScreen
from tui.widgets.nodeline import STRANGERS, name_of

Item = TypeVar("Item")

MANY = 100
"""More items than this are not changed unasked."""


def back() -> str:
    """The remedy for most."""
    return f"{pressed('app.undo')} takes it back."


class Browsing(ListScreen[Item]):
    states: Sequence[tuple[str, str]] = STATES
    """Of its FILTER, each with what it means."""

    def __init__(self) -> None:
        super().__init__()
        self.filter_line.input.offering = self.offered
        self._packs: tuple[str, ...] = ()
        self._models: tuple[str, ...] = ()

    # The filter -------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        super().action_filter()
        begin(self, self._names, group="names", exclusive=True)

    async def _names(self) -> None:
        """Of the packs and models there are, for whoever begins to type one."""
        asker = self.home.asker
        try:
            self._packs = await names_of(asker, "packs")
            self._models = tuple(one.name for one in await self.home.catalogue.of("models"))
        except (NoDaemon, Refused):
            return

    def offered(self, text: str, at: int) -> list[Offer]:
        scene = self.home.live.scene
        values = usual(self.states)
        values["run"] = [(run.run, run.name) for run in scene.runs]
        values["node"] = [(name_of(node), node.state) for node in scene.nodes if node.state not in STRANGERS]
        values["pack"] = [(name, "") for name in self._packs]
        values["model"] = [(name, "") for name in dict.fromkeys((*self.models_seen(), *self._models))]
        values["tag"] = [(tag, "") for tag in dict.fromkeys((*KNOWN_TAGS, *self.tags_seen()))]
        return offers(text, at, values)

    def models_seen(self) -> Iterable[str]:
        """Models of what is shown now."""
        return ()

    def tags_seen(self) -> Iterable[str]:
        return ()

    # Many at once -----------------------------------------------------------------------------------

    def meant(self) -> list[Item]:
        """Those of the targets that are here: what is marked, or what is under the cursor."""
        listing = self.listing
        marked = [item for item in listing.pages.here() if listing.is_marked(item)] if listing.marked else []
        item = listing.item()
        return marked or ([item] if item is not None else [])

    def at_stake(self, *, ended: bool = False) -> tuple[int, str]:
        """How many a wish about the targets changes, and what they are called. `ended`: it is about what is over."""
        many = self.listing.marked
        return many, f"{many:,}{self.noun(many)}"

    async def sure(self, verb: str, act: Callable[[], None], remedy: str | None = None, *, ended: bool = False) -> None:
        """Does it to the targets; of more than `MANY` only when that is meant. `verb`: `Cancel`, `Hold`."""
        many, words = self.at_stake(ended=ended)
        if many <= MANY:
            act()
        else:
            await self.ask(f"{verb} {words}?", back() if remedy is None else remedy, act)

    async def ask(self, question: str, detail: str, act: Callable[[], None]) -> None:
        from tui.screens.ask import Confirm

        def answered(yes: bool | None) -> None:
            if yes:
                act()

        await self.app.push_screen(Confirm(question, detail), answered)
