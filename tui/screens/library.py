"""The Library: what runs are made of, a tab for each kind. Each tab is a screen of its own and keeps its place."""

from typing import ClassVar, TypeVar

from tui.keys import bindings, of
from tui.screens.listarea import ListScreen
from tui.widgets.librarytabs import TABS, LibraryTabs

Item = TypeVar("Item")

CLOSELY = 0.25
"""Seconds the cursor stands still before many files are read for the sake of one."""


class LibraryTab(ListScreen[Item]):
    area = "library"
    BINDINGS = bindings(of("library"))
    tab: ClassVar[str]
    """Of `TABS`."""

    def __init__(self) -> None:
        super().__init__()
        self.tabs = LibraryTabs(self.tab)

    async def action_tab(self, by: int) -> None:
        names = [name for name, _ in TABS]
        await self.home.action_go(f"library.{names[(names.index(self.tab) + by) % len(names)]}")

    async def action_pictures(self) -> None:
        """Those that were made with it, in the Gallery."""
        words = self.made_with()
        if not words:
            self.home.say("pictures are found by their pack, their model and the words of their prompt")
            return
        from tui.screens.gallery import GalleryScreen

        await self.home.action_go("gallery")
        if isinstance(gallery := self.home.screen, GalleryScreen):
            gallery.show_only(words)

    def made_with(self) -> str:
        """A FILTER of pictures that were made with what the cursor stands on; empty: none can say that."""
        return ""


def in_quotes(key: str, name: str) -> str:
    """`pack:knights`, `pack:"old town"`."""
    return f'{key}"{name}"' if " " in name else f"{key}{name}"
