"""One of the library's own: a profile, a style, a template, found by typing."""

from collections.abc import Sequence

from schema.pages import Resource
from tui.link.shelf import Noun, names_of
from tui.screens.chooser import Chooser


class Shelved(Chooser):
    """As `Chooser`: the name, empty for none, None for going back."""

    whose = "none"
    asking = "asking for them …"
    none_like = "none is called so"
    none_told = "the library has none"
    unknown = "though the library has none of that name"

    def __init__(self, title: str, noun: Noun, current: str = "", *, empty: bool = True) -> None:
        super().__init__(title, (noun,), current, empty=empty)
        self._noun = noun

    @property
    def noun(self) -> Noun:
        return self._noun

    async def every(self, of: str) -> Sequence[Resource]:
        return [Resource(list=of, name=name) for name in await names_of(self.home.asker, self.noun)]

    def action_refresh(self) -> None:
        self.ask_anew()
