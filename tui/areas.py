"""The screens behind the tabs, each made when it is first gone to."""

from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from tui.app import StableNew

PAUSE, PAUSE_REMOTE = 1.0, 3.0
"""Seconds at least between two unfinished pictures of a running job, here and over SSH."""


def screen_of(area: str, home: "StableNew") -> Screen[None]:
    """`area`: of `keys.AREAS`."""
    match area:
        case "gallery":
            from tui.screens.gallery import GalleryScreen

            return GalleryScreen(home.thumbs, home.sharp)
        case "learn":
            from tui.screens.learn import LearnScreen

            return LearnScreen()
        case "nodes":
            from tui.screens.nodes import NodesScreen

            return NodesScreen()
        case "packs":
            from tui.screens.packs import PacksScreen

            return PacksScreen()
        case "models":
            from tui.screens.models import ModelsScreen

            return ModelsScreen(home.thumbs_of(home.asker.model_preview))
        case _:
            from tui.screens.queue import QueueScreen

            return QueueScreen(pause=PAUSE_REMOTE if home.remote else PAUSE, sharp=home.sharp_live)
