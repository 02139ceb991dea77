"""Pipelines of the library from the cards of a run: loaded, saved under a name, renamed, deleted, edited."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from schema.errors import NoDaemon, Refused
from tui.background import begin
from tui.link.shelf import names_of, save
from tui.screens.ask import Confirm, Type
from tui.screens.saved import Saved
from tui.widgets.ink import plain

if TYPE_CHECKING:
    from tui.app import StableNew


class Pipelines(Saved):
    """Answers the name of the one that is to be loaded. `text`: the run's own stages, to be saved as one."""

    lists = ("pipelines",)
    heading = "Pipelines"

    def __init__(self, text: str, applied: str, moved: Callable[[str, str], None]) -> None:
        super().__init__(text, {"pipelines": applied}, moved)

    def hints(self) -> str:
        return "⏎ load  ^n save this run's  ^e edit  ^r rename  ^d delete  esc back"


async def save_as(home: "StableNew", text: str, name: str, saved: Callable[[str], None]) -> None:
    """Asks for the name, saves the stages under it, and tells `saved`; one that is there already is asked about."""

    def named(to: str | None) -> None:
        if to and to.strip():
            begin(home, partial(_save, home, text, to.strip(), saved), group="shelf")

    help = "All of it, with what you changed. The pipeline's name."
    await home.push_screen(Type("Save as a pipeline", help, name), named)


async def _save(home: "StableNew", text: str, name: str, saved: Callable[[str], None]) -> None:
    try:
        there = name in await names_of(home.asker, "pipelines")
        if there and not await home.push_screen_wait(Confirm(f"{plain(name)} is there already. Write over it?")):
            return
        await save(home.asker, "pipelines", name, text)
    except Refused as e:
        home.say(e.told(), bad=True)
    except NoDaemon:
        home.say("The daemon does not answer; nothing was saved.", bad=True)
    else:
        home.say(f"{name} saved")
        saved(name)
