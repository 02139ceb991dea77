"""A paired fleet that has nothing to do: how soon its agents were seen, and what it costs of processor and network.

All processes share this machine; the daemon and the agents stand on two machines of a network in namespaces.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Goal, Line, percentile

sys.path.insert(0, str(Path(__file__).parents[1] / "story" / "netns"))  # for the network and what runs on it

import lan
from programs import Agent, Daemon, until

why_not = lan.why_not

SETTLE_SECONDS = 12.0
"""After the last pairing: addresses have been looked at, announcements are over."""


def measured(folder: Path, agents: int, idle: float) -> list[Line]:
    with fleet(folder, agents) as (daemon, rigs):
        seen = [appeared(daemon, rig) for rig in rigs]
        paired = [pair(daemon, rig) for rig in rigs]
        until(lambda: _ready(daemon) >= agents, "all are ready", 120)
        time.sleep(SETTLE_SECONDS)
        pids = [program.process.pid for program in (daemon, *rigs) if program.process is not None]
        cpu, bytes_ = [_cpu(pid) for pid in pids], _bytes(daemon)
        time.sleep(idle)
        used = [after - before for before, after in zip(cpu, (_cpu(pid) for pid in pids), strict=True)]
        carried = _bytes(daemon) - bytes_
    each, alone = f"of {agents} paired agents, idle", "of their daemon, idle"
    return [
        Line(what="agent run -> in the list of nodes, p95", value=percentile(seen, 0.95), unit="s",
             goal=Goal("value", most=2.0)),
        Line(what="agent run -> in the list of nodes, median", value=percentile(seen, 0.5), unit="s"),
        Line(what="pairing with its probe, median", value=percentile(paired, 0.5), unit="s",
             goal=Goal("value", most=10.0)),
        Line(what=f"processor {alone}", value=100 * used[0] / idle, unit="% of a core", goal=Goal("value", most=3.0)),
        Line(what=f"processor of each {each}", value=100 * sum(used[1:]) / agents / idle, unit="% of a core",
             goal=Goal("value", most=1.0)),
        Line(what=f"network {each}", value=carried / idle / agents / 1e3, unit="kB/s each, both ways",
             goal=Goal("value", most=1.0)),
    ]  # fmt: skip


@contextmanager
def fleet(folder: Path, agents: int) -> Iterator[tuple[Daemon, list[Agent]]]:
    network = lan.Lan()
    daemon = Daemon(network.plug("hub", 1), folder / "hub", {"STABLENEW_AGENT__SKETCH": "false"})
    machine = network.plug("rigs", 2)
    rigs = [Agent(machine, folder / f"rig{n}", f"rig{n}", 0.0, 8.0) for n in range(1, agents + 1)]
    try:
        daemon.start()
        yield daemon, rigs
    finally:
        for program in (daemon, *rigs):
            program.close()
        network.close()


def appeared(daemon: Daemon, rig: Agent) -> float:
    """Seconds from the start of the process until the daemon lists it."""
    began = time.monotonic()
    rig.start()
    until(lambda: rig.name in daemon.nodes(), f"{rig.name} is listed", 30)
    return time.monotonic() - began


def pair(daemon: Daemon, rig: Agent) -> float:
    began = time.monotonic()
    answer = daemon.json("node", "pair", rig.name, rig.code())
    assert answer["ready"], answer
    return time.monotonic() - began


def _ready(daemon: Daemon) -> int:
    return sum(node["state"] == "ready" and node["link"] == "lan" for node in daemon.nodes().values())


def _cpu(pid: int) -> float:
    """Seconds of processor that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _bytes(daemon: Daemon) -> int:
    """Through its cable, both ways."""
    told = json.loads(daemon.machine.run("ip", "-j", "-s", "link", "show", "eth0"))[0]["stats64"]
    return int(told["rx"]["bytes"]) + int(told["tx"]["bytes"])
