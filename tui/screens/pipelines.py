"""Pipelines of the library from the cards of a run: loaded, saved under a name, renamed, deleted, edited."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tui.background import begin
from tui.keys import hints
from tui.screens.ask import Type
from tui.screens.keeping import Keeping
from tui.screens.saved import Saved

if TYPE_CHECKING:
    from tui.app import StableNew


class Pipelines(Saved):
    """Answers the name of the one that is to be loaded. `text`: the run's own stages, to be saved as one."""

    lists = ("pipelines",)
    heading = "Pipelines"

    def __init__(self, text: str, applied: str, moved: Callable[[str, str, str], None]) -> None:
        super().__init__(text, {"pipelines": applied}, moved)

    def hints(self) -> str:
        return hints(
            "⏎ load",
            "saved.new save this run's",
            "saved.edit edit",
            "saved.rename rename",
            "saved.delete delete",
            "dialog.back back",
        )


async def save_as(home: "StableNew", text: str, name: str, saved: Callable[[str], None]) -> None:
    """Asks for the name, saves the stages under it, and tells `saved`. What it writes over `z` brings back."""

    def named(to: str | None) -> None:
        if to and to.strip():
            begin(home, partial(_save, home, text, to.strip(), saved), group="shelf")

    help = "All of it, with what you changed. The pipeline's name."
    await home.push_screen(Type("Save as a pipeline", help, name), named)


async def _save(home: "StableNew", text: str, name: str, saved: Callable[[str], None]) -> None:
    if await Keeping(home, "pipelines").save(name, text):
        saved(name)
