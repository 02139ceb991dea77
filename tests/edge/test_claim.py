"""One daemon per log: the lock, the socket and the endpoint file, tried with real files and processes."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.claim import Claim, Locked, file_system_of, socket_path
from schema.errors import Refused
from schema.places import places


@pytest.fixture
def home(tmp_path):
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
def held(home):
    claim = Claim.take(home, boot="b1")
    yield claim
    claim.release()


def answers(path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def test_a_second_claim_is_refused_and_names_the_holder(home, held):
    with pytest.raises(Locked, match=rf"pid {os.getpid()}.*stablenew daemon stop"):
        Claim.take(home, boot="b2")


def test_the_lock_of_a_killed_process_is_free(home):
    script = "import os,sys;from daemon.claim import Claim;from schema.places import places;" \
        "Claim.take(places(os.environ),'x');print('held',flush=True);sys.stdin.read()"  # fmt: skip
    env = {**os.environ, "STABLENEW_HOME": str(home.state.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Locked):
            Claim.take(home, boot="b1")
        other.kill()
    Claim.take(home, boot="b2").release()


def test_the_socket_is_private_listens_and_is_named_by_the_endpoint(home, held):
    held.listen({})
    with held.door() as server:
        path = server.getsockname()
        endpoint = json.loads(home.endpoint.read_text())
        assert endpoint["pid"] == os.getpid()
        assert stat.S_IMODE(Path(endpoint["socket"]).stat().st_mode) == 0o600
        assert stat.S_IMODE(home.state.stat().st_mode) == 0o700
        assert answers(endpoint["socket"])
        assert path != endpoint["socket"]  # it was renamed over the final name


def test_a_stale_socket_is_taken_over(home, held):
    path = socket_path(home, {})
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    assert not answers(path)
    held.listen({})
    assert answers(path)


def test_a_socket_deleted_under_us_is_noticed_and_made_again(home, held):
    held.listen({})
    assert held.is_listening()
    socket_path(home, {}).unlink()
    assert not held.is_listening()
    held.listen({})
    assert held.is_listening()
    assert answers(socket_path(home, {}))


def test_a_release_leaves_no_socket_and_no_endpoint(home):
    claim = Claim.take(home, boot="b1")
    claim.listen({})
    claim.release()
    assert not home.endpoint.exists()
    assert not socket_path(home, {}).exists()


def test_a_deep_home_gets_a_short_socket(tmp_path):
    deep = places({"STABLENEW_HOME": str(tmp_path / ("d" * 90) / ("e" * 90))})
    claim = Claim.take(deep, boot="b1")
    claim.listen({})
    path = json.loads(deep.endpoint.read_text())["socket"]
    assert len(path) <= 107
    assert answers(path)
    claim.release()


def test_a_named_socket_that_is_too_long_is_refused_with_the_limit(home):
    with pytest.raises(Refused, match=r"STABLENEW_SOCKET: .* too long .*107"):
        socket_path(home, {"STABLENEW_SOCKET": "/tmp/" + "s" * 120})


def test_a_home_that_cannot_be_made_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot make this folder.*STABLENEW_HOME"):
        Claim.take(places({"STABLENEW_HOME": str(tmp_path / "file" / "home")}), boot="b1")


def test_the_file_system_is_told():
    assert file_system_of(Path("/proc")) == "proc"
