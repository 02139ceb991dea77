"""How machines come into a fleet: found, paired, added, invited; and who is not let in."""

import json
import sys
import time
from pathlib import Path

from fleet import SETTINGS, Fleet
from programs import Daemon, until
from scene import scene

from schema.keys import new_identity

CALLER = str(Path(__file__).with_name("strange_caller.py"))


@scene(
    "An agent is found, paired by the code it shows, proves itself with a picture, and works.", quick=True, paired=False
)
def paired_by_code(fleet: Fleet) -> None:
    fleet.daemon.start()
    for rig in fleet.rigs.values():
        began = time.monotonic()
        rig.start()
        fleet.seen(rig.name)
        fleet.note("agent run -> node list shows it", time.monotonic() - began)
    for name, rig in fleet.rigs.items():
        began = time.monotonic()
        answer = fleet.daemon.json("node", "pair", name, rig.code())
        assert answer["ready"], answer
        fleet.note("node pair -> ready", time.monotonic() - began)
    fleet.work(must=6, may=0)
    for name in fleet.rigs:
        fleet.log.wait("StageFinished", 30, node=fleet.id(name))
    assert fleet.log.count("NodeProbed", ok=True) == 3


@scene("Agents that come and go before anybody pairs them are shown within two seconds each time.", paired=False)
def found_within_two_seconds(fleet: Fleet) -> None:
    fleet.daemon.start()
    for _ in range(3):
        for rig in fleet.rigs.values():
            began = time.monotonic()
            rig.start()
            fleet.seen(rig.name)
            fleet.note("agent run -> node list shows it", time.monotonic() - began)
        for rig in fleet.rigs.values():
            rig.stop()
        until(lambda: not set(fleet.daemon.nodes()) & set(fleet.rigs), "all are gone from the list", 20)


@scene("A wrong code is refused and in the log; the right one is taken afterwards.", quick=True, paired=False)
def wrong_code(fleet: Fleet) -> None:
    fleet.daemon.start()
    rig = fleet.rigs["rig1"]
    rig.start()
    fleet.seen("rig1")
    code = rig.code()
    wrong = f"{(int(code[:4]) + 1) % 10_000:04d}{code[4:]}"
    refused = fleet.daemon.cli("node", "pair", "rig1", wrong)
    assert refused.returncode == 4, (refused.stdout, refused.stderr)
    fleet.log.wait("NodePairFailed", 5)
    assert not fleet.log.count("NodePaired")
    fleet.pair("rig1")
    fleet.work(must=2, may=0)


@scene("After five wrong codes the agent takes none for a minute, then shows another one.", paired=False)
def locked_out(fleet: Fleet) -> None:
    fleet.daemon.start()
    rig = fleet.rigs["rig1"]
    rig.start()
    fleet.seen("rig1")
    code = rig.code()
    for wrong in range(5):
        refused = fleet.daemon.cli("node", "pair", "rig1", f"{(int(code[:4]) + 1 + wrong) % 10_000:04d}{code[4:]}")
        assert refused.returncode == 4, refused.stderr
    assert fleet.daemon.cli("node", "pair", "rig1", code).returncode == 4, "the code that was guessed at is used up"
    assert not fleet.log.count("NodePaired")
    until(lambda: rig.code() != code, "another code is shown", 90)
    fleet.pair("rig1")
    fleet.work(must=2, may=0)


@scene("A machine without a screen joins with a token, without anybody typing a code.", paired=False)
def joined_by_token(fleet: Fleet) -> None:
    fleet.daemon.start()
    token = fleet.daemon.json("node", "invite")["token"]
    rig = fleet.rigs["rig2"]
    rig.join(token)
    fleet.log.wait("NodePaired", 20, by="token")
    fleet.wait_ready("rig2")
    fleet.work(must=2, may=0)
    fleet.log.wait("StageFinished", 20, node=fleet.id("rig2"))


@scene("Where no multicast goes, an agent is added by its address and its code.", paired=False)
def added_by_address(fleet: Fleet) -> None:
    fleet.lan.ip(*(f"link set {rig.machine.port} type bridge_slave mcast_flood off" for rig in fleet.rigs.values()))
    fleet.lan.ip("link set v1 type bridge_slave mcast_flood off")
    fleet.daemon.start()
    rig = fleet.rigs["rig1"]
    rig.start("--port", "7805")
    answer = fleet.daemon.json("node", "add", f"{rig.machine.address}:7805", rig.code())
    assert answer["ready"], answer
    fleet.work(must=2, may=0)
    fleet.log.wait("StageFinished", 20, node=fleet.id("rig1"))
    assert fleet.daemon.nodes()["rig1"]["address"] == f"{rig.machine.address}:7805"


