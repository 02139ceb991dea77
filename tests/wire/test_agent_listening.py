"""Where an agent's socket lies, and what is not trusted there."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.home import close_to_others
from agent.listening import Listening, private, short_folder
from daemon.claim import short_folder as daemons_short_folder
from schema.errors import Refused


@pytest.fixture(autouse=True)
def common(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that all may write to, near the root: a socket's path ends at 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sn-", dir="/tmp") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


def deep(root: Path) -> Path:
    folder = root / ("deep" * 25)
    folder.mkdir()
    return folder / "agent.sock"


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.path.realpath(path))
        except OSError:
            return False
        return True


def test_a_short_path_is_bound_and_a_long_one_leads_to_a_short_one_and_both_leave_nothing(
    tmp_path: Path, common: Path
) -> None:
    for path in (common / "s", deep(tmp_path)):
        listening = Listening(path)
        with listening.socket:
            assert answers(path) and listening.is_ours()
        listening.forget()
        assert not path.is_symlink() and not path.exists() and not list(common.iterdir())


def test_what_another_agent_listens_at_by_now_is_left_to_it(common: Path) -> None:
    first = Listening(common / "s")
    second = Listening(common / "s")
    assert not first.is_ours() and second.is_ours()
    first.forget()
    assert answers(common / "s")
    first.socket.close()
    second.socket.close()


def laid(kind: str, folder: Path, elsewhere: Path) -> None:
    elsewhere.mkdir(mode=0o700)
    match kind:
        case "link":
            folder.symlink_to(elsewhere)
        case "open":
            folder.mkdir()
            folder.chmod(0o777)
        case "file":
            folder.write_text("")


@pytest.mark.parametrize("kind", ["link", "open", "file"])
def test_a_folder_that_somebody_may_have_laid_there_is_not_used(tmp_path: Path, kind: str) -> None:
    path, elsewhere = deep(tmp_path), tmp_path / "elsewhere"
    laid(kind, short_folder(path), elsewhere)
    with pytest.raises(OSError, match=r"delete it|File exists"):
        Listening(path)
    assert not path.is_symlink() and not list(elsewhere.iterdir())
    with pytest.raises(Refused):
        daemons_short_folder(path)


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    monkeypatch.setattr("os.geteuid", lambda: 4242)
    with pytest.raises(PermissionError):
        private(tmp_path / "theirs")
    with pytest.raises(Refused, match="somebody else"):
        close_to_others(tmp_path / "theirs")
