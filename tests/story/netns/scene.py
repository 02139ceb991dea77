"""What a scene is: one fault or one errand, in one sentence, and how it is played."""

from collections.abc import Callable
from typing import NamedTuple

from fleet import Fleet


class Scene(NamedTuple):
    name: str
    told: str
    """What has to come true, in one sentence."""
    play: Callable[[Fleet], None]
    quick: bool
    """Among the few that are played every time."""
    paired: bool
    """It begins with a daemon and three agents that are paired and work; else with machines and nothing started."""


SCENES: list[Scene] = []


def scene(told: str, *, quick: bool = False, paired: bool = True) -> Callable[[Callable[[Fleet], None]], Scene]:
    def made(play: Callable[[Fleet], None]) -> Scene:
        one = Scene(play.__name__, told, play, quick, paired)
        SCENES.append(one)
        return one

    return made
