"""The screens behind the tabs, each made when it is first gone to."""

from typing import TYPE_CHECKING

from textual.screen import Screen

from tui.widgets.librarytabs import TABS

if TYPE_CHECKING:
    from tui.app import StableNew

PAUSE, PAUSE_REMOTE = 1.0, 3.0
"""Seconds at least between two unfinished pictures of a running job, here and over SSH."""


def modes_of(area: str) -> tuple[str, ...]:
    """An area of several tabs is a screen for each, `library.styles`; it begins with the first."""
    if area == "queue":
        return "queue.jobs", "queue.runs"
    if area == "logs":
        return "logs.events", "logs.programs"
    return tuple(f"library.{tab}" for tab, _ in TABS) if area == "library" else (area,)


def screen_of(area: str, home: "StableNew") -> Screen[None]:
    """`area`: of `keys.AREAS`, or a tab of one: see `modes_of`."""
    pause = PAUSE_REMOTE if home.remote else PAUSE
    match area:
        case "gallery":
            from tui.screens.gallery import GalleryScreen

            return GalleryScreen(home.thumbs, home.sharp)
        case "run":
            from tui.screens.run import RunScreen

            return RunScreen(pause=pause, sharp=home.sharp_live)
        case "learn":
            from tui.screens.learn import LearnScreen

            return LearnScreen()
        case "nodes":
            from tui.screens.nodes import NodesScreen

            return NodesScreen()
        case "logs.events":
            from tui.screens.logs import LogsScreen

            return LogsScreen()
        case "logs.programs":
            from tui.screens.lines import LinesScreen

            return LinesScreen()
        case "queue.runs":
            from tui.screens.queueruns import RunsScreen

            return RunsScreen()
        case "settings":
            from tui.screens.configure import ConfigureScreen

            return ConfigureScreen()
        case tab if tab.startswith("library."):
            return library_tab(tab.removeprefix("library."), home)
        case _:
            from tui.screens.queue import QueueScreen

            return QueueScreen(pause=pause, sharp=home.sharp_live)


def library_tab(tab: str, home: "StableNew") -> Screen[None]:
    """`tab`: of `TABS`."""
    match tab:
        case "packs":
            from tui.screens.librarypacks import PacksScreen

            return PacksScreen()
        case "models" | "loras":
            from tui.screens.librarymodels import LorasScreen, ModelsScreen

            kind = ModelsScreen if tab == "models" else LorasScreen
            return kind(home.thumbs_of(home.asker.model_preview))
        case _:
            from tui.screens.librarytexts import TEXTS

            return TEXTS[tab]()
