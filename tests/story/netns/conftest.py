"""Fleets for the stories in namespaces: paired once, then copied, so that each story begins at once and alone.

`FLEET_KEEP=DIR` in the environment keeps what every story has left behind, to be looked into.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside this one

import lan
from fleet import Fleet

Make = Callable[[bool], Fleet]


@pytest.fixture(scope="session")
def _network() -> None:
    if why := lan.why_not():
        pytest.skip(why)


@pytest.fixture
def _folder() -> Iterator[Path]:
    """Short enough for a socket's path."""
    folder = Path(tempfile.mkdtemp(prefix="sn-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _paired(_network: None) -> Iterator[Path]:
    """The homes of a daemon and three agents that were paired, and have ended."""
    folder = Path(tempfile.mkdtemp(prefix="sn-"))
    fleet = Fleet(folder / "first")
    try:
        for rig in fleet.rigs.values():
            rig.start()
        fleet.daemon.start()
        fleet.pair()
        fleet.daemon.stop()
        for rig in fleet.rigs.values():
            rig.stop()
        fleet.keep(folder / "kept")
    finally:
        fleet.close()
    yield folder / "kept"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fleet(
    request: pytest.FixtureRequest, _network: None, _folder: Path, record_property: Callable[[str, object], None]
) -> Iterator[Fleet]:
    """Of the test's `scene`."""
    paired = request.node.callspec.params["scene"].paired
    fleet = Fleet(_folder, request.getfixturevalue("_paired") if paired else None)
    try:
        if paired:
            fleet.start()
        yield fleet
        fleet.finish()
    finally:
        for what, seconds in fleet.measured:
            record_property(f"seconds: {what}", round(seconds, 3))
        fleet.close()
        if keep := os.environ.get("FLEET_KEEP"):
            name = request.node.callspec.params["scene"].name
            shutil.copytree(fleet.folder, Path(keep) / name, symlinks=True, dirs_exist_ok=True, ignore=_sockets)


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]
