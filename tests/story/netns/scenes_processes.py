"""What happens to the programs themselves: killed, frozen, restarted, slow, without disk, in another time."""

import time

import pytest
from books import Happening
from fleet import LOST, SUSPECT, Fleet
from programs import until
from scene import scene
from skew import Skew

YEAR = 365 * 86_400


@scene("An agent is killed for good: what it was at goes on elsewhere.", quick=True)
def agent_killed(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig2")
    mark = fleet.log.mark()
    fleet.rigs["rig2"].kill()
    fleet.lost("rig2", mark)
    fleet.elsewhere("rig2", mark)
    fleet.goes_on(6, but=("rig2",))


@scene("An agent is killed and started again at once: it works again, and no attempt is made twice at a time.")
def agent_killed_and_restarted(fleet: Fleet) -> None:
    fleet.work()
    for name in fleet.rigs:
        fleet.attempt_at(name)
        fleet.rigs[name].kill()
        with fleet.healing():
            fleet.rigs[name].start()
        fleet.back(name)


@scene("An agent is restarted with another port: it is found there without anybody telling.")
def agent_on_another_port(fleet: Fleet) -> None:
    fleet.work(may=300)
    fleet.attempt_at("rig3")
    fleet.rigs["rig3"].kill()
    with fleet.healing():
        fleet.rigs["rig3"].start("--port", "7999")
    fleet.back("rig3")
    until(lambda: fleet.daemon.nodes()["rig3"]["address"].endswith(":7999"), "the list shows the port", 10)


@scene("An agent is told to stop: it says so, and its stage goes on elsewhere; started again it is given work.")
def agent_stopped(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig1")
    mark = fleet.log.mark()
    fleet.rigs["rig1"].stop()
    fleet.lost("rig1", mark)
    fleet.elsewhere("rig1", mark)
    with fleet.healing():
        fleet.rigs["rig1"].start()
    fleet.back("rig1")


@scene(
    "An agent freezes past the lost timer and thaws: its late result is adopted or refused, never counted twice.",
    quick=True,
)
def agent_frozen(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig3")
    mark = fleet.log.mark()
    fleet.rigs["rig3"].freeze()
    fleet.lost("rig3", mark)
    fleet.elsewhere("rig3", mark)
    time.sleep(1.0)
    with fleet.healing():
        fleet.rigs["rig3"].thaw()
    fleet.back("rig3")


@scene("An agent freezes for a moment: it is not lost, and its attempt goes on.")
def agent_stutters(fleet: Fleet) -> None:
    fleet.work()
    for _ in range(3):
        fleet.attempt_at("rig1")
        fleet.rigs["rig1"].freeze()
        time.sleep(SUSPECT * 0.6)
        with fleet.healing():
            fleet.rigs["rig1"].thaw()
    fleet.back("rig1")
    fleet.none("NodeLost")


@scene(
    "The daemon is restarted while stages run: they run on, and their results are taken as if nothing had been.",
    quick=True,
)
def daemon_restarted(fleet: Fleet) -> None:
    fleet.work()
    for name in fleet.rigs:
        fleet.attempt_at(name)
    fleet.daemon.stop()
    with fleet.healing():
        fleet.daemon.start()
    fleet.back(*fleet.rigs)
    fleet.none("StageLost")


@scene("The daemon is killed while stages run, three times: nothing is lost, nothing is doubled.")
def daemon_killed(fleet: Fleet) -> None:
    fleet.work()
    for pause in (0.1, 0.4, 0.9):
        fleet.attempt_at("rig2")
        time.sleep(pause)
        fleet.daemon.kill()
        with fleet.healing():
            fleet.daemon.start()
        fleet.back(*fleet.rigs)


@scene("The daemon freezes past every timer: when it thaws it asks before it judges.")
def daemon_frozen(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig1")
    fleet.daemon.freeze()
    time.sleep(LOST + 2)
    with fleet.healing():
        fleet.daemon.thaw()
    fleet.back(*fleet.rigs)


@scene("An agent ends its stage while the daemon is down and its cable is out: the result waits in its spool.")
def result_waits_in_the_spool(fleet: Fleet) -> None:
    fleet.work()
    attempt = fleet.attempt_at("rig3")
    fleet.daemon.kill()
    fleet.rigs["rig3"].machine.pull()
    time.sleep(3)
    fleet.rigs["rig3"].machine.restore()
    with fleet.healing():
        fleet.daemon.start()
    fleet.back("rig3")

    def same(one: Happening) -> bool:
        return (one["job"], one["stage"], one["node"]) == attempt and one.type == "StageFinished"

    fleet.log.first(same, "the result from the spool is taken", 10)


@scene("All agents lose their power at once: all their stages are given out again when they are back.")
def all_agents_killed(fleet: Fleet) -> None:
    fleet.work()
    mark = fleet.log.mark()
    for rig in fleet.rigs.values():
        rig.kill()
    for name in fleet.rigs:
        fleet.lost(name, mark)
    with fleet.healing():
        for rig in fleet.rigs.values():
            rig.start()
    fleet.back(*fleet.rigs)


@scene("The whole house loses its power: everything is killed and started again.")
def power_cut(fleet: Fleet) -> None:
    fleet.work()
    fleet.attempt_at("rig1")
    for program in (*fleet.rigs.values(), fleet.daemon):
        program.kill()
    with fleet.healing():
        for rig in fleet.rigs.values():
            rig.start()
        fleet.daemon.start()
    fleet.back(*fleet.rigs)


@scene("Agents and daemon are killed one after the other, whoever's turn it is: the books agree in the end.")
def killed_in_turns(fleet: Fleet) -> None:
    fleet.work(may=300)
    for turn, name in enumerate((*fleet.rigs, *fleet.rigs)):
        fleet.attempt_at(name)
        program = fleet.daemon if turn % 2 else fleet.rigs[name]
        program.kill()
        time.sleep(0.2 * turn)
        with fleet.healing():
            program.start()
    fleet.back(*fleet.rigs)


@scene("A node that is twenty times slower keeps what it began: its stages are not passed to and fro.")
def slow_agent(fleet: Fleet) -> None:
    slow, mark = fleet.rigs["rig3"], fleet.log.mark()
    slow.stop()
    fleet.lost("rig3", mark)
    slow.step *= 20
    slow.start()
    fleet.wait_ready("rig3")
    fleet.work(may=60)
    fleet.healed()
    fleet.back("rig3")
    fleet.goes_on(20)
    fleet.none("StageLost", node=fleet.id("rig3"))
    fleet.none("NodeLost")


@scene("An agent's disk fills up: it takes nothing, loses nothing, and works again once there is room.")
def full_disk(fleet: Fleet) -> None:
    rig = fleet.rigs["rig2"]
    rig.stop()
    aside = fleet.folder / "aside"
    rig.home.rename(aside)
    rig.machine.small_disk(rig.home, 12)
    rig.machine.run("cp", "-a", f"{aside}/.", str(rig.home))
    with fleet.healing():
        rig.start()
    fleet.work()
    fleet.back("rig2")
    rig.machine.run("sh", "-c", f"dd if=/dev/zero of={rig.home}/ballast bs=64k 2>/dev/null; true")
    fleet.goes_on(9, but=("rig2",))
    with fleet.healing():
        rig.machine.run("rm", str(rig.home / "ballast"))
    fleet.back("rig2", within=30)


@scene("The daemon's clock jumps a year ahead and an hour back: no timer fires, nothing is lost.")
def daemons_clock_jumps(fleet: Fleet) -> None:
    skew = _skewed(fleet)
    fleet.daemon.stop()
    fleet.daemon.settings |= skew.env
    fleet.daemon.start()
    fleet.wait_ready()
    mark = fleet.log.mark()
    fleet.work()
    for seconds in (YEAR, -3600, 0):
        fleet.attempt_at("rig1")
        skew.jump(seconds)
        fleet.healed()
        fleet.back(*fleet.rigs)
    assert not fleet.log.count("NodeLost", mark) and not fleet.log.count("StageLost", mark)


@scene("An agent lives in 1970, and then in another year: it is paired, trusted and used like the others.")
def agents_clock_is_wrong(fleet: Fleet) -> None:
    skew = _skewed(fleet)
    rig = fleet.rigs["rig1"]
    skew.jump(-int(time.time()) + 86_400)
    rig.stop()
    rig.settings |= skew.env
    fleet.work()
    with fleet.healing():
        rig.start()
    fleet.back("rig1")
    mark = fleet.log.mark()
    skew.jump(2 * YEAR)
    fleet.healed()
    fleet.back("rig1")
    assert not fleet.log.count("NodeLost", mark)


def _skewed(fleet: Fleet) -> Skew:
    if not Skew.possible():
        pytest.skip("a wrong clock needs a C compiler")
    return Skew(fleet.folder)