@scene("On a network that speaks only IPv6 agents are found, paired and given work as on any other.", paired=False)
def ipv6_only(fleet: Fleet) -> None:
    for name in ("hub", *fleet.rigs):
        machine = fleet.lan.machines[name]
        machine.ip(f"addr del {machine.address}/24 dev eth0")
    fleet.daemon.start()
    fleet.rigs["rig1"].start()
    fleet.rigs["rig2"].start()
    fleet.pair("rig1", "rig2")
    fleet.work(must=6, may=0)
    fleet.log.wait("StageFinished", 20, node=fleet.id("rig1"))
    assert "fd77::" in fleet.daemon.nodes()["rig1"]["address"]


@scene("An agent that was started before there was a network is found once the link is up.", paired=False)
def agent_before_the_network(fleet: Fleet) -> None:
    machine, rig = fleet.rigs["rig1"].machine, fleet.rigs["rig1"]
    machine.pull()
    machine.forget_addresses()
    fleet.daemon.start()
    rig.start()
    rig.code()
    machine.restore()
    machine.number_addresses(machine.number)
    began = time.monotonic()
    fleet.seen("rig1", seconds=20)
    fleet.note("link up -> node list shows it", time.monotonic() - began)
    fleet.pair("rig1")
    fleet.work(must=2, may=0)


@scene("A daemon that was started before there was a network finds everybody once the link is up.", paired=False)
def daemon_before_the_network(fleet: Fleet) -> None:
    hub = fleet.daemon.machine
    hub.pull()
    hub.forget_addresses()
    fleet.rigs["rig1"].start()
    fleet.rigs["rig1"].code()
    fleet.daemon.start()
    hub.restore()
    hub.number_addresses(hub.number)
    began = time.monotonic()
    fleet.seen("rig1", seconds=20)
    fleet.note("link up -> node list shows it", time.monotonic() - began)
    fleet.pair("rig1")
    fleet.work(must=2, may=0)


@scene("A second daemon sees that an agent is taken, cannot pair with it, and disturbs nothing.")
def second_daemon(fleet: Fleet) -> None:
    fleet.work()
    other = Daemon(fleet.lan.plug("hub2", 2), fleet.folder / "hub2", dict(SETTINGS))
    try:
        other.start()
        until(lambda: other.nodes().get("rig1", {}).get("state") == "taken" or _taken(other), "rig1 is taken", 20)
        for words in (
            ("pair", "rig1", "1234-5678"),
            ("add", f"{fleet.rigs['rig1'].machine.address}:7801", "1234-5678"),
        ):
            refused = other.cli("node", *words)
            assert refused.returncode in (2, 4), (words, refused.stdout, refused.stderr)
        fleet.goes_on(6)
    finally:
        other.close()
    fleet.none("NodeLost")


def _taken(daemon: Daemon) -> bool:
    return any(name.startswith("rig1") and node["state"] == "taken" for name, node in daemon.nodes().items())


@scene(
    "Whoever is not the paired daemon gets no answer from an agent, with whatever key and on whatever route.",
    quick=True,
)
def strangers_get_nothing(fleet: Fleet) -> None:
    fleet.work()
    keys = fleet.folder / "strange"
    keys.mkdir()
    made = new_identity("hub")
    (keys / "cert.pem").write_bytes(made.certificate)
    (keys / "key.pem").write_bytes(made.key)
    victim, stranger = fleet.rigs["rig1"].machine, fleet.rigs["rig3"].machine
    for extra in ((), ("--keys", str(keys)), ("--keys", str(fleet.rigs["rig2"].home / "keys"))):
        told = stranger.run(sys.executable, CALLER, f"{victim.address}:7801", *extra)
        let_through = [one for one in json.loads(told) if not (one["way"] == "plain" and one["status"] == 400)]
        assert not let_through, (extra, let_through)
    fleet.goes_on(3)
    fleet.none("NodeLost")
