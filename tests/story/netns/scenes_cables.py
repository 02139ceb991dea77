"""What happens to cables, switches and addresses while the fleet is at work."""

import time

from fleet import LOST, SUSPECT, Fleet
from programs import until
from scene import scene


@scene("A cable that is out for a moment costs nothing: nobody is lost, nothing is made twice.")
def cable_blinks(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig1")
    fleet.rigs["rig1"].machine.pull()
    time.sleep(SUSPECT / 2)
    with fleet.healing():
        fleet.rigs["rig1"].machine.restore()
    fleet.back("rig1")
    fleet.none("NodeLost")


@scene("A cable is pulled: the node is lost, its stage goes on elsewhere; plugged in again it works again.", quick=True)
def cable_pulled(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig3")
    mark = fleet.log.mark()
    fleet.rigs["rig3"].machine.pull()
    fleet.lost("rig3", mark)
    fleet.elsewhere("rig3", mark)
    fleet.goes_on(3, but=("rig3",))
    with fleet.healing():
        fleet.rigs["rig3"].machine.restore()
    fleet.back("rig3")


@scene("A silent node is given nothing new from the moment it is suspect, before it is lost.")
def suspect_gets_nothing(fleet: Fleet) -> None:
    fleet.work()
    attempt = fleet.attempt_at("rig1")
    fleet.rigs["rig1"].machine.pull()
    time.sleep(SUSPECT + 0.7)
    assert fleet.daemon.nodes()["rig1"]["state"] == "suspect", fleet.told()
    mark = fleet.log.mark()
    fleet.lost("rig1", 0)
    fleet.never(lambda one: one.type == "StageAssigned" and one["node"] == attempt.node, mark)
    with fleet.healing():
        fleet.rigs["rig1"].machine.restore()
    fleet.back("rig1")


@scene("The daemon's own cable is pulled: all are lost, all come back, and each result counts once.")
def daemons_cable_pulled(fleet: Fleet) -> None:
    fleet.work()
    mark = fleet.log.mark()
    fleet.daemon.machine.pull()
    for name in fleet.rigs:
        fleet.lost(name, mark)
    with fleet.healing():
        fleet.daemon.machine.restore()
    fleet.back(*fleet.rigs)


@scene("The switch is off for a while: the same, for everybody at once.")
def switch_off(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig2")
    fleet.lan.ip("link set br0 down")
    time.sleep(LOST + 1)
    with fleet.healing():
        fleet.lan.ip("link set br0 up")
    fleet.back(*fleet.rigs)


@scene("A link that goes up and down every half second ends no stage twice, and is used once it is steady.")
def link_flaps(fleet: Fleet) -> None:
    fleet.work()
    for _ in range(6):
        fleet.rigs["rig2"].machine.pull()
        time.sleep(0.4)
        fleet.rigs["rig2"].machine.restore()
        time.sleep(0.6)
    fleet.healed()
    fleet.back("rig2")


@scene("A link that fails for longer than the lost timer, again and again, is taken back each time.")
def link_fails_again_and_again(fleet: Fleet) -> None:
    fleet.work(may=300)
    for _ in range(3):
        mark = fleet.log.mark()
        fleet.rigs["rig1"].machine.pull()
        fleet.lost("rig1", mark)
        with fleet.healing():
            fleet.rigs["rig1"].machine.restore()
        fleet.back("rig1")


@scene("A machine gets another address in the middle of a stage: it is found there, by its key.", quick=True)
def address_changes(fleet: Fleet) -> None:
    fleet.work(may=300)
    fleet.attempt_at("rig1")
    fleet.rigs["rig1"].machine.renumber(111)
    fleet.healed()
    fleet.back("rig1")
    until(lambda: "111" in fleet.daemon.nodes()["rig1"]["address"] or "6f" in fleet.daemon.nodes()["rig1"]["address"],
          "the list shows its new address", 15)  # fmt: skip


@scene("A machine is rebooted and has another address afterwards: the same node, no second one.")
def rebooted_elsewhere(fleet: Fleet) -> None:
    fleet.work(may=300)
    fleet.attempt_at("rig2")
    mark = fleet.log.mark()
    rig = fleet.rigs["rig2"]
    rig.kill()
    fleet.lost("rig2", mark)
    fleet.elsewhere("rig2", mark)
    rig.machine.reboot_id("second-boot", fleet.folder)
    rig.machine.renumber(112)
    with fleet.healing():
        rig.start()
    fleet.back("rig2")
    assert len(fleet.daemon.nodes()) == 4, fleet.told()


@scene("Two machines swap their addresses: each is known by its key, and neither gets the other's work.")
def addresses_swapped(fleet: Fleet) -> None:
    fleet.work(may=300)
    one, two = fleet.rigs["rig1"].machine, fleet.rigs["rig2"].machine
    for machine in (one, two):
        machine.forget_addresses()
    one.number_addresses(two.number)
    two.number_addresses(one.number)
    fleet.healed()
    fleet.back("rig1", "rig2")
    nodes = fleet.daemon.nodes()
    until(lambda: fleet.daemon.nodes()["rig1"]["address"] != nodes["rig2"]["address"], "they are told apart", 15)


@scene("The daemon's machine gets another address: the agents do not care who dials from where.")
def daemons_address_changes(fleet: Fleet) -> None:
    fleet.work(may=300)
    fleet.attempt_at("rig1")
    fleet.daemon.machine.renumber(101)
    fleet.healed()
    fleet.back(*fleet.rigs)


@scene("A network loses IPv4 and keeps IPv6: the work goes on over what is left.")
def ipv4_goes_away(fleet: Fleet) -> None:
    fleet.work(may=300)
    for name in ("hub", *fleet.rigs):
        machine = fleet.lan.machines[name]
        machine.ip(f"addr del {machine.address}/24 dev eth0")
    fleet.healed()
    fleet.back(*fleet.rigs)


@scene("What an agent says is lost on the way, while it hears everything: it is lost, and comes back.")
def one_way_out(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig1")
    mark = fleet.log.mark()
    fleet.rigs["rig1"].machine.mute()
    fleet.lost("rig1", mark)
    fleet.elsewhere("rig1", mark)
    with fleet.healing():
        fleet.rigs["rig1"].machine.heal()
    fleet.back("rig1")


@scene("An agent hears nothing, while all it says arrives: it is lost, and comes back.")
def one_way_in(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig1")
    mark = fleet.log.mark()
    fleet.rigs["rig1"].machine.deafen()
    fleet.lost("rig1", mark)
    fleet.elsewhere("rig1", mark)
    with fleet.healing():
        fleet.rigs["rig1"].machine.heal()
    fleet.back("rig1")


@scene("A link that carries next to nothing slows its node down and nobody else.")
def thin_link(fleet: Fleet) -> None:
    fleet.work(may=300)
    fleet.rigs["rig1"].machine.throttle(256)
    fleet.goes_on(12)
    with fleet.healing():
        fleet.rigs["rig1"].machine.heal()
    fleet.back("rig1")
