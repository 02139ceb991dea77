"""Who has the agent: the fleet it is paired with, else the daemon of its machine while it is there, else nobody."""

import json
import socket
from pathlib import Path

from agent.holder import EXPECTED_SECONDS, GRACE_SECONDS, Holder, daemon_of
from schema.ids import NodeId

FLEET = NodeId("abcdefghijklmnopqrstuvwxyz")


class House:
    def __init__(self) -> None:
        self.now = 100.0
        self.fleet: NodeId | None = None
        self.changes = 0
        self.holder = Holder(lambda: self.fleet, "rig2", lambda: self.now, self._changed)

    def _changed(self) -> None:
        self.changes += 1


def test_nobody_has_it_at_first_and_anybody_may_come() -> None:
    house = House()
    assert not house.holder.is_local and house.holder.taken() == house.holder.refusal() == ""


def test_the_daemon_of_its_machine_has_it_while_it_is_connected_and_a_little_longer() -> None:
    house = House()
    with house.holder.listened():
        house.now += 1000
        assert house.holder.is_local and "stablenew daemon stop" in house.holder.taken()
        assert house.holder.is_connected and house.changes == 1
    house.now += GRACE_SECONDS - 0.1
    assert house.holder.is_local and not house.holder.is_connected and house.changes == 2
    house.now += 0.2
    assert not house.holder.is_local and house.holder.taken() == ""


def test_a_daemon_that_runs_here_is_waited_for_but_not_for_ever() -> None:
    house = House()
    house.holder.expect()
    assert house.holder.is_local
    house.now += EXPECTED_SECONDS
    assert not house.holder.is_local


def test_a_pin_stands_above_the_daemon_of_its_machine() -> None:
    house = House()
    with house.holder.listened():
        house.fleet = FLEET
        assert not house.holder.is_local and house.holder.taken() == ""
        assert "paired with a fleet on the network (abcdefgh)" in house.holder.refusal()
        assert "`stablenew agent unpair --name rig2`" in house.holder.refusal()


def test_a_fleets_daemon_that_is_still_connected_when_it_is_unpaired_does_not_hold_it() -> None:
    house = House()
    house.fleet = FLEET
    with house.holder.worked():
        assert house.holder.is_connected
        house.fleet = None
        assert not house.holder.is_local


def test_a_daemon_of_this_machine_is_known_by_the_file_that_clients_read(tmp_path: Path) -> None:
    home = tmp_path / "state" / "agents" / "rig2"
    home.mkdir(parents=True)
    assert not daemon_of(home)
    path = tmp_path / "d.sock"
    (tmp_path / "state" / "endpoint.json").write_text(json.dumps({"socket": str(path), "pid": 1}))
    assert not daemon_of(home)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert daemon_of(home)
        assert not daemon_of(tmp_path / "elsewhere" / "rig2")
    assert not daemon_of(home)
    (tmp_path / "state" / "endpoint.json").write_text("[]")
    assert not daemon_of(home)
