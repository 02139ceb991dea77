"""Whom the fleet believes: copied disks, swapped keys, other releases, liars on the air, partings and reunions."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet import Fleet
from lan import Machine
from programs import Agent, until
from scene import scene

from schema.keys import new_identity

HERE = Path(__file__).parent
AGENT, AIR = str(HERE / "strange_agent.py"), str(HERE / "strange_air.py")


@scene(
    "A copied disk runs beside the first: both get nothing while both live; when one ends, the other works.", quick=True
)
def copied_disk(fleet: Fleet) -> None:
    fleet.work(may=300)
    twin = Agent(fleet.lan.plug("twin", 14), fleet.folder / "twin", "rig1", 0.01, 8.0)
    fleet.rigs["rig1"].copy_to(twin)
    try:
        twin.start()
        mark = fleet.log.mark()
        fleet.log.wait("NodeRefused", 25, mark, node=fleet.id("rig1"), standing="conflicted")
        node = fleet.daemon.nodes()["rig1"]
        assert node["state"] == "conflicted", node
        for machine in (fleet.rigs["rig1"].machine, twin.machine):
            assert machine.address in node["trouble"], node
        refused = fleet.log.mark()
        fleet.goes_on(6, but=("rig1",))
        fleet.never(lambda one: one.type == "StageAssigned" and one["node"] == fleet.id("rig1"), refused)
        with fleet.healing():
            twin.stop()
        fleet.back("rig1")
    finally:
        twin.close()


@scene("A copied disk runs while the first is off: it is the node now, and when the first returns both are doubted.")
def copied_disk_takes_over(fleet: Fleet) -> None:
    fleet.work(may=300)
    rig = fleet.rigs["rig1"]
    rig.kill()
    twin = Agent(fleet.lan.plug("twin", 14), fleet.folder / "twin", "rig1", 0.01, 8.0)
    rig.copy_to(twin)
    try:
        with fleet.healing():
            twin.start()
        fleet.back("rig1")
        mark = fleet.log.mark()
        rig.start()
        fleet.log.wait("NodeRefused", 25, mark, node=fleet.id("rig1"), standing="conflicted")
        twin.kill()
        fleet.healed()
        fleet.back("rig1")
    finally:
        twin.close()


@scene("An agent of another protocol, with the right key, is called incompatible and given nothing.")
def other_protocol(fleet: Fleet) -> None:
    fleet.work(may=300)
    rig = fleet.rigs["rig3"]
    rig.stop()
    mark = fleet.log.mark()
    with strange(fleet, rig.machine, rig.home / "keys", "rig3", fleet.id("rig3"), "--protocol", "99",
                 "--pin", str(_daemons_certificate(fleet))) as seen:  # fmt: skip
        fleet.log.wait("NodeRefused", 25, mark, node=fleet.id("rig3"), standing="incompatible")
        fleet.goes_on(6, but=("rig3",))
        assert "PUT /v1/attempts" not in seen.read_text()
    with fleet.healing():
        rig.start()
    fleet.back("rig3")


@scene("An agent whose key was replaced is another one: nothing is sent to it; paired anew it works.")
def certificate_swapped(fleet: Fleet) -> None:
    fleet.work(may=300)
    rig, before = fleet.rigs["rig1"], fleet.id("rig1")
    rig.stop()
    (rig.home / "keys").rename(rig.root / "keys-before")
    mark = fleet.log.mark()
    rig.start()
    fleet.seen("rig1", "new")
    fleet.goes_on(6, but=("rig1",))
    fleet.never(lambda one: one.type == "StageAssigned" and one["node"] == before, mark)
    fleet.daemon.json("node", "unpair", before)
    fleet.healed()
    fleet.pair("rig1")
    assert fleet.id("rig1") != before
    fleet.back("rig1")


@scene("Somebody with another key stands at a paired node's address under its name and id: it is told nothing.")
def impostor(fleet: Fleet) -> None:
    fleet.work(may=300)
    rig = fleet.rigs["rig2"]
    rig.stop()
    mark = fleet.log.mark()
    with strange(fleet, rig.machine, _new_keys(fleet), "rig2", fleet.id("rig2")) as seen:
        fleet.log.wait("NodeRefused", 25, mark, node=fleet.id("rig2"), standing="untrusted")
        fleet.goes_on(6, but=("rig2",))
        assert not seen.exists() or not seen.read_text()
    with fleet.healing():
        rig.start()
    fleet.back("rig2")


@scene(
    "Somebody advertises a better address for a node that works: the node works on, and he is told nothing.", quick=True
)
def better_address(fleet: Fleet) -> None:
    fleet.work(may=300)
    thief = fleet.lan.plug("thief", 66)
    mark = fleet.log.mark()
    with strange(fleet, thief, _new_keys(fleet), "rig1", fleet.id("rig1"), "--label", "rig1-better") as seen:
        fleet.goes_on(15)
        fleet.healed()
        fleet.back("rig1")
        assert not seen.exists() or not seen.read_text()
    assert not fleet.log.count("NodeLost", mark) and not fleet.log.count("NodeRefused", mark)


@scene("Somebody says goodbye in a node's name, again and again: it stays, since it answers.")
def false_goodbye(fleet: Fleet) -> None:
    fleet.work(may=300)
    thief = fleet.lan.plug("thief", 66)
    labels = [f"{name}-{fleet.id(name)[:8]}" for name in fleet.rigs]
    mark = fleet.log.mark()
    for _ in range(5):
        thief.run(sys.executable, AIR, "goodbye", *labels)
        fleet.goes_on(3)
    fleet.healed()
    fleet.back(*fleet.rigs)
    assert not fleet.log.count("NodeLost", mark)


@scene("Thousands of agents that do not exist are announced: the daemon stays quick, its own nodes stay.")
def storm(fleet: Fleet) -> None:
    fleet.work(may=300)
    thief = fleet.lan.plug("thief", 66)
    mark = fleet.log.mark()
    storming = thief.start(
        [sys.executable, AIR, "storm", "8", "20000", "3000"], fleet.daemon.env, fleet.folder, subprocess.DEVNULL
    )
    slowest, end = 0.0, time.monotonic() + 8
    while time.monotonic() < end:
        began = time.monotonic()
        assert len(fleet.daemon.nodes()) <= 100
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    storming.wait(60)
    fleet.note("GET /v1/nodes in an mDNS storm, slowest", slowest)
    fleet.healed()
    fleet.back(*fleet.rigs)
    assert not fleet.log.count("NodeLost", mark)


@scene("A node is let go in the middle of its stage: the stage goes on elsewhere; paired again it works.")
def unpaired_and_paired_again(fleet: Fleet) -> None:
    fleet.work(may=300)
    fleet.attempt_at("rig1")
    mark = fleet.log.mark()
    fleet.daemon.json("node", "unpair", "rig1")
    fleet.log.wait("NodeUnpaired", 10, mark, node=fleet.id("rig1"))
    fleet.elsewhere("rig1", mark)
    fleet.seen("rig1", "new")
    fleet.healed()
    fleet.pair("rig1")
    fleet.back("rig1")


@scene("An agent is let go on its own console: the daemon is refused, says so, and can pair with it again.")
def unpaired_at_the_agent(fleet: Fleet) -> None:
    fleet.work(may=300)
    rig = fleet.rigs["rig2"]
    fleet.attempt_at("rig2")
    mark = fleet.log.mark()
    done = rig.cli("agent", "unpair", *rig.which)
    assert done.returncode == 0, done.stderr
    fleet.log.first(
        lambda one: one.type in ("NodeLost", "NodeRefused") and one["node"] == fleet.id("rig2"),
        "it is missed",
        25,
        mark,
    )
    fleet.elsewhere("rig2", mark)
    code = rig.code()
    fleet.healed()
    answer = fleet.daemon.json("node", "pair", "rig2", code)
    assert answer["ready"], answer
    fleet.back("rig2")


@scene("A drained node gets nothing new, even after it was lost and found; resumed it works.")
def drained_and_lost(fleet: Fleet) -> None:
    fleet.work(may=300)
    fleet.attempt_at("rig1")
    fleet.daemon.json("node", "drain", "rig1")
    mark = fleet.log.mark()
    fleet.rigs["rig1"].machine.pull()
    fleet.lost("rig1", mark)
    fleet.rigs["rig1"].machine.restore()
    fleet.log.wait("NodeJoined", 20, mark, node=fleet.id("rig1"))
    fleet.goes_on(6, but=("rig1",))
    fleet.never(lambda one: one.type == "StageAssigned" and one["node"] == fleet.id("rig1"), mark)
    with fleet.healing():
        fleet.daemon.json("node", "resume", "rig1")
    fleet.back("rig1")


@scene("The daemon's key is gone: no agent answers the new one, and all can be paired anew after they are let go.")
def daemons_key_lost(fleet: Fleet) -> None:
    fleet.daemon.stop()
    (fleet.daemon.root / "home/state/keys").rename(fleet.daemon.root / "keys-before")
    fleet.daemon.start()
    fleet.work(must=4, may=0)
    time.sleep(3)
    assert not fleet.log.count("StageFinished")
    for name, rig in fleet.rigs.items():
        assert rig.cli("agent", "unpair", *rig.which).returncode == 0
        fleet.daemon.cli("node", "unpair", fleet.id(name))
    fleet.healed()
    fleet.pair()
    until(lambda: fleet.log.count("StageFinished"), "work is done again", 20)


def _new_keys(fleet: Fleet) -> Path:
    folder, made = fleet.folder / "strange-keys", new_identity("strange")
    folder.mkdir()
    (folder / "cert.pem").write_bytes(made.certificate)
    (folder / "key.pem").write_bytes(made.key)
    return folder


def _daemons_certificate(fleet: Fleet) -> Path:
    return next((fleet.daemon.root / "home/state/keys").glob("cert*.pem"))


@contextmanager
def strange(fleet: Fleet, machine: Machine, keys: Path, name: str, node: str, *words: str) -> Iterator[Path]:
    """An agent that is none of ours runs there; yields the file of what it was asked."""
    seen, output = fleet.folder / "strange.seen", fleet.folder / "strange.output"
    every = [
        sys.executable, AGENT, "--keys", str(keys), "--name", name, "--node", node, "--address", machine.address,
        "--seen", str(seen), *words,
    ]  # fmt: skip
    with output.open("wb") as file:
        running = machine.start(every, fleet.daemon.env, fleet.folder, file.fileno())
    try:
        until(lambda: b"known" in output.read_bytes(), f"the strange agent runs: {output.read_bytes()!r}", 20)
        yield seen
    finally:
        running.kill()
        running.wait()
