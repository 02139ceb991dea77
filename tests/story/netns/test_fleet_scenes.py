"""A daemon and three agents as real processes on a network of their own, and everything that happens to such fleets.

Each scene is one fault or one errand. Jobs flow meanwhile; at the end every one of them has ended, the log is read by
a checker that shares no code with the program, and nothing was done twice.
"""

import pytest
import scenes_cables
import scenes_joining
import scenes_processes
import scenes_trust
from fleet import Fleet
from scene import SCENES, Scene

PARTS = (scenes_joining, scenes_cables, scenes_processes, scenes_trust)

QUICK = [pytest.param(one, id=one.name) for one in SCENES if one.quick]
LONG = [pytest.param(one, id=one.name) for one in SCENES if not one.quick]

pytestmark = [pytest.mark.story, pytest.mark.fleet, pytest.mark.xdist_group("fleet"), pytest.mark.timeout(180)]


@pytest.mark.parametrize("scene", QUICK)
def test_scene(scene: Scene, fleet: Fleet) -> None:
    scene.play(fleet)


@pytest.mark.long
@pytest.mark.parametrize("scene", LONG)
def test_long_scene(scene: Scene, fleet: Fleet) -> None:
    scene.play(fleet)


def test_there_are_forty_scenes_and_each_says_what_it_is_for() -> None:
    assert len({one.name for one in SCENES}) == len(SCENES) >= 40
    assert all(one.told.endswith(".") for one in SCENES)
    assert {one.play.__module__ for one in SCENES} == {part.__name__ for part in PARTS}
